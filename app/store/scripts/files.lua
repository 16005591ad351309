-- One page of the Server-Provided Files that a grant admin token opens (CDS-WG1-02 section 9).
-- A file is opened only by an entry of the enabled authorization details of the Grant that the token was issued for. The type of
-- the entry has to be a files scope that is enabled in that Grant and that this token's grant admin scope opens.
-- KEYS  1 registration prefix
-- ARGV  1 token digest  2 now (Unix seconds)  3 '1' to stop when a Grant is due
--       4 JSON object: scopes (files scope to the grant admin scope that opens it), ids (optional), cursor (position, optional),
--         newer (towards newer ones), limit, suffixes
-- Returns {token or false, due (0/1), what, page}; only {false} when the token is refused. `what` is 'none' when the token opens
-- no Grant of a files scope, 'closed' when that Grant gives no access now, else 'open' with a page as page.lua has it.
local prefix, now = KEYS[1], tonumber(ARGV[2])
local token = bearer(prefix, ARGV[1], now)
if not token then return {false} end
if ARGV[3] == '1' and #redis.call('ZRANGEBYSCORE', prefix .. ':due', '-inf', now, 'LIMIT', 0, 1) > 0 then
  return {token, 1}
end
local asked = cjson.decode(ARGV[4])

local function words(text)
  local set = {}
  for word in string.gmatch(text, '%S+') do set[word] = true end
  return set
end

-- The files scopes of a scope string that the token's own scope opens.
local function opened_scopes(scope)
  local own, opened = words(cjson.decode(string.match(token, '\n([^\n]*)$')).scope), {}
  for id in pairs(words(scope)) do
    if asked.scopes[id] and own[asked.scopes[id]] then opened[id] = true end
  end
  return opened
end

-- Anything but one of our file ids would name another field of :o.
local function is_file_id(id) return type(id) == 'string' and string.match(id, '^f[0-9a-z]+$') ~= nil end

-- {file_id, position, position as a number} of every opened file that is asked for, most recently modified first.
local function opened_files(grant)
  local scopes, wanted, seen, files = opened_scopes(grant.enabled_scope), nil, {}, {}
  if asked.ids then
    wanted = {}
    for _, id in ipairs(asked.ids) do wanted[id] = true end
  end
  for _, entry in ipairs(grant.enabled_authorization_details) do
    local id = entry.file_id
    if scopes[entry.type] and is_file_id(id) and not seen[id] and (not wanted or wanted[id]) then
      seen[id] = true
      local position = redis.call('ZSCORE', prefix .. ':i:files', id)
      if position then files[#files + 1] = {id, position, tonumber(position)} end
    end
  end
  table.sort(files, function(a, b)
    if a[3] == b[3] then return a[1] > b[1] end
    return a[3] > b[3]
  end)
  return files
end

-- The numbers of the first and the last file of the page.
local function bounds(files)
  local first, last = 1, #files
  if asked.cursor and asked.newer then
    while last > 0 and files[last][3] <= asked.cursor do last = last - 1 end
    return math.max(1, last - asked.limit + 1), last
  end
  if asked.cursor then
    while first <= #files and files[first][3] >= asked.cursor do first = first + 1 end
  end
  return first, math.min(#files, first + asked.limit - 1)
end

local function page(files)
  local first, last = bounds(files)
  local positions, names, fields = {}, {}, {}
  for number = first, last do
    positions[#positions + 1] = files[number][2]
    for _, suffix in ipairs(asked.suffixes) do names[#names + 1] = files[number][1] .. suffix end
  end
  if #names > 0 then fields = redis.call('HMGET', prefix .. ':o', unpack(names)) end
  return {positions, fields, first > 1 and 1 or 0, last < #files and 1 or 0}
end

local target = string.match(token, '^[^\n]*\n[^\n]*\n[^\n]*\n([^\n]*)\n')
local stored = target ~= '' and redis.call('HGET', prefix .. ':o', target)
if not stored then return {token, 0, 'none'} end
-- Our own URLs are stored with the byte 1 in front, which no JSON parser accepts.
local grant = cjson.decode((string.gsub(stored, '\1', '')))
if next(opened_scopes(grant.scope)) == nil then return {token, 0, 'none'} end
if grant.enabled_scope == '' then return {token, 0, 'closed'} end
return {token, 0, 'open', page(opened_files(grant))}
