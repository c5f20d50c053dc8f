-- What the four scripts share. A script is this text followed by its verb's.
--
-- One run is one atomic step of Redis. All of it is laid out as: read everything with one MGET,
-- decide in memory, write last. An error raised while deciding therefore leaves no trace, and the
-- first write is where a server that is out of memory refuses, again before anything has changed.
--
-- Keys (all with the hash tag of the realm, so all in one slot):
--   KEYS[1]  the partition: epoch, sequence, the server process both belong to, the format
--   KEYS[k]  whatever the call names; records in the arguments point at it by its number k
-- Values are strings. One string per subject, and not a hash: a call reads all its subjects with
-- one command and writes each, with its time to live, with one. Measured, a hash needs three.
--
-- What a run costs is its commands (a write is 2 to 3 us, whatever it writes), its tables, each of
-- which grows by doubling, and its functions, which are made anew each time. So charges come as fixed
-- records, lists are flat and as long as they will be, a time to live is set only when it moves, and
-- nothing is read that is not asked for.
--
-- Numbers are doubles: every quantity is below 2^53 (the caller clamps), so sums are exact, and
-- what leaves that range is cut back to MOST.
local MOST, GRACE, JOURNAL_LIFE = 9007199254740991, 60000, 120000
-- What is stored is of the format FORMAT (`format.lua`); that of 22 bytes without a number was the first.
local call, pack, unpack_limit = redis.call, cmsgpack.pack, cmsgpack.unpack_limit
local spack, sunpack = struct.pack, struct.unpack
local sub, find, format = string.sub, string.find, string.format
local min, max, floor, ceil = math.min, math.max, math.floor, math.ceil

-- All arguments are one string: what every verb begins with, and from `body` on the verb's own.
-- `now` is the gate's, and everything is decided by it. `clock` is the server's, for two things:
-- whether it and `now` are further apart than `skew` allows, and when keys end. What is dated beyond
-- `horizon`, a wrong clock has written. `reads` is how many keys have values worth reading.
local body, now, run, known_epoch, known_sequence, reads, skew = unpack_limit(ARGV[1], 6)
local clock = call('TIME')
clock = clock[1] * 1000 + floor(clock[2] / 1000)
local horizon = math.huge
if skew < MOST then
  horizon = now + 2 * skew
  -- No partition's epoch is ever MOST.
  if clock - now > skew or now - clock > skew then return pack({MOST, clock}) end
end
local held = call('MGET', unpack(KEYS, 1, reads))

-- The epoch. A server that was restarted, failed over or restored from a snapshot may have
-- forgotten that a code was used. It shows in one of three ways: another process answers than the
-- one that wrote the partition last; the epoch is behind the one that the caller has seen; the
-- sequence is. Each starts a new epoch, and challenges of an earlier one count as unknown.
local epoch, sequence, moved = 0, 0, false
do
  local writer
  if held[1] then
    epoch, sequence, writer = sunpack('>I7I7c8', held[1])
    local written = #held[1] > 22 and sunpack('>B', held[1], 23) or 1
    -- Written by a later version of this store. No epoch is ever MOST - 1 either.
    if written > FORMAT then return pack({MOST - 1, written}) end
  end
  if writer ~= run or known_epoch > epoch
      or (known_epoch == epoch and known_sequence > sequence) then
    epoch, moved = max(epoch, known_epoch) + 1, true
  end
end

-- Every run that writes counts the sequence up, so that a caller can tell when it falls back.
local function commit()
  sequence = sequence + 1
  call('SET', KEYS[1], spack('>I7I7c8B', epoch, sequence, run, FORMAT))
end

-- A time to live is a distance from `now`, so a gate whose clock is decades off loses nothing. This
-- is when it ends, by the server's clock, which is the one that ends it.
local function ends(deadline)
  return (deadline > now and deadline - now or 0) + GRACE + clock
end

-- Writes a key that lives until `at`. Redis would print the number less quickly.
local function set(key, value, at)
  call('SET', key, value, 'PX', format('%d', at - clock))
end

