-- settle: gives back what an admission was charged for, once. KEYS[2] remembers the admission.
-- When each refund was charged stands in a list of its own.
local _, _, refunds, times, void, digest, observe, x =
  unpack_limit(ARGV[1], 7, body)

general()

local function refund(charged, k, slot, kind, cost, l1, _, l3, _, l5)
  local b = book(k)
  local i = meter(b, k, slot, kind)
  if not i then return end
  local latest = b[2] + b[i + 2]
  if kind == 1 then
    -- What has drained since is gone, or it would pay for a later charge.
    lower(b, i, max(cost * l1 - max(now - charged, 0), 0))
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
    window_take(b, i, cost, l3, charged - charged % l3)
  elseif latest - charged < l5 then
    b[i + 3] = max(b[i + 3] - cost, 0)
  end
  shapes[k] = nil
  touched(k, b, 0)
end

local first = remembered and remembered % 2 == 0 and now < remembered / 2
if first then
  local p = 1
  for _, charged in ipairs(times) do
    local next, waiver, waiver_slot, k, slot, kind, cost, l1, l2, l3, l4, l5 = charge(refunds, p)
    if not waived(waiver, waiver_slot, charged) then
      refund(charged, k, slot, kind, cost, l1, l2, l3, l4, l5)
    end
    p = next
  end
end
local voided = first and void ~= 0 and challenge(void)
charge_all(observe, {}, 1, true)

