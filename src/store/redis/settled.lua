-- The end of settle: that it was settled, and a code that is void.
if first then
  call('SETRANGE', KEYS[2], format('%d', found + 15), spack('>I7', withdraw == 1 and 0 or remembered + 1))
end
if voided then
  -- By its digest: another send may have written a newer code since.
  local kept = ''
  for from = 1, #voided.codes, 39 do
    local code = sub(voided.codes, from, from + 38)
    if sub(code, 1, 32) ~= digest then kept = kept .. code end
  end
  voided.codes = kept
  if withdraw == 1 and kept == '' and voided.opened == now then
    call('PEXPIRE', KEYS[void], '0')
  else
    keep_challenge(void, voided)
  end
end
return pack({epoch, sequence, #lefts, unpack(lefts)})
