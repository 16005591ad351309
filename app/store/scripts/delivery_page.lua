-- Read a page of the deliveries of a webhook.
-- KEYS  1 prefix of the deliveries
-- ARGV  1 webhook_id  2 a status, or 'all'  3 position beyond which it begins, or ''  4 '1' towards newer ones, '' towards older
--       ones  5 how many at most
-- Returns a list of position, JSON, state, attempts or false, and when it is due (Unix seconds) or false, newest first; whether
-- there are newer ones (0 or 1), and whether there are older ones.
local prefix, due = KEYS[1], KEYS[1] .. ':due:' .. ARGV[1]
local list = prefix .. ':list:' .. ARGV[1] .. ':' .. ARGV[2]
local command, edge = 'ZREVRANGEBYSCORE', '-inf'
if ARGV[4] == '1' then command, edge = 'ZRANGEBYSCORE', '+inf' end
local start = ARGV[3] ~= '' and '(' .. ARGV[3] or (ARGV[4] == '1' and '-inf' or '+inf')
local found = redis.call(command, list, start, edge, 'WITHSCORES', 'LIMIT', 0, tonumber(ARGV[5]))
local page = {}
for at = 1, #found, 2 do
  local id = found[at]
  local fields = redis.call('HMGET', prefix .. ':queued', id, id .. '!', id .. '#')
  local entry = {found[at + 1], fields[1], fields[2], fields[3], redis.call('ZSCORE', due, id)}
  if ARGV[4] == '1' then table.insert(page, 1, entry) else page[#page + 1] = entry end
end
if #page == 0 then return {page, 0, 0} end
local newer = redis.call('ZCOUNT', list, '(' .. page[1][1], '+inf')
local older = redis.call('ZCOUNT', list, '-inf', '(' .. page[#page][1])
return {page, newer > 0 and 1 or 0, older > 0 and 1 or 0}
