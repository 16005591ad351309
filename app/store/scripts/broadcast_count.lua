-- Count the registrations of a shard that are in any of some indexes.
-- KEYS  1 shard prefix
-- ARGV  1 how many indexes make a set; no registration is in indexes of two sets  2… names of indexes, one set after the other
-- Returns the number: what each index adds is what it has less what those behind it in its set have of it. The members are not
-- read for that, because a shard may have very many; only for sets of many indexes that would take longer than to read them.
local width, MOST_COMPARED = tonumber(ARGV[1]), 4
local names = {}
for at = 2, #ARGV do names[#names + 1] = KEYS[1] .. ':d:' .. ARGV[at] end
if width > MOST_COMPARED then return #redis.call('ZUNION', #names, unpack(names)) end

-- How many are in all of `common` and in any of the indexes from `at` to `last`.
local function united(at, last, common)
  local count = 0
  for number = at, last do
    local more = {unpack(common)}
    more[#more + 1] = names[number]
    local size = #more == 1 and redis.call('ZCARD', more[1]) or redis.call('ZINTERCARD', #more, unpack(more))
    if size > 0 then count = count + size - united(number + 1, last, more) end
  end
  return count
end

local count = 0
for first = 1, #names, width do count = count + united(first, first + width - 1, {}) end
return count
