-- otpgate, migration 2: one function for each verb of the gate's store port, and what they share.
--
-- Apply it as a whole, in one transaction, as the owner of the objects. It can be applied again.
-- Times are milliseconds since 1970 as the gates' clocks tell it; the server's clock decides nothing.
-- A call's `p_horizon` is the latest time that an honest clock can have written before it.

-- When something whose deadline is `at` can be dropped: a minute later, for clocks that differ.
create or replace function otpgate.drop_at_v1(at bigint) returns integer
language sql immutable parallel safe as $$
  select least((at + 60000) / 900000 + 1, 2147483647)::integer
$$;

-- Fetches subjects. `meters` are pairs (number of the subject, slot) in the order of the subjects;
-- one that a subject has not got yet is added blank.
create or replace function otpgate.open_v1(keys uuid[], meters bigint[]) returns otpgate.book
language plpgsql stable as $$
declare
  b otpgate.book;
  w bigint[] := '{}';
  ends integer[] := '{}';
  drops integer[] := '{}';
  olds text[] := '{}';
  places integer[] := '{}';
  homes integer[] := '{}';
  wanted integer := cardinality(meters) / 2;
  q integer := 0;
  n integer := 0;
  h integer;
  first integer;
  p integer;
  slot bigint;
  r record;
begin
  for r in
    select s.h, t.meters, t.drop_at, t.older is null as bare
    from unnest(keys) with ordinality s(key, h)
    left join lateral (select * from otpgate.subject t where t.key = s.key offset 0) t on true
    order by s.h
  loop
    h := r.h;
    first := n;
    if r.drop_at is null then
      drops[h] := 0;
      olds[h] := '{}';
    else
      w := w || r.meters;
      n := n + cardinality(r.meters);
      drops[h] := r.drop_at;
      if r.bare then
        olds[h] := '{}';
      else
        olds[h] := null;
      end if;
    end if;
    while q < wanted and meters[q * 2 + 1] = h loop
      q := q + 1;
      slot := meters[q * 2];
      p := first;
      while p < n and w[p + 1] >> 3 <> slot loop
        p := p + 5;
      end loop;
      if p = n then
        w := w || array[slot << 3, 0, 0, 0, 0];
        n := n + 5;
      end if;
      places[q] := p;
      homes[q] := h;
    end loop;
    ends[h] := n;
  end loop;
  b.words := w;
  b.ends := ends;
  b.drops := drops;
  b.olds := olds;
  b.changed := array_fill(0, array[cardinality(keys)]);
  b.places := places;
  b.homes := homes;
  return b;
end $$;

-- Writes the subjects that changed.
create or replace function otpgate.close_v1(b otpgate.book, keys uuid[]) returns void
language plpgsql as $$
declare
  words bigint[] := b.words;
  ends integer[] := b.ends;
  drops integer[] := b.drops;
  olds text[] := b.olds;
  changed integer[] := b.changed;
begin
  insert into otpgate.subject as t (key, drop_at, meters, older)
  select keys[h], drops[h], words[coalesce(ends[h - 1], 0) + 1 : ends[h]],
         case when changed[h] = 3 then olds[h]::bigint[] end
  from generate_series(1, cardinality(keys)) h
  where changed[h] > 0
  on conflict (key) do update set
    drop_at = excluded.drop_at,
    meters = excluded.meters,
    older = coalesce(excluded.older, t.older);
end $$;

-- The older buckets of a subject: `known`, or what the row holds.
create or replace function otpgate.older_v1(known text, subject uuid) returns bigint[]
language plpgsql stable as $$
declare
  found_ bigint[];
begin
  if known is not null then
    return known::bigint[];
  end if;
  select t.older into found_ from otpgate.subject t where t.key = subject;
  return coalesce(found_, '{}');
end $$;

