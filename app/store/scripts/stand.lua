-- Remember a Grant as the standing one for what a Client Object may ask for, unless it changed meanwhile.
-- KEYS  1 registration prefix
-- ARGV  1 local client id  2 position of the Client Object as it was read  3 local grant id  4 position of the Grant
--       5 local target grant id or ''  6 its position  7 the stored value (see issue.lua)  then the fields to set
-- Returns 1 when remembered, 0 when something changed. All is forgotten when it has become very much.
local MOST = 1000
local prefix = KEYS[1]
local function unchanged(index, id, position)
  local now = redis.call('ZSCORE', prefix .. ':i:' .. index, id)
  return now and tonumber(now) == tonumber(position)
end
if not unchanged('clients', ARGV[1], ARGV[2]) or not unchanged('grants', ARGV[3], ARGV[4]) then return 0 end
if ARGV[5] ~= '' and not unchanged('grants', ARGV[5], ARGV[6]) then return 0 end
local standing = prefix .. ':s:' .. ARGV[1]
if redis.call('HLEN', standing) >= MOST then redis.call('DEL', standing) end
for i = 8, #ARGV do redis.call('HSET', standing, ARGV[i], ARGV[7]) end
return 1
