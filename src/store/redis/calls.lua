-- What admit and settle share. What remembers a call shares its key with some others, as a key of its
-- own takes 140 bytes. It is 7 bytes, when the key ends, and then 23 for each call, the newest last:
-- its identifier, and twice the deadline, plus 1 once the admission is settled. `found` is where the
-- record of this call begins, and `remembered` its number.
local RECORD = 23
local id, calls = select(2, unpack_limit(ARGV[1], 1, body)), held[2]
local found, remembered = calls and find(calls, id, 8, true), nil
-- It may be found across two records.
while found and (found - 8) % RECORD ~= 0 do found = find(calls, id, found + 1, true) end
if found then remembered = sunpack('>I7', calls, found + 16) end

