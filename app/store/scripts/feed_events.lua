-- Events of one registration after a place, oldest first.
-- KEYS  1 stream of events  2 stream of its shard: the first id of events that follow each other, with whose they are and the last id
-- ARGV  1 registration_id  2 id after which to begin, '0-0' for all  3 how many at most
-- Returns entries. The second stream is capped, so it is looked through in no more than a few steps.
local limit, from, entries = tonumber(ARGV[3]), ARGV[2], {}

-- Add the events from an id on that an entry of the second stream stands for. In earlier versions it stood for one.
local function add(first, fields)
  if fields[2] ~= ARGV[1] then return end
  for _, event in ipairs(redis.call('XRANGE', KEYS[1], first, fields[4] or first, 'COUNT', limit - #entries)) do
    entries[#entries + 1] = event
  end
end

local begun = redis.call('XREVRANGE', KEYS[2], from, '-', 'COUNT', 1)[1]
if begun and begun[2][4] and begun[2][4] ~= from then add('(' .. from, begun[2]) end
repeat
  if #entries == limit then return entries end
  local some = redis.call('XRANGE', KEYS[2], '(' .. from, '+', 'COUNT', 500)
  for _, one in ipairs(some) do
    from = one[1]
    add(from, one[2])
    if #entries == limit then return entries end
  end
until #some < 500
return entries
