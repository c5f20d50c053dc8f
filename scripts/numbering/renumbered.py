#!/usr/bin/env python3
"""Looks for renumbered countries: regions where an old and a new form of one line are both valid.

    python3 scripts/numbering/renumbered.py            list the pairs and what is said of them
    python3 scripts/numbering/renumbered.py --check    fail if a pair is new, or a reason is for nothing

A renumbering puts digits into the number, or in the place of its first ones. So for each region and
each two lengths of its valid mobiles that differ by one to three digits, this tries all short
strings at the first places of every shorter number, and counts how many of the results are valid
mobiles too. The automata of the generator do that for all numbers at once. A pair of lengths is
listed if some string works for a large part of the shorter numbers, or makes a large part of the longer.

Not seen here: landlines (no texts go there by default), a change that keeps the length, and one that
moves lines to another calling code. Those in src/recipient/alias.rs came from announcements.

The reverse, proving that two numbers are one line, needs the world outside: `src/recipient/alias.rs`
has the rules that were published; `REVIEWED` below says why there is none for the others.
"""

import functools
import itertools
import sys

import generate
import metadata
import patterns

# The part of the mobiles of either length that a string must pair for the lengths to be listed.
SHARE = 0.3
# Calling codes whose rule in src/recipient/alias.rs this search must find again.
MERGED = {"GA", "GM", "LR", "SO"}

M2M = "blocks of their own for machines"
OPEN = "open lengths: both are given out, and a digit more makes another line"
SPLIT = "the first digits fix the length: each form has blocks of its own"
UNKNOWN = "no correspondence of old and new numbers is published that we could find"
REVIEWED = {
    "AD": SPLIT,
    "AT": OPEN,
    "AX": OPEN,
    "BA": SPLIT,
    "BG": SPLIT,
    "BR": "eight digits from 7 were trunked radio and got no ninth digit",
    "CD": UNKNOWN + " (88, seven digits)",
    "DE": OPEN,
    "EE": OPEN,
    "FI": OPEN,
    "GA": "merged, but for 03, whose operator is gone",
    "GM": "merged",
    "HR": OPEN,
    "ID": OPEN,
    "IS": SPLIT,
    "IT": OPEN,
    "VA": OPEN,
    "KH": SPLIT,
    "KR": "011 to 019 ended in 2021; the form in 010 depends on operator and block",
    "LA": SPLIT,
    "LB": SPLIT,
    "LI": SPLIT,
    "LR": "5 is merged; 46, 47 and 6: " + UNKNOWN,
    "MC": SPLIT + "; 44 and 45 were Kosovo's, which has 383 now",
    "MM": UNKNOWN,
    "MY": SPLIT,
    "NL": M2M,
    "NU": UNKNOWN + " (888 and four digits)",
    "NZ": OPEN,
    "PA": SPLIT,
    "PM": UNKNOWN + " (708 and six digits)",
    "RS": OPEN,
    "SB": UNKNOWN + " (48, five digits)",
    "SO": "24 is merged; the other operators: " + UNKNOWN,
    "TK": OPEN,
    "TV": UNKNOWN + " (90, six digits)",
    "WS": SPLIT,
    "ZA": OPEN,
    "870": "satellite networks, each with a form of its own",
    "881": "satellite networks, each with a form of its own",
    "882": "international networks, each with a form of its own",
}


def main():
    source = generate.crate_folder()
    blob = (source / "src" / "generated" / "metadata" / "metadata.bin").read_bytes()
    found = {}
    for territory in metadata.territories(blob):
        name = territory.region if territory.region != "001" else str(territory.calling_code)
        for pair in pairs(territory):
            found.setdefault(name, []).append(pair)
    unknown = sorted(set(found) - set(REVIEWED))
    idle = sorted(set(REVIEWED) - set(found))
    lost = sorted(MERGED - set(found))
    if "--check" in sys.argv[1:]:
        if unknown or idle or lost:
            sys.exit(f"new pairs: {unknown}; reasons for nothing: {idle}; merged, not found: {lost}")
        return
    for name, rows in sorted(found.items()):
        print(f"{name}: {REVIEWED.get(name, 'NOT REVIEWED')}")
        for short, long, numbers, best in rows:
            shown = ", ".join(f"{text} at {place} ({share:.0%})" for share, place, text in best[:4])
            print(f"    {short} to {long} digits, {numbers} numbers: {shown}")


