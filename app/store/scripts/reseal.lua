-- Put newly sealed client_secrets in place of exactly those that were read.
-- KEYS  1 registration prefix
-- ARGV  triples of field of :o, what it held, what it is to hold
-- Returns how many were exchanged; the others have changed meanwhile.
local key, exchanged = KEYS[1] .. ':o', 0
for i = 1, #ARGV, 3 do
  if redis.call('HGET', key, ARGV[i]) == ARGV[i + 1] then
    redis.call('HSET', key, ARGV[i], ARGV[i + 2])
    exchanged = exchanged + 1
  end
end
return exchanged
