-- Hand out what is kept for a time, once: afterwards it is gone for everybody else.
-- KEYS  1 the key
-- ARGV  1 nonce of this call  2 now (Unix seconds)
-- The value is stored as two lines: the Unix second at which it expires, and JSON. When it has been taken, its first line is
-- 'taken' and the nonce of whoever took it, for a minute: a call that a broken connection sends twice gets it twice.
-- Returns the JSON, or nil when there is nothing to take.
local value = redis.call('GET', KEYS[1])
if not value then return false end
local mark, rest = string.match(value, '^([^\n]*)\n(.*)$')
local taken = 'taken ' .. ARGV[1]
if mark == taken then return rest end
local expires = tonumber(mark)
if not expires or expires <= tonumber(ARGV[2]) then return false end
redis.call('SET', KEYS[1], taken .. '\n' .. rest, 'EX', 60)
return rest
