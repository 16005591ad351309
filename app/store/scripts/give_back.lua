-- Authenticate a Client Object and end a family of refresh tokens of its own, with all access tokens under the Grant.
-- KEYS  1 registration prefix
-- ARGV  1 local client id  2 digest of the client_secret, '' when none was shown  3 now (Unix seconds)  4 digest of the family
-- Returns 'refused', 'inactive', 'foreign' when it belongs to another Client Object, or 'deleted'.
local prefix, now = KEYS[1], tonumber(ARGV[3])
if not authenticated(prefix, ARGV[1], ARGV[2], now) then return 'refused' end
local family = living_family(prefix, ARGV[4], now)
if not family then return 'inactive' end
if family.client ~= ARGV[1] then return 'foreign' end
end_all(prefix, ARGV[4], family.grant)
return 'deleted'
