-- What every run of wrk does, after a list of requests: requests = {{share=, method=, path=, headers={}, body=}, ...}
-- Prints one line of JSON at the end; latencies and the duration are in microseconds.
local threads = {}
local turns, turn = {}, 0
limited = 0

function setup(thread)
  table.insert(threads, thread)
end

-- With one kind of request wrk repeats it by itself; with several each gets its turns, in an order that looks random.
function init(_)
  if #requests == 1 then
    local only = requests[1]
    wrk.method, wrk.path, wrk.body = only.method, only.path, only.body
    for name, value in pairs(only.headers) do wrk.headers[name] = value end  -- Host is there already
    return
  end
  for _, one in ipairs(requests) do
    local text = wrk.format(one.method, one.path, one.headers, one.body)
    for _ = 1, one.share do table.insert(turns, text) end
  end
  math.randomseed(7)
  for place = #turns, 2, -1 do
    local other = math.random(place)
    turns[place], turns[other] = turns[other], turns[place]
  end
  function request()
    turn = turn % #turns + 1
    return turns[turn]
  end
end

-- Costs wrk time for each answer, so only where rate limits are likely.
if count_limited then
  function response(status, _, _)
    if status == 429 then limited = limited + 1 end
  end
end

function done(summary, latency, _)
  local errors, refused = summary.errors, 0
  for _, thread in ipairs(threads) do refused = refused + thread:get("limited") end
  io.write(string.format(
    'RESULT {"requests":%d,"duration_us":%d,"p50_us":%d,"p95_us":%d,"p99_us":%d,"failed":%d,"limited":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(95), latency:percentile(99),
    errors.status - refused, refused, errors.connect + errors.read + errors.write + errors.timeout))
end
