#!/usr/bin/env bash
# phone: a valid number in E.164 comes back one digit shorter, as valid.
#
# What:     npm phone 3.1.72, as it is configured by default; libphonenumber-js 1.13.16 (metadata 9.0.43) says what
#           is valid and gives the example numbers.
# Guess:    "trunk code detection" makes +44 7911… of +44 07911…. A number that is E.164 already comes back as it
#           is, or is refused where the library's table is old.
# Seen:     the digit behind the calling code may be any, and goes whenever the rest fits the table. Of the example
#           mobiles of all regions, six come back with `isValid: true` and without a digit:
#             Argentina        +5491123456789  -> +541123456789    valid by libphonenumber too
#             Gabon            +24106031234    -> +2416031234      valid by libphonenumber too
#             Liberia          +231770123456   -> +23170123456
#             Norfolk Island   +672381234      -> +67281234        valid by libphonenumber too
#             Saint Helena     +29051234       -> +2901234
#             Tuvalu           +688901234      -> +68801234
#           With `strictDetection: true`, or with the country named, the six are refused.
# Matters:  the code goes to another line or to none, and whoever checks the result again, even with
#           libphonenumber, may see a valid number. Compare what comes back with what went in when that began
#           with a plus, or keep what was typed and let one library read it.
#
# Exits non-zero if any of this changes. Needs Node 20 and npm.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-fund --no-audit --ignore-scripts phone@3.1.72 libphonenumber-js@1.13.16 >/dev/null
cat > look.cjs <<'JS'
const assert = require('node:assert/strict');
const { getCountries, getExampleNumber, isValidPhoneNumber } = require('libphonenumber-js/max');
const examples = require('libphonenumber-js/mobile/examples');
const { phone } = require('phone');

const seen = {};
let same = 0;
for (const region of getCountries()) {
  const example = getExampleNumber(region, examples);
  if (!example) continue; // a few have no mobiles
  assert.ok(example.isValid(), region);
  const typed = example.number;
  const given = phone(typed);
  if (!given.isValid) continue;
  if (given.phoneNumber === typed) {
    same += 1;
    continue;
  }
  // A digit behind the calling code is gone, and nothing else.
  const code = `+${example.countryCallingCode}`;
  assert.equal(given.phoneNumber, code + typed.slice(code.length + 1), region);
  assert.equal(phone(typed, { strictDetection: true }).isValid, false, region);
  assert.equal(phone(typed, { country: region }).isValid, false, region);
  seen[region] = [typed, given.phoneNumber, isValidPhoneNumber(given.phoneNumber)];
}
assert.deepEqual(seen, {
  AR: ['+5491123456789', '+541123456789', true],
  GA: ['+24106031234', '+2416031234', true],
  LR: ['+231770123456', '+23170123456', false],
  NF: ['+672381234', '+67281234', true],
  SH: ['+29051234', '+2901234', false],
  TV: ['+688901234', '+68801234', false],
});
assert.equal(phone('+44 07911 123456').phoneNumber, '+447911123456'); // what it is for
console.log(`${same} of the examples come back as they were; shortened and called valid:`);
for (const [region, [typed, given, valid]] of Object.entries(seen)) {
  console.log(`  ${region} ${typed} -> ${given}${valid ? ', valid by libphonenumber too' : ''}`);
}
JS
node look.cjs
