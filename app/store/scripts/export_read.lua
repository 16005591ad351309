-- Look at all that is kept under one prefix at the same moment.
-- KEYS  1 prefix
-- ARGV  1 how many bytes may be answered  2 name of the copies that are made otherwise  then the ends of the names of keys
-- Returns for each key that is there: its end, type, Unix millisecond at which it expires or -1, and its content: a list of fields
-- and values, members and scores, members, or the value alone. Of a key that is too large, a copy is made, which lasts for an hour;
-- its name stands in place of the content (and 'copy ' before the type), and that goes for all keys behind it too.
local prefix, left, answer = KEYS[1], tonumber(ARGV[1]), {}
local readers = {
  hash = {'HLEN', 'HGETALL'}, zset = {'ZCARD', 'ZRANGE', 0, -1, 'WITHSCORES'}, set = {'SCARD', 'SMEMBERS'}, string = {'STRLEN', 'GET'}
}
local SMALLEST = 40

local function content_of(key, reader)
  if redis.call(reader[1], key) * (reader[1] == 'STRLEN' and 1 or SMALLEST) > left then return nil end
  local content = redis.call(reader[2], key, unpack(reader, 3))
  if type(content) == 'string' then content = {content} end
  for _, part in ipairs(content) do left = left - #part end
  return left >= 0 and content or nil
end

for number = 3, #ARGV do
  local key = prefix .. ARGV[number]
  local type_ = redis.call('TYPE', key).ok
  local reader = readers[type_]
  if reader then
    local content = left >= 0 and content_of(key, reader)
    if not content then
      left = -1
      content = prefix .. ARGV[2] .. ARGV[number]
      redis.call('COPY', key, content, 'REPLACE')
      redis.call('EXPIRE', content, 3600)
      type_ = 'copy ' .. type_
    end
    local expires = redis.call('PEXPIRETIME', key)
    answer[#answer + 1] = {ARGV[number], type_, string.format('%.0f', expires), content}
  end
end
return answer
