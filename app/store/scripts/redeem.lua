-- Exchange an authorization code for tokens, once. A second use ends everything that came of the first one.
-- KEYS  1 registration prefix
-- ARGV  1 local client id  2 digest of the client_secret, '' when none was shown  3 now (Unix seconds)
--       4 digest of the code  5 version of the client  6 version of the grant
--       7 digest of the new access token  8 its lifetime (seconds)  9 its JSON object
--       10 digest of the new family of refresh tokens or ''  11 digest of the first one  12 their lifetime (seconds)
--       13 for how long a second use is recognised (seconds)
-- Returns 'issued'; 'refused' when the caller is nobody; 'gone' when there is no such code for it; 'replayed' when it was used
-- before; 'changed' when client or grant are not as they were read.
-- The very same call a second time, after a lost connection, is no second use: the digest of the new access token tells.
local prefix, client, now = KEYS[1], ARGV[1], tonumber(ARGV[3])
local credential = authenticated(prefix, client, ARGV[2], now)
if not credential then return 'refused' end
local key = prefix .. ':c:' .. ARGV[4]
local code = redis.call('GET', key) or ''
local token, old_family, used = string.match(code, '^used\n([^\n]*)\n([^\n]*)\n(.*)$')
local holder, grant, issued, expires = string.match(used or code, '^([^\n]*)\n([^\n]*)\n(%d+)\n(%d+)\n')
if holder ~= client then return 'gone' end
if used then
  if token == ARGV[7] then
    redis.call('EXPIRE', key, ARGV[13]) -- a write, so that a WAIT behind it speaks for this connection too
    return 'issued'
  end
  end_all(prefix, old_family, grant)
  return 'replayed'
end
if tonumber(expires) <= now or cut_off(prefix, issued, holder) then return 'gone' end
if not unchanged(prefix, 'clients', client, ARGV[5]) or not unchanged(prefix, 'grants', grant, ARGV[6]) then return 'changed' end
local rev = issue(prefix, ARGV[7], client, credential, grant, now, tonumber(ARGV[8]), ARGV[9])
if ARGV[10] ~= '' then
  local ends = string.format('%.0f', now + tonumber(ARGV[12]))
  local family = table.concat({client, credential, grant, rev, ends, ARGV[11], '', '0', ''}, '\n')
  redis.call('SET', prefix .. ':f:' .. ARGV[10], family, 'EX', ARGV[12])
end
redis.call('SET', key, table.concat({'used', ARGV[7], ARGV[10], code}, '\n'), 'EX', ARGV[13])
return 'issued'
