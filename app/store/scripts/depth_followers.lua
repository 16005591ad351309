-- How far the feed has got, and how far those who follow it.
-- KEYS  1 prefix of the feed
-- Returns the position in each source (a flat list of source, position), and of each follower its name and how many events it has
-- not taken; a follower of which the store does not know that is left out.
local lags = {}
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1] .. ':events')  -- an error as long as there is no event
for _, flat in ipairs(groups.err and {} or groups) do
  local facts = {}
  for i = 1, #flat, 2 do facts[flat[i]] = flat[i + 1] end
  if facts['lag'] then lags[#lags + 1], lags[#lags + 2] = facts['name'], facts['lag'] end
end
return {redis.call('HGETALL', KEYS[1] .. ':positions'), lags}
