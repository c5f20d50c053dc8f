-- What the four scripts share. A script is this text followed by its verb's.
--
-- One run is one atomic step of Redis. All of it is laid out as: read everything with one MGET,
-- decide in memory, write last. An error raised while deciding therefore leaves no trace, and the
-- first write is where a server that is out of memory refuses, again before anything has changed.
--
-- Keys (all with the hash tag of the realm, so all in one slot):
--   KEYS[1]  the partition: epoch, sequence, and the server process both belong to
--   KEYS[k]  whatever the call names; records in the arguments point at it by its number k
-- Values are strings. One string per subject, and not a hash: a call reads all its subjects with
-- one command and writes each, with its time to live, with one. Measured, a hash needs three.
--
-- Numbers are doubles: every quantity is below 2^53 (the caller clamps), so sums are exact, and
-- what leaves that range is cut back to MOST.
local MOST, GRACE, JOURNAL_LIFE = 9007199254740991, 60000, 120000
local call, pack, spack, sunpack = redis.call, cmsgpack.pack, struct.pack, struct.unpack
local min, max, floor, ceil, sub = math.min, math.max, math.floor, math.ceil, string.sub

-- All arguments are one string: what every verb begins with, and from `body` on the verb's own.
-- `now` is the gate's, and everything is decided by it. TIME is asked for one thing: whether the two
-- are further apart than `skew` allows. What is dated beyond `horizon`, a wrong clock has written. `reads` is how many keys have values worth reading.
local body, now, run, known_epoch, known_sequence, reads, skew = cmsgpack.unpack_limit(ARGV[1], 6)
local horizon = math.huge
if skew < MOST then
  horizon = now + 2 * skew
  local time = call('TIME')
  local clock = time[1] * 1000 + floor(time[2] / 1000)
  -- No partition's epoch is ever MOST.
  if math.abs(now - clock) > skew then return pack(MOST, clock) end
end
local held = call('MGET', unpack(KEYS, 1, reads))

-- The epoch. A server that was restarted, failed over or restored from a snapshot may have
-- forgotten that a code was used. It shows in one of three ways: another process answers than the
-- one that wrote the partition last; the epoch is behind the one that the caller has seen; the
-- sequence is. Each starts a new epoch, and challenges of an earlier one count as unknown.
local epoch, sequence, moved = 0, 0, false
do
  local writer
  if held[1] then epoch, sequence, writer = sunpack('>I7I7c8', held[1]) end
  if writer ~= run or known_epoch > epoch
      or (known_epoch == epoch and known_sequence > sequence) then
    epoch, moved = max(epoch, known_epoch) + 1, true
  end
end

-- Every run that writes counts the sequence up, so that a caller can tell when it falls back.
local function commit()
  sequence = sequence + 1
  call('SET', KEYS[1], spack('>I7I7c8', epoch, sequence, run))
end

-- Subjects --------------------------------------------------------------------------------------
-- A subject is {over_at, {[slot] = meter or mark}}. `over_at` is when the last of them is over; it
-- only sets the time to live, so that Redis forgets the subject GRACE after it stopped to matter.
local books, dirty = {}, {}

local function book(k)
  local b = books[k]
  if not b then
    b = held[k] and cmsgpack.unpack(held[k]) or {0, {}}
    books[k] = b
  end
  return b
end

local function touched(k, over)
  local b = books[k]
  if over > b[1] then b[1] = over end
  dirty[k] = true
end

-- A time to live is a distance from `now`, so a gate whose clock is decades off loses nothing.
local function life(deadline)
  return max(deadline - now, 0) + GRACE
end

local function keep_books()
  for k in pairs(dirty) do
    local b = books[k]
    call('SET', KEYS[k], pack(b), 'PX', life(b[1]))
  end
end

