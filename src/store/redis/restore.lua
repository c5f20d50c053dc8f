-- What settle and redeem share: giving back.

-- Takes from a bucket. What it has not, it is dated back by.
local function lower(b, i, by)
  local level = b[i + 3] - by
  if level < 0 then b[i + 2] = max(b[i + 2] + level, -b[2]) end
  b[i + 3] = max(level, 0)
end

-- Takes units from the newest bucket to the oldest, none below zero; only from `bucket` if given.
local function window_take(b, i, units, width, bucket)
  local latest = b[2] + b[i + 2]
  if not bucket or latest - latest % width == bucket then
    local n = min(b[i + 3], units)
    b[i + 3], units = b[i + 3] - n, units - n
  end
  if units == 0 or b[i + 1] == 3 or b[i + 4] == 0 then return end
  local older, records, sum = b[i + 6], {}, 0
  for j = #older - 13, 1, -14 do
    local t, u = sunpack('>I7I7', older, j)
    if not bucket or t - t % width == bucket then
      local n = min(u, units)
      u, units = u - n, units - n
    end
    sum = sum + u
    table.insert(records, 1, spack('>I7I7', t, u))
  end
  b[i + 4], b[i + 6] = sum, table.concat(records)
end

