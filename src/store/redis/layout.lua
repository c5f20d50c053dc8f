-- layout: into how many partitions a deployment is spread, which stands at its own tag. Where nothing is
-- kept yet, it takes the place of the one partition's state, in a format that a store of one partition
-- reads as a later one: so nobody goes on alone beside it. What that state said of epoch and writer stays
-- in front.
--   what 0  asks; lays down `partitions`, if several, where nothing is kept
--   what 1  begins a change from `generation` to `partitions`: from now on it is closing
--   what 2  opens the next generation: nobody writes the one before any more
--   what 3  ends the change: nothing is left of the one before
-- Each but the first does nothing unless the deployment is in the state that it follows.
local unpack_limit, spack, sunpack = cmsgpack.unpack_limit, struct.pack, struct.unpack
local body, _, run, known_epoch, known_sequence = unpack_limit(ARGV[1], 6)
local _, what, generation, partitions = unpack_limit(ARGV[1], 3, body)
local held = redis.call('MGET', KEYS[1])[1]
local epoch, sequence, writer, written = 0, 0, '\0\0\0\0\0\0\0\0', 1
-- Partitions, generation, partitions of the first generation (where the hub is), partitions of the
-- generation before, of the next one, and 1 while closing or 2 while moving.
local kept, at, hub, before, next, phase = 1, 0, 1, 0, 0, 0
if held then
  epoch, sequence, writer = sunpack('>I7I7c8', held)
  if #held > 22 then written = sunpack('>B', held, 23) end
  if written > 3 then return cmsgpack.pack({9007199254740990, written}) end
  if written == 3 then
    kept = sunpack('>I2', held, 24)
    hub = kept
    if #held > 25 then at, hub, before, next, phase = sunpack('>I4I2I2I2B', held, 26) end
  end
end
local changed = false
if what == 0 then
  if not held and partitions > 1 then
    redis.call('SET', KEYS[1], spack('>I7I7c8BI2', 0, 0, writer, 3, partitions))
    kept, hub = partitions, partitions
  end
elseif what == 1 and phase == 0 and generation == at and partitions ~= kept then
  -- Of the one partition there was: if it lost something, its challenges are unknown, as to any call.
  if written < 3 and (writer ~= run or known_epoch > epoch
      or known_epoch == epoch and known_sequence > sequence) then
    epoch, writer = math.max(epoch, known_epoch) + 1, run
  end
  next, phase, changed = partitions, 1, true
elseif what == 2 and phase == 1 and generation == at then
  before, kept, next, at, phase, changed = kept, next, 0, at + 1, 2, true
elseif what == 3 and phase == 2 and generation == at then
  before, phase, changed = 0, 0, true
end
if changed then
  redis.call('SET', KEYS[1],
    spack('>I7I7c8BI2I4I2I2I2B', epoch, sequence, writer, 3, kept, at, hub, before, next, phase))
end
return cmsgpack.pack({0, 0, kept, at, hub, before, next, phase})
