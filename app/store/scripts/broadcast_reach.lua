-- Find the registrations that a broadcast is for among the next ones of a shard.
-- KEYS  1 registrations of the shard
-- ARGV  1 the registration_id after which to go on, or ''  2 latest creation, as registrations say it (RFC 3339 in UTC, whole
--       seconds: greater texts are later)  3 how many to look at  4… scopes of which a registration has to have asked for one
-- Returns the last one that was looked at, or false at the end; and the ids of the active ones that it is for.
-- A registration_id begins with the shard, which is in braces in its keys.
local wanted = {}
for at = 4, #ARGV do wanted[ARGV[at]] = true end

local function is_for(id)
  local prefix = '{' .. string.sub(id, 1, 2) .. '}' .. string.sub(id, 3)
  if redis.call('HGET', prefix .. ':r', 'status') ~= 'active' then return false end
  local registration = cjson.decode(redis.call('HGET', prefix .. ':o', 'r'))
  if registration.created > ARGV[2] then return false end
  if #ARGV < 4 then return true end
  for scope in string.gmatch(registration.scope, '[^ ]+') do
    if wanted[scope] then return true end
  end
  return false
end

local first = ARGV[1] == '' and '-' or '(' .. ARGV[1]
local found = redis.call('ZRANGEBYLEX', KEYS[1], first, '+', 'LIMIT', 0, ARGV[3])
local ids = {}
for _, id in ipairs(found) do
  if is_for(id) then ids[#ids + 1] = id end
end
return {#found == tonumber(ARGV[3]) and found[#found], ids}
