-- tally: reads and changes nothing; not even an epoch is started, only respected.
local _, meters, marks, challenges, documents, x =
  unpack_limit(ARGV[1], 5, body)

general()

-- What the caller learns is what is stored, not the epoch that a writing call would begin.
local answer = {0, 0}
if held[1] then answer[1], answer[2] = sunpack('>I7I7', held[1]) end

-- Each list is preceded by its length.
local p, asked = 1, #answer + 1
answer[asked] = 0
while p < #meters do
  local next, _, _, k, slot, kind, cost, l1, l2, l3, l4, l5 = charge(meters, p)
  local b = book(k)
  local i = meter(b, k, slot, kind)
  answer[#answer + 1] = count(k, slot, kind, cost, l1, l2, l3, l4, l5)
  answer[#answer + 1] = cost == 0 and 0 or wait(b, i, kind, cost, l1, l2, l3, l4, l5)
  answer[asked] = answer[asked] + 1
  p = next
end
answer[#answer + 1] = #marks / 2
for n = 1, #marks, 2 do
  local b, i = mark(marks[n], marks[n + 1])
  local live = b and now < b[2] + b[i + 3]
  answer[#answer + 1] = live and {b[2] + b[i + 2], b[2] + b[i + 3]} or 0
end
answer[#answer + 1] = #challenges
for _, k in ipairs(challenges) do
  local it = challenge(k)
  if not it then
    answer[#answer + 1] = 0
  elseif it.consumed == 1 then
    answer[#answer + 1] = 1
  elseif it.used >= it.attempts then
    answer[#answer + 1] = 2
  else
    answer[#answer + 1] = {it.attempts - it.used, it.expires, it.closes}
  end
end
answer[#answer + 1] = #documents / 2
for n = 1, #documents, 2 do
  answer[#answer + 1] = tonumber(held[documents[n]]) or 0
  answer[#answer + 1] = held[documents[n + 1]] or ''
end
return pack(news(x, answer, #answer + 1))
