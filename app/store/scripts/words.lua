-- Prelude of the scripts that write words by which registrations are found.
-- The index of a shard, `{3f}:words`, is in alphabetical order: word, registration_id and local id of the object that has the word,
-- with line ends between them. The field '~' of :o has the words of a registration once more: for each object the byte 1 and its
-- local id, then its words, every one of these on a line of its own.

-- What an object is in the text: where its part begins and ends (before the next one), or nil.
local function part_of(text, id)
  local from = string.find(text, '\1' .. id .. '\n', 1, true)
  if not from then return nil end
  return from, (string.find(text, '\1', from + 1, true) or #text + 1) - 1
end

-- Give an object other words ('' for none); how many entries of the index that changed.
local function set_words(prefix, shard, registration, id, words)
  local text = redis.call('HGET', prefix .. ':o', '~') or ''
  local from, to = part_of(text, id)
  local ending = '\n' .. registration .. '\n' .. id
  local unwanted, wanted, changed = {}, {}, 0
  if from then
    for word in string.gmatch(string.sub(text, from + #id + 2, to), '[^\n]+') do unwanted[word] = true end
    text = string.sub(text, 1, from - 1) .. string.sub(text, to + 1)
  end
  for word in string.gmatch(words, '[^\n]+') do
    unwanted[word] = nil
    wanted[#wanted + 1] = 0
    wanted[#wanted + 1] = word .. ending
  end
  for word in pairs(unwanted) do changed = changed + redis.call('ZREM', shard .. ':words', word .. ending) end
  if #wanted > 0 then
    changed = changed + redis.call('ZADD', shard .. ':words', unpack(wanted))
    text = text .. '\1' .. id .. '\n' .. words .. '\n'
  end
  if text == '' then
    redis.call('HDEL', prefix .. ':o', '~')
  else
    redis.call('HSET', prefix .. ':o', '~', text)
  end
  return changed
end
