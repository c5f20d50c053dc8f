-- admit: checks everything, then charges everything. KEYS[2] remembers the call by its identifier.
local _, remember, guards, nonces, writes, opening, charges, observe, x =
  cmsgpack.unpack_limit(ARGV[1], 8, body)

local function granted()
  return pack(epoch, sequence, 0, counts(charges, {}), counts(observe, {}), news(x))
end

-- A repeat is answered from the state as it is, and changes nothing. The remembered number is twice
-- the deadline, plus 1 once the admission is settled: an integer costs Redis no string.
local before = tonumber(held[2])
if before and now < floor(before / 2) then
  if moved then commit() end
  return granted()
end

-- The checks in the order that the port lays down; the first that fails is the answer.
local refusal, current
for i, guard in ipairs(guards) do
  local version = tonumber(held[guard[1]]) or 0
  if version ~= guard[2] then refusal = {4, i - 1, version} break end
end
if not refusal then
  for i, nonce in ipairs(nonces) do
    local expires = tonumber(held[nonce[1]])
    if expires and now < expires then refusal = {2, i - 1} break end
  end
end
if not refusal and opening ~= 0 then
  current = challenge(opening[1])
  if opening[2] == 1 then
    if current then refusal = {3} end
  elseif not current or current.consumed == 1 or current.used >= current.attempts then
    refusal = {3}
  end
end
local longest, index = 0, 0
if not refusal then
  longest, index = charge_all(charges, 0, 0, 0)
  if longest > 0 then drop_books() end
end
add_all(observe)

-- From here on everything is decided, and only written.
append(x)
commit()
keep_books()
if refusal then
  return pack(epoch, sequence, unpack(refusal))
elseif longest > 0 then
  return pack(epoch, sequence, 1, index, longest, counts(charges, {}), counts(observe, {}), news(x))
end
call('SET', KEYS[2], remember * 2, 'PX', life(remember))
for _, nonce in ipairs(nonces) do
  call('SET', KEYS[nonce[1]], nonce[2], 'PX', life(nonce[2]))
end
if opening ~= 0 then
  local k, digest, expires = opening[1], opening[3], opening[4]
  local code = digest .. spack('>I7', expires)
  if opening[2] == 1 then
    current = {opened = now, closes = opening[5], attempts = opening[6], used = 0, consumed = 0,
               seen = string.rep('\0', 16), codes = ''}
  end
  -- Of the codes before, the newest stays if that was asked for; two are live at the most.
  current.codes = (opening[2] == 2 and sub(current.codes, -39) or '') .. code
  current.expires = expires
  keep_challenge(k, current)
end
-- Version and content stand apart, so that a guard does not fetch a quarter of a megabyte.
for _, write in ipairs(writes) do
  call('SET', KEYS[write[1]], write[2] + 1)
  call('SET', KEYS[write[3]], write[4])
end
return granted()
