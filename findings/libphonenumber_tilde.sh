#!/usr/bin/env bash
# libphonenumber: a tilde is listed as punctuation of a number, and cuts the number off.
#
# What:     phonenumbers 9.0.43 (PyPI), the Python port of libphonenumber with its metadata 9.0.43.
#           rlibphonenumber 2.2.15 (crates.io) does the same.
# Guess:    the tilde is among the separators that the library accepts between digits
#           (`_VALID_PUNCTUATION`), so `090~1234~5678` reads like `090-1234-5678`.
# Seen:     up to nine digits behind the last tilde become an *extension*. `parse` succeeds, the digits
#           are missing from the E.164 form, and the shortened number can even be valid:
#             090-1234-5678     -> +819012345678, valid
#             090~1234-5678     -> +819012345678, valid
#             090~1234~5678     -> +810901234 with extension 5678, not valid
#             +49 30 123456~78  -> +4930123456 with extension 78, VALID: another subscriber
# Matters:  Japanese users type ~ and full-width ～ between groups. Whoever checks `is_valid_number` and
#           formats to E.164 sends the text to somebody else. Refuse a number with an extension, or
#           replace the tilde before parsing.
#
# Exits non-zero if any of this changes. Needs Python 3 and PyPI.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check phonenumbers==9.0.43
"$folder/env/bin/python" - <<'PYTHON'
import phonenumbers
from phonenumbers import PhoneNumberFormat, phonenumberutil

assert "~" in phonenumberutil._VALID_PUNCTUATION
expected = [
    ("090-1234-5678", "JP", "+819012345678", None, True),
    ("090~1234-5678", "JP", "+819012345678", None, True),
    ("090~1234~5678", "JP", "+810901234", "5678", False),
    ("+49 30 123456~78", "DE", "+4930123456", "78", True),
]
for text, region, e164, extension, valid in expected:
    number = phonenumbers.parse(text, region)
    seen = (
        phonenumbers.format_number(number, PhoneNumberFormat.E164),
        number.extension,
        phonenumbers.is_valid_number(number),
    )
    print(text, "->", *seen)
    assert seen == (e164, extension, valid), seen
PYTHON
echo "as described"
