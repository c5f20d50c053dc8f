-- present: which of the keys from the second on there are.
local held = redis.call('MGET', unpack(KEYS))
if held[1] and #held[1] > 22 and struct.unpack('>B', held[1], 23) > 2 then
  return cmsgpack.pack({9007199254740990, (struct.unpack('>B', held[1], 23))})
end
local answer = {0, 0, #KEYS - 1}
for k = 2, #KEYS do answer[k + 2] = held[k] and 1 or 0 end
return cmsgpack.pack(answer)
