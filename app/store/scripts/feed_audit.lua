-- Audit records of one registration.
-- KEYS  1 stream of records  2 sorted set of the numbers of those of the registration
-- ARGV  1 number after which to begin, oldest first; '+inf' or '(' and a number for the last ones before that, newest
--       first  2 how many at most
-- Returns entries.
local numbers
if string.find(ARGV[1], '^[(+]') then
  numbers = redis.call('ZREVRANGEBYSCORE', KEYS[2], ARGV[1], '-inf', 'LIMIT', 0, ARGV[2])
else
  numbers = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[1], '+inf', 'LIMIT', 0, ARGV[2])
end
local entries = {}
for _, number in ipairs(numbers) do
  entries[#entries + 1] = redis.call('XRANGE', KEYS[1], number .. '-0', number .. '-0')[1]
end
return entries
