-- settle: gives back what an admission was charged for, once. KEYS[2] remembers the admission.
-- When each refund was charged stands in a list of its own.
-- With `withdraw` it is as if the admission had never been: it is not remembered, the challenge that it
-- opened is gone, and the nonces are unspent. With 2 both stand there as what has ended, as a key that is
-- gone would be brought from the generation before.
local _, _, refunds, times, void, digest, observe, x, withdraw, nonces =
  unpack_limit(ARGV[1], 9, body)

general()

local lefts = {}
local first = remembered and remembered % 2 == 0 and now < remembered / 2
if first then
  local p = 1
  for _, charged in ipairs(times) do
    local next, waiver, waiver_slot, k, slot, kind, cost, l1, l2, l3, l4, l5 = charge(refunds, p)
    local left = 0
    if not waived(waiver, waiver_slot, charged) then
      left = refund(charged, k, slot, kind, cost, l1, l2, l3, l4, l5)
    end
    lefts[#lefts + 1] = left
    p = next
  end
end
local voided = first and void ~= 0 and challenge(void)
charge_all(observe, {}, 1, true)

