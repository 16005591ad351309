-- Hand events to a consumer of a group: those that another one has had for too long, those that it did not finish itself,
-- then new ones. Consumers that have nothing left and have not asked for too long are gone for good, since every process has
-- a name of its own.
-- KEYS  1 stream of events
-- ARGV  1 group  2 consumer  3 how many at most  4 how long is too long (ms)
--       5 the types of new ones that are wanted, on lines of their own; '' for all. The group is done with others at once, and
--         they are never noted as taken, which is half of what an event costs.
-- Returns {entries, 1 if there may be more}. A group that is not there yet begins with the oldest event.
local events, group, consumer, limit = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])

-- Each once. Those that the feed has forgotten meanwhile have no fields.
local entries, known = {}, {}
local function add(found)
  for _, entry in ipairs(found or {}) do
    if entry[2] and not known[entry[1]] and #entries < limit then entries[#entries + 1] = entry end
    known[entry[1]] = true
  end
end

local function ask(...)
  local answer = redis.pcall(...)
  if type(answer) == 'table' and answer.err then
    if not string.find(tostring(answer.err), 'NOGROUP', 1, true) then return nil, answer end
    redis.call('XGROUP', 'CREATE', events, group, '0', 'MKSTREAM')
    answer = redis.call(...)
  end
  return answer
end

local SCANNED, SCANS = 500, 4

local wanted = {}
for type in string.gmatch(ARGV[5], '[^\n]+') do wanted[type] = true end

local function is_wanted(fields)
  for i = 1, #fields, 2 do
    if fields[i] == 'type' then return wanted[fields[i + 1]] end
  end
end

-- Look through new entries for those that are wanted, and note these as taken; whether there may be more.
local function pick()
  for _ = 1, SCANS do
    local answer = redis.call(
      'XREADGROUP', 'GROUP', group, consumer, 'COUNT', SCANNED, 'NOACK', 'STREAMS', events, '>')
    local found = answer and answer[1] and answer[1][2] or {}
    for _, entry in ipairs(found) do
      if is_wanted(entry[2]) then
        redis.call('XCLAIM', events, group, consumer, 0, entry[1], 'FORCE', 'JUSTID')
        add({entry})
      end
    end
    if #found < SCANNED then return false end
    if #entries >= limit then return true end
  end
  return true
end

local function read(from, count)
  local answer = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', count, 'STREAMS', events, from)
  add(answer and answer[1] and answer[1][2])
end

local claimed, failure = ask('XAUTOCLAIM', events, group, consumer, ARGV[4], '0-0', 'COUNT', limit)
if failure then return failure end
add(claimed[2])
read('0', limit)
local more = #entries >= limit
if not more then
  if ARGV[5] == '' then read('>', limit - #entries) else more = pick() end
end
for _, flat in ipairs(redis.call('XINFO', 'CONSUMERS', events, group)) do
  local one = {}
  for i = 1, #flat, 2 do one[flat[i]] = flat[i + 1] end
  if one['name'] ~= consumer and one['pending'] == 0 and one['idle'] > tonumber(ARGV[4]) then
    redis.call('XGROUP', 'DELCONSUMER', events, group, one['name'])
  end
end
return {entries, more and 1 or 0}
