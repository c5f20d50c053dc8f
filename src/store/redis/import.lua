-- import: what the generation before holds of these keys, as far as they are not here yet. A key that is
-- here is newer. Of each: its number, how, when it ends by the server's clock, and the value.
local FOUNDED = 1099511627776
local _, items = unpack_limit(ARGV[1], 1, body)
for _, item in ipairs(items) do
  local k, how, at, value = item[1], item[2], item[3], item[4]
  if how == 3 then
    -- A challenge is of the epoch that it comes to; to none but the first, for what is restored from
    -- before must not learn of codes again that were used here.
    value = not moved and epoch == FOUNDED and spack('>I7', epoch) .. sub(value, 8)
  elseif how == 2 then
    local b, i = {1, now, ceil((at - now) / STEP)}, 4
    for n = 4, #item, 5 do
      local kind, older = item[n + 1], item[n + 4]
      b[i], b[i + 1], b[i + 2], b[i + 3] = item[n], kind, item[n + 2] - now, item[n + 3]
      if kind == 5 then
        b[i + 3] = item[n + 3] - now
      elseif older ~= '' then
        local sum = 0
        for j = 1, #older, 14 do sum = sum + select(2, sunpack('>I7I7', older, j)) end
        b[i + 1], b[i + 4], b[i + 5], b[i + 6] = 6, sum, sunpack('>I7', older), older
      end
      i = i + SIZE[b[i + 1]]
    end
    value = pack(b)
  end
  if value and not held[k] and at > clock then set(KEYS[k], value, at) end
end
commit()
return pack({epoch, sequence, 0})
