-- Note in the library that a Grant shares files: all of them, or none. It may be noted again.
-- KEYS  1 library prefix
-- ARGV  1 grant_id  2 now (Unix seconds)  then the file_ids
-- Returns {0, file_id} for the first file that is not there or about to go, else {1, then document, internal part and
-- position of each file}.
local prefix = KEYS[1]
local answer = {1}
for i = 3, #ARGV do
  local fields = redis.call('HMGET', prefix .. ':o', ARGV[i], ARGV[i] .. '!')
  if not fields[1] or cjson.decode(fields[2]).retired then return {0, ARGV[i]} end
  answer[#answer + 1] = fields[1]
  answer[#answer + 1] = fields[2]
  answer[#answer + 1] = redis.call('ZSCORE', prefix .. ':i:files', ARGV[i])
end
for i = 3, #ARGV do redis.call('ZADD', prefix .. ':s:' .. ARGV[i], 'NX', ARGV[2], ARGV[1]) end
return answer
