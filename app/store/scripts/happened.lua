-- Append what happened to a source of the feed (see `app.store.feed`), in the same step as what made it happen. The cap is a
-- net for when nobody relays for long; the relay notices when it was needed.
-- at: Unix seconds; registration_id, events (JSON array of type and object id), audit (JSON of an AuditEntry): '' or nil when
-- there is none.
local function happened(source, at, registration_id, events, audit)
  local entry = {'at', at}
  local function add(name, value)
    if value and value ~= '' then entry[#entry + 1], entry[#entry + 2] = name, value end
  end
  add('registration_id', registration_id)
  add('events', events)
  add('audit', audit)
  if #entry > 2 then redis.call('XADD', source, 'MAXLEN', '~', 100000, '*', unpack(entry)) end
end

