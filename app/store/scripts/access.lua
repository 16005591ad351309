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
