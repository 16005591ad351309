-- Prelude of the scripts that read for the bearer of an access token.
-- An access token is stored as lines: client, credential, grant, target grant (local ids or empty), the change at which it was
-- issued, the Unix second at which it expires, and a JSON object for the caller of the script.

-- Returns the stored token, or nil when it is unknown, expired, or cut off by something that it depends on.
local function bearer(prefix, digest, now)
  local token = redis.call('GET', prefix .. ':t:' .. digest)
  if not token then return nil end
  local client, credential, grant, target, issued, expires =
    string.match(token, '^([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n(%d+)\n(%d+)\n')
  if tonumber(expires) <= now then return nil end
  local cuts = redis.call('HMGET', prefix .. ':gate', '*', client, credential, grant, target)
  for _, cut in ipairs(cuts) do
    if cut and tonumber(issued) < tonumber(cut) then return nil end
  end
  return token
end

-- How reading objects begins. The digest is '' when the server itself asks; some readers have to stop when a Grant is due.
-- Returns the token or false, and what to answer instead of going on, if there is such a thing: {token or false, due (1)}.
local function admitted(prefix, digest, now, stops_when_due)
  local token = false
  if digest ~= '' then
    token = bearer(prefix, digest, now)
    if not token then return false, {false} end
  end
  if stops_when_due and #redis.call('ZRANGEBYSCORE', prefix .. ':due', '-inf', now, 'LIMIT', 0, 1) > 0 then
    return token, {token, 1}
  end
  return token
end
