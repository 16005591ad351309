-- Authenticate a Client Object by its client_secret and issue an access token under a standing Grant.
-- KEYS  1 registration prefix
-- ARGV  1 local client id  2 digest of the client_secret  3 what is asked for (field of :s:<client>)
--       4 digest of the reference of the new token  5 now (Unix seconds)  6 lifetime of the token (seconds)
-- A standing Grant is stored as lines: grant, target grant (local ids or empty), the Unix second at which it ends or 0, and a
-- JSON object that becomes the token's.
-- Returns {'refused'}; {'unknown', credential} when the secret is right and no standing Grant fits; or
-- {'issued', JSON object, seconds to live, local id of the grant}.
local prefix, client, now = KEYS[1], ARGV[1], tonumber(ARGV[5])
local entry = redis.call('HGET', prefix .. ':auth', ARGV[2])
if not entry then return {'refused'} end
local credential, owner, expires = string.match(entry, '^([^\n]*)\n([^\n]*)\n(%d+)$')
expires = tonumber(expires)
if owner ~= client or (expires ~= 0 and expires <= now) then return {'refused'} end
local state = redis.call('HMGET', prefix .. ':r', 'status', 'rev')
if state[1] ~= 'active' then return {'refused'} end
redis.call('HDEL', prefix .. ':r', 'unused')
local standing = redis.call('HGET', prefix .. ':s:' .. client, ARGV[3])
if not standing then return {'unknown', credential} end
local grant, target, ends, facts = string.match(standing, '^([^\n]*)\n([^\n]*)\n(%d+)\n(.*)$')
local seconds = tonumber(ARGV[6])
ends = tonumber(ends)
if ends ~= 0 then
  if ends <= now then return {'unknown', credential} end
  seconds = math.min(seconds, ends - now)
end
redis.call('SET', prefix .. ':t:' .. ARGV[4],
  table.concat({client, credential, grant, target, state[2], string.format('%.0f', now + seconds), facts}, '\n'), 'EX', seconds)
return {'issued', facts, seconds, grant}
