-- Put objects into the indexes where they belong, and out of others, unless they have changed since they were read.
-- KEYS  1 registration prefix
-- ARGV  1 JSON array of entries  then document and internal part of each as they were read ('' when there is none)
-- Entry: id (local); at (Unix second of modification); add (indexes, the one of all such objects first); drop (indexes);
--        created ({index, second}, optional); due (second, or false, optional); auth ({digest, value}, optional).
-- Objects keep the position that one of their indexes knows. Where none does, they get the next one of their second.
-- Returns how many index entries were not as they should be.
local prefix = KEYS[1]
local mended = 0

local function index_key(name) return prefix .. ':i:' .. name end

local function is_as_read(entry, number)
  local fields = redis.call('HMGET', prefix .. ':o', entry.id, entry.id .. '!')
  return (fields[1] or '') == ARGV[2 * number] and (fields[2] or '') == ARGV[2 * number + 1]
end

local function position_of(entry)
  for _, name in ipairs(entry.add) do
    local position = redis.call('ZSCORE', index_key(name), entry.id)
    if position and math.floor(tonumber(position) / 1000000) == entry.at then return tonumber(position) end
  end
  return entry.at * 1000000 + redis.call('HINCRBY', prefix .. ':r', 'rev', 1) % 1000000
end

local function set_score(key, id, wanted)
  local present = redis.call('ZSCORE', key, id)
  if present and tonumber(present) == wanted then return end
  redis.call('ZADD', key, string.format('%.0f', wanted), id)
  mended = mended + 1
end

local function mend(entry)
  if #entry.add > 0 then
    local position = position_of(entry)
    for _, name in ipairs(entry.add) do set_score(index_key(name), entry.id, position) end
  end
  for _, name in ipairs(entry.drop) do mended = mended + redis.call('ZREM', index_key(name), entry.id) end
  if entry.created then set_score(index_key(entry.created[1]), entry.id, entry.created[2]) end
  if entry.due then
    set_score(prefix .. ':due', entry.id, entry.due)
  elseif entry.due == false then
    mended = mended + redis.call('ZREM', prefix .. ':due', entry.id)
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