def pairs(territory):
    """The pairs of lengths of one region: shorter, longer, numbers of the shorter, best strings."""
    mobiles = Mobiles(territory)
    for short, long in itertools.permutations(mobiles.lengths, 2):
        if not 1 <= long - short <= 3:
            continue
        numbers, longer = mobiles.count(short), mobiles.count(long)
        if not numbers or not longer:
            continue
        best = []
        for place, drop, text in rewrites(long - short):
            share = mobiles.count_pairs(short, long, place, drop, text) / min(numbers, longer)
            if share >= SHARE:
                best.append((share, place, ("" if not drop else "for the first digit ") + text))
        if best:
            yield short, long, numbers, sorted(best, reverse=True)


def rewrites(more):
    """Places and strings: one to three digits put in, or two or three for the first digit."""
    digits = "0123456789"
    for text in itertools.product(digits, repeat=more):
        for place in range({1: 4, 2: 2, 3: 1}[more]):
            yield place, 0, "".join(text)
    if more <= 2:
        for text in itertools.product(digits, repeat=more + 1):
            yield 0, 1, "".join(text)


class Mobiles:
    """The valid mobile numbers of a region."""

    def __init__(self, territory):
        self.territory = territory
        automaton = patterns.Automaton()
        self.start, self.bits = 0, {}
        for name, description in territory.descriptions.items():
            if description.pattern is not None:
                first, self.bits[name] = automaton.add(description.pattern)
                self.start |= first
        self.step = functools.cache(automaton.step)
        self.count_on = functools.cache(self.count_on)
        mobile = territory.descriptions["mobile"]
        lengths = mobile.lengths or territory.descriptions["general"].lengths
        self.lengths = sorted({n for n in lengths if n > 0}) if mobile.pattern else []

    def is_mobile(self, state, length):
        kind = generate.line_type(self.territory, self.bits, state, length)
        return kind in (generate.MOBILE, generate.FIXED_LINE_OR_MOBILE)

    def count(self, length):
        return self.count_pairs(length, length, 0, 0, "")

    def count_pairs(self, short, long, place, drop, text):
        """How many mobiles of `short` digits become mobiles when `text` is put at `place`, in the
        place of `drop` digits."""
        counts = {(self.start, self.start): 1}
        for _ in range(place):
            counts = self.advance_both(counts, True)
        counts = self.advance_second(counts, text)
        return self.count_on(frozenset(counts.items()), short, long, place, drop)

    def count_on(self, counts, short, long, place, drop):
        """Of these states: many strings lead to the same ones, so this is remembered."""
        counts = dict(counts)
        for at in range(place, short):
            counts = self.advance_both(counts, at >= place + drop)
        return sum(
            count
            for (one, other), count in counts.items()
            if self.is_mobile(one, short) and self.is_mobile(other, long)
        )

    def advance_both(self, counts, keeps):
        """Every digit behind the first number of each pair, and behind the second if that keeps it."""
        following = {}
        for (one, other), count in counts.items():
            for digit in range(10):
                after = self.step(one, digit)
                kept = self.step(other, digit) if keeps else other
                if after and kept:
                    following[after, kept] = following.get((after, kept), 0) + count
        return following

    def advance_second(self, counts, text):
        advanced = {}
        for (one, other), count in counts.items():
            for digit in text:
                other = self.step(other, int(digit))
            if other:
                advanced[one, other] = advanced.get((one, other), 0) + count
        return advanced


if __name__ == "__main__":
    main()
