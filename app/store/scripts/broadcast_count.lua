-- Count the registrations of a shard that are in any of some indexes.
-- KEYS  1 shard prefix
-- ARGV  1 '1' when no registration is in two of them, else ''  2… names of indexes
-- Returns the number.
local names = {}
for at = 2, #ARGV do names[#names + 1] = KEYS[1] .. ':d:' .. ARGV[at] end
if ARGV[1] == '' then return #redis.call('ZUNION', #names, unpack(names)) end
local count = 0
for _, name in ipairs(names) do count = count + redis.call('ZCARD', name) end
return count
