-- Read objects of a registration for a caller.
-- KEYS  1 registration prefix
-- ARGV  1 token digest ('' when the server itself asks)  2 now (Unix seconds)  3 '1' to stop when a Grant is due
--       4 number of fields  then the fields of :o  then pairs of index and local id whose positions are asked for
-- Returns {token or false, due (0/1), fields…, positions…}; only {false} when the token is refused.
local prefix, now = KEYS[1], tonumber(ARGV[2])
local token, stop = admitted(prefix, ARGV[1], now, ARGV[3] == '1')
if stop then return stop end
local count = tonumber(ARGV[4])
local answer = {token, 0}
if count > 0 then
  for _, value in ipairs(redis.call('HMGET', prefix .. ':o', unpack(ARGV, 5, 4 + count))) do
    answer[#answer + 1] = value
  end
end
for i = 5 + count, #ARGV, 2 do
  answer[#answer + 1] = redis.call('ZSCORE', prefix .. ':i:' .. ARGV[i], ARGV[i + 1])
end
return answer
