-- Note that servers of a version work with the store, if they can.
-- KEYS  1 schema version  2 the oldest version whose servers can work with the store
-- ARGV  1 version of the server
-- Returns both versions as they are now.
local own = tonumber(ARGV[1])
local version = tonumber(redis.call('GET', KEYS[1]) or own)
local oldest = tonumber(redis.call('GET', KEYS[2]) or version)
if own == version + 1 and oldest == version then version = own end
if own == version then
  redis.call('SET', KEYS[1], version)
  redis.call('SET', KEYS[2], oldest)
end
return {version, oldest}
