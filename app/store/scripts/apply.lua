-- Write a change to one registration, all of it or nothing.
-- KEYS  1 registration prefix  2 event stream of the shard  3 registrations of the shard
-- ARGV  1 JSON plan  then the values that the plan's puts refer to by number
-- Plan: nonce (random, of this change alone); now (Unix seconds); registration_id;
--       fresh (true when the registration must not exist yet);
--       puts: {id, all (index), version (false for a new object), at (Unix second of modification), add, drop (indexes),
--              created ({index, second} for a new object), fields ({suffix, number of its value}…)};
--       unchanged ({index, id, version}… of objects that are not written), vacant (indexes that have to be empty),
--       auth ({digest, value}…), cut (local ids), forget (local client ids), due ({id, second or false}…), status, events.
-- Returns 1 when written, 0 when an object is not as it was read or an index is not vacant.
-- Whoever's connection broke sends the same again without knowing whether it arrived: a nonce that was seen within the last
-- minute says that this change is written already.
local prefix = KEYS[1]
local plan = cjson.decode(ARGV[1])
local written = prefix .. ':n:' .. plan.nonce
if redis.call('EXISTS', written) == 1 then return 1 end

local function index_key(name) return prefix .. ':i:' .. name end

if plan.fresh then
  if redis.call('EXISTS', prefix .. ':r') == 1 then return 0 end
elseif redis.call('EXISTS', prefix .. ':r') == 0 then
  return 0
end
for _, put in ipairs(plan.puts) do
  local version = redis.call('ZSCORE', index_key(put.all), put.id)
  if put.version then
    if not version or tonumber(version) ~= put.version then return 0 end
  elseif version then
    return 0
  end
end
for _, same in ipairs(plan.unchanged) do
  local version = redis.call('ZSCORE', index_key(same[1]), same[2])
  if not version or tonumber(version) ~= same[3] then return 0 end
end
for _, name in ipairs(plan.vacant) do
  if redis.call('ZCARD', index_key(name)) > 0 then return 0 end
end

local rev = redis.call('HINCRBY', prefix .. ':r', 'rev', #plan.puts + 1) - #plan.puts
for number, put in ipairs(plan.puts) do
  local position = string.format('%.0f', put.at * 1000000 + (rev + number) % 1000000)
  for _, name in ipairs(put.drop) do redis.call('ZREM', index_key(name), put.id) end
  for _, name in ipairs(put.add) do redis.call('ZADD', index_key(name), position, put.id) end
  if put.created then redis.call('ZADD', index_key(put.created[1]), put.created[2], put.id) end
  for _, field in ipairs(put.fields) do
    local value = ARGV[1 + field[2]]
    if value == '' then
      redis.call('HDEL', prefix .. ':o', put.id .. field[1])
    else
      redis.call('HSET', prefix .. ':o', put.id .. field[1], value)
    end
  end
end
for _, entry in ipairs(plan.auth) do redis.call('HSET', prefix .. ':auth', entry[1], entry[2]) end
for _, id in ipairs(plan.cut) do redis.call('HSET', prefix .. ':gate', id, rev) end
for _, id in ipairs(plan.forget) do redis.call('DEL', prefix .. ':s:' .. id) end
for _, entry in ipairs(plan.due) do
  if entry[2] then redis.call('ZADD', prefix .. ':due', entry[2], entry[1]) else redis.call('ZREM', prefix .. ':due', entry[1]) end
end
if plan.status then redis.call('HSET', prefix .. ':r', 'status', plan.status) end
if plan.fresh then redis.call('ZADD', KEYS[3], plan.now, plan.registration_id) end
for _, event in ipairs(plan.events) do
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', plan.keep_events, '*',
    'registration_id', plan.registration_id, 'type', event[1], 'id', event[2], 'at', plan.now)
end
redis.call('SET', written, '', 'EX', 60)
return 1
