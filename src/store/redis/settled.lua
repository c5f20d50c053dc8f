-- The end of settle: that it was settled, and a code that is void.
if first then
  call('SETRANGE', KEYS[2], format('%d', found + 15), spack('>I7', remembered + 1))
end
if voided then
  -- By its digest: another send may have written a newer code since.
  local kept = ''
  for from = 1, #voided.codes, 39 do
    local code = sub(voided.codes, from, from + 38)
    if sub(code, 1, 32) ~= digest then kept = kept .. code end
  end
  voided.codes = kept
  keep_challenge(void, voided)
end
return pack({epoch, sequence})