-- Does one thing to meters, in the order of `ops`, ten numbers for each: the limit's rule, the meter,
-- the mark that waives it or 0, the cost, five parameters of the limit, and a time.
--
-- A meter that was charged beyond the horizon is dated now before anything else is done with it, and
-- keeps what was charged.
--
-- `results` of acts 1 and 2 are the counts after them, 0 where it was waived; then 1 if a meter was
-- dated now, and 1 if a meter was named twice, so that its counts are not the last ones. (They stand
-- there because the type of a book cannot change under gates that run.)
--
-- acts: 1 check and charge, 2 charge, 3 refund, 4 credit, 5 reset, 6 mark, 7 count, 8 wait and count,
--       9 only what is said above of meters charged beyond the horizon
-- rules: 1 rate (interval, depth, cost in ms), 2 ladder (first, longest, forget),
--        3 window (max, length, width of a bucket),
--        4 failures (max, pause after, pause, longest, forget), 5 mark
-- No number that comes in is above 2^61, so that three of them add up without overflow.
create or replace function otpgate.apply_v1(
  b otpgate.book, keys uuid[], now_ bigint, horizon bigint, act integer, ops bigint[]
) returns otpgate.book
language plpgsql stable as $$
declare
  most constant bigint := 2305843009213693951;
  w bigint[] := b.words;
  places integer[] := b.places;
  homes integer[] := b.homes;
  drops integer[] := b.drops;
  olds text[] := b.olds;
  changed integer[] := b.changed;
  results bigint[] := '{}';
  healed boolean := false;
  touched bigint := 0;   -- a bit for each meter that was charged, by its number modulo 64
  twice boolean := false;
  worst integer;
  longest bigint := 0;
  old bigint[];          -- the older buckets of subject `old_of`
  old_of integer := 0;
  kept bigint[];
  h integer;             -- the subject
  p integer;             -- how many words stand before the meter
  o integer;             -- how many numbers stand before the operation
  k integer;
  j integer;
  m integer;
  n constant integer := coalesce(cardinality(ops), 0) / 10;
  rule bigint;
  slot bigint;
  kind bigint;
  cost bigint;
  p1 bigint;
  p2 bigint;
  p3 bigint;
  p4 bigint;
  p5 bigint;
  a bigint;              -- the state: four numbers
  u bigint;
  c bigint;
  d bigint;
  count_ bigint;
  wait bigint;
  over bigint;           -- from when on the meter is as good as fresh
  alive bigint;          -- the earliest time whose bucket still counts
  x bigint;
