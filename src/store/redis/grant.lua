-- The end of admit: the answer, and what only a granted call writes.
if refusal then
  refusal[2] = sequence
  return pack(refusal)
end
if recount == 1 then
  general()
  answer = {epoch, 0, 0}
  if longest > 0 then
    answer[3], answer[4], answer[5], answer[6] = 1, index, longest, #unfit
    for _, value in ipairs(unfit) do answer[#answer + 1] = value end
  end
  ends_at = counts(observe, answer, counts(charges, answer, #answer + 1))
end
answer[2] = sequence
if longest == 0 then
  local over = ends(deadline)
  local record = id .. spack('>I7', deadline * 2)
  if not calls then
    set(KEYS[2], spack('>I7', over) .. record, over)
  else
    -- The dead are taken out once a quarter is, and at each 64th call, should one stand in front whose
    -- deadline a wrong clock set.
    local size = (#calls - 7) / RECORD
    local quarter = sunpack('>I7', calls, 24 + floor(size / 4) * RECORD)
    local shorter = found or size % 64 == 63 or floor(quarter / 2) + GRACE <= now
    if shorter then
      local kept = {sub(calls, 1, 7)}
      for from = 8, #calls, RECORD do
        local number = sunpack('>I7', calls, from + 16)
        if from ~= found and floor(number / 2) + GRACE > now then
          kept[#kept + 1] = sub(calls, from, from + RECORD - 1)
        end
      end
      calls = table.concat(kept)
    end
    local lives = sunpack('>I7', calls)
    if over > lives then
      over = over + ceil((over - clock) / 4)
      set(KEYS[2], spack('>I7', over) .. sub(calls, 8) .. record, over)
    elseif size > 64 and not shorter then
      -- Redis makes room in advance for what is extended in place: not for few.
      call('SETRANGE', KEYS[2], format('%d', #calls), record)
    else
      call('SET', KEYS[2], calls .. record, 'KEEPTTL')
    end
  end
  for i = 1, #nonces, 2 do
    set(KEYS[nonces[i]], nonces[i + 1], ends(tonumber(nonces[i + 1])))
  end
  if opening ~= 0 then
    local k, digest, expires = opening[1], opening[3], opening[4]
    local code = digest .. spack('>I7', expires)
    if opening[2] == 1 then
      set(KEYS[k], spack('>I7I7I7I7I4I4Bc16', epoch, now, opening[5], expires, opening[6], 0, 0,
        '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0') .. code, ends(opening[5]))
    else
      -- Of the codes before, the newest stays if that was asked for; two are live at the most. The
      -- same code once more takes its own place.
      if sub(current.codes, -39, -8) == digest then current.codes = sub(current.codes, 1, -40) end
      current.codes = (opening[2] == 2 and sub(current.codes, -39) or '') .. code
      current.expires = expires
      keep_challenge(k, current)
    end
  end
  -- Version and content stand apart, so that a guard does not fetch a quarter of a megabyte.
  for _, write in ipairs(writes) do
    call('SET', KEYS[write[1]], write[2] + 1)
    call('SET', KEYS[write[3]], write[4])
  end
end
return pack(news(x, answer, ends_at))
