-- admit: checks everything, then charges everything. KEYS[2] remembers the call by its identifier.
-- `recount` is 1 if a meter is named more than once: then what one charge leaves is not what all do.
local _, _, deadline, recount, guards, nonces, writes, opening, charges, observe, x =
  unpack_limit(ARGV[1], 10, body)

-- A repeat is answered from the state as it is, and changes nothing.
if remembered and now < floor(remembered / 2) then
  if moved then commit() end
  general()
  local answer = {epoch, sequence, 0}
  return pack(news(x, answer, counts(observe, answer, counts(charges, answer, 4))))
end

-- The checks in the order that the port lays down; the first that fails is the answer.
local refusal, current
for i = 1, #guards, 2 do
  local version = tonumber(held[guards[i]]) or 0
  if version ~= guards[i + 1] then refusal = {epoch, 0, 4, (i - 1) / 2, version} break end
end
if not refusal then
  for i = 1, #nonces, 2 do
    local expires = tonumber(held[nonces[i]])
    if expires and now < expires then refusal = {epoch, 0, 2, (i - 1) / 2} break end
  end
end
if not refusal and opening ~= 0 then
  current = challenge(opening[1])
  if opening[2] == 1 then
    if current then refusal = {epoch, 0, 3} end
  elseif not current or current.consumed == 1 or current.used >= current.attempts then
    refusal = {epoch, 0, 3}
  end
end
local longest, index, ends_at = 0, 0, 4
local answer = {epoch, 0, 0, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
                nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil}
if not refusal then
  longest, index, ends_at = charge_all(charges, answer, 4, false)
  if longest > 0 then
    drop_books()
    recount = 1
  end
end
local _, _, ends_at = charge_all(observe, answer, ends_at, true)