-- Subjects --------------------------------------------------------------------------------------
-- A subject is one flat list, packed as it stands:
--   writes, born, end, then its meters and marks one after the other, each
--   slot, kind, latest, …
-- `born` is the time it was first written at, and other times are kept from there on, for short.
-- `end`, counted in STEPs, is when the key ends by the server's clock: GRACE after the last of its
-- meters stopped to matter, or later. `latest` is the latest charge.
--   kind 1  level                     a bucket: how far it is from dry, seen from its latest charge
--   kind 2  rung, rung before (-1 if unknown, -2 if there was none), latest before
--   kind 3  units                     a window whose units were all charged in one bucket
--   kind 4  count
--   kind 5  until                     a mark, live from `latest` on
--   kind 6  units, sum, oldest, older a window of several buckets
-- A window's newest bucket stands open, because nearly every call touches only that one. The others
-- are a string of 14-byte records (latest charge, units), oldest first, that is passed through
-- unread as long as its oldest record counts: `sum` is then their count.
--
-- It is packed by MessagePack, which is short and slow. A subject that was written HOT times is one of
-- the few that are in every call: then what is stored is the format of `struct`, a zero, and the values
-- in it. As it keeps its length, it is overwritten in place. One that is new, as most are for most of
-- their time, has all its times at 0: it is stored as its kinds in digits, a zero, and the values.
local STEP, NEVER, HOT = 4096, -MOST, 8
local FRESH, FRESH_FORM, FRESH_LADDER = '>Bi6i4', 'I4BBI4', 'I4BBI4bB'
local SIZE = {4, 6, 4, 4, 4, 7}
-- By number of key; `shapes` are the formats of what is hot and has kept its form.
local books, shapes, dirty, longer = {}, {}, {}, {}

