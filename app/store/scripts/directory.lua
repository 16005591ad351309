-- Read the entries of shards that come next after a place, from one or several indexes that have no entry in common.
-- KEYS  shard prefixes, those of one slot in a cluster; elsewhere all of them, because a call costs more than what it does
-- ARGV  1 position of the place ('' at the beginning)  2 its member  3 '1' on the way to newer entries, '0' to older ones
--       4 how many entries of each shard  5 how many registrations of each index to look at for words, while they are looked at
--       one by one  6 how many indexes  then their names  then words (of a search for registrations), each of which has to begin a
--       word of the registration
-- Returns of each shard {1 if there are entries at the place or behind it, position and member up to which everything was looked at
-- ('' when that is everything), position and member of each entry…}, entries in the order of the way.
-- What a call looks at is bounded: when more registrations have the words than is good for sorting them all, the indexes are
-- walked through in their order instead, where the next ones are near then, and only so far.
local BATCH, MOST_LISTED, MOST_AT_ONCE, ID_LENGTH = 50, 2000, 1000, 14

local shard  -- the prefix of the one that is looked at
local member, newer, want, depth = ARGV[2], ARGV[3] == '1', tonumber(ARGV[4]), tonumber(ARGV[5])
local position = tonumber(ARGV[1])
local names, words = {}, {}
for at = 7, #ARGV do
  local list = at < 7 + tonumber(ARGV[6]) and names or words
  list[#list + 1] = ARGV[at]
end

-- An index that no shard has is asked for once, not in every shard: most types of Messages and statuses are rare.
local function in_use(name)
  if #KEYS == 1 then return true end
  local found = {}
  for number, prefix in ipairs(KEYS) do found[number] = prefix .. ':d:' .. name end
  return redis.call('EXISTS', unpack(found)) > 0
end

for at = #names, 1, -1 do
  if not in_use(names[at]) then table.remove(names, at) end
end

local FORTH, BACK = 'ZREVRANGE', 'ZRANGE'
if newer then FORTH, BACK = BACK, FORTH end

local function index_key(name) return shard .. ':d:' .. name end

-- The order of Redis: bytes decide, whatever the language of the machine is.
local function less(a, b)
  for at = 1, math.min(#a, #b) do
    local x, y = string.byte(a, at), string.byte(b, at)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- Whether one {position, member} comes before another on the way.
local function before(a, b)
  if not newer then a, b = b, a end
  if a[1] ~= b[1] then return a[1] < b[1] end
  return less(a[2], b[2])
end

local place = position and {position, member}

local function sorted(entries)
  table.sort(entries, before)
  while #entries > want do table.remove(entries) end
  return entries
end

-- How many entries of an index are at the place or behind it. Those of one position may be many, so they are halved.
local function passed(key)
  if not position then return 0 end
  local low
  if newer then
    low = redis.call('ZCOUNT', key, '-inf', '(' .. ARGV[1])
  else
    low = redis.call('ZCOUNT', key, '(' .. ARGV[1], '+inf')
  end
  local high = low + redis.call('ZCOUNT', key, ARGV[1], ARGV[1])
  while low < high do
    local middle = math.floor((low + high) / 2)
    local found = redis.call(FORTH, key, middle, middle)[1]
    if before(place, {position, found}) then high = middle else low = middle + 1 end
  end
  return low
end

-- The entry of a list that comes next on the way, of those that have not been taken.
local function next_of(list)
  local batch, at = list.batch, list.at
  list.head = batch[at] and {tonumber(batch[at + 1]), batch[at]}
  list.at = at + 2
  return list.head
end

-- The first entries of lists that are in order. Few are wanted of many, so that sorting them all would take longer.
local function merged(lists)
  local found = {}
  while #found < want do
    local best
    for _, list in ipairs(lists) do
      if list.head and (not best or before(list.head, best.head)) then best = list end
    end
    if not best then break end
    found[#found + 1] = best.head
    next_of(best)
  end
  return found
end

local function all()
  local lists, back = {}, 0
  for _, name in ipairs(names) do
    local key = index_key(name)
    local from = passed(key)
    if from > 0 then back = 1 end
    local list = {batch = redis.call(FORTH, key, from, from + want - 1, 'WITHSCORES'), at = 1}
    if next_of(list) then lists[#lists + 1] = list end
  end
  return merged(lists), back
end

-- Whether a registration has all the words, as the text says that its objects' words are kept in (see `words.lua`).
local function has_words(registration)
  local text = redis.call('HGET', shard .. string.sub(registration, 3) .. ':o', '~')
  for _, word in ipairs(words) do
    if not text or not string.find(text, '\n' .. word, 1, true) then return false end
  end
  return true
end

local function ends_of(word) return '[' .. word, '(' .. word .. '\255' end

-- The words with how many words of the shard they begin, the rarest first; nil when one begins none.
local function counted()
  local found = {}
  for number, word in ipairs(words) do
    found[number] = {word = word, count = redis.call('ZLEXCOUNT', shard .. ':words', ends_of(word))}
    if found[number].count == 0 then return nil end
  end
  table.sort(found, function(a, b) return a.count < b.count end)
  return found
end

-- The positions of registrations; false for those that are in none of the indexes.
local function positions_of(list)
  local found = {}
  for from = 1, #list, MOST_AT_ONCE do
    local to = math.min(from + MOST_AT_ONCE - 1, #list)
    for _, name in ipairs(names) do
      for at, score in ipairs(redis.call('ZMSCORE', index_key(name), unpack(list, from, to))) do
        found[from + at - 1] = found[from + at - 1] or (score and tonumber(score))
      end
    end
  end
  return found
end

-- The registrations that have a word, of those in a set if there is one; as a set and as a list.
local function having(word, among)
  local set, list = {}, {}
  for _, entry in ipairs(redis.call('ZRANGEBYLEX', shard .. ':words', ends_of(word))) do
    local from = string.find(entry, '\n', 1, true) + 1
    local registration = string.sub(entry, from, from + ID_LENGTH - 1)
    if not set[registration] and (not among or among[registration]) then
      set[registration] = true
      list[#list + 1] = registration
    end
  end
  return set, list
end

-- All registrations that have the words, those beyond the place in order. `listed` are the words that are looked up.
local function listed_with(listed)
  local found, back, set, list = {}, 0, nil, nil
  for _, one in ipairs(listed) do set, list = having(one.word, set) end
  local positions = positions_of(list)
  for at, registration in ipairs(list) do
    if positions[at] and (#listed == #words or has_words(registration)) then
      local one = {positions[at], registration}
      if not place or before(place, one) then
        found[#found + 1] = one
      else
        back = 1
      end
    end
  end
  return sorted(found), back
end

-- Up to `limit` matches from a rank of an index on, and the last entry that was looked at if there are more.
local function walk(key, command, from, limit)
  local found, left = {}, depth
  repeat
    local size = math.min(BATCH, left)
    local batch = redis.call(command, key, from, from + size - 1, 'WITHSCORES')
    for at = 1, #batch, 2 do
      if has_words(batch[at]) then found[#found + 1] = {tonumber(batch[at + 1]), batch[at]} end
      if #found == limit then return found end
    end
    from, left = from + size, left - size
    if left == 0 and #batch > 0 then return found, {tonumber(batch[#batch]), batch[#batch - 1]} end
  until #batch < 2 * size
  return found
end

local function walk_all()
  local found, back, horizon = {}, 0, nil
  for _, name in ipairs(names) do
    local key = index_key(name)
    local from = passed(key)
    local some, last = walk(key, FORTH, from, want)
    for _, one in ipairs(some) do found[#found + 1] = one end
    if last and (not horizon or before(last, horizon)) then horizon = last end
    if from > 0 and back == 0 then
      local behind, more = walk(key, BACK, redis.call('ZCARD', key) - from, 1)
      if more or #behind > 0 then back = 1 end
    end
  end
  return sorted(found), back, horizon
end

-- The words that are best looked up in the index of words, or nil when it is better to walk: the rarest, and those that are not
-- much more common. What each way costs is counted in registrations that are looked at; of a million, each of them somewhere else
-- in memory, one took as long as four entries of the index or three positions. Of N registrations with m that have the words,
-- walking looks at N / m for each, and at twice as many to be sure that no shard has a newer one; of the few that every shard is
-- asked for, one in three is used.
local function to_look_up(rarest_first)
  local total = 0
  for _, name in ipairs(names) do total = total + redis.call('ZCARD', index_key(name)) end
  local listed, entries, left, matches = {}, 0, total, total
  for _, one in ipairs(rarest_first) do
    local share = math.min(1, one.count / math.max(total, 1))
    if #listed == 0 or (one.count <= 4 * listed[1].count and entries + one.count <= MOST_LISTED) then
      listed[#listed + 1] = one
      entries, left = entries + one.count, left * share
    end
    matches = matches * share
  end
  local cost = entries / 4 + left / 3 + (#listed < #words and left or 0)
  local walking = 2 * total / math.max(matches, 1) * want / 3
  if entries <= MOST_LISTED and cost <= walking then return listed end
end

local function look()
  if #words == 0 then return all() end
  local rarest_first = counted()
  if not rarest_first then return {}, 0 end
  local listed = to_look_up(rarest_first)
  if listed then return listed_with(listed) end
  return walk_all()
end

local function written(number) return string.format('%.0f', number) end

local answer = {}
for number, prefix in ipairs(KEYS) do
  shard = prefix
  local found, back, horizon = look()
  local part = {back, horizon and written(horizon[1]) or '', horizon and horizon[2] or ''}
  for _, one in ipairs(found) do
    part[#part + 1] = written(one[1])
    part[#part + 1] = one[2]
  end
  answer[number] = part
end
return answer
