#!/usr/bin/env bash
# Vonage's SDKs call a text that was refused outright a partial failure, as if a part of it had been taken.
#
# What:     @vonage/sms 1.24.1 (npm, September 2026, that of @vonage/server-sdk 3.30.1) and vonage-sms 1.2.0
#           (PyPI, that of vonage 4.9.1), both with the answer that the SMS API documents: HTTP 200, a count
#           of parts as text, and a status for each part.
# Guess:    a refusal of every part is `MessageSendAllFailure` in JavaScript and `SmsError` in Python; *partial* is
#           said of a text of which some parts were taken and others not.
# Seen:     status of each part      JavaScript                   Python
#             9                      MessageSendPartialFailure    SmsError
#             9, 9                   MessageSendPartialFailure    PartialFailureError
#             0, 9                   MessageSendPartialFailure    PartialFailureError
#           JavaScript compares the number of failures with the count, which is a text; only a count that
#           were a number would give `MessageSendAllFailure`. Python looks whether some part failed.
# Matters:  status 9 is an account without credit. Whoever counts a partial failure as sent, and paid for in part,
#           counts every refused text so, and tries no other provider. Look at the parts' own statuses.
#
# Exits non-zero if any of this changes. Needs Node 20, npm, Python 3, PyPI and a free loopback port. Nothing
# leaves the machine: one SDK is given a server on loopback, the other's HTTP library is replaced by a function.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > answers.json <<'JSON'
[
  ["0", {"message-count": "1", "messages": [{"to": "15550100", "message-id": "a", "status": "0",
    "remaining-balance": "3.1", "message-price": "0.03", "network": "12345"}]}],
  ["9", {"message-count": "1", "messages": [{"to": "15550100", "status": "9", "error-text": "no credit"}]}],
  ["9, 9", {"message-count": "2", "messages": [{"to": "15550100", "status": "9", "error-text": "no credit"},
    {"to": "15550100", "status": "9", "error-text": "no credit"}]}],
  ["0, 9", {"message-count": "2", "messages": [{"to": "15550100", "message-id": "a", "status": "0",
    "remaining-balance": "3.1", "message-price": "0.03", "network": "12345"},
    {"to": "15550100", "status": "9", "error-text": "no credit"}]}],
  ["9, counted by a number", {"message-count": 1, "messages": [{"to": "15550100", "status": "9",
    "error-text": "no credit"}]}]
]
JSON
npm init --yes >/dev/null
npm install --silent --no-fund --no-audit @vonage/sms@1.24.1 @vonage/auth@1.18.1
cat > look.mjs <<'NODE'
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { Auth } from '@vonage/auth';
import { SMS } from '@vonage/sms';

let answer;
const server = http.createServer((request, response) => {
  request.resume().on('end', () => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(answer));
  });
});
await new Promise((started) => server.listen(0, '127.0.0.1', started));
const account = new Auth({ apiKey: 'k1234567', apiSecret: 'an-invented-secret' });
const client = new SMS(account, { restHost: `http://127.0.0.1:${server.address().port}` });
for (const [label, given] of JSON.parse(readFileSync('answers.json'))) {
  answer = given;
  const seen = await client.send({ to: '15550100', from: 'Acme', text: 'a code' })
    .then(() => 'a value', (error) => error.constructor.name);
  console.log(`JavaScript: ${label}: ${seen}`);
}
server.closeAllConnections();
server.close();
NODE
timeout 60 node look.mjs | tee seen

python3 -m venv venv
venv/bin/pip --quiet --disable-pip-version-check install \
    vonage==4.9.1 vonage-sms==1.2.0 vonage-http-client==1.5.2 requests==2.34.2
cat > look.py <<'PYTHON'
import json

import requests

answers = json.load(open("answers.json"))


def answered(session, method, url, **arguments):
    answer = requests.Response()
    answer.status_code = 200
    answer.headers["content-type"] = "application/json"
    answer._content = json.dumps(given).encode()
    return answer


requests.Session.request = answered
from vonage import Auth, Vonage  # noqa: E402
from vonage_sms import SmsMessage  # noqa: E402

client = Vonage(Auth(api_key="k1234567", api_secret="an-invented-secret"))
for label, given in answers[:4]:
    try:
        client.sms.send(SmsMessage(to="15550100", from_="Acme", text="a code"))
        seen = "a value"
    except Exception as error:
        seen = type(error).__name__
    print(f"Python: {label}: {seen}")
PYTHON
timeout 60 venv/bin/python look.py | tee -a seen
diff seen - <<'EXPECTED'
JavaScript: 0: a value
JavaScript: 9: MessageSendPartialFailure
JavaScript: 9, 9: MessageSendPartialFailure
JavaScript: 0, 9: MessageSendPartialFailure
JavaScript: 9, counted by a number: MessageSendAllFailure
Python: 0: a value
Python: 9: SmsError
Python: 9, 9: PartialFailureError
Python: 0, 9: PartialFailureError
EXPECTED
echo "as described"
