-- What settle, redeem and peer share: giving back, and marks.

-- Takes from a bucket. What it has not, it is dated back by.
local function lower(b, i, by)
  local level = b[i + 3] - by
  if level < 0 then b[i + 2] = max(b[i + 2] + level, -b[2]) end
  b[i + 3] = max(level, 0)
end

-- Takes units from the newest bucket to the oldest, none below zero; only from `bucket` if given. Answers
-- how many there were not.
local function window_take(b, i, units, width, bucket)
  local latest = b[2] + b[i + 2]
  if not bucket or latest - latest % width == bucket then
    local n = min(b[i + 3], units)
    b[i + 3], units = b[i + 3] - n, units - n
  end
  if units == 0 or b[i + 1] == 3 or b[i + 4] == 0 then return units end
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
  return units
end

-- Gives back what was charged at `charged`. Answers how many units there are not: they were charged
-- elsewhere, or are gone.
local function refund(charged, k, slot, kind, cost, l1, _, l3, _, l5)
  local b = book(k)
  local i = meter(b, k, slot, kind)
  if not i then return cost end
  local latest, left = b[2] + b[i + 2], 0
  if kind == 1 then
    -- What has drained since is gone, or it would pay for a later charge.
    local by = max(cost * l1 - max(now - charged, 0), 0)
    left = floor(max(by - max(latest + b[i + 3] - now, 0), 0) / l1)
    lower(b, i, by)
  elseif kind == 2 then
    if b[i + 4] ~= -1 and charged == latest then
      b[i + 3], b[i + 2] = b[i + 4], b[i + 5]
      if b[i + 3] == -2 then b[i + 3], b[i + 2] = 0, -b[2] end
      b[i + 4], b[i + 5] = -1, 0
    elseif latest - charged < l3 then
      b[i + 3] = max(b[i + 3] - 1, 0)
      if b[i + 4] > 0 then b[i + 4] = b[i + 4] - 1 end
    end
  elseif kind == 3 then
    left = window_take(b, i, cost, l3, charged - charged % l3)
  elseif latest - charged < l5 then
    b[i + 3] = max(b[i + 3] - cost, 0)
  end
  shapes[k] = nil
  touched(k, b, 0)
  return left
end

-- Makes marks: key, slot, from and until of each. One on a mark that has not ended keeps the earlier
-- `from` and the later `until`.
local function note(marks)
  for n = 1, #marks, 4 do
    local k, slot, from, until_ = marks[n], marks[n + 1], marks[n + 2], marks[n + 3]
    local b = book(k)
    local _, i = meter(b, k, slot, 0)
    if i and b[i + 1] == 5 then
      local ends = b[2] + b[i + 3]
      if now < ends then
        from = min(from, b[2] + b[i + 2])
        -- An end that a wrong clock wrote is not kept.
        if ends - until_ <= horizon - now then until_ = max(until_, ends) end
      end
    else
      if i then cut(b, i, SIZE[b[i + 1]]) end
      i = #b + 1
    end
    b[i], b[i + 1], b[i + 2], b[i + 3] = slot, 5, from - b[2], until_ - b[2]
    shapes[k] = nil
    touched(k, b, until_)
  end
end
