-- Read a page of broadcasts.
-- KEYS  1 prefix of the broadcasts
-- ARGV  1 position beyond which it begins, or ''  2 '1' towards newer ones, '' towards older ones  3 how many at most
-- Returns a list of position, JSON, number sent and second of completion or false, newest first; whether there are newer
-- ones (0 or 1), and whether there are older ones.
local list, limit = KEYS[1] .. ':list', tonumber(ARGV[3])
local command, edge = 'ZREVRANGEBYSCORE', '-inf'
if ARGV[2] == '1' then command, edge = 'ZRANGEBYSCORE', '+inf' end
local start = ARGV[1] ~= '' and '(' .. ARGV[1] or (ARGV[2] == '1' and '-inf' or '+inf')
local found = redis.call(command, list, start, edge, 'WITHSCORES', 'LIMIT', 0, limit)
local page = {}
for at = 1, #found, 2 do
  local fields = redis.call('HMGET', KEYS[1] .. ':b:' .. found[at], 'body', 'sent', 'completed')
  local entry = {found[at + 1], fields[1], fields[2], fields[3]}
  if ARGV[2] == '1' then table.insert(page, 1, entry) else page[#page + 1] = entry end
end
if #page == 0 then return {page, 0, 0} end
local newer = redis.call('ZCOUNT', list, '(' .. page[1][1], '+inf')
local older = redis.call('ZCOUNT', list, '-inf', '(' .. page[#page][1])
return {page, newer > 0 and 1 or 0, older > 0 and 1 or 0}
