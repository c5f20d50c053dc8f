-- What admit, settle and redeem do once everything is decided: the journal's entry, the partition, and
-- the subjects that have changed.

if x ~= 0 and x[4] ~= '' then
  local list = KEYS[x[2]]
  latest_of(x)
  -- Not on each call: what is too old is not told either, and only takes room.
  if latest % 16 == 0 then
    local head = call('LINDEX', list, 0)
    while head do
      local time = sunpack('>I7', head)
      -- One that is dated ahead would keep all that came after it.
      if time <= horizon and now - time < JOURNAL_LIFE + GRACE then break end
      call('LPOP', list)
      head = call('LINDEX', list, 0)
    end
  end
  -- What earlier calls of another partition left to be appended.
  for i = 5, #x do
    latest = latest + 1
    call('RPUSH', list, spack('>I7', now) .. x[i])
  end
  latest = latest + 1
  length = call('RPUSH', list, spack('>I7', now) .. x[4])
  -- A list that is new has no end yet, whatever is written.
  if length <= #x - 3 or lives < clock + JOURNAL_LIFE + GRACE then
    lives = clock + 2 * (JOURNAL_LIFE + GRACE)
    call('PEXPIRE', list, 2 * (JOURNAL_LIFE + GRACE))
  end
  call('SET', KEYS[x[1]], spack('>BI7I7', FORMAT, latest, lives))
end

commit()

local KINDS = {'1', '2', '3', '4'}
-- More values than this are not spread over Lua's stack.
local MANY = 200
-- How each kind of meter is packed in a subject that is hot.
local FORMS = {'I4Bi7i7', 'I4Bi7i7i1i7', 'I4Bi7i7', 'I4Bi7i7', 'I4Bi7i7', 'I4Bi7i7i7i7c'}
for k in pairs(dirty) do
  local b, before, value = books[k], held[k], nil
  if not before then
    b[1] = 1
    local i, last, kinds, shape = 4, #b, '', FRESH
    while i < last do
      local kind = b[i + 1]
      if kind == 5 or b[i + 2] ~= 0 or b[i + 3] > 4294967295 then break end
      kinds = kinds .. KINDS[kind]
      shape = shape .. (kind == 2 and FRESH_LADDER or FRESH_FORM)
      i = i + SIZE[kind]
    end
    -- What does not fit, such as a time far ahead, is packed as on later occasions.
    local fits = i > last and last <= MANY and now < 140737488355328 and b[3] < 2147483648 and b[3] > -2147483648
    value = fits and kinds .. '\0' .. spack(shape, unpack(b)) or pack(b)
  elseif b[1] < HOT or #b > MANY then
    b[1] = b[1] + 1 - floor(b[1] / HOT)
    value = pack(b)
  else
    local shape = shapes[k]
    if not shape then
      local i, last = 4, #b
      shape = '>Bi7i7'
      while i < last do
        local kind = b[i + 1]
        shape = shape .. FORMS[kind] .. (kind == 6 and #b[i + 6] or '')
        i = i + SIZE[kind]
      end
    end
    value = shape .. '\0' .. spack(shape, unpack(b))
  end
  if longer[k] then
    set(KEYS[k], value, b[2] + b[3] * STEP)
  elseif #value == #before then
    call('SETRANGE', KEYS[k], '0', value)
  else
    call('SET', KEYS[k], value, 'KEEPTTL')
  end
end

