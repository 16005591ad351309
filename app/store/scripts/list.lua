-- Read one page of everything in one index for a caller: what page.lua does, for the listings that nothing narrows down.
-- KEYS  1 registration prefix
-- ARGV  1 token digest ('' when the server itself asks)  2 now (Unix seconds)  3 '1' to stop when a Grant is due
--       4 name of the index  5 how many objects  6 '1' to go towards newer ones  7 position of the cursor, '' for none
-- Returns {token or false, due (0/1), documents with commas in between, position of the first if newer ones exist, position of
-- the last if older ones exist}; the positions are '' where they are not needed. Only {false} when the token is refused.
local prefix, now = KEYS[1], tonumber(ARGV[2])
local token, stop = admitted(prefix, ARGV[1], now, ARGV[3] == '1')
if stop then return stop end
local key, limit, towards_newer, cursor = prefix .. ':i:' .. ARGV[4], tonumber(ARGV[5]), ARGV[6] == '1', ARGV[7]

-- Ids from the cursor on; one more than are wanted shows that there are others.
local ids
if towards_newer then
  ids = redis.call('ZRANGEBYSCORE', key, cursor == '' and '-inf' or '(' .. cursor, '+inf', 'LIMIT', 0, limit + 1)
else
  ids = redis.call('ZREVRANGEBYSCORE', key, cursor == '' and '+inf' or '(' .. cursor, '-inf', 'LIMIT', 0, limit + 1)
end
local further = #ids > limit
if further then ids[#ids] = nil end
if #ids == 0 then return {token, 0, '', '', ''} end
if towards_newer then
  for low = 1, math.floor(#ids / 2) do
    local high = #ids + 1 - low
    ids[low], ids[high] = ids[high], ids[low]
  end
end

-- Position of one of them when there is something behind the cursor, as seen from there.
local function behind(id, from, to)
  if cursor == '' then return '' end
  local position = redis.call('ZSCORE', key, id)
  return redis.call('ZCOUNT', key, from or '(' .. position, to or '(' .. position) > 0 and position or ''
end

local first, last
if towards_newer then
  first = further and redis.call('ZSCORE', key, ids[1]) or ''
  last = behind(ids[#ids], '-inf', nil)
else
  first = behind(ids[1], nil, '+inf')
  last = further and redis.call('ZSCORE', key, ids[#ids]) or ''
end
return {token, 0, table.concat(redis.call('HMGET', prefix .. ':o', unpack(ids)), ','), first, last}
