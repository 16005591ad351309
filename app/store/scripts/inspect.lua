-- Authenticate a Client Object by its client_secret and look at an access token of the same registration, or delete it.
-- KEYS  1 registration prefix
-- ARGV  1 local client id  2 digest of the client_secret, '' for one that has none  3 digest of the token or ''
--       4 now (Unix seconds)
--       5 '1' to delete the token when it is this Client Object's own
-- Returns {'refused'}; {'inactive'}; {'foreign'} when it is to be deleted and belongs to another Client Object;
-- {'active', token, 1 when a Grant is due, grant document, its internal part, target grant document, its internal part} or
-- {'deleted'}.
local prefix, client, now = KEYS[1], ARGV[1], tonumber(ARGV[4])
if ARGV[2] ~= '' then
  local entry = redis.call('HGET', prefix .. ':auth', ARGV[2])
  if not entry then return {'refused'} end
  local owner, expires = string.match(entry, '^[^\n]*\n([^\n]*)\n(%d+)$')
  expires = tonumber(expires)
  if owner ~= client or (expires ~= 0 and expires <= now) then return {'refused'} end
end
if redis.call('HGET', prefix .. ':r', 'status') ~= 'active' then return {'refused'} end
if ARGV[3] == '' then return {'inactive'} end
local token = bearer(prefix, ARGV[3], now)
if not token then return {'inactive'} end
local holder, grant, target = string.match(token, '^([^\n]*)\n[^\n]*\n([^\n]*)\n([^\n]*)\n')
if ARGV[5] == '1' then
  if holder ~= client then return {'foreign'} end
  redis.call('DEL', prefix .. ':t:' .. ARGV[3])
  return {'deleted'}
end
local due = redis.call('ZRANGEBYSCORE', prefix .. ':due', '-inf', now, 'LIMIT', 0, 1)
local documents = redis.call('HMGET', prefix .. ':o', grant, grant .. '!', target, target .. '!')
return {'active', token, #due, unpack(documents, 1, 4)}
