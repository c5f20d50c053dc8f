-- claim: a nonce that is spent by a call on another partition, so that it is spent once over all of them.
-- The value is when it ends and, after a point, who claims it. With `release` a claim is taken back.
local call, unpack_limit = redis.call, cmsgpack.unpack_limit
local body, now = unpack_limit(ARGV[1], 6)
local _, release, value, lives = unpack_limit(ARGV[1], 3, body)
local held, spent = call('MGET', KEYS[2])[1], 0
if release == 1 then
  if held == value then call('PEXPIRE', KEYS[2], '0') end
elseif held and held ~= value and now < math.floor(tonumber(held) or 0) then
  spent = 1
else
  call('SET', KEYS[2], value, 'PX', lives)
end
return cmsgpack.pack({0, 0, spent})
