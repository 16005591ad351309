-- Read one page of each of several listings for a caller.
-- KEYS  1 registration prefix
-- ARGV  1 token digest ('' when the server itself asks)  2 now (Unix seconds)  3 '1' to stop when a Grant is due
--       4 JSON array of listings: groups (arrays of index names, the first group or ids drive), ids (local, optional),
--         created ({index, from, to}, optional), from (lowest position, optional), cursor, newer, limit, suffixes
-- Returns {token or false, due (0/1), page…}; a page is {positions, fields, 1 if newer ones exist, 1 if older ones exist}, where
-- fields holds, for every object and every suffix, the field of :o. Only {false} when the token is refused.
local prefix, now = KEYS[1], tonumber(ARGV[2])
local token, stop = admitted(prefix, ARGV[1], now, ARGV[3] == '1')
if stop then return stop end

-- A walk that finds few in its first batch, or too few in all that it may look at, is over: what matches is worked out as a whole
-- then, because nobody knows how far it is to the next match.
local FIRST_BATCH, BATCH, WALKED, FEW, MOST_WAYS = 200, 1000, 2200, 10, 64

local function index_key(name) return prefix .. ':i:' .. name end

-- The group with the fewest entries, and how many: walking it finds the matches soonest.
local function smallest_group(groups)
  local best, best_size
  for number, group in ipairs(groups) do
    local size = 0
    for _, name in ipairs(group) do size = size + redis.call('ZCARD', index_key(name)) end
    if not best or size < best_size then best, best_size = number, size end
  end
  return best, best_size
end

local function scores(key, ids) return redis.call('ZMSCORE', key, unpack(ids)) end