local function book(k)
  local packed, b = held[k], books[k]
  if b then return b end
  local head = packed and string.byte(packed)
  if not head then
    b = {0, now, NEVER, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
         nil, nil, nil, nil}
  elseif head == 0x3e then
    local zero = find(packed, '\0', 1, true)
    local shape = sub(packed, 1, zero - 1)
    b = {sunpack(shape, packed, zero + 1)}
    -- What is last is where the values end.
    b[#b], shapes[k] = nil, shape
  elseif head == 0 or head >= 0x31 and head <= 0x34 then
    local zero = find(packed, '\0', 1, true)
    local forms = {['1'] = FRESH_FORM, ['2'] = FRESH_LADDER, ['3'] = FRESH_FORM, ['4'] = FRESH_FORM}
    local shape = string.gsub(sub(packed, 1, zero - 1), '.', forms)
    b = {sunpack(FRESH .. shape, packed, zero + 1)}
    b[#b] = nil
  elseif head == 0x92 then
    b = cmsgpack.unpack(packed)
    -- The first format was {over_at, {[slot] = {kind, …}}}, with times as they are. The key lives
    -- on until then, however soon the meter is over that this call touches.
    local meters = b[2]
    if type(meters) == 'table' then
      local over = b[1]
      b = {0, now, ceil(((over > now and over - now or 0) + GRACE + clock - now) / STEP)}
      for slot, m in pairs(meters) do
        local kind, n = m[1], #b
        b[n + 1], b[n + 2], b[n + 3], b[n + 4] = slot, kind, m[3] and m[3] - now, m[2]
        if kind == 1 then
          b[n + 3], b[n + 4] = m[2] - (m[3] or m[2]) - now, m[3] or 0
        elseif kind == 2 then
          b[n + 5], b[n + 6] = m[4], m[5] - now
        elseif kind == 3 then
          b[n + 3], b[n + 4] = m[2] - now, m[3]
          if m[6] ~= '' then b[n + 2], b[n + 5], b[n + 6], b[n + 7] = 6, m[4], m[5], m[6] end
        elseif kind == 5 then
          b[n + 3], b[n + 4] = m[2] - now, m[3] - now
        end
      end
    end
  elseif #packed > 4000 then
    -- More values than fit on Lua's stack, perhaps.
    b = cmsgpack.unpack(packed)
  else
    -- A list's head is one byte up to fifteen values and three beyond. Before the values stands where
    -- they end: in the place of the first, which is put there.
    head = head == 0xdc and 4 or 2
    b = {unpack_limit(packed, 8000, head)}
    b[1] = string.byte(packed, head)
  end
  books[k] = b
  return b
end

-- Notes that a book has changed, and that the last of its meters is over no sooner than at `over`.
local function touched(k, b, over)
  dirty[k] = true
  local at = (over > now and over - now or 0) + GRACE + clock
  if (at - b[2]) / STEP > b[3] then
    -- What goes on being charged is given some time in advance, so that this is rare.
    if held[k] then at = at + (at - clock) / 16 end
    b[3], longer[k] = ceil((at - b[2]) / STEP), true
  end
end

-- Meters ----------------------------------------------------------------------------------------
-- A charge is 35 bytes (subject, kind, slot, cost, and three numbers of the limit), 14 more for the
-- two that kind 4 has besides, and 6 more if kind has 8 added: the waiver's subject and slot. Charges
-- stand one after the other. Observations, refunds, credits and questions have the same shape.
--   kind 1  interval, depth
--   kind 2  first, longest, forget
--   kind 3  max, span, width
--   kind 4  max, pause_after, pause, longest, forget
-- `charge_all` does what nearly every charge needs by itself; the functions that follow do anything,
-- and are made when they are first asked for, as making them takes as long as five charges.
local CHARGE = '>I2BI4I7I7I7I7'

-- The charges that found a meter dated ahead: what refuses drops the books, but not this.
local healed = {}
local charge, meter, cut, waived, mark, count, wait, add, counts, drop_books

local function general()
  if meter then return end

  -- The charge at `p`: where the next is, its waiver or 0, and itself.
  function charge(list, p)
    local k, kind, slot, cost, l1, l2, l3, next = sunpack(CHARGE, list, p)
    local l4, l5, waiver, waiver_slot = 0, 0, 0, 0
    if kind % 8 == 4 then l4, l5, next = sunpack('>I7I7', list, next) end
    if kind > 8 then waiver, waiver_slot, next = sunpack('>I2I4', list, next) end
    return next, waiver, waiver_slot, k, slot, kind % 8, cost, l1, l2, l3, l4, l5
  end

  -- Takes `n` values out of the list from `i` on.
  function cut(b, i, n)
    for j = i, #b do b[j] = b[j + n] end
  end

  -- Keeps the older buckets of a window, or makes it one of a single bucket if none are left.
  local function keep_older(b, i, older)
    if older == '' then
      b[i + 1] = 3
      cut(b, i + 4, 3)
    else
      b[i + 5], b[i + 6] = sunpack('>I7', older), older
    end
  end

  -- A meter that is dated ahead is dated `now` before anything else is done with it, and keeps what was
  -- charged.

  local function heal(b, i)
    local kind, at = b[i + 1], now - b[2]
    if kind == 2 then
      b[i + 5] = min(b[i + 5], at)
    elseif kind == 6 then
      -- All units dated after `now` come into its bucket.
      local older, from = b[i + 6], 1
      while from <= #older and sunpack('>I7', older, from) <= now do from = from + 14 end
      for j = from, #older, 14 do
        local _, u = sunpack('>I7I7', older, j)
        b[i + 3], b[i + 4] = min(b[i + 3] + u, MOST), b[i + 4] - u
      end
      keep_older(b, i, sub(older, 1, from - 1))
    end
    b[i + 2] = at
  end

  -- The place of a charge's meter in its book, and nil if there is none. Judged by a limit of another
  -- kind, a meter is as good as fresh: then the second answer is its place.
  function meter(b, k, slot, kind)
    local i, s = 4, b[4]
    while s do
      local has = b[i + 1]
      if s == slot then
        if has ~= kind and (has ~= 6 or kind ~= 3) then return nil, i end
        if b[2] + b[i + 2] > horizon then
          heal(b, i)
          healed[#healed + 1], dirty[k], shapes[k] = {k, slot, kind}, true, nil
        end
        return i
      end
      i = i + SIZE[has]
      s = b[i]
    end
  end

  function mark(k, slot)
    local b = book(k)
    local _, i = meter(b, k, slot, 0)
    if i and b[i + 1] == 5 then return b, i end
  end

  function waived(k, slot, at)
    if k == 0 then return false end
    local b, i = mark(k, slot)
    return b ~= nil and b[2] + b[i + 2] <= at and at < b[2] + b[i + 3]
  end

  -- The earliest time whose bucket counts when it is `at`.
  local function alive_at(at, span, width)
    at = at - span
    return at < 0 and 0 or at - at % width
  end

  -- Where the meter holds a later time than `now`, the meter's is used.
  local function alive_now(b, i, span, width)
    local latest = b[2] + b[i + 2]
    local start = latest - latest % width
    return alive_at(start > now and start or now, span, width)
  end

  local function window_count(b, i, alive)
    local n = b[2] + b[i + 2] >= alive and b[i + 3] or 0
    if b[i + 1] == 3 or b[i + 4] == 0 then return n end
    if b[i + 5] >= alive then return min(n + b[i + 4], MOST) end
    local older = b[i + 6]
    for j = 1, #older, 14 do
      local t, u = sunpack('>I7I7', older, j)
      if t >= alive then n = n + u end
    end
    return min(n, MOST)
  end

  -- How long until enough buckets have died.
  local function window_wait(b, i, cost, most, span, width)
    if cost > most then return span end
    if not i then return 0 end
    local alive = alive_now(b, i, span, width)
    local excess = window_count(b, i, alive) + cost - most
    if excess <= 0 then return 0 end
    -- Under a clock that stepped back the wait counts from the meter's time.
    local latest = b[2] + b[i + 2]
    local start = latest - latest % width
    local from = max(now, start)
    local older = b[i + 1] == 6 and b[i + 6] or ''
    for j = 1, #older, 14 do
      local t, u = sunpack('>I7I7', older, j)
      if t >= alive then
        excess = excess - u
        if excess <= 0 then return t - t % width + width + span - from end
      end
    end
    if latest >= alive and excess <= b[i + 3] then return start + width + span - from end
    return span
  end

  local function window_add(b, i, cost, span, width)
    local latest, start = b[2] + b[i + 2], now - now % width
    if start <= latest - latest % width then
      if now > latest then b[i + 2] = now - b[2] end
      b[i + 3] = min(b[i + 3] + cost, MOST)
      return
    end
    local units = b[i + 3]
    b[i + 2], b[i + 3] = now - b[2], cost
    if b[i + 1] == 3 then
      if units == 0 then return end
      -- A second bucket: the meter becomes one of several.
      for j = #b, i + 4, -1 do b[j + 3] = b[j] end
      b[i + 1], b[i + 4], b[i + 5], b[i + 6] = 6, 0, 0, ''
    end
    local older = b[i + 6]
    if units > 0 then
      older, b[i + 4] = older .. spack('>I7I7', latest, units), min(b[i + 4] + units, MOST)
    end
    -- By the bucket's start and not by `now`: what is dropped is dead for a clock that is behind, too.
    local alive, from = alive_at(start, span, width), 1
    while from <= #older do
      local t, u = sunpack('>I7I7', older, from)
      if t >= alive then break end
      b[i + 4], from = b[i + 4] - u, from + 14
    end
    older = sub(older, from)
    -- Only a span that shrank a great deal gets here: the two oldest become one, dated by the later.
    if #older >= 128 * 14 then
      local _, u = sunpack('>I7I7', older, 1)
      local t, v = sunpack('>I7I7', older, 15)
      older = spack('>I7I7', t, u + v) .. sub(older, 29)
    end
    keep_older(b, i, older)
  end

  -- The rungs that idle time has not yet forgotten.
  local function rung(b, i, forget)
    return max(b[i + 3] - floor(max(now - b[2] - b[i + 2], 0) / forget), 0)
  end

  local function failures(b, i, forget)
    return now - b[2] - b[i + 2] >= forget and 0 or b[i + 3]
  end

  -- The count as it stands.
  function count(k, slot, kind, _, l1, l2, l3, _, l5)
    local b = book(k)
    local i = meter(b, k, slot, kind)
    if not i then return 0 end
    if kind == 1 then return ceil(max(b[2] + b[i + 2] + b[i + 3] - now, 0) / l1) end
    if kind == 2 then return rung(b, i, l3) end
    if kind == 3 then return window_count(b, i, alive_now(b, i, l2, l3)) end
    return failures(b, i, l5)
  end

  -- How long until the cost fits; 0 if it fits now.
  function wait(b, i, kind, cost, l1, l2, l3, l4, l5)
    if kind == 1 then
      local dry = i and b[2] + b[i + 2] + b[i + 3] or now
      if dry < now then dry = now end
      return max(min(dry + cost * l1, MOST) - now - l2, 0)
    elseif kind == 2 then
      local r = i and rung(b, i, l3) or 0
      if r == 0 then return 0 end
      return max(min(l1 * 2 ^ (r - 1), l2) - max(now - b[2] - b[i + 2], 0), 0)
    elseif kind == 3 then
      return window_wait(b, i, cost, l1, l2, l3)
    end
    local n = i and failures(b, i, l5) or 0
    local idle = i and max(now - b[2] - b[i + 2], 0) or now
    local fresh = l5 - idle
    if fresh <= 0 then fresh = l5 end
    if n + cost > l1 then return fresh end
    if n == 0 or n < l2 then return 0 end
    -- 2^63 times anything is the longest pause; more would be infinite, and infinite times 0 nothing.
    local pause = min(l3 * 2 ^ min(n - l2, 63), l4)
    return min(max(pause - idle, 0), fresh)
  end

  -- Charges. A cost of 0 changes nothing, and makes no meter either. `i` is the meter's place, `other`
  -- that of a meter of another kind.
  function add(b, i, other, k, slot, kind, cost, l1, l2, l3, _, l5)
    if cost == 0 then return end
    local born, fresh = b[2], not i
    shapes[k] = nil
    if fresh then
      if other then cut(b, other, SIZE[b[other + 1]]) end
      i = #b + 1
      -- As if charged at `now` with nothing, which changes no answer.
      b[i], b[i + 1], b[i + 2], b[i + 3] = slot, kind, now - born, 0
      if kind == 2 then b[i + 4], b[i + 5] = 0, 0 end
    end
    local over
    if kind == 3 then
      window_add(b, i, cost, l2, l3)
      over = born + b[i + 2] + l3 + l2
    elseif kind == 1 then
      local latest = born + b[i + 2]
      local dry = latest + b[i + 3]
      if latest < now then latest = now end
      if dry < now then dry = now end
      over = min(dry + cost * l1, MOST)
      b[i + 2], b[i + 3] = latest - born, over > latest and over - latest or 0
    elseif kind == 2 then
      b[i + 4], b[i + 5] = fresh and -2 or b[i + 3], b[i + 2]
      b[i + 3] = min(rung(b, i, l3) + 1, 32)
      if now - born > b[i + 2] then b[i + 2] = now - born end
      over = born + b[i + 2] + l3 * b[i + 3]
    else
      b[i + 3] = min(failures(b, i, l5) + cost, MOST)
      if now - born > b[i + 2] then b[i + 2] = now - born end
      over = born + b[i + 2] + l5
    end
    touched(k, b, over < MOST and over or MOST)
  end

  -- What was decided in vain is read anew.
  function drop_books()
    books, shapes, dirty, longer = {}, {}, {}, {}
    local again = healed
    healed = {}
    for _, m in ipairs(again) do meter(book(m[1]), m[1], m[2], m[3]) end
  end

  -- Writes into an answer from `at` on how many charges there are, and their counts as they stand.
  function counts(list, answer, at)
    local p, last, number = 1, #list, 0
    while p < last do
      local next, waiver, waiver_slot, k, slot, kind, cost, l1, l2, l3, l4, l5 = charge(list, p)
      number, p = number + 1, next
      local free = waived(waiver, waiver_slot, now)
      answer[at + number] = free and 0 or count(k, slot, kind, cost, l1, l2, l3, l4, l5)
    end
    answer[at] = number
    return at + number + 1
  end
end

-- Judges charges in their order and makes those that fit, so that a later charge of the same meter
-- finds what the earlier one leaves. Writes into the answer from `at` on how many there are and the
-- count that each leaves. Answers the longest wait, whose it is, and where the answer ends. If there is
-- one, the caller drops the books: nothing of it was written. Observations fit always. Which do not fit,
-- and how long each has to wait, stands in `unfit`, one after the other.
local unfit = {}
local function charge_all(list, answer, at, observing)
  local p, last, number, longest, index = 1, #list, 0, 0, 0
  while p < last do
    local k, kind, slot, cost, l1, l2, l3, next = sunpack(CHARGE, list, p)
    local n, l4, l5, waiver, waiver_slot, over = 0, 0, 0, 0, 0, nil
    if kind >= 4 then
      general()
      next, waiver, waiver_slot, k, slot, kind, cost, l1, l2, l3, l4, l5 = charge(list, p)
    end
    if waiver == 0 or not waived(waiver, waiver_slot, now) then
      local b = books[k] or book(k)
      local born, i, s = b[2], 4, b[4]
      while s and s ~= slot do
        i = i + SIZE[b[i + 1]]
        s = b[i]
      end
      local has, latest = kind, now
      if s then has, latest = b[i + 1], born + b[i + 2] end
      if cost == 0 or latest > horizon then
        -- The general way.
      elseif kind == 3 then
        local start = latest - latest % l3
        if (has == 3 or has == 6) and now < start + l3 then
          n = (s and b[i + 3] or 0) + cost
          if has == 6 and b[i + 4] > 0 then
            n = b[i + 5] >= (start > now and start or now) - l2 and n + b[i + 4] or MOST
          end
          if n < MOST and (observing or n <= l1) then
            if not s then
              b[i], b[i + 1], b[i + 2], b[i + 3] = slot, 3, now - born, cost
            else
              b[i + 3] = b[i + 3] + cost
              if now > latest then b[i + 2] = now - born end
            end
            over = born + b[i + 2] + l3 + l2
          end
        end
      elseif kind == 1 and has == 1 then
        local dry = s and latest + b[i + 3] or now
        dry = (dry < now and now or dry) + cost * l1
        if dry - now <= l2 and dry < MOST then
          if latest < now then latest = now end
          b[i], b[i + 1], b[i + 2], b[i + 3] = slot, 1, latest - born, dry - latest
          n, over = ceil((dry - now) / l1), dry
        end
      elseif kind == 2 and not s then
        b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5] = slot, 2, now - born, 1, -2, 0
        n, over = 1, now + l3
      end
      if over then
        if not s then shapes[k] = nil end
        touched(k, b, over < MOST and over or MOST)
      else
        general()
        local place, other = meter(b, k, slot, kind)
        local w = observing and 0 or wait(b, place, kind, cost, l1, l2, l3, l4, l5)
        if w == 0 then
          add(b, place, other, k, slot, kind, cost, l1, l2, l3, l4, l5)
        else
          unfit[#unfit + 1], unfit[#unfit + 2] = number, w
          if w > longest then longest, index = w, number end
        end
        n = count(k, slot, kind, cost, l1, l2, l3, l4, l5)
      end
    end
    number, p = number + 1, next
    answer[at + number] = n
  end
  answer[at] = number
  return longest, index, at + number + 1
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
  set(KEYS[k], spack('>I7I7I7I7I4I4Bc16', epoch, it.opened, it.closes, it.expires,
    it.attempts, it.used, it.consumed, it.seen) .. it.codes, ends(it.closes))
end

-- Journal ---------------------------------------------------------------------------------------
-- An exchange is {key of the latest number, key of the list, after, entry} or 0. Entries are
-- trimmed only at the head, so an entry's number follows from its place. The latest number has no
-- time to live: a number must never be used again. With it stands when the list ends.
-- `latest` is known once it has been asked for, `length` once an entry was appended.
local latest, length, lives

local function latest_of(x)
  local value = held[x[1]]
  if not value then
    latest, lives = 0, 0
  elseif #value == 15 then
    latest, lives = sunpack('>I7I7', value, 2)
  else
    -- In the first format it stood alone, in decimal.
    latest, lives = tonumber(value), 0
  end
end

-- Writes into an answer from `at` on the latest number, how many entries follow the one asked for, and
-- of each its number and text.
local function news(x, answer, at)
  if x == 0 then
    answer[at], answer[at + 1] = 0, 0
    return answer
  end
  if not latest then latest_of(x) end
  answer[at], answer[at + 1] = latest, 0
  local after = x[3]
  if latest <= after then return answer end
  if length and latest == after + 1 then
    answer[at + 1], answer[at + 2], answer[at + 3] = 1, latest, x[4]
    return answer
  end
  local first = latest - (length or call('LLEN', KEYS[x[2]])) + 1
  local from, told = max(after + 1, first), 0
  for i, entry in ipairs(call('LRANGE', KEYS[x[2]], from - first, -1)) do
    local time = sunpack('>I7', entry)
    if time <= horizon and now - time < JOURNAL_LIFE then
      answer[at + 2 + 2 * told], answer[at + 3 + 2 * told] = from + i - 1, sub(entry, 8)
      told = told + 1
    end
  end
  answer[at + 1] = told
  return answer
end

