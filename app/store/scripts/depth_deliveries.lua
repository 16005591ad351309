-- How many deliveries wait or were given up, and how many broadcasts are under way.
-- KEYS  1 prefix of the deliveries  2 prefix of the webhooks  3 prefix of the broadcasts
-- Returns how many webhooks are turned on, how many deliveries to them wait, since when the oldest of those does (Unix seconds,
-- 0 when there is none), how many are dead, of all webhooks, how many broadcasts are under way.
local waiting, dead, oldest = 0, 0, 0
for _, field in ipairs(redis.call('HKEYS', KEYS[2] .. ':o')) do
  if not string.find(field, '[$@+]') then
    local list = KEYS[1] .. ':list:' .. field .. ':'
    dead = dead + redis.call('ZCARD', list .. 'dead')
    local count = redis.call('ZCARD', list .. 'waiting')
    if count > 0 and redis.call('SISMEMBER', KEYS[2] .. ':active', field) == 1 then
      waiting = waiting + count
      local position = tonumber(redis.call('ZRANGE', list .. 'waiting', 0, 0, 'WITHSCORES')[2])
      local since = math.floor(position / 1000000)  -- see delivery_add.lua
      if oldest == 0 or since < oldest then oldest = since end
    end
  end
end
return {redis.call('SCARD', KEYS[2] .. ':active'), waiting, oldest, dead, redis.call('SCARD', KEYS[3] .. ':running')}
