-- Put entries at the end of the feed and of the audit log as an export has them; those that are there already stay.
-- KEYS  1 prefix of the feed
-- ARGV  1 JSON: events ({id, registration_id or '', second, type, object_id}…), audit ({number, registration_id or '', hash}…),
--         groups ({name, id of the last event that it has had}…)  2… the JSON of the audit records
local prefix = KEYS[1]
local plan = cjson.decode(ARGV[1])

local function parts(id)
  local ms, number = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(number)
end

local function last_of(key)
  local entry = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
  if entry then return parts(entry[1]) end
  return -1, 0
end

local function is_behind(id, ms, number)
  local own, own_number = parts(id)
  return own > ms or own == ms and own_number > number
end

local ms, number = last_of(prefix .. ':events')
for _, event in ipairs(plan.events) do
  if is_behind(event[1], ms, number) then
    redis.call('XADD', prefix .. ':events', event[1], 'r', event[2], 'at', event[3], 'type', event[4], 'id', event[5])
    if event[2] ~= '' then
      local shard = string.sub(event[2], 1, 2)
      redis.call('XADD', prefix .. ':events:' .. shard, 'MAXLEN', '~', 10000, event[1], 'r', event[2])
    end
  end
end
local known = last_of(prefix .. ':audit')
for place, record in ipairs(plan.audit) do
  if record[1] > known then
    redis.call('XADD', prefix .. ':audit', record[1] .. '-0', 'record', ARGV[place + 1], 'hash', record[3])
    if record[2] ~= '' then redis.call('ZADD', prefix .. ':audit:' .. record[2], record[1], record[1]) end
    redis.call('HSET', prefix .. ':head', 'number', record[1], 'hash', record[3])
  end
end
for _, group in ipairs(plan.groups) do
  local answer = redis.pcall('XGROUP', 'CREATE', prefix .. ':events', group[1], group[2], 'MKSTREAM')
  if type(answer) == 'table' and answer.err and not string.find(tostring(answer.err), 'BUSYGROUP', 1, true) then
    return answer
  end
end
return 1
