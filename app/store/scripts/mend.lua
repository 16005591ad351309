-- Put objects into the indexes where they belong, and out of others, unless they have changed since they were read.
-- KEYS  1 registration prefix  2 shard prefix
-- ARGV  1 JSON array of entries  then document and internal part of each as they were read ('' when there is none)
-- Entry: id (local); at (Unix second of modification); add (indexes, the one of all such objects first); drop (indexes);
--        created ({index, second}, optional); due and remind, of the registration and of the shard (second, or false, optional);
--        auth ({digest, value}, optional); full_id; enlist and delist (indexes of the shard); words (lines, optional).
-- Objects keep the position that one of their indexes knows. Where none does, they get the next one of their second.
-- Returns how many index entries were not as they should be.
local prefix, shard = KEYS[1], KEYS[2]
local mended = 0

local function index_key(name) return prefix .. ':i:' .. name end

local function shard_index_key(name) return shard .. ':d:' .. name end

local function is_as_read(entry, number)
  local fields = redis.call('HMGET', prefix .. ':o', entry.id, entry.id .. '!')
  return (fields[1] or '') == ARGV[2 * number] and (fields[2] or '') == ARGV[2 * number + 1]
end

local function known_position(entry, key, id)
  local position = redis.call('ZSCORE', key, id)
  if position and math.floor(tonumber(position) / 1000000) == entry.at then return tonumber(position) end
end

local function position_of(entry)
  for _, name in ipairs(entry.add) do
    local position = known_position(entry, index_key(name), entry.id)
    if position then return position end
  end
  for _, name in ipairs(entry.enlist) do
    local position = known_position(entry, shard_index_key(name), entry.full_id)
    if position then return position end
  end
  return entry.at * 1000000 + redis.call('HINCRBY', prefix .. ':r', 'rev', 1) % 1000000
end

local function set_score(key, id, wanted)
  local present = redis.call('ZSCORE', key, id)
  if present and tonumber(present) == wanted then return end
  redis.call('ZADD', key, string.format('%.0f', wanted), id)
  mended = mended + 1
end

local function take(key, id) mended = mended + redis.call('ZREM', key, id) end

-- A second, false for nothing, or nil where nobody says.
local function set_second(key, id, second)
  if second then
    set_score(key, id, second)
  elseif second == false then
    take(key, id)
  end
end

local function mend(entry)
  if #entry.add > 0 then
    local position = position_of(entry)
    for _, name in ipairs(entry.add) do set_score(index_key(name), entry.id, position) end
    for _, name in ipairs(entry.enlist) do set_score(shard_index_key(name), entry.full_id, position) end
  end
  for _, name in ipairs(entry.drop) do take(index_key(name), entry.id) end
  for _, name in ipairs(entry.delist) do take(shard_index_key(name), entry.full_id) end
  if entry.created then set_score(index_key(entry.created[1]), entry.id, entry.created[2]) end
  set_second(prefix .. ':due', entry.id, entry.due)
  set_second(shard .. ':due', entry.full_id, entry.remind)
  if entry.words then
    local registration = string.sub(entry.full_id, 1, 14)
    mended = mended + set_words(prefix, shard, registration, entry.id, entry.words)
  end
  if entry.auth and redis.call('HGET', prefix .. ':auth', entry.auth[1]) ~= entry.auth[2] then
    redis.call('HSET', prefix .. ':auth', entry.auth[1], entry.auth[2])
    mended = mended + 1
  end
end

for number, entry in ipairs(cjson.decode(ARGV[1])) do
  if is_as_read(entry, number) then mend(entry) end
end
return mended
