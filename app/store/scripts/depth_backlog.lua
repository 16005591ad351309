-- What has not reached the feed.
-- KEYS  sources of the feed (streams)
-- ARGV  1 how many entries of each to look at  then the position in each
-- Returns how many entries there are, and the place of the oldest or false.
local count, oldest, oldest_ms = 0, false, nil
for i, source in ipairs(KEYS) do
  local entries = redis.call('XRANGE', source, '(' .. ARGV[i + 1], '+', 'COUNT', ARGV[1])
  if #entries > 0 then
    count = count + #entries
    local ms = tonumber(string.match(entries[1][1], '^%d+'))
    if not oldest_ms or ms < oldest_ms then oldest, oldest_ms = entries[1][1], ms end
  end
end
return {count, oldest}
