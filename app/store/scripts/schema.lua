-- Note that servers of a version work with the store, unless the store does not suit them.
-- KEYS  1 schema version  2 the version whose indexes have still to be made
-- ARGV  1 version of the server  2 '1' when its indexes are not those of the version before
-- Returns the version that the store had, and the one whose indexes have still to be made or 0.
local own = tonumber(ARGV[1])
local found = tonumber(redis.call('GET', KEYS[1]) or own)
local pending = tonumber(redis.call('GET', KEYS[2]) or 0)
local is_next = found == own - 1 and pending == 0
if found == own or is_next then redis.call('SET', KEYS[1], own) end
if is_next and ARGV[2] == '1' then
  redis.call('SET', KEYS[2], own)
  pending = own
end
return {found, pending}
