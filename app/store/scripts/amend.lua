-- Replace what is kept for a time (see take.lua); it is gone when it would have been.
-- KEYS  1 the key
-- ARGV  1 the new JSON  2 now (Unix seconds)
-- Returns 1, or 0 when there is nothing to replace.
local expires = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+)\n')
if not expires or tonumber(expires) <= tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], expires .. '\n' .. ARGV[1], 'KEEPTTL')
return 1
