-- Authenticate a Client Object and look at an authorization code or at a refresh token, with what it rests on.
-- KEYS  1 registration prefix
-- ARGV  1 local client id  2 digest of the client_secret, '' when none was shown  3 now (Unix seconds)
--       4 '1' to stop when a Grant is due  5 'code', 'family' or '' for something that cannot be ours  6 its digest
--       7 digest of the refresh token  8 for how long one that was exchanged may be exchanged once more (seconds)
-- Returns {'refused'}; or {'seen', due (0/1), document, internal part (nil when empty) and version of the client, then, when there
-- is such a thing: the local id of its holder, its facts, and the same three of its grant}. The facts are two lines: 'stale' when it
-- was exchanged before, and the JSON object of a code or the Unix second at which a refresh token expires.
local prefix, client, now = KEYS[1], ARGV[1], tonumber(ARGV[3])
if not authenticated(prefix, client, ARGV[2], now) then return {'refused'} end

-- Document, internal part and version of an object.
local function object(index, id)
  local fields = redis.call('HMGET', prefix .. ':o', id, id .. '!')
  return fields[1], fields[2], redis.call('ZSCORE', prefix .. ':i:' .. index, id)
end

-- Holder, grant and facts of a code, used or not.
local function code_of(digest)
  local value = redis.call('GET', prefix .. ':c:' .. digest) or ''
  local used = string.match(value, '^used\n[^\n]*\n[^\n]*\n(.*)$')
  local holder, grant, issued, expires, facts =
    string.match(used or value, '^([^\n]*)\n([^\n]*)\n(%d+)\n(%d+)\n(.*)$')
  if not holder or (not used and (tonumber(expires) <= now or cut_off(prefix, issued, holder))) then return nil end
  return holder, grant, (used and 'stale' or 'fresh') .. '\n' .. facts
end

-- Holder, grant and facts of a refresh token, stale or not.
local function family_of(digest)
  local family = living_family(prefix, digest, now)
  if not family then return nil end
  return family.client, family.grant, standing(family, ARGV[7], now, tonumber(ARGV[8])) .. '\n' .. family.expires
end

local answer = {'seen', 0, object('clients', client)}
if not answer[3] then return {'refused'} end
local holder, grant, facts
if ARGV[5] == 'code' then
  holder, grant, facts = code_of(ARGV[6])
elseif ARGV[5] == 'family' then
  holder, grant, facts = family_of(ARGV[6])
end
if not holder then return answer end
if ARGV[4] == '1' then answer[2] = #redis.call('ZRANGEBYSCORE', prefix .. ':due', '-inf', now, 'LIMIT', 0, 1) end
answer[6], answer[7] = holder, facts
answer[8], answer[9], answer[10] = object('grants', grant)
return answer
