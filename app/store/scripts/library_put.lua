-- Write a Server-Provided File into the library: a new one, or the successor of exactly the version that was read.
-- KEYS  1 library prefix  2 source of the feed
-- ARGV  1 file_id  2 the version that was read, '' for a new file  3 Unix second of modification  4 document  5 internal part
--       6 now (Unix seconds)  7 JSON of an AuditEntry or ''
-- Returns 1 when written (also by an earlier call with the same arguments, whose answer was lost), 0 when the file is not as it
-- was read.
local prefix, id = KEYS[1], ARGV[1]
local present = redis.call('HMGET', prefix .. ':o', id, id .. '!')
if present[1] == ARGV[4] and present[2] == ARGV[5] then
  redis.call('HSET', prefix .. ':o', id, ARGV[4])  -- for a WAIT, which counts only what its own connection wrote
  return 1
end
local version = redis.call('ZSCORE', prefix .. ':i:files', id)
if ARGV[2] == '' then
  if version then return 0 end
elseif not version or tonumber(version) ~= tonumber(ARGV[2]) then
  return 0
end
local rev = redis.call('HINCRBY', prefix .. ':r', 'rev', 1)
redis.call('ZADD', prefix .. ':i:files', string.format('%.0f', tonumber(ARGV[3]) * 1000000 + rev % 1000000), id)
redis.call('HSET', prefix .. ':o', id, ARGV[4], id .. '!', ARGV[5])
local kind = ARGV[2] == '' and 'file.created' or present[1] ~= ARGV[4] and 'file.modified'
happened(KEYS[2], ARGV[6], '', kind and cjson.encode({{kind, id}}), ARGV[7])
return 1
