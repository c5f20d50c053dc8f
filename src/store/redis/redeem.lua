-- redeem: charges the attempt, then compares, then consumes.
local _, id, name, digests, charges, subject_charges, reset, credits, marks, observe, failures_seen, x =
  unpack_limit(ARGV[1], 11, body)

general()

local function answer(...)
  local said = {epoch, sequence, select('#', ...), ...}
  return pack(news(x, said, counts(failures_seen, said, counts(observe, said, #said + 1))))
end

-- Consumed means that the last attempt was the right one: nothing is compared afterwards.
local function verdict(it)
  if it.consumed == 1 then return 0, it.used, it.opened end
  return 1, max(it.attempts - it.used, 0)
end

local it = challenge(name)
if it and it.used > 0 and it.seen == id then
  if moved then commit() end
  -- 7 and 8: as before.
  local what, one, two = verdict(it)
  return answer(what + 7, one, two)
end

-- Whether any attempt can be made: 0 if so.
local dead = 0
if not it then
  dead = 5
elseif it.consumed == 1 then
  dead = 4
elseif it.used >= it.attempts then
  dead = 2
else
  dead = 3
  for i = 1, #it.codes, 39 do
    if now < sunpack('>I7', it.codes, i + 32) then dead = 0 end
  end
end

-- The counts of attempts are not told.
local counted = {}
local longest, index = charge_all(charges, counted, 1, false)
if longest == 0 and dead == 0 then
  longest, index = charge_all(subject_charges, {}, 1, false)
  index = counted[1] + index
  for i = 1, #unfit, 2 do unfit[i] = unfit[i] + counted[1] end
end
local accepted = false
if longest > 0 then
  drop_books()
elseif dead == 0 then
  it.used, it.seen = it.used + 1, id
  -- Not constant-time, and it cannot be: strings are interned. What is compared are outputs of an
  -- HMAC whose key the guesser lacks; how far two of them agree says nothing about the code.
  for i = 1, #it.codes, 39 do
    if now < sunpack('>I7', it.codes, i + 32) then
      local code = sub(it.codes, i, i + 31)
      for j = 1, #digests, 32 do
        if sub(digests, j, j + 31) == code then accepted = true end
      end
    end
  end
end

if accepted then
  it.consumed = 1
  for n = 1, #reset, 2 do
    local k = reset[n]
    local b = book(k)
    local _, i = meter(b, k, reset[n + 1], 0)
    if i and b[i + 1] ~= 5 then
      cut(b, i, SIZE[b[i + 1]])
      shapes[k] = nil
      touched(k, b, 0)
    end
  end
  local p = 1
  while p < #credits do
    local next, _, _, k, slot, kind, amount, l1, _, l3 = charge(credits, p)
    local b = book(k)
    local i = meter(b, k, slot, kind)
    if i then
      if kind == 1 then
        lower(b, i, amount * l1)
      else
        window_take(b, i, amount, l3, nil)
      end
      shapes[k] = nil
      touched(k, b, 0)
    end
    p = next
  end
  note(marks)
else
  charge_all(failures_seen, {}, 1, true)
end
charge_all(observe, {}, 1, true)

