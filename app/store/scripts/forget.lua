-- Forget a registration that nobody has ever used, all of it or nothing.
-- KEYS  1 registration prefix  2 event stream of the shard  3 shard prefix
-- ARGV  1 now (Unix seconds)  2 registration_id  3 rev, as it was read  4 JSON plan  5 events  6 audit (see happened.lua)
-- Plan: keys (what comes behind the prefix), listed (full ids by index of the shard), due (full ids).
-- Returns 1 when it is gone, 0 when it has been used or changed meanwhile.
local prefix, shard, registration = KEYS[1], KEYS[3], ARGV[2]
local state = redis.call('HMGET', prefix .. ':r', 'unused', 'rev')
if not state[1] or state[2] ~= ARGV[3] then return 0 end
local plan = cjson.decode(ARGV[4])

local text = redis.call('HGET', prefix .. ':o', '~') or ''
for id in string.gmatch(text, '\1([^\n]*)\n') do set_words(prefix, shard, registration, id, '') end
for name, ids in pairs(plan.listed) do redis.call('ZREM', shard .. ':d:' .. name, unpack(ids)) end
if #plan.due > 0 then redis.call('ZREM', shard .. ':due', unpack(plan.due)) end
redis.call('ZREM', shard .. ':registrations', registration)
for _, name in ipairs(plan.keys) do redis.call('DEL', prefix .. name) end
happened(KEYS[2], ARGV[1], registration, ARGV[5], ARGV[6])
return 1
