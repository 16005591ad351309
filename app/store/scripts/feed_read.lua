-- What the sources of the feed have beyond where it has got with them.
-- KEYS  1 one of the sources (streams), all of which are at the same server
-- ARGV  1 how many entries of each at most  2 '1' when they are in different slots  then each source and the position in it
-- Returns for each source that has some: {source, 1 if entries after the position are gone, else 0, entries}.
-- The entry at the position stays in its source when the feed trims it. So when it is not there, the cap of `happened.lua` has
-- taken it, and perhaps others behind it. That takes so many entries that an answer which is not full need not be looked into.
local most, positions = tonumber(ARGV[1]), {}

local function at_most(one, other)
  local ms, seq = string.match(one, '^(%d+)-(%d+)$')
  local other_ms, other_seq = string.match(other, '^(%d+)-(%d+)$')
  if ms ~= other_ms then return tonumber(ms) < tonumber(other_ms) end
  return tonumber(seq) <= tonumber(other_seq)
end

local function has_gap(source, position)
  local flat, facts = redis.call('XINFO', 'STREAM', source), {}
  for i = 1, #flat, 2 do facts[flat[i]] = flat[i + 1] end
  if position ~= '0-0' then return not at_most(facts['first-entry'][1], position) end
  return (facts['entries-added'] or 0) > facts['length']
end

-- What streams have to say, as XREAD answers. In a cluster one command must not name keys of several slots.
local function entries_of(sources)
  local arguments = {'COUNT', ARGV[1], 'STREAMS'}
  for i, source in ipairs(sources) do
    arguments[3 + i] = source
    arguments[3 + #sources + i] = positions[source]
  end
  return redis.call('XREAD', unpack(arguments)) or {}
end

local every = {}
for i = 3, #ARGV, 2 do
  every[#every + 1] = ARGV[i]
  positions[ARGV[i]] = ARGV[i + 1]
end
local streams = {}
if ARGV[2] == '' then
  streams = entries_of(every)
else
  for _, source in ipairs(every) do streams[#streams + 1] = entries_of({source})[1] end
end
local answer = {}
for _, stream in ipairs(streams) do
  local source, entries = stream[1], stream[2]
  local gap = #entries == most and has_gap(source, positions[source])
  answer[#answer + 1] = {source, gap and 1 or 0, entries}
end
return answer
