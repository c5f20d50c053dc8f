-- settle: gives back what an admission was charged for, once. KEYS[2] remembers the admission.
local _, refunds, void, digest, observe, x =
  cmsgpack.unpack_limit(ARGV[1], 5, body)

local function refund(c)
  local m, kind, cost, charged = meter(c), c[6], c[5], c[12]
  if not m or waived(c, charged) then return end
  if kind == 1 then
    -- What has drained since is gone, or it would pay for a later charge.
    lower(m, max(cost * c[7] - max(now - charged, 0), 0))
  elseif kind == 2 then
    if m[4] >= 0 and charged == m[3] then
      m[2], m[3], m[4], m[5] = m[4], m[5], -1, 0
    elseif m[3] - charged < c[9] then
      m[2] = max(m[2] - 1, 0)
      if m[4] > 0 then m[4] = m[4] - 1 end
    end
  elseif kind == 3 then
    window_take(m, c, cost, charged - charged % c[9])
  elseif m[3] - charged < c[11] then
    m[2] = max(m[2] - cost, 0)
  end
  touched(c[1], 0)
end

local remembered = tonumber(held[2])
local first = false
if remembered then
  local until_, settled = floor(remembered / 2), remembered % 2
  first = settled == 0 and now < until_
  if first then for _, c in ipairs(refunds) do refund(c) end end
end
local voided = first and void ~= 0 and challenge(void)
add_all(observe)

append(x)
commit()
keep_books()
if first then
  call('SET', KEYS[2], remembered + 1, 'PX', life(floor(remembered / 2)))
end
if voided then
  -- By its digest: another send may have written a newer code since.
  local kept = ''
  for at = 1, #voided.codes, 39 do
    local code = sub(voided.codes, at, at + 38)
    if sub(code, 1, 32) ~= digest then kept = kept .. code end
  end
  voided.codes = kept
  keep_challenge(void, voided)
end
return pack(epoch, sequence)