begin
  for i in 1 .. n loop
    o := i * 10 - 10;
    k := ops[o + 3];
    if k > 0 then
      -- A charge is waived by what stands now, a refund by what stood at the charge.
      p := places[k];
      x := case when act = 3 then ops[o + 10] else now_ end;
      if w[p + 1] & 7 = 5 and w[p + 2] <= x and x < w[p + 3] then
        if act <= 2 or act >= 7 then
          results[i] := 0;
        end if;
        continue;
      end if;
    end if;
    k := ops[o + 2];
    if act <= 2 then
      twice := twice or touched >> (k & 63) & 1 = 1;
      touched := touched | (1::bigint << (k & 63));
    end if;
    p := places[k];
    h := homes[k];
    rule := ops[o + 1];
    kind := w[p + 1] & 7;
    slot := w[p + 1] >> 3;
    if kind = rule then
      a := w[p + 2];
      u := w[p + 3];
      c := w[p + 4];
      d := w[p + 5];
      if a > horizon and kind < 5 and (kind <> 1 or u > horizon) then
        if kind = 1 then
          a := least(a - u + now_, most);
          u := now_;
        elsif kind = 2 then
          if d > 0 then
            c := least(c, now_);
          end if;
        elsif kind = 3 and d > 0 then
          -- All units dated after now come into its bucket.
          if old_of <> h then
            old := otpgate.older_v1(olds[h], keys[h]);
            old_of := h;
          end if;
          kept := '{}';
          m := 0;
          c := 0;
          d := 0;
          for j in 0 .. cardinality(old) / 3 - 1 loop
            if old[j * 3 + 1] = slot and old[j * 3 + 2] > now_ then
              u := least(u + old[j * 3 + 3], most);
              continue;
            end if;
            kept[m + 1] := old[j * 3 + 1];
            kept[m + 2] := old[j * 3 + 2];
            kept[m + 3] := old[j * 3 + 3];
            m := m + 3;
            if old[j * 3 + 1] = slot then
              c := least(c + old[j * 3 + 3], most);
              if d = 0 then
                d := old[j * 3 + 2] + 1;
              end if;
            end if;
          end loop;
          old := kept;
          olds[h] := old::text;
          changed[h] := 3;
        end if;
        if kind > 1 then
          a := now_;
        end if;
        w[p + 2] := a;
        w[p + 3] := u;
        w[p + 4] := c;
        w[p + 5] := d;
        changed[h] := changed[h] | 1;
        healed := true;
      end if;
      if act = 9 then
        continue;
      end if;
    elsif act between 3 and 4 or act = 9 then
      continue;
    else
      a := 0;
      u := 0;
      c := 0;
      d := 0;
    end if;
    cost := ops[o + 4];
    p1 := ops[o + 5];
    p2 := ops[o + 6];
    p3 := ops[o + 7];

    if rule = 3 then
      if act < 3 or act >= 7 then
        x := greatest(now_, a - a % p3) - p2;
        alive := case when x > 0 then x - x % p3 else 0 end;
        count_ := case when a >= alive then u else 0 end;
        if d > alive then
          count_ := count_ + c;
        elsif d > 0 then
          if old_of <> h then
            old := otpgate.older_v1(olds[h], keys[h]);
            old_of := h;
          end if;
          for j in 0 .. cardinality(old) / 3 - 1 loop
            if old[j * 3 + 1] = slot and old[j * 3 + 2] >= alive then
              count_ := count_ + old[j * 3 + 3];
            end if;
          end loop;
        end if;
        if act = 7 then
          results[i] := count_;
          continue;
        end if;
        wait := 0;
        if act <> 2 and count_ + cost > p1 and p1 < most then
          wait := p2;
          if cost <= p1 then
            -- The time until enough buckets have died.
            x := count_ + cost - p1;
            if d > 0 then
              if old_of <> h then
                old := otpgate.older_v1(olds[h], keys[h]);
                old_of := h;
              end if;
              for j in 0 .. cardinality(old) / 3 - 1 loop
                if old[j * 3 + 1] = slot and old[j * 3 + 2] >= alive then
                  x := x - old[j * 3 + 3];
                  if x <= 0 then
                    wait := old[j * 3 + 2] - old[j * 3 + 2] % p3 + p3 + p2
                      - greatest(now_, a - a % p3);
                    exit;
                  end if;
                end if;
              end loop;
            end if;
            if x > 0 and x <= u then
              -- Under a clock that stepped back the wait counts from the meter's time.
              wait := a - a % p3 + p3 + p2 - greatest(now_, a - a % p3);
            end if;
          end if;
        end if;
      end if;

      if act <= 2 and wait = 0 and cost > 0 then
        count_ := count_ + cost;
        if now_ / p3 <= a / p3 then
          u := least(u + cost, most);
          a := greatest(a, now_);
        else
          if u > 0 or d > 0 then
            if old_of <> h then
              old := otpgate.older_v1(olds[h], keys[h]);
              old_of := h;
            end if;
            if u > 0 then
              old := old || array[slot, a, u];
              c := least(c + u, most);
              if d = 0 then
                d := a + 1;
              end if;
            end if;
            x := now_ - now_ % p3 - p2;
            alive := case when x > 0 then x - x % p3 else 0 end;
            if d <= alive then
              -- Dead for every later call, even for one whose clock is behind.
              kept := '{}';
              m := 0;
              c := 0;
              d := 0;
              for j in 0 .. cardinality(old) / 3 - 1 loop
                if old[j * 3 + 1] <> slot or old[j * 3 + 2] >= alive then
                  kept[m + 1] := old[j * 3 + 1];
                  kept[m + 2] := old[j * 3 + 2];
                  kept[m + 3] := old[j * 3 + 3];
                  m := m + 3;
                  if old[j * 3 + 1] = slot then
                    c := least(c + old[j * 3 + 3], most);
                    if d = 0 then
                      d := old[j * 3 + 2] + 1;
                    end if;
                  end if;
                end if;
              end loop;
              old := kept;
            end if;
            olds[h] := old::text;
            changed[h] := 3;
          end if;
          a := now_;
          u := cost;
        end if;
        over := a - a % p3 + p3 + p2;
      elsif act = 3 or act = 4 then
        -- A refund takes from the bucket of its charge, a credit from the newest on.
        if cost = 0 then
          continue;
        end if;
        x := ops[o + 10] / p3;
        over := 0;
        if act = 4 or a / p3 = x then
          count_ := least(u, cost);
          u := u - count_;
          cost := cost - count_;
        end if;
        if cost > 0 and d > 0 then
          if old_of <> h then
            old := otpgate.older_v1(olds[h], keys[h]);
            old_of := h;
          end if;
          for j in reverse cardinality(old) / 3 - 1 .. 0 loop
            exit when cost = 0;
            if old[j * 3 + 1] = slot and (act = 4 or old[j * 3 + 2] / p3 = x) then
              count_ := least(old[j * 3 + 3], cost);
              old[j * 3 + 3] := old[j * 3 + 3] - count_;
              c := c - count_;
              cost := cost - count_;
            end if;
          end loop;
          olds[h] := old::text;
          changed[h] := 3;
        end if;
      end if;

    elsif rule = 1 then
      if act = 7 then
        results[i] := (greatest(a - now_, 0) + p1 - 1) / p1;
        continue;
      end if;
      over := 0;
      wait := 0;
      if act < 3 or act = 8 then
        x := least(greatest(a, now_) + p3, most);
        if act <> 2 then
          wait := greatest(x - now_ - p2, 0);
        end if;
        if act < 3 then
          a := x;
          u := greatest(u, now_);
          over := a;
        end if;
        count_ := (greatest(a - now_, 0) + p1 - 1) / p1;
      elsif act = 3 then
        -- What has drained meanwhile is gone, or it would pay for a later charge.
        a := greatest(a - greatest(p3 - greatest(now_ - ops[o + 10], 0), 0), 0);
        u := least(u, a);
      elsif act = 4 then
        a := greatest(a - p3, 0);
        u := least(u, a);
      end if;

    elsif rule = 2 then
      if act = 3 then
        if d > 0 and ops[o + 10] = a then
          a := c;
          u := d - 1;
          c := 0;
          d := 0;
        elsif a - ops[o + 10] < p3 then
          u := greatest(u - 1, 0);
          if d > 0 then
            d := greatest(d - 1, 1);
          end if;
        end if;
        over := 0;
      elsif act <> 4 then
        x := greatest(now_ - a, 0);
        count_ := u - least(u, x / p3);
        if act = 7 then
          results[i] := count_;
          continue;
        end if;
        wait := 0;
        if act <> 2 and count_ > 0 then
          k := count_ - 1;
          wait := greatest(case when p1 > p2 >> k then p2 else p1 << k end - x, 0);
        end if;
        if act < 3 then
          c := a;
          d := u + 1;
          u := least(count_ + 1, 32);
          a := greatest(a, now_);
          over := a + p3 * u;
          if cost > 0 then
            count_ := u;
          end if;
        end if;
      end if;

    elsif rule = 4 then
      p5 := ops[o + 9];
      if act = 3 then
        if a - ops[o + 10] < p5 then
          u := greatest(u - cost, 0);
        end if;
        over := 0;
      elsif act <> 4 then
        x := greatest(now_ - a, 0);
        count_ := case when x >= p5 then 0 else u end;
        if act = 7 then
          results[i] := count_;
          continue;
        end if;
        wait := 0;
        if act <> 2 then
          p4 := ops[o + 8];
          over := case when x >= p5 then p5 else p5 - x end;
          if count_ + cost > p1 then
            wait := over;
          elsif count_ > 0 and count_ >= p2 then
            k := least(count_ - p2, 62);
            wait := case when p3 > p4 >> k then p4 else p3 << k end;
            wait := least(greatest(wait - x, 0), over);
          end if;
        end if;
        if act < 3 then
          u := least(count_ + cost, most);
          a := greatest(a, now_);
          over := a + p5;
          count_ := u;
        end if;
      end if;

    elsif act = 6 then
      -- A mark that has not ended keeps the earlier start and the later end.
      if kind = 5 and now_ < u then
        a := least(a, ops[o + 10]);
        -- An end that a wrong clock wrote is not kept.
        if horizon < most and u - cost > horizon - now_ then
          u := cost;
        else
          u := greatest(u, cost);
        end if;
      else
        a := ops[o + 10];
        u := cost;
      end if;
      over := u;
      cost := 1;

    elsif act = 7 then
      results[i * 2 - 1] := case when kind = 5 and now_ < u then a else -1 end;
      results[i * 2] := u;
      continue;
    end if;

    if act < 3 then
      if act = 1 and wait > 0 then
        if wait > longest then
          longest := wait;
          worst := i - 1;
        end if;
        continue;
      end if;
      results[i] := count_;
      continue when cost = 0;
    elsif act = 8 then
      results[i * 2 - 1] := case when cost > 0 then wait else 0 end;
      results[i * 2] := count_;
      continue;
    end if;

    if kind = 3 and (rule <> 3 or act = 5) and w[p + 5] > 0 then
      -- The buckets go with the meter they belong to.
      if old_of <> h then
        old := otpgate.older_v1(olds[h], keys[h]);
        old_of := h;
      end if;
      kept := '{}';
      m := 0;
      for j in 0 .. cardinality(old) / 3 - 1 loop
        if old[j * 3 + 1] <> slot then
          kept[m + 1] := old[j * 3 + 1];
          kept[m + 2] := old[j * 3 + 2];
          kept[m + 3] := old[j * 3 + 3];
          m := m + 3;
        end if;
      end loop;
      old := kept;
      olds[h] := old::text;
      changed[h] := 3;
    end if;
    if act = 5 then
      w[p + 1] := slot << 3;
    else
      w[p + 1] := slot << 3 | rule;
      w[p + 2] := a;
      w[p + 3] := u;
      w[p + 4] := c;
      w[p + 5] := d;
      if over > 0 then
        drops[h] := greatest(drops[h], otpgate.drop_at_v1(over));
      end if;
    end if;
    changed[h] := changed[h] | 1;
  end loop;

  if act <= 2 then
    results[n + 1] := healed::integer;
    results[n + 2] := twice::integer;
  end if;
  b.words := w;
  b.drops := drops;
  b.olds := olds;
  b.changed := changed;
  b.worst := worst;
  b.wait := longest;
  b.results := results;
  return b;
