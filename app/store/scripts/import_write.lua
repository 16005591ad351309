-- Write keys of one prefix as an export has them.
-- KEYS  1 prefix
-- ARGV  1 id of the import, to mark a registration with until it is complete, or ''  2 '1' for the first part of what belongs
--       together  3 '1' when a registration that is there already is to be left as it is
--       then for each key: the end of its name, type, Unix millisecond at which it expires or -1, how many values, and these
-- Returns 1, or 0 when nothing was done because it is there: whole, not the half that this import has left behind.
local prefix, import = KEYS[1], ARGV[1]
local mark = prefix .. ':import'
local commands = {hash = 'HSET', zset = 'ZADD', set = 'SADD'}
if ARGV[3] == '1' and redis.call('EXISTS', prefix .. ':r') == 1 and redis.call('GET', mark) ~= import then return 0 end
if import ~= '' then redis.call('SET', mark, import) end

local at = 4
while at < #ARGV do
  local key, type_, expires, count = prefix .. ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  local first, last = at + 4, at + 3 + count
  if ARGV[2] == '1' then redis.call('DEL', key) end
  if type_ == 'string' then
    redis.call('SET', key, ARGV[first])
  else
    for from = first, last, 1000 do redis.call(commands[type_], key, unpack(ARGV, from, math.min(from + 999, last))) end
  end
  if expires ~= '-1' then redis.call('PEXPIREAT', key, expires) end
  at = last + 1
end
return 1
