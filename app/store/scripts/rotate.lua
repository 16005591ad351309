-- Exchange a refresh token for an access token and the next refresh token of its family.
-- KEYS  1 registration prefix
-- ARGV  1 local client id  2 digest of the client_secret, '' when none was shown  3 now (Unix seconds)
--       4 digest of the family  5 version of the client  6 version of the grant
--       7 digest of the new access token  8 its lifetime (seconds)  9 its JSON object
--       10 digest of the refresh token  11 digest of the next one  12 its lifetime (seconds)  13 the nonce it was made with
--       14 for how long one that was exchanged may be exchanged once more (seconds)
-- Returns {'issued', nonce}: the one of ARGV, or an older one when the refresh token was exchanged before and the answer may have
-- been lost, and then the next refresh token is the one of that time; {'refused'} when the caller is nobody; {'gone'} when
-- there is no such family for it; {'replayed'} when a copy of an old refresh token is used, which ends the family;
-- {'changed'} when client or grant are not as they were read.
local prefix, client, now = KEYS[1], ARGV[1], tonumber(ARGV[3])
local credential = authenticated(prefix, client, ARGV[2], now)
if not credential then return {'refused'} end
local family = living_family(prefix, ARGV[4], now)
if not family or family.client ~= client then return {'gone'} end
local place = standing(family, ARGV[10], now, tonumber(ARGV[14]))
if place == 'stale' then
  end_all(prefix, ARGV[4], family.grant)
  return {'replayed'}
end
if not unchanged(prefix, 'clients', client, ARGV[5]) or not unchanged(prefix, 'grants', family.grant, ARGV[6]) then
  return {'changed'}
end
local rev = issue(prefix, ARGV[7], client, credential, family.grant, now, tonumber(ARGV[8]), ARGV[9])
if place == 'before' then return {'issued', family.nonce} end
local ends = string.format('%.0f', now + tonumber(ARGV[12]))
local value = table.concat({client, credential, family.grant, rev, ends, ARGV[11], ARGV[10], ARGV[3], ARGV[13]}, '\n')
redis.call('SET', prefix .. ':f:' .. ARGV[4], value, 'EX', ARGV[12])
return {'issued', ARGV[13]}
