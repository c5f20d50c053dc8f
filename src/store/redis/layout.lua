-- layout: into how many partitions a deployment is spread, decided by whoever comes first. Where none is
-- kept yet, it takes the place of the one partition's state, in a format that a store of one partition
-- reads as a later one: so nobody goes on alone beside it.
local _, partitions = cmsgpack.unpack_limit(ARGV[1], 1, (cmsgpack.unpack_limit(ARGV[1], 6)))
local held = redis.call('MGET', KEYS[1])[1]
local kept
if not held then
  redis.call('SET', KEYS[1], struct.pack('>I7I7c8BI2', 0, 0, '\0\0\0\0\0\0\0\0', 3, partitions))
  kept = partitions
elseif #held == 25 and struct.unpack('>B', held, 23) == 3 then
  kept = struct.unpack('>I2', held, 24)
else
  kept = 1
end
return cmsgpack.pack({0, 0, kept})
