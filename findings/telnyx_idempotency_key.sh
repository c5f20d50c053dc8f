#!/usr/bin/env bash
# Telnyx's JavaScript SDK takes an idempotency key for a text, sends the text three times, and the key never.
#
# What:     telnyx 7.24.0 (npm, September 2026, the newest) and 4.189.0 (PyPI, October 2026), both generated from
#           Telnyx's description of its interface.
# Guess:    `messages.send(text, { idempotencyKey })` sends the header `Idempotency-Key`: the option is in the
#           types of every request, described as what enables idempotency, and Telnyx documents the header.
# Seen:     requests and their keys after connections that break once the text was read:
#             npm,  option idempotencyKey                     3, without a key
#             npm,  option headers, with Idempotency-Key      3, all with the key
#             PyPI, argument idempotency_key                  3, all with the key
#           The client has no name for the header, and drops the key without a word.
# Matters:  who gave the key to make the SDK's own retries harmless pays for, and delivers, up to three texts.
#           Give the header itself.
#
# Exits non-zero if any of this changes. Needs Node 20, npm, Python 3, PyPI and a free loopback port.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-fund --no-audit telnyx@7.24.0
grep -q '^    idempotencyKey?: string;$' node_modules/telnyx/internal/request-options.d.ts
python3 -m venv venv
venv/bin/pip --quiet --disable-pip-version-check install telnyx==4.189.0
cat > look.py <<'PYTHON'
import sys

from telnyx import APIConnectionError, Telnyx

client = Telnyx(api_key="an-invented-key", base_url=sys.argv[1])
try:
    client.messages.send(to="+15550100", from_="Acme", text="a code", idempotency_key="key-1")
except APIConnectionError:
    pass
PYTHON
cat > look.mjs <<'NODE'
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import http from 'node:http';
import { promisify } from 'node:util';
import Telnyx, { APIConnectionError } from 'telnyx';

let keys = [];
const server = http.createServer((request) => {
  let body = '';
  request.on('data', (piece) => { body += piece; }).on('end', () => {
    const { to, text } = JSON.parse(body);
    assert.deepEqual([request.method, request.url, to, text], ['POST', '/v2/messages', '+15550100', 'a code']);
    keys.push(request.headers['idempotency-key'] ?? 'none');
    request.socket.destroy();
  });
});
await new Promise((started) => server.listen(0, '127.0.0.1', started));
const baseURL = `http://127.0.0.1:${server.address().port}/v2`;
const client = new Telnyx({ apiKey: 'an-invented-key', baseURL });

async function look(label, expected, send) {
  keys = [];
  await send();
  console.log(`${label}: ${keys.join(', ')}`);
  assert.deepEqual(keys, Array(3).fill(expected));
}
const text = { to: '+15550100', from: 'Acme', text: 'a code' };
const sent = (options) => () => assert.rejects(client.messages.send(text, options), APIConnectionError);
await look('npm, idempotencyKey', 'none', sent({ idempotencyKey: 'key-1' }));
await look('npm, the header', 'key-1', sent({ headers: { 'Idempotency-Key': 'key-1' } }));
await look('PyPI, idempotency_key', 'key-1', () => promisify(execFile)('venv/bin/python', ['look.py', baseURL]));
server.closeAllConnections();
server.close();
NODE
timeout 120 node look.mjs
echo "as described"
