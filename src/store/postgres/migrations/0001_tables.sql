-- otpgate, migration 1: what the gate keeps.
--
-- Apply it as a whole, in one transaction, as the owner of the objects. It can be applied again.
-- Times are milliseconds since 1970 as the gates' clocks tell it.
-- `drop_at` counts quarters of an hour: so coarse that an update seldom touches its index.

create schema if not exists otpgate;

create table if not exists otpgate.migration (
  version integer primary key,
  applied timestamptz not null default now()
);

-- All meters and marks of one subject. `meters` holds five numbers for each: slot * 8 + kind, then
-- the state a, b, c, d, by kind
--   1 rate      a: theoretical arrival time, b: latest charge
--   2 ladder    a: last, b: rung, and before that c: last, d: rung + 1, or 0 if a refund used it up
--   3 window    a: time and b: units of the newest bucket, c: units of the older ones,
--               d: time of the oldest + 1, or 0 if there is none
--   4 failures  a: last, b: count
--   5 mark      a: from, b: until (its slot is 2^32 more than it is called)
-- `older` holds three numbers for each older bucket of a window: slot, time, units. It is apart from
-- `meters` and moves out of the row when it is long, because it changes once in a sub-bucket while
-- `meters` of a busy subject changes with every call.
create table if not exists otpgate.subject (
  key uuid primary key,
  drop_at integer not null,
  meters bigint[] not null,
  older bigint[]
) with (fillfactor = 85, toast_tuple_target = 1024);
alter table otpgate.subject alter column older set storage external;
alter table otpgate.subject alter column meters set storage main;
create index if not exists subject_drop_at on otpgate.subject (drop_at);

-- Nonces that were used, and admissions that were granted.
create table if not exists otpgate.once (
  key uuid primary key,
  drop_at integer not null,
  settled boolean not null default false,
  until bigint not null
);
create index if not exists once_drop_at on otpgate.once (drop_at);

create table if not exists otpgate.challenge (
  key uuid primary key,
  drop_at integer not null,
  attempts integer not null,
  used integer not null,
  consumed boolean not null,
  opened bigint not null,
  closes bigint not null,
  expires bigint not null,
  until bigint not null,
  previous_until bigint not null,
  digest bytea,
  previous bytea,
  seen uuid
) with (fillfactor = 85);
create index if not exists challenge_drop_at on otpgate.challenge (drop_at);

create table if not exists otpgate.document (
  key uuid primary key,
  version bigint not null,
  content bytea not null
);

create table if not exists otpgate.journal (
  key uuid primary key,
  latest bigint not null
) with (fillfactor = 50);

create table if not exists otpgate.entry (
  journal uuid not null,
  number bigint not null,
  drop_at integer not null,
  at bigint not null,
  content bytea not null,
  primary key (journal, number)
);
create index if not exists entry_drop_at on otpgate.entry (drop_at);

-- Subjects on their way through a call.
do $do$ begin
  create type otpgate.book as (
    words bigint[],    -- the meters of all subjects, one subject after the other
    ends integer[],    -- of each subject: how many words there are up to its end
    drops integer[],   -- of each subject: when it can be dropped
    olds text[],       -- of each subject: its older buckets; null while they are not loaded
    changed integer[], -- of each subject: 1 if its meters changed, 3 if its older buckets did too
    places integer[],  -- of each meter that was asked for: how many words stand before it
    homes integer[],   -- of each meter that was asked for: its subject
    worst integer,     -- of the charges that did not fit, the one with the longest wait, from 0
    wait bigint,       -- that wait
    results bigint[]   -- what was read
  );
exception when duplicate_object then null;
end $do$;

insert into otpgate.migration (version) values (1) on conflict do nothing;