-- Meters ----------------------------------------------------------------------------------------
-- A charge is {subject, slot, waiver's subject or 0, waiver's slot, cost, kind, the limit's numbers…}.
-- Observations, refunds, credits and questions have the same shape.
--   kind 1  {1, tat, tat - last}                                 interval, depth
--   kind 2  {2, rung, last, rung before or -1, last before}      first, longest, forget
--   kind 3  {3, time, units, sum, oldest, older}                 max, span, width
--   kind 4  {4, count, last}                                     max, pause_after, pause, longest, forget
--   kind 5  {5, from, until}, a mark
-- A window's newest bucket stands open, because nearly every call touches only that one. The others
-- are a string of 14-byte records (latest charge, units), oldest first, that is passed through
-- unread as long as its oldest record counts: `sum` is then their count.

-- A meter that is dated ahead is dated `now` before anything else is done with it, and keeps what was
-- charged. `healed` are the charges that found one: what refuses drops the books, but not this.
local healed = {}

local function heal(c, m)
  local kind = m[1]
  if kind == 1 then
    m[2] = min(now + m[3], MOST)
  elseif kind == 3 then
    -- All units dated after `now` come into its bucket.
    local cut = 1
    while cut <= #m[6] and sunpack('>I7', m[6], cut) <= now do cut = cut + 14 end
    for i = cut, #m[6], 14 do
      local _, u = sunpack('>I7I7', m[6], i)
      m[3], m[4] = min(m[3] + u, MOST), m[4] - u
    end
    m[2], m[6] = now, sub(m[6], 1, cut - 1)
    if m[6] == '' then m[4], m[5] = 0, 0 end
  else
    m[3] = now
    if kind == 2 then m[5] = min(m[5], now) end
  end
  healed[#healed + 1] = c
  dirty[c[1]] = true
end

-- When a meter was charged last. A bucket written before its level was kept is taken for an old one.
local function last(m)
  if m[1] == 1 then return m[2] - (m[3] or m[2]) end
  return m[1] == 3 and m[2] or m[3]
end

-- Judged by a limit of another kind, a meter is as good as fresh.
local function meter(c)
  local m = book(c[1])[2][c[2]]
  if m and m[1] == c[6] then
    if last(m) > horizon then heal(c, m) end
    return m
  end
end

local function waived(c, at)
  if c[3] == 0 then return false end
  local m = book(c[3])[2][c[4]]
  return m ~= nil and m[1] == 5 and m[2] <= at and at < m[3]
end

-- The earliest time whose bucket counts when it is `at`.
local function alive_at(at, span, width)
  if at < span then return 0 end
  at = at - span
  return at - at % width
end

-- Where the meter holds a later time than `now`, the meter's is used.
local function alive_now(m, c)
  return alive_at(max(now, m[2] - m[2] % c[9]), c[8], c[9])
end

local function window_count(m, alive)
  local n = m[2] >= alive and m[3] or 0
  if m[4] == 0 then return n end
  if m[5] >= alive then return min(n + m[4], MOST) end
  for i = 1, #m[6], 14 do
    local t, u = sunpack('>I7I7', m[6], i)
    if t >= alive then n = n + u end
  end
  return min(n, MOST)
end

-- How long until enough buckets have died.
local function window_wait(m, c)
  local cost, most, span, width = c[5], c[7], c[8], c[9]
  if cost > most then return span end
  if not m then return 0 end
  local alive = alive_now(m, c)
  local excess = window_count(m, alive) + cost - most
  if excess <= 0 then return 0 end
  -- Under a clock that stepped back the wait counts from the meter's time.
  local from = max(now, m[2] - m[2] % width)
  for i = 1, #m[6], 14 do
    local t, u = sunpack('>I7I7', m[6], i)
    if t >= alive then
      excess = excess - u
      if excess <= 0 then return t - t % width + width + span - from end
    end
  end
  if m[2] >= alive and excess <= m[3] then return m[2] - m[2] % width + width + span - from end
  return span
end

local function window_add(m, c)
  local cost, span, width = c[5], c[8], c[9]
  local start = now - now % width
  if start <= m[2] - m[2] % width then
    m[2], m[3] = max(m[2], now), min(m[3] + cost, MOST)
    return
  end
  if m[3] > 0 then
    m[6], m[4] = m[6] .. spack('>I7I7', m[2], m[3]), min(m[4] + m[3], MOST)
  end
  m[2], m[3] = now, cost
  -- By the bucket's start and not by `now`: what is dropped is dead for a clock that is behind, too.
  local alive, cut = alive_at(start, span, width), 1
  while cut <= #m[6] do
    local t, u = sunpack('>I7I7', m[6], cut)
    if t >= alive then break end
    m[4], cut = m[4] - u, cut + 14
  end
  m[6] = sub(m[6], cut)
  -- Only a span that shrank a great deal gets here: the two oldest become one, dated by the later.
  if #m[6] >= 128 * 14 then
    local _, u = sunpack('>I7I7', m[6], 1)
    local t, v = sunpack('>I7I7', m[6], 15)
    m[6] = spack('>I7I7', t, u + v) .. sub(m[6], 29)
  end
  m[5] = m[6] ~= '' and sunpack('>I7', m[6]) or 0
end

-- Takes units from the newest bucket to the oldest, none below zero; only from `bucket` if given.
local function window_take(m, c, units, bucket)
  local width = c[9]
  if not bucket or m[2] - m[2] % width == bucket then
    local n = min(m[3], units)
    m[3], units = m[3] - n, units - n
  end
  if units == 0 or m[4] == 0 then return end
  local records, sum = {}, 0
  for i = #m[6] - 13, 1, -14 do
    local t, u = sunpack('>I7I7', m[6], i)
    if not bucket or t - t % width == bucket then
      local n = min(u, units)
      u, units = u - n, units - n
    end
    sum = sum + u
    table.insert(records, 1, spack('>I7I7', t, u))
  end
  m[4], m[6] = sum, table.concat(records)
end

-- The rungs that idle time has not yet forgotten.
local function rung(m, c)
  return max(m[2] - floor(max(now - m[3], 0) / c[9]), 0)
end

local function failures(m, c)
  return now - m[3] >= c[11] and 0 or m[2]
end

-- The count as it stands.
local function count(c)
  local m, kind = meter(c), c[6]
  if not m then return 0 end
  if kind == 1 then return ceil(max(m[2] - now, 0) / c[7]) end
  if kind == 2 then return rung(m, c) end
  if kind == 3 then return window_count(m, alive_now(m, c)) end
  return failures(m, c)
end

-- How long until the cost fits; 0 if it fits now.
local function wait(c)
  local m, kind, cost = meter(c), c[6], c[5]
  if kind == 1 then
    local tat = m and max(m[2], now) or now
    return max(min(tat + cost * c[7], MOST) - now - c[8], 0)
  elseif kind == 2 then
    local r = m and rung(m, c) or 0
    if r == 0 then return 0 end
    return max(min(c[7] * 2 ^ (r - 1), c[8]) - max(now - m[3], 0), 0)
  elseif kind == 3 then
    return window_wait(m, c)
  end
  local n = m and failures(m, c) or 0
  local idle = m and max(now - m[3], 0) or now
  local fresh = c[11] - idle
  if fresh <= 0 then fresh = c[11] end
  if n + cost > c[7] then return fresh end
  if n == 0 or n < c[8] then return 0 end
  -- 2^63 times anything is the longest pause; more would be infinite, and infinite times 0 nothing.
  local pause = min(c[9] * 2 ^ min(n - c[8], 63), c[10])
  return min(max(pause - idle, 0), fresh)
end

-- Charges. A cost of 0 changes nothing, and makes no meter either.
local function add(c)
  local cost, kind = c[5], c[6]
  if cost == 0 then return end
  local meters = book(c[1])[2]
  local m, over = meter(c), 0
  if kind == 1 then
    if not m then m = {1, 0, 0} end
    local latest = max(last(m), now)
    m[2] = min(max(m[2], now) + cost * c[7], MOST)
    m[3] = max(m[2] - latest, 0)
    over = m[2]
  elseif kind == 2 then
    if not m then m = {2, 0, 0, -1, 0} end
    m[2], m[3], m[4], m[5] = min(rung(m, c) + 1, 32), max(m[3], now), m[2], m[3]
    over = m[3] + c[9] * m[2]
  elseif kind == 3 then
    if not m then m = {3, 0, 0, 0, 0, ''} end
    window_add(m, c)
    over = m[2] + c[9] + c[8]
  else
    if not m then m = {4, 0, 0} end
    m[2], m[3] = min(failures(m, c) + cost, MOST), max(m[3], now)
    over = m[3] + c[11]
  end
  meters[c[2]] = m
  touched(c[1], min(over, MOST))
end

-- Judges charges in their order and makes those that fit, so that a later charge of the same meter
-- finds what the earlier one leaves. Answers the longest wait and whose it is. If there is one, the
-- caller drops the books: nothing of it was written.
local function charge_all(charges, before, longest, index)
  for i, c in ipairs(charges) do
    if not waived(c, now) then
      local w = wait(c)
      if w == 0 then
        add(c)
      elseif w > longest then
        longest, index = w, before + i - 1
      end
    end
  end
  return longest, index
end

local function drop_books()
  books, dirty = {}, {}
  local again = healed
  healed = {}
  for _, c in ipairs(again) do meter(c) end
end

local function add_all(observations)
  for _, o in ipairs(observations) do add(o) end
end

local function counts(charges, into)
  for _, c in ipairs(charges) do
    into[#into + 1] = waived(c, now) and 0 or count(c)
  end
  return into
end

-- Takes from a bucket's level, not below nothing.
local function lower(m, by)
  m[3] = max((m[3] or m[2]) - by, 0)
  m[2] = max(m[2] - by, 0)
end

-- Challenges ------------------------------------------------------------------------------------
-- 53 bytes (epoch, opened, closes, newest expiry, attempts, used, consumed, last attempt's id) and
-- then 39 for each live code (digest, expiry), the newest last. nil if closed, of another epoch, or
-- opened under a wrong clock: its codes would be good for as long as that clock led.
local function challenge(k)
  local v = held[k]
  if not v then return nil end
  local of, opened, closes, expires, attempts, used, consumed, seen =
    sunpack('>I7I7I7I7I4I4Bc16', v)
  if of ~= epoch or now >= closes or opened > horizon then return nil end
  return {opened = opened, closes = closes, expires = expires, attempts = attempts, used = used,
          consumed = consumed, seen = seen, codes = sub(v, 54)}
end

local function keep_challenge(k, it)
  call('SET', KEYS[k], spack('>I7I7I7I7I4I4Bc16', epoch, it.opened, it.closes, it.expires,
    it.attempts, it.used, it.consumed, it.seen) .. it.codes, 'PX', life(it.closes))
end

-- Journal ---------------------------------------------------------------------------------------
-- An exchange is {key of the latest number, key of the list, after, entry} or 0. Entries are
-- trimmed only at the head, so an entry's number follows from its place. The latest number has no
-- time to live: a number must never be used again.
local function append(x)
  if x == 0 or x[4] == '' then return end
  local list = KEYS[x[2]]
  local head = call('LINDEX', list, 0)
  while head do
    local at = sunpack('>I7', head)
    -- One that is dated ahead would keep all that came after it.
    if at <= horizon and now - at < JOURNAL_LIFE + GRACE then break end
    call('LPOP', list)
    head = call('LINDEX', list, 0)
  end
  held[x[1]] = (tonumber(held[x[1]]) or 0) + 1
  call('RPUSH', list, spack('>I7', now) .. x[4])
  call('PEXPIRE', list, JOURNAL_LIFE + GRACE)
  call('SET', KEYS[x[1]], held[x[1]])
end

-- The latest number, and the numbers and entries after the one asked for.
local function news(x)
  if x == 0 then return 0, {} end
  local latest, entries = tonumber(held[x[1]]) or 0, {}
  if latest > x[3] then
    local first = latest - call('LLEN', KEYS[x[2]]) + 1
    local from = max(x[3] + 1, first)
    for i, entry in ipairs(call('LRANGE', KEYS[x[2]], from - first, -1)) do
      local at = sunpack('>I7', entry)
      if at <= horizon and now - at < JOURNAL_LIFE then
        entries[#entries + 1] = from + i - 1
        entries[#entries + 1] = sub(entry, 8)
      end
    end
  end
  return latest, entries
end

