-- export: what a partition that is closed holds, for one of the next generation. Nothing changes.
-- Of each key from the second on: 0 if there is nothing, or when it ends by the server's clock, and the
-- value as it stands; of what several partitions hold a share of (`how` 2), its meters and marks instead,
-- each slot, kind, latest or from, level, units or until, and the older buckets.
local _, wants = unpack_limit(ARGV[1], 1, body)
if not held[1] or #held[1] < 23 or sunpack('>B', held[1], 23) ~= 3 then
  -- It was closed, and that was lost.
  return pack({MOST - 1, 0})
end
local answer = {epoch, sequence, #wants}
local function push(value) answer[#answer + 1] = value end

-- The list of a subject's meters, and when it ends.
local function opened(k)
  local b = book(k)
  return b, b[2] + b[3] * STEP
end

for n, how in ipairs(wants) do
  local k = n + 1
  local value, at = held[k], nil
  if value then
    if how == 1 or how == 2 then
      local b
      b, at = opened(k)
      if how == 2 then
        local list, i = {}, 4
        while b[i] do
          local kind, from = b[i + 1], max(b[2] + b[i + 2], 0)
          local second, older = b[i + 3], ''
          if kind == 6 then kind, older = 3, b[i + 6] end
          if kind == 5 then second = max(b[2] + second, 0) end
          if kind == 1 or kind == 3 or kind == 5 then
            local n = #list
            list[n + 1], list[n + 2], list[n + 3], list[n + 4], list[n + 5] =
              b[i], kind, from, second, older
          end
          i = i + SIZE[b[i + 1]]
        end
        value = list
      end
    elseif how == 3 then
      local it = challenge(k)
      at = it and ends(it.closes)
    elseif how == 4 then
      at = ends(floor(tonumber(value) or 0))
    else
      at = sunpack('>I7', value)
    end
  end
  if not at or at <= clock then
    push(0)
  elseif how == 2 then
    push(at)
    push(#value)
    for _, field in ipairs(value) do push(field) end
  else
    push(at)
    push(value)
  end
end
return pack(answer)
