#!/usr/bin/env bash
# libphonenumber-js: a number typed digit by digit gets its area code twice, the same number pasted does not.
#
# What:     npm libphonenumber-js 1.13.16 (metadata 9.0.43), the class AsYouType with a default country, with each of
#           its three sets of metadata.
# Guess:    the formatter's number depends on the characters that it was given, not on how many came at a time:
#           `getNumberValue()` is the E.164 form of what the field shows.
# Seen:     in 14 territories of +1 that have an area code to themselves, ten national digits given one by one
#           become 13, and the field still shows the right ten. Bermuda's example number:
#             typed     (441) 370-1234 -> +14414413701234, not valid, not possible
#             pasted    (441) 370-1234 -> +14413701234
#             parsed    (441) 370-1234 -> +14413701234
#           Behind the seventh digit the rule for local numbers, which puts the area code in front, is used, and
#           its result is kept while more digits come. It is known upstream (#437 of 2023, #497 of 2026, open).
# Matters:  a form that sends the formatter's value sends no code to anybody who types by hand in Guam, Barbados,
#           Trinidad or the Virgin Islands, and shows them a right number; autofill and tests that set the value
#           at once work. Parse the whole text of the field when it is sent.
#
# Exits non-zero if any of this changes. Needs Node 20 and npm.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-fund --no-audit --ignore-scripts libphonenumber-js@1.13.16 >/dev/null
cat > look.cjs <<'JS'
const assert = require('node:assert/strict');
const examples = require('libphonenumber-js/mobile/examples');

const affected = 'AI AS BB BM DM GD GU KY LC MP TT VC VG VI'.split(' ');
for (const metadata of ['min', 'max', 'mobile']) {
  const { AsYouType, getCountries, getExampleNumber, parsePhoneNumber } = require(`libphonenumber-js/${metadata}`);
  const doubled = [];
  for (const region of getCountries()) {
    const example = getExampleNumber(region, examples);
    if (!example) continue; // a few have no mobiles
    const text = example.formatNational();
    const pasted = new AsYouType(region);
    const shown = pasted.input(text);
    const typed = new AsYouType(region);
    let last;
    for (const character of text) last = typed.input(character);

    assert.equal(parsePhoneNumber(text, region).number, example.number, region);
    assert.equal(pasted.getNumberValue(), example.number, region);
    if (typed.getNumberValue() === example.number) continue;

    assert.equal(last, shown, region);
    const area = example.nationalNumber.slice(0, 3);
    assert.equal(typed.getNumberValue(), `+1${area}${example.nationalNumber}`, region);
    assert.equal(typed.getNumber().number, typed.getNumberValue(), region);
    assert.equal(typed.isValid() || typed.isPossible(), false, region);
    doubled.push(region);
    if (region === 'BM') console.log(`${metadata}: shown ${last}, value ${typed.getNumberValue()}, pasted ${example.number}`);
  }
  assert.deepEqual(doubled.sort(), affected, metadata);
}
console.log(`the area code is there twice in ${affected.join(' ')}`);
JS
node look.cjs
