-- Move entries of the sources on to the feed and to the audit log: all of them, or none when somebody else was faster.
-- KEYS  1 prefix of the feed
-- ARGV  1 JSON plan  2… the JSON of the audit records
-- Plan: sources ({source, position so far, new position}…), head (hash of the audit record before these), origin (that of an
--       empty log),
--       events ({registration_id or '', second, type, object_id}…), audit ({number, registration_id or '', hash}…).
-- Returns {1, length of the stream of events}, also when an earlier call with the same plan had done it, or {0, 0}.
local prefix = KEYS[1]
local plan = cjson.decode(ARGV[1])
local places, is_done, is_as_read = prefix .. ':positions', true, true
for _, source in ipairs(plan.sources) do
  local place = redis.call('HGET', places, source[1]) or '0-0'
  is_done = is_done and place == source[3]
  is_as_read = is_as_read and place == source[2]
end
if not is_done then
  if not is_as_read then return {0, 0} end
  if #plan.audit > 0 and (redis.call('HGET', prefix .. ':head', 'hash') or plan.origin) ~= plan.head then return {0, 0} end
end
-- Written again when it was done before: a WAIT counts only what its own connection wrote.
for _, source in ipairs(plan.sources) do redis.call('HSET', places, source[1], source[3]) end
if is_done then return {1, redis.call('XLEN', prefix .. ':events')} end

-- Events of one registration that follow each other are one entry of the stream of its shard: a registration alone makes a dozen.
local function note(run)
  local key = prefix .. ':events:' .. string.sub(run.registration, 1, 2)
  redis.call('XADD', key, 'MAXLEN', '~', 10000, run.first, 'r', run.registration, 'to', run.last)
end

local run
for _, event in ipairs(plan.events) do
  local registration = event[1]
  local id = redis.call('XADD', prefix .. ':events', '*', 'r', registration, 'at', event[2], 'type', event[3], 'id', event[4])
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
if run then note(run) end
for i, record in ipairs(plan.audit) do
  redis.call('XADD', prefix .. ':audit', record[1] .. '-0', 'record', ARGV[i + 1], 'hash', record[3])
  if record[2] ~= '' then redis.call('ZADD', prefix .. ':audit:' .. record[2], record[1], record[1]) end
end
local last = plan.audit[#plan.audit]
if last then redis.call('HSET', prefix .. ':head', 'number', last[1], 'hash', last[3]) end
return {1, redis.call('XLEN', prefix .. ':events')}