-- Those of some ids (BATCH of them at most) that are in every group but the one that they were found by, and that were created when
-- the listing says.
local function admitted(listing, driver, ids)
  for number, group in ipairs(listing.groups) do
    if number ~= driver and #ids > 0 then
      local inside, kept = {}, {}
      for _, name in ipairs(group) do
        for at, score in ipairs(scores(index_key(name), ids)) do inside[at] = inside[at] or score end
      end
      for at, id in ipairs(ids) do if inside[at] then kept[#kept + 1] = id end end
      ids = kept
    end
  end
  if not listing.created or driver == 'created' or #ids == 0 then return ids end
  local kept = {}
  for at, second in ipairs(scores(index_key(listing.created[1]), ids)) do
    local created = second and tonumber(second)
    if created and created >= listing.created[2] and created <= listing.created[3] then kept[#kept + 1] = ids[at] end
  end
  return kept
end

local function batch_of(key, newer, edge, lowest, size)
  if newer then return redis.call('ZRANGEBYSCORE', key, edge, '+inf', 'WITHSCORES', 'LIMIT', 0, size) end
  return redis.call('ZREVRANGEBYSCORE', key, edge, lowest, 'WITHSCORES', 'LIMIT', 0, size)
end

-- Whether everything in the index that drives a listing matches, so that no more has to be read than is wanted.
local function is_plain(listing) return #listing.groups == 1 and not listing.created end

-- Up to `want` matches beyond `edge` from an index of which every entry matches, appended to `found`.
local function take(listing, name, newer, edge, want, found, seen)
  local batch = batch_of(index_key(name), newer, edge, listing.from or '-inf', want)
  for i = 1, #batch, 2 do
    if not seen[batch[i]] then
      seen[batch[i]] = true
      found[#found + 1] = {batch[i], batch[i + 1], tonumber(batch[i + 1])}
    end
  end
end

-- The same of an index of which not every entry matches, among `left` entries; false when there may be matches further on.
local function walk(listing, driver, name, newer, edge, want, found, seen, left)
  local kept, size = 0, FIRST_BATCH
  repeat
    local batch = batch_of(index_key(name), newer, edge, listing.from or '-inf', size)
    local ids, position = {}, {}
    for i = 1, #batch, 2 do
      if not seen[batch[i]] then
        ids[#ids + 1] = batch[i]
        position[batch[i]] = batch[i + 1]
      end
    end
    for _, id in ipairs(admitted(listing, driver, ids)) do
      if kept < want then
        seen[id] = true
        found[#found + 1] = {id, position[id], tonumber(position[id])}
        kept = kept + 1
      end
    end
    if #batch > 0 then edge = '(' .. batch[#batch] end
    left = left - size
    if #batch < 2 * size or kept >= want then return true end
    if kept < FEW and left < math.huge then return false end
    size = BATCH
  until left <= 0
  return false
end

-- Nearest to the cursor first.
local function in_order(found, newer)
  table.sort(found, function(a, b)
    if newer then return a[3] < b[3] end
    return a[3] > b[3]
  end)
end

local function shorten(found, want)
  for number = #found, want + 1, -1 do found[number] = nil end
end

-- Adds ids to `found` that are beyond the cursor, but never keeps many more than are wanted.
local function gather(found, ids, positions, newer, cursor, want)
  for number, id in ipairs(ids) do
    local position = positions[number]
    local at = position and tonumber(position)
    if at and (not cursor or (newer and at > cursor) or (not newer and at < cursor)) then
      found[#found + 1] = {id, position, at}
    end
  end
  if #found > want + 2 * BATCH then
    in_order(found, newer)
    shorten(found, want)
  end
end

-- The matches of a listing, found by when they were created; `count` objects were.
local function by_creation(listing, newer, cursor, want, count)
  local found, key = {}, index_key(listing.created[1])
  local first = redis.call('ZCOUNT', key, '-inf', '(' .. string.format('%.0f', listing.created[2]))
  for from = first, first + count - 1, BATCH do
    local ids = redis.call('ZRANGE', key, from, math.min(from + BATCH, first + count) - 1)
    local kept = admitted(listing, 'created', ids)
    if #kept > 0 then gather(found, kept, scores(index_key(listing.all), kept), newer, cursor, want) end
  end
  return found
end

-- Every way to take one index of each group; nil when there are very many.
local function combinations(groups)
  local ways = {{}}
  for _, group in ipairs(groups) do
    if #ways * #group > MOST_WAYS then return nil end
    local longer = {}
    for _, way in ipairs(ways) do
      for _, name in ipairs(group) do
        local one = {unpack(way)}
        one[#one + 1] = index_key(name)
        longer[#longer + 1] = one
      end
    end
    ways = longer
  end
  return ways
end

-- The matches of a listing, found by what its indexes have in common.
local function by_intersection(ways, newer, cursor, want)
  local found, seen = {}, {}
  for _, way in ipairs(ways) do
    local ids, positions, arguments = {}, {}, {'AGGREGATE', 'MAX', 'WITHSCORES'}
    for at = #way, 1, -1 do table.insert(arguments, 1, way[at]) end
    local common = redis.call('ZINTER', #way, unpack(arguments))
    for i = 1, #common, 2 do
      if not seen[common[i]] then
        seen[common[i]] = true
        ids[#ids + 1], positions[#positions + 1] = common[i], common[i + 1]
      end
    end
    gather(found, ids, positions, newer, cursor, want)
  end
  return found
end

-- Up to `want` matches of a listing that more than one thing narrows down, in any order.
local function filtered(listing, newer, cursor, edge, want)
  local count = listing.created and redis.call('ZCOUNT', index_key(listing.created[1]), listing.created[2], listing.created[3])
  if count and count <= FIRST_BATCH then return by_creation(listing, newer, cursor, want, count) end
  local driver, size = smallest_group(listing.groups)
  local function walked(left)
    local found, seen, ended = {}, {}, true
    for _, name in ipairs(listing.groups[driver]) do
      ended = walk(listing, driver, name, newer, edge, want, found, seen, left) and ended
    end
    return ended and found
  end
  local found = walked(WALKED)
  if found then return found end
  if count and count <= size then return by_creation(listing, newer, cursor, want, count) end
  local ways = not count and combinations(listing.groups)
  if ways then return by_intersection(ways, newer, cursor, want) end
  return walked(math.huge)
end

-- The named ids that match and lie beyond the cursor.
local function pick(listing, newer, cursor)
  local found, seen = {}, {}
  for from = 1, #listing.ids, BATCH do
    local ids = {}
    for at = from, math.min(from + BATCH - 1, #listing.ids) do
      local id = listing.ids[at]
      if not seen[id] then
        seen[id] = true
        ids[#ids + 1] = id
      end
    end
    ids = admitted(listing, 0, ids)
    if #ids > 0 then gather(found, ids, scores(index_key(listing.all), ids), newer, cursor, math.huge) end
  end
  return found
end

-- Up to `want` matches in the order of the walk, nearest to the cursor first.
local function matching(listing, newer, cursor, want)
  local edge = cursor and ('(' .. string.format('%.0f', cursor)) or (newer and '-inf' or '+inf')
  local found = {}
  if listing.ids then
    found = pick(listing, newer, cursor)
  elseif is_plain(listing) then
    local seen = {}
    for _, name in ipairs(listing.groups[1]) do take(listing, name, newer, edge, want, found, seen) end
  else
    found = filtered(listing, newer, cursor, edge, want)
  end
  in_order(found, newer)
  shorten(found, want)
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
