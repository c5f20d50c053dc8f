-- admit: checks everything, then charges everything. KEYS[2] remembers the call by its identifier.
-- `recount` is 1 if a meter is named more than once: then what one charge leaves is not what all do.
-- `copies` is 0 where documents stand beside what they guard. Where they stand elsewhere, it is a list of
-- keys, versions and whether each was read there: see `take_copy`.
local _, _, deadline, recount, guards, nonces, writes, opening, charges, observe, x, copies =
  unpack_limit(ARGV[1], 11, body)

-- A repeat is answered from the state as it is, and changes nothing.
if remembered and now < floor(remembered / 2) then
  if moved then commit() end
  general()
  local answer = {epoch, sequence, 5}
  return pack(news(x, answer, counts(observe, answer, counts(charges, answer, 4))))
end

-- A copy that is older than COPY_LIFE, or than what the caller has seen, is asked for before anything is
-- decided.
if copies ~= 0 then
  for i = 1, #copies, 3 do take_copy(copies[i], copies[i + 1], copies[i + 2]) end
  for i = 1, #guards, 2 do
    local version, seen = string.match(held[guards[i]] or '', '^(%d+) (%d+)$')
    if not version or #copies == 0 and (clock - seen > COPY_LIFE or tonumber(version) < guards[i + 1]) then
      return pack({epoch, sequence, 6})
    end
    held[guards[i]] = version
  end
end

-- Whether a nonce is held by a claim of this very call, made before its partition was another one.
local function claimed(value)
  local whose = string.match(value, '^%d+%.(%d+)$')
  return whose and whose == string.gsub(id, '.', function(c) return format('%03d', string.byte(c)) end)
end

-- The checks in the order that the port lays down; the first that fails is the answer.
local refusal, current
for i = 1, #guards, 2 do
  local version = tonumber(held[guards[i]]) or 0
  if version ~= guards[i + 1] then refusal = {epoch, 0, 4, (i - 1) / 2, version} break end
end
if not refusal then
  for i = 1, #nonces, 2 do
    local value = held[nonces[i]]
    local expires = tonumber(value)
    if expires and now < floor(expires) and not claimed(value) then refusal = {epoch, 0, 2, (i - 1) / 2} break end
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