end $$;

-- Waits until nobody else works on what is named. The names are sorted, so that no two calls can
-- wait for each other; an even one is shared. They are held until the transaction ends.
create or replace function otpgate.lock_v1(locks bigint[]) returns void
language plpgsql as $$
declare
  name bigint;
  done text;
begin
  foreach name in array locks loop
    if name & 1 = 1 then
      done := pg_advisory_xact_lock(name)::text;
    else
      done := pg_advisory_xact_lock_shared(name + 1)::text;
    end if;
  end loop;
end $$;

-- Appends to a journal. The journal is locked, so that numbers become visible in their order. In
-- PL/pgSQL, as every call parses and plans a function in SQL before PostgreSQL 18.
create or replace function otpgate.append_v1(p_journal uuid, p_now bigint, p_content bytea)
returns void
language plpgsql as $$
declare
  number_ bigint;
begin
  insert into otpgate.journal as t (key, latest) values (p_journal, 1)
  on conflict (key) do update set latest = t.latest + 1
  returning t.latest into number_;
  insert into otpgate.entry (journal, number, drop_at, at, content)
  values (p_journal, number_, otpgate.drop_at_v1(p_now + 120000), p_now, p_content);
end $$;

-- Reads a journal: what is younger than two minutes and after a number.
create or replace function otpgate.news_v1(
  p_journal uuid, p_now bigint, p_horizon bigint, p_after bigint,
  out latest bigint, out numbers bigint[], out contents bytea[]
)
language plpgsql stable
set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
begin
  select coalesce((select t.latest from otpgate.journal t where t.key = p_journal), 0),
         array_agg(e.number order by e.number), array_agg(e.content order by e.number)
  into latest, numbers, contents
  from otpgate.entry e
  where e.journal = p_journal and e.number > p_after and p_now - e.at < 120000
    and e.at <= p_horizon;
