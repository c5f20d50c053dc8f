-- claim: a nonce that is spent by a call on another partition, so that it is spent once over all of them.
-- The value is when it ends and, after a point, who claims it: whoever claims it once more may say another
-- end, and the later one holds. With `release` a claim is taken back; with 2 its end is 0 then, as a key that
-- is gone would be brought from the generation before.
local call, unpack_limit = redis.call, cmsgpack.unpack_limit
local body, now = unpack_limit(ARGV[1], 6)
local _, release, value, lives = unpack_limit(ARGV[1], 3, body)
local both = call('MGET', KEYS[1], KEYS[2])
local held, spent = both[2], 0
-- Of a generation that has ended: the claim would be seen by nobody.
if both[1] and #both[1] > 22 and struct.unpack('>B', both[1], 23) > 2 then
  return cmsgpack.pack({9007199254740990, (struct.unpack('>B', both[1], 23))})
end
local is_own = held and string.match(held, '%.%d+$') == string.match(value, '%.%d+$')
local ends = math.floor(tonumber(held) or 0)
if release > 0 then
  if is_own and release == 2 then call('SET', KEYS[2], '0', 'KEEPTTL') end
  if is_own and release == 1 then call('PEXPIRE', KEYS[2], '0') end
elseif not is_own and now < ends then
  spent = 1
elseif not is_own or ends < math.floor(tonumber(value)) then
  call('SET', KEYS[2], value, 'PX', lives)
end
return cmsgpack.pack({0, 0, spent})
