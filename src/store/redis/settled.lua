-- The end of settle: that it was settled, and a code that is void.
if first then
  call('SETRANGE', KEYS[2], format('%d', found + 15), spack('>I7', withdraw > 0 and 0 or remembered + 1))
  for i = 1, #nonces, 2 do
    if withdraw == 2 then
      set(KEYS[nonces[i]], '0', ends(nonces[i + 1]))
    else
      call('PEXPIRE', KEYS[nonces[i]], '0')
    end
  end
end
if voided then
  -- By its digest: another send may have written a newer code since.
  local kept = ''
  for from = 1, #voided.codes, 39 do
    local code = sub(voided.codes, from, from + 38)
    if sub(code, 1, 32) ~= digest then kept = kept .. code end
  end
  voided.codes = kept
  local is_first = kept == '' and voided.opened == now
  if withdraw == 1 and is_first then
    call('PEXPIRE', KEYS[void], '0')
  else
    if withdraw == 2 and is_first then voided.closes = now end
    keep_challenge(void, voided)
  end
end
return pack({epoch, sequence, #lefts, unpack(lefts)})
