-- Hand events to a consumer of a group: those that another one has had for too long, then new ones. Consumers that have
-- nothing left and have not asked for too long are gone for good, since every process has a name of its own.
-- KEYS  1 stream of events
-- ARGV  1 group  2 consumer  3 how many at most  4 how long is too long (ms)
-- Returns entries. A group that is not there yet begins with the oldest event.
local events, group, consumer, limit = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])

local function ask(...)
  local answer = redis.pcall(...)
  if type(answer) == 'table' and answer.err then
    if not string.find(tostring(answer.err), 'NOGROUP', 1, true) then return nil, answer end
    redis.call('XGROUP', 'CREATE', events, group, '0', 'MKSTREAM')
    answer = redis.call(...)
  end
  return answer
end

local claimed, failure = ask('XAUTOCLAIM', events, group, consumer, ARGV[4], '0-0', 'COUNT', limit)
if failure then return failure end
local entries = claimed[2]
if #entries < limit then
  local more = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', limit - #entries, 'STREAMS', events, '>')
  for _, entry in ipairs(more and more[1] and more[1][2] or {}) do entries[#entries + 1] = entry end
end
for _, flat in ipairs(redis.call('XINFO', 'CONSUMERS', events, group)) do
  local one = {}
  for i = 1, #flat, 2 do one[flat[i]] = flat[i + 1] end
  if one['name'] ~= consumer and one['pending'] == 0 and one['idle'] > tonumber(ARGV[4]) then
    redis.call('XGROUP', 'DELCONSUMER', events, group, one['name'])
  end
end
return entries
