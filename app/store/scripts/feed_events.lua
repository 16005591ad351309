-- Events of one registration after a place, oldest first.
-- KEYS  1 stream of events  2 stream of the ids of its shard
-- ARGV  1 registration_id  2 id after which to begin, '0-0' for all  3 how many at most
-- Returns entries. The second stream is capped, so it is looked through in no more than a few steps.
local limit, from, entries = tonumber(ARGV[3]), ARGV[2], {}
repeat
  local some = redis.call('XRANGE', KEYS[2], '(' .. from, '+', 'COUNT', 500)
  for _, one in ipairs(some) do
    from = one[1]
    if one[2][2] == ARGV[1] then
      local found = redis.call('XRANGE', KEYS[1], from, from)
      entries[#entries + 1] = found[1]
      if #entries == limit then return entries end
    end
  end
until #some < 500
return entries
