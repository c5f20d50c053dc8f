#!/usr/bin/env bash
# Vonage's Python SDK: the signature of a signed SMS covers fields that are never sent.
#
# What:     vonage 4.9.1 (PyPI; vonage-sms 1.2.0, vonage-http-client 1.5.2), an account that signs its requests.
# Guess:    `sig` is computed over the fields of the form as it goes out, which is what the documented rule
#           says and what the server can recompute.
# Seen:     13 optional fields that nobody set (client-ref, ttl, udh, …), and `sig` itself, enter the signed
#           text as the word `None`; the form leaves the 13 out, because the HTTP library drops fields that
#           are None. So `sig` is not that of the sent form.
# Matters:  the signature of a signed request cannot be compared with this SDK's. A test that takes the
#           recorded `sig` for the rule, or a port of it, signs what no server sees.
#
# Exits non-zero if this changes. Needs Python 3 and PyPI. Nothing is sent: the HTTP library is replaced
# by a function that keeps what it is given.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install \
    vonage==4.9.1 vonage-sms==1.2.0 vonage-http-client==1.5.2 requests==2.32.5
cat > "$folder/look.py" <<'PYTHON'
import hashlib
import hmac
import json
from urllib.parse import parse_qsl

import requests

kept = {}


def keep(session, method, url, **arguments):
    kept["fields"] = dict(arguments["data"])
    kept["sent"] = dict(parse_qsl(requests.Request(method, url, data=arguments["data"]).prepare().body))
    answer = requests.Response()
    answer.status_code = 200
    answer.headers["content-type"] = "application/json"
    message = {"to": "15550100", "message-id": "m", "status": "0", "remaining-balance": "1",
               "message-price": "0.1", "network": "1"}
    answer._content = json.dumps({"message-count": "1", "messages": [message]}).encode()
    return answer


requests.Session.request = keep
from vonage import Auth, Vonage  # noqa: E402
from vonage_sms import SmsMessage  # noqa: E402

SECRET = "an-invented-secret"
auth = Auth(api_key="k1234567", signature_secret=SECRET, signature_method="sha256")
Vonage(auth).sms.send(SmsMessage(to="15550100", from_="Acme", text="hi"))


def signature(fields):
    text = "".join(f"&{name}={fields[name]}" for name in sorted(fields))
    return hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


sig = kept["sent"]["sig"]
unset = [name for name, value in kept["fields"].items() if value is None]
assert len(unset) == 13, unset
assert not set(unset) & set(kept["sent"]), kept["sent"]
assert signature({**kept["fields"], "sig": None}) == sig, "the words None are no longer signed"
sent = {name: value for name, value in kept["sent"].items() if name != "sig"}
assert signature(sent) != sig, "the sent form is signed"
print(f"{len(unset)} unset fields are signed as None and not sent; sig over the sent form differs")
PYTHON
"$folder/venv/bin/python" "$folder/look.py"
