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

-- Events of one registration that follow each other are one entry of the stream of its shard, as `feed_relay.lua` has it.
local function note(run)
  local key = prefix .. ':events:' .. string.sub(run.registration, 1, 2)
  redis.call('XADD', key, 'MAXLEN', '~', 10000, run.first, 'r', run.registration, 'to', run.last)
end

local ms, number = last_of(prefix .. ':events')
local run
for _, event in ipairs(plan.events) do
  local id, registration = event[1], event[2]
  if is_behind(id, ms, number) then
    redis.call('XADD', prefix .. ':events', id, 'r', registration, 'at', event[3], 'type', event[4], 'id', event[5])
    if run and run.registration ~= registration then
      note(run)
      run = nil
    end
    if run then
      run.last = id
    elseif registration ~= '' then
      run = {registration = registration, first = id, last = id}
    end
  end
end
if run then note(run) end
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
