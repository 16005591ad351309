-- Read one page of each of several listings for a caller.
-- KEYS  1 registration prefix
-- ARGV  1 token digest ('' when the server itself asks)  2 now (Unix seconds)  3 '1' to stop when a Grant is due
--       4 JSON array of listings: groups (arrays of index names, the first group or ids drive), ids (local, optional),
--         created ({index, from, to}, optional), from (lowest position, optional), cursor, newer, limit, suffixes
-- Returns {token or false, due (0/1), page…}; a page is {positions, fields, 1 if newer ones exist, 1 if older ones exist}, where
-- fields holds, for every object and every suffix, the field of :o. Only {false} when the token is refused.
local prefix, now = KEYS[1], tonumber(ARGV[2])
local token = false
if ARGV[1] ~= '' then
  token = bearer(prefix, ARGV[1], now)
  if not token then return {false} end
end
if ARGV[3] == '1' and #redis.call('ZRANGEBYSCORE', prefix .. ':due', '-inf', now, 'LIMIT', 0, 1) > 0 then
  return {token, 1}
end

local BATCH = 200

local function index_key(name) return prefix .. ':i:' .. name end

-- The group with the fewest entries: walking it finds the matches soonest.
local function smallest_group(groups)
  if #groups == 1 then return 1 end
  local best, best_size
  for number, group in ipairs(groups) do
    local size = 0
    for _, name in ipairs(group) do size = size + redis.call('ZCARD', index_key(name)) end
    if not best or size < best_size then best, best_size = number, size end
  end
  return best
end

local function admits(listing, driver, id)
  for number, group in ipairs(listing.groups) do
    if number ~= driver then
      local inside = false
      for _, name in ipairs(group) do
        if redis.call('ZSCORE', index_key(name), id) then inside = true break end
      end
      if not inside then return false end
    end
  end
  if listing.created then
    local at = tonumber(redis.call('ZSCORE', index_key(listing.created[1]), id))
    if not at or at < listing.created[2] or at > listing.created[3] then return false end
  end
  return true
end

local function batch_of(key, newer, edge, lowest, size)
  if newer then return redis.call('ZRANGEBYSCORE', key, edge, '+inf', 'WITHSCORES', 'LIMIT', 0, size) end
  return redis.call('ZREVRANGEBYSCORE', key, edge, lowest, 'WITHSCORES', 'LIMIT', 0, size)
end

-- Whether everything in the index that drives a listing matches, so that no more has to be read than is wanted.
local function is_plain(listing) return #listing.groups == 1 and not listing.created end

-- Up to `want` matches beyond `edge` from one index, appended to `found`.
local function walk(listing, driver, name, newer, edge, want, found, seen)
  local kept, lowest, plain = 0, listing.from or '-inf', is_plain(listing)
  local size = plain and want or BATCH
  repeat
    local batch = batch_of(index_key(name), newer, edge, lowest, size)
    for i = 1, #batch, 2 do
      if kept < want and not seen[batch[i]] and (plain or admits(listing, driver, batch[i])) then
        seen[batch[i]] = true
        found[#found + 1] = {batch[i], batch[i + 1], tonumber(batch[i + 1])}
        kept = kept + 1
      end
    end
    if #batch > 0 then edge = '(' .. batch[#batch] end
  until #batch < 2 * size or kept >= want
end

-- The named ids that match and lie beyond the cursor.
local function pick(listing, newer, cursor, found)
  local seen = {}
  for _, id in ipairs(listing.ids) do
    local position = redis.call('ZSCORE', index_key(listing.all), id)
    local at = tonumber(position)
    if at and not seen[id] and (not cursor or (newer and at > cursor) or (not newer and at < cursor)) then
      seen[id] = true
      if admits(listing, 0, id) then found[#found + 1] = {id, position, at} end
    end
  end
end

-- Up to `want` matches in the order of the walk, nearest to the cursor first.
local function matching(listing, newer, cursor, want)
  local found, driver = {}, nil
  if listing.ids then
    pick(listing, newer, cursor, found)
  else
    local edge = cursor and ('(' .. string.format('%.0f', cursor)) or (newer and '-inf' or '+inf')
    local seen = {}
    driver = smallest_group(listing.groups)
    for _, name in ipairs(listing.groups[driver]) do
      walk(listing, driver, name, newer, edge, want, found, seen)
    end
  end
  if listing.ids or #listing.groups[driver] > 1 then
    table.sort(found, function(a, b)
      if newer then return a[3] < b[3] end
      return a[3] > b[3]
    end)
  end
  while #found > want do table.remove(found) end
  return found
end

local function reversed(list)
  local other = {}
  for i = #list, 1, -1 do other[#other + 1] = list[i] end
  return other
end

local function page(listing)
  local found = matching(listing, listing.newer, listing.cursor, listing.limit + 1)
  local further = #found > listing.limit
  if further then table.remove(found) end
  local back = 0
  if listing.cursor then
    local edge = found[1] and found[1][3] or listing.cursor
    back = #matching(listing, not listing.newer, edge, 1)
  end
  if listing.newer then found = reversed(found) end
  local positions, names = {}, {}
  for _, entry in ipairs(found) do
    positions[#positions + 1] = entry[2]
    for _, suffix in ipairs(listing.suffixes) do names[#names + 1] = entry[1] .. suffix end
  end
  local fields = {}
  if #names > 0 then fields = redis.call('HMGET', prefix .. ':o', unpack(names)) end
  local on = further and 1 or 0
  if listing.newer then return {positions, fields, on, back} end
  return {positions, fields, back, on}
end

local answer = {token, 0}
for _, listing in ipairs(cjson.decode(ARGV[4])) do answer[#answer + 1] = page(listing) end
return answer
