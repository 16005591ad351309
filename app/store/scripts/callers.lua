-- Prelude of the scripts for tokens under Grants that users authorized.
-- An authorization code is stored as lines: client, grant (local ids), the change at which it was issued, the Unix second at which
-- it expires, and a JSON object. When it has been used, three lines stand before these: 'used', the digest of the access token that
-- it was exchanged for, and the digest of the family of refresh tokens or nothing.
-- A family of refresh tokens is stored as lines: client, credential or nothing, grant, the change at which the last one was issued,
-- the Unix second at which it expires; then digests of the last token and of the one before or nothing, the Unix second at
-- which that was exchanged, and the nonce that it was exchanged with.

-- The local id of the Credential that authenticates a Client Object, '' for one that has shown none (digest ''), nil for nobody.
-- Whether a Client Object may come without a Credential is for the caller of the script to decide.
local function authenticated(prefix, client, digest, now)
  if redis.call('HGET', prefix .. ':r', 'status') ~= 'active' then return nil end
  if digest == '' then return '' end
  local credential, owner, expires =
    string.match(redis.call('HGET', prefix .. ':auth', digest) or '', '^([^\n]*)\n([^\n]*)\n(%d+)$')
  if owner ~= client or (expires ~= '0' and tonumber(expires) <= now) then return nil end
  redis.call('HDEL', prefix .. ':r', 'unused')
  return credential
end

-- Whether an object still has the version with which it was read.
local function unchanged(prefix, index, id, version)
  local position = redis.call('ZSCORE', prefix .. ':i:' .. index, id)
  return position and tonumber(position) == tonumber(version)
end

-- Whether a change since `issued` has cut off any of these.
local function cut_off(prefix, issued, ...)
  for _, cut in ipairs(redis.call('HMGET', prefix .. ':gate', '*', ...)) do
    if cut and tonumber(issued) < tonumber(cut) then return true end
  end
  return false
end

-- The family of refresh tokens with this digest, or nil when it has ended.
local function living_family(prefix, digest, now)
  local client, credential, grant, issued, expires, last, before, exchanged, nonce = string.match(
    redis.call('GET', prefix .. ':f:' .. digest) or '',
    '^([^\n]*)\n([^\n]*)\n([^\n]*)\n(%d+)\n(%d+)\n([^\n]*)\n([^\n]*)\n(%d+)\n([^\n]*)$')
  if not client or tonumber(expires) <= now or cut_off(prefix, issued, client, credential) then return nil end
  return {client = client, grant = grant, expires = expires, last = last, before = before,
    exchanged = tonumber(exchanged), nonce = nonce}
end

-- What a token is to its family: 'last'; 'before' while it may be exchanged once more, because the answer may have been
-- lost; or 'stale', which means that somebody has kept a copy.
local function standing(family, token, now, grace)
  if token == family.last then return 'last' end
  if token == family.before and now < family.exchanged + grace then return 'before' end
  return 'stale'
end

-- End a family of refresh tokens (digest or '') and all access tokens under its Grant.
local function end_all(prefix, family, grant)
  if family ~= '' then redis.call('DEL', prefix .. ':f:' .. family) end
  redis.call('HSET', prefix .. ':gate', grant, redis.call('HINCRBY', prefix .. ':r', 'rev', 1))
end

-- Store an access token (see access.lua).
local function issue(prefix, digest, client, credential, grant, now, seconds, facts)
  local rev = redis.call('HGET', prefix .. ':r', 'rev')
  local expires = string.format('%.0f', now + seconds)
  local value = table.concat({client, credential, grant, '', rev, expires, facts}, '\n')
  redis.call('SET', prefix .. ':t:' .. digest, value, 'EX', seconds)
  return rev
end