end $$;

-- The planner is kept from planning each call anew (half of a call's time, measured) and from
-- scanning a table that was small when the plan was made.

-- verdict: 0 granted, 1 exhausted, 2 nonce spent, 3 challenge gone, 4 stale.
-- `p_once` is the call's identifier, then the nonces; `p_documents` the guards, then the writes, of
-- which there are as many as contents. `p_challenge` is opened, or with `p_renew` renewed;
-- `p_attempts` then says whether the previous code is kept.
create or replace function otpgate.admit_v1(
  p_now bigint, p_horizon bigint, p_locks bigint[], p_once uuid[], p_untils bigint[],
  p_documents uuid[], p_versions bigint[], p_contents bytea[],
  p_subjects uuid[], p_meters bigint[], p_charges bigint[], p_observe bigint[],
  p_challenge uuid, p_renew boolean, p_digest bytea, p_expires bigint, p_closes bigint,
  p_attempts integer, p_journal uuid, p_append bytea, p_after bigint,
  out verdict integer, out place integer, out amount bigint,
  out counts bigint[], out latest bigint, out numbers bigint[], out contents bytea[]
)
language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
declare
  b otpgate.book;
  paid otpgate.book;
  all_ops constant bigint[] := p_charges || p_observe;
  n constant integer := cardinality(all_ops) / 10;
  hit integer;
  guards integer;
  live boolean;
begin
  perform otpgate.lock_v1(p_locks);
  verdict := 0;
  select min(s.i) into hit
  from unnest(p_once) with ordinality s(key, i)
  join lateral (select * from otpgate.once t where t.key = s.key offset 0) t on true
  where p_now < t.until;
  b := otpgate.open_v1(p_subjects, p_meters);

  if hit is distinct from 1 then
    if cardinality(p_documents) > 0 then
      select s.i - 1, coalesce(t.version, 0) into place, amount
      from unnest(p_documents, p_versions) with ordinality s(key, expected, i)
      left join lateral (select * from otpgate.document t where t.key = s.key offset 0) t on true
      where coalesce(t.version, 0) <> s.expected
      order by s.i limit 1;
    end if;
    if place is not null then
      verdict := 4;
    elsif hit is not null then
      verdict := 2;
      place := hit - 2;
    elsif p_challenge is not null then
      select not t.consumed and t.used < t.attempts into live
      from otpgate.challenge t
      where t.key = p_challenge and p_now < t.closes and t.opened <= p_horizon;
      if p_renew and live is not true or not p_renew and live is not null then
        verdict := 3;
      end if;
    end if;
    if verdict = 0 then
      -- What is observed fits always.
      paid := otpgate.apply_v1(b, p_subjects, p_now, p_horizon, 1, all_ops);
      if paid.worst is null then
        b := paid;
        if paid.results[n + 2] = 0 then
          counts := paid.results;
        end if;
      else
        verdict := 1;
        place := paid.worst;
        amount := paid.wait;
        if paid.results[n + 1] = 1 then
          b := otpgate.apply_v1(b, p_subjects, p_now, p_horizon, 9, p_charges);
        end if;
      end if;
    end if;

    if verdict = 0 then
      insert into otpgate.once as t (key, drop_at, until)
      select distinct on (s.key) s.key, otpgate.drop_at_v1(s.until), s.until
      from unnest(p_once, p_untils) s(key, until)
      order by s.key, s.until desc
      on conflict (key) do update set
        drop_at = excluded.drop_at, until = excluded.until, settled = false;
      if p_challenge is null then
        null;
      elsif p_renew then
        -- The same code once more is no other code, and the one before it is still the one before.
        update otpgate.challenge t set
          digest = p_digest, until = p_expires, expires = p_expires,
          previous = case when p_attempts = 0 then null
                          when t.digest = p_digest then t.previous else t.digest end,
          previous_until = case when p_attempts = 0 then 0
                                when t.digest = p_digest then t.previous_until else t.until end
        where t.key = p_challenge;
      else
        insert into otpgate.challenge as t (
          key, drop_at, attempts, used, consumed, opened, closes, expires, until, previous_until,
          digest
        ) values (
          p_challenge, otpgate.drop_at_v1(p_closes), p_attempts, 0, false, p_now, p_closes,
          p_expires, p_expires, 0, p_digest
        ) on conflict (key) do update set
          drop_at = excluded.drop_at, attempts = excluded.attempts, used = 0, consumed = false,
          opened = excluded.opened, closes = excluded.closes, expires = excluded.expires,
          until = excluded.until, previous_until = 0, digest = excluded.digest, previous = null,
          seen = null;
      end if;
      if cardinality(p_contents) > 0 then
        guards := cardinality(p_documents) - cardinality(p_contents);
        insert into otpgate.document as t (key, version, content)
        select p_documents[guards + i], p_versions[guards + i] + 1, p_contents[i]
        from generate_series(1, cardinality(p_contents)) i
        on conflict (key) do update set version = excluded.version, content = excluded.content;
      end if;
    else
      b := otpgate.apply_v1(b, p_subjects, p_now, p_horizon, 2, p_observe);
    end if;
    perform otpgate.close_v1(b, p_subjects);
    if p_append is not null then
      perform otpgate.append_v1(p_journal, p_now, p_append);
    end if;
  end if;

  if verdict < 2 then
    if counts is null then
      b := otpgate.apply_v1(b, p_subjects, p_now, p_horizon, 7, all_ops);
      counts := b.results;
    end if;
    if p_journal is not null then
      select n.latest, n.numbers, n.contents into latest, numbers, contents
      from otpgate.news_v1(p_journal, p_now, p_horizon, p_after) n;
    end if;
  end if;
end $$;

-- `p_credits`, `p_marks` and the rest are as in `apply`.
create or replace function otpgate.settle_v1(
  p_now bigint, p_horizon bigint, p_locks bigint[], p_admission uuid,
  p_subjects uuid[], p_meters bigint[], p_refunds bigint[], p_observe bigint[],
  p_void uuid, p_void_digest bytea, p_journal uuid, p_append bytea
) returns void
language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
declare
  b otpgate.book;
begin
  perform otpgate.lock_v1(p_locks);
  b := otpgate.open_v1(p_subjects, p_meters);
  update otpgate.once t set settled = true
  where t.key = p_admission and p_now < t.until and not t.settled;
  if found then
    b := otpgate.apply_v1(b, p_subjects, p_now, p_horizon, 3, p_refunds);
    if p_void is not null then
      -- By its digest: another send may have written a newer code since.
      update otpgate.challenge t set
        digest = case when t.digest is distinct from p_void_digest then t.digest
                      when t.previous is distinct from p_void_digest then t.previous end,
        until = case when t.digest is distinct from p_void_digest then t.until
                     when t.previous is distinct from p_void_digest then t.previous_until
                     else 0 end,
        previous = null, previous_until = 0
      where t.key = p_void and (t.digest = p_void_digest or t.previous = p_void_digest);
    end if;
  end if;
  b := otpgate.apply_v1(b, p_subjects, p_now, p_horizon, 2, p_observe);
  perform otpgate.close_v1(b, p_subjects);
  if p_append is not null then
    perform otpgate.append_v1(p_journal, p_now, p_append);
  end if;
end $$;

-- verdict: 0 accepted, 1 mismatch, 2 locked, 3 expired, 4 consumed, 5 unknown, 6 exhausted.
-- `place` is the attempts it took, the attempts left, or the charge; `amount` when the challenge was
-- opened, or the wait. Digests are compared as hashes with the call's own random identifier, so that
-- the time of a comparison says nothing about them.
create or replace function otpgate.redeem_v1(
  p_now bigint, p_horizon bigint, p_locks bigint[], p_id uuid, p_challenge uuid, p_digests bytea[],
  p_subjects uuid[], p_meters bigint[], p_charges bigint[], p_subject_charges bigint[],
  p_resets bigint[], p_credits bigint[], p_marks bigint[],
  p_observe bigint[], p_observe_failure bigint[],
  p_journal uuid, p_append bytea, p_after bigint,
  out verdict integer, out place integer, out amount bigint,
  out counts bigint[], out latest bigint, out numbers bigint[], out contents bytea[]
)
language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
declare
  b otpgate.book;
  paid otpgate.book;
  t otpgate.challenge;
  salt bytea;
  one bytea;
  two bytea;
  typed bytea;
  given bytea;
  repeated boolean := false;
  healed boolean;
  all_observed constant bigint[] := p_observe || p_observe_failure;
  observed bigint[];
begin
  perform otpgate.lock_v1(p_locks);
  select * into t from otpgate.challenge c
  where c.key = p_challenge and p_now < c.closes and c.opened <= p_horizon;
  b := otpgate.open_v1(p_subjects, p_meters);
  if t.key is null then
    verdict := 5;
  elsif t.seen = p_id then
    repeated := true;
    verdict := case when t.consumed then 0 else 1 end;
  elsif t.consumed then
    verdict := 4;
  elsif t.used >= t.attempts then
    verdict := 2;
  elsif (t.digest is null or p_now >= t.until)
    and (t.previous is null or p_now >= t.previous_until) then
    verdict := 3;
  end if;

  if not repeated then
    paid := otpgate.apply_v1(b, p_subjects, p_now, p_horizon, 1, p_charges);
    healed := paid.results[cardinality(p_charges) / 10 + 1] = 1;
    if paid.worst is not null then
      verdict := 6;
      place := paid.worst;
      amount := paid.wait;
      if healed then
        b := otpgate.apply_v1(b, p_subjects, p_now, p_horizon, 9, p_charges);
      end if;
    elsif verdict is not null then
      b := paid;
    else
      paid := otpgate.apply_v1(paid, p_subjects, p_now, p_horizon, 1, p_subject_charges);
      if paid.worst is not null then
        verdict := 6;
        place := cardinality(p_charges) / 10 + paid.worst;
        amount := paid.wait;
        if healed or paid.results[cardinality(p_subject_charges) / 10 + 1] = 1 then
          b := otpgate.apply_v1(
            b, p_subjects, p_now, p_horizon, 9, p_charges || p_subject_charges
          );
        end if;
      else
        b := paid;
        t.used := t.used + 1;
        salt := uuid_send(p_id);
        one := case when p_now < t.until then sha256(salt || t.digest) end;
        two := case when p_now < t.previous_until then sha256(salt || t.previous) end;
        verdict := 1;
        foreach typed in array p_digests loop
          given := sha256(salt || typed);
          if given = one or given = two then
            verdict := 0;
          end if;
        end loop;
        t.consumed := verdict = 0;
        update otpgate.challenge c set used = t.used, consumed = t.consumed, seen = p_id
        where c.key = p_challenge;
        if t.consumed then
          b := otpgate.apply_v1(b, p_subjects, p_now, p_horizon, 5, p_resets);
          b := otpgate.apply_v1(b, p_subjects, p_now, p_horizon, 4, p_credits);
          b := otpgate.apply_v1(b, p_subjects, p_now, p_horizon, 6, p_marks);
        end if;
      end if;
    end if;
    observed := case when verdict = 0 then p_observe else all_observed end;
    b := otpgate.apply_v1(b, p_subjects, p_now, p_horizon, 2, observed);
    if observed = all_observed and b.results[cardinality(observed) / 10 + 2] = 0 then
      counts := b.results;
    end if;
    perform otpgate.close_v1(b, p_subjects);
    if p_append is not null then
      perform otpgate.append_v1(p_journal, p_now, p_append);
    end if;
  end if;

  if verdict = 0 then
    place := t.used;
    amount := t.opened;
  elsif verdict = 1 then
    place := t.attempts - t.used;
  end if;
  if counts is null then
    b := otpgate.apply_v1(b, p_subjects, p_now, p_horizon, 7, all_observed);
    counts := b.results;
  end if;
  if p_journal is not null then
    select n.latest, n.numbers, n.contents into latest, numbers, contents
    from otpgate.news_v1(p_journal, p_now, p_horizon, p_after) n;
  end if;
end $$;

-- `readings` are wait and count of each meter; `marks` from (or -1) and until; `challenges` state
-- (0 live, 1 locked, 2 consumed, 3 unknown), attempts left, expires and closes.
create or replace function otpgate.tally_v1(
  p_now bigint, p_horizon bigint, p_subjects uuid[], p_meters bigint[], p_readings bigint[], p_marks bigint[],
  p_challenges uuid[], p_documents uuid[], p_journal uuid, p_after bigint,
  out readings bigint[], out marks bigint[], out challenges bigint[],
  out versions bigint[], out documents bytea[],
  out latest bigint, out numbers bigint[], out contents bytea[]
)
language plpgsql stable
set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
declare
  b otpgate.book;
  r record;
begin
  b := otpgate.open_v1(p_subjects, p_meters);
  b := otpgate.apply_v1(b, p_subjects, p_now, p_horizon, 8, p_readings);
  readings := b.results;
  if cardinality(p_marks) > 0 then
    b := otpgate.apply_v1(b, p_subjects, p_now, p_horizon, 7, p_marks);
    marks := b.results;
  end if;
  challenges := '{}';
  for r in
    select t.* from unnest(p_challenges) with ordinality s(key, i)
    left join lateral (select * from otpgate.challenge t where t.key = s.key offset 0) t on true
    order by s.i
  loop
    challenges := challenges || case
      when r.key is null or p_now >= r.closes or r.opened > p_horizon then array[3::bigint, 0, 0, 0]
      when r.consumed then array[2::bigint, 0, 0, 0]
      when r.used >= r.attempts then array[1::bigint, 0, 0, 0]
      else array[0::bigint, r.attempts - r.used, r.expires, r.closes]
    end;
  end loop;
  select array_agg(coalesce(t.version, 0) order by s.i),
         array_agg(coalesce(t.content, '') order by s.i)
  into versions, documents
  from unnest(p_documents) with ordinality s(key, i)
  left join lateral (select * from otpgate.document t where t.key = s.key offset 0) t on true;
  if p_journal is not null then
    select n.latest, n.numbers, n.contents into latest, numbers, contents
    from otpgate.news_v1(p_journal, p_now, p_horizon, p_after) n;
  end if;
end $$;

-- Removes at most `p_batch` rows of each kind that can be dropped, and none that a call is using.
create or replace function otpgate.remove_expired_v1(p_now bigint, p_batch integer) returns bigint
language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
declare
  quarter integer := least(p_now / 900000, 2147483646);
  removed bigint := 0;
  n bigint;
begin
  with gone as (
    select key from otpgate.subject where drop_at <= quarter
    order by drop_at limit p_batch for update skip locked
  ) delete from otpgate.subject t using gone where t.key = gone.key;
  get diagnostics n = row_count;
  removed := removed + n;
  with gone as (
    select key from otpgate.once where drop_at <= quarter
    order by drop_at limit p_batch for update skip locked
  ) delete from otpgate.once t using gone where t.key = gone.key;
  get diagnostics n = row_count;
  removed := removed + n;
  with gone as (
    select key from otpgate.challenge where drop_at <= quarter
    order by drop_at limit p_batch for update skip locked
  ) delete from otpgate.challenge t using gone where t.key = gone.key;
  get diagnostics n = row_count;
  removed := removed + n;
  with gone as (
    select journal, number from otpgate.entry where drop_at <= quarter
    order by drop_at limit p_batch for update skip locked
  ) delete from otpgate.entry t using gone
  where t.journal = gone.journal and t.number = gone.number;
  get diagnostics n = row_count;
  return removed + n;
end $$;

insert into otpgate.migration (version) values (2) on conflict do nothing;
