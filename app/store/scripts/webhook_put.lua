-- Keep a new webhook, or the successor of exactly the one that was read.
-- KEYS  1 prefix of the webhooks  2 source of the feed
-- ARGV  1 webhook_id  2 the JSON that was read, '' for a new one  3 JSON  4 '1' when something is to be sent to it
--       5 sealed secret, '' to keep it  6 the sealed secret that was read, '' for a new webhook  7 the same sealed once more, to
--       sign for a while  8 until when (Unix seconds)  9 now (Unix seconds)  10 JSON of an AuditEntry
--       11 how many webhooks there may be
-- Returns 1; 0 when it is not as it was read; -1 when there are too many. The very same call a second time, after a lost
-- connection, returns 1 again, and writes for a WAIT, which counts only what its own connection wrote.
local hash, active, id = KEYS[1] .. ':o', KEYS[1] .. ':active', ARGV[1]
local kept = redis.call('HMGET', hash, id, id .. '$')
local done = kept[1] == ARGV[3] and (ARGV[5] == '' or kept[2] == ARGV[5])
if not done then
  if (kept[1] or '') ~= ARGV[2] then return 0 end
  if ARGV[6] ~= '' and kept[2] ~= ARGV[6] then return 0 end
  if ARGV[2] == '' and redis.call('HINCRBY', KEYS[1] .. ':count', 'webhooks', 0) >= tonumber(ARGV[11]) then return -1 end
end
redis.call('HSET', hash, id, ARGV[3])
if ARGV[5] ~= '' then redis.call('HSET', hash, id .. '$', ARGV[5]) end
if ARGV[7] ~= '' then redis.call('HSET', hash, id .. '+$', ARGV[7], id .. '@', ARGV[8]) end
redis.call(ARGV[4] == '1' and 'SADD' or 'SREM', active, id)
if not done then
  if ARGV[2] == '' then redis.call('HINCRBY', KEYS[1] .. ':count', 'webhooks', 1) end
  happened(KEYS[2], ARGV[9], '', '', ARGV[10])
end
return 1
