-- Look at an access token for somebody who may look at all of them.
-- KEYS  1 registration prefix
-- ARGV  1 digest of the reference of the token  2 now (Unix seconds)
-- Returns nil when it is inactive; or {token, 1 when a Grant is due, grant document, its internal part,
-- target grant document, its internal part}.
local prefix, now = KEYS[1], tonumber(ARGV[2])
if redis.call('HGET', prefix .. ':r', 'status') ~= 'active' then return nil end
local token = bearer(prefix, ARGV[1], now)
if not token then return nil end
local grant, target = string.match(token, '^[^\n]*\n[^\n]*\n([^\n]*)\n([^\n]*)\n')
local due = redis.call('ZRANGEBYSCORE', prefix .. ':due', '-inf', now, 'LIMIT', 0, 1)
local documents = redis.call('HMGET', prefix .. ':o', grant, grant .. '!', target, target .. '!')
return {token, #due, unpack(documents, 1, 4)}
