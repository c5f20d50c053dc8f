-- tally: reads and changes nothing; not even an epoch is started, only respected.
local _, meters, marks, challenges, documents, x =
  cmsgpack.unpack_limit(ARGV[1], 5, body)

local readings, ended, states, contents = {}, {}, {}, {}
for _, c in ipairs(meters) do
  readings[#readings + 1] = count(c)
  readings[#readings + 1] = c[5] == 0 and 0 or wait(c)
end
for _, key in ipairs(marks) do
  local m = book(key[1])[2][key[2]]
  local live = m and m[1] == 5 and now < m[3]
  ended[#ended + 1] = live and {m[2], m[3]} or 0
end
for _, k in ipairs(challenges) do
  local it = challenge(k)
  if not it then
    states[#states + 1] = 0
  elseif it.consumed == 1 then
    states[#states + 1] = 1
  elseif it.used >= it.attempts then
    states[#states + 1] = 2
  else
    states[#states + 1] = {it.attempts - it.used, it.expires, it.closes}
  end
end
for _, keys in ipairs(documents) do
  contents[#contents + 1] = tonumber(held[keys[1]]) or 0
  contents[#contents + 1] = held[keys[2]] or ''
end
-- What the caller learns is what is stored, not the epoch that a writing call would begin.
local stored_epoch, stored_sequence = 0, 0
if held[1] then stored_epoch, stored_sequence = sunpack('>I7I7c8', held[1]) end
return pack(stored_epoch, stored_sequence, readings, ended, states, contents, news(x))
