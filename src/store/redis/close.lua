-- close: nothing writes this partition any more, as it is of a generation that ends. With `found` it is
-- one of the next: its first epoch has a number that no other comes to by itself, so that one that was
-- lost and began afresh is told apart.
local FOUNDED = 1099511627776
local unpack_limit, spack, sunpack = cmsgpack.unpack_limit, struct.pack, struct.unpack
local body, _, run, known_epoch, known_sequence = unpack_limit(ARGV[1], 6)
local _, found = unpack_limit(ARGV[1], 1, body)
local held = redis.call('MGET', KEYS[1])[1]
local epoch, sequence, writer, written = 0, 0, '', 1
if held then
  epoch, sequence, writer = sunpack('>I7I7c8', held)
  if #held > 22 then written = sunpack('>B', held, 23) end
end
if written < 3 then
  if found == 1 then
    if sequence == 0 then
      redis.call('SET', KEYS[1], spack('>I7I7c8B', FOUNDED, 0, run, 2))
    end
  else
    -- As any call would: what lost something knows no challenge.
    if writer ~= run or known_epoch > epoch
        or known_epoch == epoch and known_sequence > sequence then
      epoch = math.max(epoch, known_epoch) + 1
    end
    redis.call('SET', KEYS[1], spack('>I7I7c8B', epoch, sequence, run, 3))
  end
end
return cmsgpack.pack({0, 0, 0})
