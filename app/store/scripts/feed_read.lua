-- What the sources of the feed have beyond where it has got with them.
-- KEYS  sources (streams)
-- ARGV  1 how many entries of each at most  then the position in each
-- Returns for each source that has some: {source, 1 if entries after the position are gone, else 0, entries}.
-- The entry at the position stays in its source when the feed trims it. So when it is not there, the cap of `happened.lua` has
-- taken it, and perhaps others behind it. That takes so many entries that an answer which is not full need not be looked into.
local most = tonumber(ARGV[1])

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

local positions, arguments = {}, {'COUNT', ARGV[1], 'STREAMS'}
for i, source in ipairs(KEYS) do
  positions[source] = ARGV[i + 1]
  arguments[3 + i] = source
  arguments[3 + #KEYS + i] = ARGV[i + 1]
end
local answer = {}
for _, stream in ipairs(redis.call('XREAD', unpack(arguments)) or {}) do
  local source, entries = stream[1], stream[2]
  local gap = #entries == most and has_gap(source, positions[source])
  answer[#answer + 1] = {source, gap and 1 or 0, entries}
end
return answer
