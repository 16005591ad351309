-- Write a change to one registration, all of it or nothing.
-- KEYS  1 registration prefix  2 event stream of the shard  3 shard prefix
-- ARGV  1 JSON plan  2 fields of :o, each followed by its value, with the byte 0 between all of them, or ''
--       3 events (JSON array of type and object id) or ''  4 audit (JSON of an AuditEntry) or ''
--       5 nonce (random, of this change alone)
--       6 of a new registration: pairs of 0 and entry of the words of the shard (see words.lua), with the byte 0 between all, or ''
-- Plan: now (Unix seconds); registration_id;
--       fresh (true when the registration must not exist yet); status (of the registration, when it is written);
--       ids (local) of the objects that are written, in their order; seconds ({number, second of modification} of those that were
--       not modified now);
--       versions ({index, id, version or false}: how objects have to be now, false for those that must not exist);
--       vacant (indexes that have to be empty); spent (digests of transactions that have to be under way, and end);
--       add (numbers of objects by index), drop (ids by index), created (pairs of second and id by index);
--       remove (fields of :o), auth (pairs of digest and value), cut (local ids), forget (local client ids),
--       codes (authorization codes: {digest, seconds to live, value before and after the number of the change}…),
--       due (pairs of second and id), settled (ids for which nothing is due any more),
--       enlist (numbers of objects by index of the shard), delist (full ids by such index), words (pairs of id and lines; see
--       words.lua),
--       remind (pairs of second and full id, of the shard), forgotten (full ids that are no more to be reminded of),
--       once (a key that no change of the last day may have, and what is kept under it for a day).
--       Whatever is empty is left out; a fresh one has neither versions nor vacant.
-- Returns 1 when written, 0 when an object is not as it was read, an index is not vacant, a transaction is over or what is to
-- happen once has happened.
-- Whoever's connection broke sends the same again without knowing whether it arrived: a nonce that was seen within the last
-- minute says that this change is written already. It is noted anew, because a WAIT counts only what its own connection wrote.
local prefix, shard = KEYS[1], KEYS[3]
local plan = cjson.decode(ARGV[1])
local written = prefix .. ':n:' .. ARGV[5]
if redis.call('SET', written, '', 'XX', 'EX', 60) then return 1 end

local function index_key(name) return prefix .. ':i:' .. name end

-- Run a command on a key with a list of arguments that may be longer than Lua's stack. 1000 keeps pairs together.
local function each(command, key, list)
  for from = 1, #list, 1000 do
    redis.call(command, key, unpack(list, from, math.min(from + 999, #list)))
  end
end

local function split(text)
  local parts, count, from = {}, 0, 1
  local at = string.find(text, '\0', 1, true)
  while at do
    count = count + 1
    parts[count] = string.sub(text, from, at - 1)
    from = at + 1
    at = string.find(text, '\0', from, true)
  end
  if text ~= '' then parts[count + 1] = string.sub(text, from) end
  return parts
end

local function is_as_read()
  if redis.call('EXISTS', prefix .. ':r') == (plan.fresh and 1 or 0) then return false end
  for _, wanted in ipairs(plan.versions or {}) do
    local version = redis.call('ZSCORE', index_key(wanted[1]), wanted[2])
    if version and tonumber(version) ~= wanted[3] or wanted[3] and not version then return false end
  end
  if plan.once and redis.call('EXISTS', prefix .. ':k:' .. plan.once[1]) == 1 then return false end
  for _, name in ipairs(plan.vacant or {}) do
    if redis.call('ZCARD', index_key(name)) > 0 then return false end
  end
  for _, digest in ipairs(plan.spent or {}) do
    local expires = string.match(redis.call('GET', prefix .. ':x:' .. digest) or '', '^(%d+)\n')
    if not expires or tonumber(expires) <= plan.now then return false end
  end
  return true
end

if not is_as_read() then return 0 end

local ids = plan.ids or {}
local rev = 1
if plan.fresh then
  redis.call('HSET', prefix .. ':r', 'rev', #ids + 1, 'status', plan.status, 'unused', 1)
else
  rev = redis.call('HINCRBY', prefix .. ':r', 'rev', #ids + 1) - #ids
  if plan.status then redis.call('HSET', prefix .. ':r', 'status', plan.status) end
end

local seconds, positions, full_ids = {}, {}, {}
for _, other in ipairs(plan.seconds or {}) do seconds[other[1]] = other[2] end
for number, id in ipairs(ids) do
  positions[number] = (seconds[number] or plan.now) * 1000000 + (rev + number) % 1000000
  full_ids[number] = id == 'r' and plan.registration_id or plan.registration_id .. '-' .. id
end

local function put(key, numbers, names)
  if #numbers == 1 then -- most of what a registration writes
    redis.call('ZADD', key, positions[numbers[1]], names[numbers[1]])
    return
  end
  local pairs_ = {}
  for at, number in ipairs(numbers) do
    pairs_[2 * at - 1], pairs_[2 * at] = positions[number], names[number]
  end
  each('ZADD', key, pairs_)
end

for name, list in pairs(plan.drop or {}) do each('ZREM', index_key(name), list) end
for name, numbers in pairs(plan.add or {}) do put(index_key(name), numbers, ids) end
for name, list in pairs(plan.delist or {}) do each('ZREM', shard .. ':d:' .. name, list) end
for name, numbers in pairs(plan.enlist or {}) do put(shard .. ':d:' .. name, numbers, full_ids) end
each('ZADD', shard .. ':words', split(ARGV[6]))
for _, one in ipairs(plan.words or {}) do set_words(prefix, shard, plan.registration_id, one[1], one[2]) end
for name, list in pairs(plan.created or {}) do each('ZADD', index_key(name), list) end
each('HDEL', prefix .. ':o', plan.remove or {})
each('HSET', prefix .. ':o', split(ARGV[2]))
each('HSET', prefix .. ':auth', plan.auth or {})
for _, digest in ipairs(plan.spent or {}) do
  local key = prefix .. ':x:' .. digest
  local approved = string.format('approved %d\n', plan.now + 60)
  redis.call('SET', key, approved .. string.match(redis.call('GET', key), '\n(.*)$'), 'EX', 60)
end
for _, code in ipairs(plan.codes or {}) do
  local value = table.concat({code[3], string.format('%.0f', rev + #ids), code[4]}, '\n')
  redis.call('SET', prefix .. ':c:' .. code[1], value, 'EX', code[2])
end
if plan.once then redis.call('SET', prefix .. ':k:' .. plan.once[1], plan.once[2], 'EX', 86400) end
for _, id in ipairs(plan.cut or {}) do redis.call('HSET', prefix .. ':gate', id, rev) end
for _, id in ipairs(plan.forget or {}) do redis.call('DEL', prefix .. ':s:' .. id) end
each('ZADD', prefix .. ':due', plan.due or {})
each('ZREM', prefix .. ':due', plan.settled or {})
each('ZADD', shard .. ':due', plan.remind or {})
each('ZREM', shard .. ':due', plan.forgotten or {})
if plan.fresh then redis.call('ZADD', shard .. ':registrations', 0, plan.registration_id) end
if ARGV[3] ~= '' or ARGV[4] ~= '' then happened(KEYS[2], plan.now, plan.registration_id, ARGV[3], ARGV[4]) end
redis.call('SET', written, '', 'EX', 60)
return 1
