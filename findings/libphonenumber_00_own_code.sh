#!/usr/bin/env bash
# libphonenumber: a country's own number, written with 00 and the own calling code, is a stranger's abroad.
#
# What:     phonenumbers 9.0.43 (PyPI), the Python port of libphonenumber with its metadata 9.0.43, and npm
#           libphonenumber-js 1.13.16, each with the default region of who types.
# Guess:    00 in front of the calling code is the habit of most of the world. Where it is not how one dials
#           abroad, `parse` reads it as +, or refuses what it cannot read, as it does in the United States.
# Seen:     in Brazil, Korea, Thailand, Hong Kong, Singapore, Cambodia and Colombia one chooses a carrier behind the
#           zeros. In Brazil 0055 as a whole is such a choice, in Korea 008, and what is left is read as a number
#           with its calling code: another country's, and sometimes a valid mobile there.
#             BR  0055 51 98765-4321 (Porto Alegre)    -> +51987654321, Peru, a VALID mobile
#             KR  0082 010 2000 0000 (as 010 is typed) -> +201020000000, Egypt, a VALID mobile
#             BR  0055 11 96123-4567 (São Paulo)       -> +11961234567, not valid
#             DE  0049 1512 3456789                    -> +4915123456789, a valid mobile
# Matters:  whoever checks `is_valid_number` and texts the E.164 form sends a Brazilian's code to somebody in Peru, and
#           pays for it. Compare the country of the result with the region that was given, or refuse 00 and the own
#           calling code there.
#
# Exits non-zero if any of this changes. Needs Python 3, Node 20, PyPI and npm. The numbers are invented.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check phonenumbers==9.0.43
env/bin/python - <<'PYTHON'
import phonenumbers

expected = [
    ("0055 51 98765-4321", "BR", "+51987654321", "PE", True),
    ("0082 010 2000 0000", "KR", "+201020000000", "EG", True),
    ("0055 11 96123-4567", "BR", "+11961234567", None, False),
    ("0049 1512 3456789", "DE", "+4915123456789", "DE", True),
]
for text, home, *wanted in expected:
    number = phonenumbers.parse(text, home)
    seen = [
        phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164),
        phonenumbers.region_code_for_number(number),
        phonenumbers.is_valid_number(number),
    ]
    print(home, text, "->", *seen)
    assert seen == wanted, seen
# The same line is read as it should be where 00 is written as +.
assert phonenumbers.is_valid_number(phonenumbers.parse("+55 51 98765-4321", "BR"))
# The carriers' prefixes are in the metadata.
for home in ("BR", "KR", "TH", "HK", "SG", "KH", "CO"):
    prefix = phonenumbers.PhoneMetadata.metadata_for_region(home).international_prefix
    print(home, prefix)
    assert prefix != "00"
PYTHON
npm init --yes >/dev/null
npm install --silent --no-fund --no-audit --ignore-scripts libphonenumber-js@1.13.16 >/dev/null
cat > look.cjs <<'JS'
const assert = require('node:assert/strict');
const { parsePhoneNumberFromString } = require('libphonenumber-js/max');

for (const [text, home, ...wanted] of [
  ['0055 51 98765-4321', 'BR', '+51987654321', 'PE', true],
  ['0082 010 2000 0000', 'KR', '+201020000000', 'EG', true],
  ['0055 11 96123-4567', 'BR', '+11961234567', undefined, false],
  ['0049 1512 3456789', 'DE', '+4915123456789', 'DE', true],
]) {
  const number = parsePhoneNumberFromString(text, home);
  const seen = [number.number, number.country, number.isValid()];
  console.log(home, text, '->', ...seen);
  assert.deepEqual(seen, wanted);
}
JS
node look.cjs
echo "as described"
