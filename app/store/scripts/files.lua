-- Read the Server-Provided Files that a grant admin token opens.
-- KEYS  1 registration prefix
-- ARGV  1 token digest  2 now (Unix seconds)
-- Returns {false} when the token is refused, else {token, due (0/1), document of the target Grant or false}.
local prefix, now = KEYS[1], tonumber(ARGV[2])
local token = bearer(prefix, ARGV[1], now)
if not token then return {false} end
local target = string.match(token, '^[^\n]*\n[^\n]*\n[^\n]*\n([^\n]*)\n')
local due = #redis.call('ZRANGEBYSCORE', prefix .. ':due', '-inf', now, 'LIMIT', 0, 1)
if target == '' then return {token, due, false} end
local grant = redis.call('HGET', prefix .. ':o', target)
if not grant then return {token, due, false} end
local answer = {token, due, grant}
local enabled = cjson.decode((string.gsub(grant, '\1', ''))).enabled_authorization_details
for _, entry in ipairs(enabled) do
  if entry.file_id then
    answer[#answer + 1] = redis.call('HGET', prefix .. ':o', entry.file_id)
    answer[#answer + 1] = redis.call('HGET', prefix .. ':o', entry.file_id .. '!')
  end
end
return answer
