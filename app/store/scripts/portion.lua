-- Take a portion of what somebody may do so often (a generic cell rate algorithm, taken from in several places).
-- KEYS  1 string: the microsecond at which the allowance is whole again; not there when it is
-- ARGV  1 how many are allowed  2 within how many microseconds  3 how many are wanted
--       4 up to which part of what is left comes along (16: a sixteenth; 0: nothing)  5 now (microseconds), '' for our own clock
-- Returns {how many; microseconds that were missing until the allowance was whole, or until there is one when none is left}.
-- Time is that of the store, so that servers whose clocks differ count together. Whatever is sent twice counts twice.
local count, period, share = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4])
local now = tonumber(ARGV[5])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local each = period / count
-- A clock that has jumped back, or a limit that had another period, must not lock anybody out for longer than a period.
local missing = math.min(math.max((tonumber(redis.call('GET', KEYS[1])) or 0) - now, 0), period)
local left = math.floor((period - missing) / each + 0.01)
if left < 1 then return {0, math.ceil(missing + each - period)} end
local taken = math.min(tonumber(ARGV[3]), left)
if share > 0 then taken = math.max(taken, math.floor(left / share)) end
local whole = missing + taken * each
-- Fractions of a microsecond get lost beside today's number of them, which must not make requests free of charge.
if each < 1 then whole = math.ceil(whole) end
-- Lua writes numbers with 14 digits unless it is told otherwise. Where the clock is not ours, nothing may expire too early.
redis.call('SET', KEYS[1], string.format('%.17g', now + whole), 'PX', math.ceil(whole / 1000) + (ARGV[5] == '' and 0 or 86400000))
return {taken, math.floor(missing)}
