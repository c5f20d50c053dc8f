-- peer: what one partition does for a call that is made on another. Charges that did not fit there and
-- fit here are made here, each by itself, or as many units of them as fit if `partly` is 1; what was so
-- made in vain is given back; marks on what is common
-- are noted; copies of versions are brought up to date; the journal is written and read.
local _, taken, partly, given, times, marks, copies, x = unpack_limit(ARGV[1], 7, body)

general()
local answer, p, number = {epoch, 0, 0}, 1, 0
while p < #taken do
  local next, _, _, k, slot, kind, cost, l1, l2, l3, l4, l5 = charge(taken, p)
  local b = book(k)
  local i, other = meter(b, k, slot, kind)
  local w = wait(b, i, kind, cost, l1, l2, l3, l4, l5)
  if w > 0 and partly == 1 then
    local room = 0
    if kind == 3 then
      room = l1 - count(k, slot, kind, 0, l1, l2, l3)
    elseif kind == 1 then
      room = floor((l2 - (i and max(b[2] + b[i + 2] + b[i + 3] - now, 0) or 0)) / l1)
    end
    cost = max(min(room, cost), 0)
    w = cost > 0 and 0 or w
  end
  if w == 0 then add(b, i, other, k, slot, kind, cost, l1, l2, l3, l4, l5) end
  if partly == 1 then w = w == 0 and cost or 0 end
  number, p = number + 1, next
  answer[3 + number] = w
end
answer[3] = number
local place = 4 + number
answer[place] = #times
p = 1
for at, charged in ipairs(times) do
  local next, _, _, k, slot, kind, cost, l1, l2, l3, l4, l5 = charge(given, p)
  answer[place + at] = refund(charged, k, slot, kind, cost, l1, l2, l3, l4, l5)
  p = next
end
note(marks)
-- Only where a copy is: nobody else rests on it.
for i = 1, #copies, 3 do
  if held[copies[i]] then take_copy(copies[i], copies[i + 1], copies[i + 2]) end
end
