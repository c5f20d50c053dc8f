#!/usr/bin/env python3
"""Generates src/recipient/numbering/table.rs and states.bin from libphonenumber's metadata.

    python3 scripts/numbering/generate.py            refresh the table
    python3 scripts/numbering/generate.py --check    fail if the committed table is stale

The metadata is the compiled file inside the `rlibphonenumber` crate that Cargo.lock names: the
crate that the differential test compares with, so that both sides always speak of one version.
To move to newer metadata: `cargo update -p rlibphonenumber`, run this script, run the tests.
Needs Python 3.10 or newer and nothing else.
"""

import json
import pathlib
import re
import struct
import subprocess
import sys

import metadata
import patterns

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "src" / "recipient" / "numbering"

# The longest national number that libphonenumber will look at.
LONGEST = 17
# Discriminants of `LineType`; the order of this list is the order in which types are tried.
PREFERRED = [
    ("premium_rate", 5),
    ("toll_free", 4),
    ("shared_cost", 6),
    ("voip", 7),
    ("personal_number", 8),
    ("pager", 9),
    ("uan", 10),
    ("voicemail", 11),
]
UNKNOWN, FIXED_LINE, MOBILE, FIXED_LINE_OR_MOBILE = range(4)
NOTHING = 0xFFFF


def main():
    source = crate_folder()
    territories = metadata.territories(
        (source / "src" / "generated" / "metadata" / "metadata.bin").read_bytes()
    )
    check_expectations(territories)
    table = Table(territories)
    outputs = {
        OUT / "table.rs": rust(table, versions(source)).encode(),
        OUT / "states.bin": table.states.packed(),
    }
    stale = [path for path, body in outputs.items() if not same(path, body)]
    if "--check" in sys.argv[1:]:
        sys.exit(f"stale: {[str(path.relative_to(ROOT)) for path in stale]}" if stale else 0)
    for path, body in outputs.items():
        path.write_bytes(body)
    print(
        f"{len(territories)} territories, {len(table.codes)} calling codes, "
        f"{len(table.states.rows)} states, {len(outputs[OUT / 'states.bin'])} bytes of states, "
        f"{2 * len(table.programs.words)} bytes of prefix programs"
    )


def crate_folder():
    tree = json.loads(
        subprocess.run(
            ["cargo", "metadata", "--format-version", "1", "--locked"],
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
    )
    (package,) = [p for p in tree["packages"] if p["name"] == "rlibphonenumber"]
    return pathlib.Path(package["manifest_path"]).parent


def versions(source):
    readme = (source / "Readme.md").read_text()
    manifest = (source / "Cargo.toml").read_text()
    return (
        re.search(r"Used metadata version:\*\* `v([\d.]+)`", readme).group(1),
        re.search(r'^version = "([\d.]+)"', manifest, re.M).group(1),
    )


def same(path, body):
    return path.exists() and path.read_bytes() == body


def check_expectations(territories):
    """What the matcher in Rust relies on; new metadata that breaks one stops the generator."""
    for territory in territories:
        if not re.fullmatch(r"(?:\d|\$[12](?!\d))*", territory.transform):
            raise ValueError(f"{territory.region}: transform {territory.transform!r}")
        if territory.descriptions["general"].pattern is None:
            raise ValueError(f"{territory.region}: no general pattern")


class States:
    """The digit table: rows of ten successors and an output, equal rows stored once."""

    def __init__(self):
        self.rows = [((0,) * 10, 0)]
        self.index = {self.rows[0]: 0}

    def intern(self, successors, output):
        row = (successors, output)
        if row not in self.index:
            self.index[row] = len(self.rows)
            self.rows.append(row)
        return self.index[row]

    def walk(self, automaton, start, output):
        """The row for `start`, given `output(state, length)`."""
        memo = {}

        def visit(state, length):
            if not state:
                return 0
            key = (state, length)
            if key not in memo:
                successors = (0,) * 10
                if length < LONGEST:
                    successors = tuple(
                        visit(automaton.step(state, digit), length + 1) for digit in range(10)
                    )
                memo[key] = self.intern(successors, output(state, length))
            return memo[key]

        return visit(start, 0)

    def packed(self):
        if len(self.rows) >= NOTHING:
            raise ValueError("too many states for 16 bits")
        return b"".join(struct.pack("<11H", *row[0], row[1]) for row in self.rows)


class Programs:
    """Prefix programs in one array, equal ones stored once."""

    def __init__(self):
        self.words = []
        self.index = {}
        self.deepest = 0

    def add(self, pattern):
        if pattern is None:
            return NOTHING
        if pattern not in self.index:
            start = len(self.words)
            self.words += patterns.prefix_program(pattern, start)
            self.deepest = max(self.deepest, patterns.pending_choices(self.words, start))
            self.index[pattern] = start
        return self.index[pattern]


class Table:
    def __init__(self, territories):
        self.territories = territories
        self.states = States()
        self.programs = Programs()
        self.codes = {}
        for index, territory in enumerate(territories):
            shared = self.codes.setdefault(territory.calling_code, [])
            if territory.main and shared:
                shared.insert(0, index)
            else:
                shared.append(index)
        self.codes = dict(sorted(self.codes.items()))
        self.code_roots = [self._code_root(shared) for shared in self.codes.values()]
        self.viable_roots = [self._viable_root(territory) for territory in territories]
        self.prefixes = [
            (self.programs.add(t.national_prefix), self.programs.add(t.international_prefix))
            for t in territories
        ]

    def _viable_root(self, territory):
        automaton = patterns.Automaton()
        start, matched = automaton.add(territory.descriptions["general"].pattern)
        return self.states.walk(automaton, start, lambda state, _: int(bool(state & matched)))

    def _code_root(self, shared):
        """Region and type of every number of a calling code.

        The output is `type | (1 + position of the region) << 4`. Where only one region has the
        code, it has every number of it, valid or not, and the position is left out.
        """
        automaton = patterns.Automaton()
        start, regions = 0, []
        for index in shared:
            territory = self.territories[index]
            bits = {}
            for name, description in territory.descriptions.items():
                if description.pattern is not None:
                    first, bits[name] = automaton.add(description.pattern)
                    start |= first
            if territory.leading_digits is not None:
                first, bits["leading"] = automaton.add(territory.leading_digits, prefix=True)
                start |= first
            regions.append((territory, bits))

        def output(state, length):
            if len(regions) == 1:
                return line_type(*regions[0], state, length)
            for position, (territory, bits) in enumerate(regions):
                kind = line_type(territory, bits, state, length)
                if kind != UNKNOWN or state & bits.get("leading", 0):
                    return kind | (1 + position) << 4
            return 0

        return self.states.walk(automaton, start, output)


def line_type(territory, bits, state, length):
    def matches(name):
        lengths = territory.descriptions[name].lengths
        return bool(state & bits.get(name, 0)) and (not lengths or length in lengths)

    if not matches("general"):
        return UNKNOWN
    for name, kind in PREFERRED:
        if matches(name):
            return kind
    if matches("fixed_line"):
        both = territory.same_mobile_and_fixed or matches("mobile")
        return FIXED_LINE_OR_MOBILE if both else FIXED_LINE
    if not territory.same_mobile_and_fixed and matches("mobile"):
        return MOBILE
    return UNKNOWN


def length_mask(lengths):
    return 0 if -1 in lengths else sum(1 << length for length in set(lengths))


def rust(table, version):
    metadata_version, crate_version = version
    lines = [
        "// Generated by scripts/numbering/generate.py: do not edit.",
        "// Refresh with: python3 scripts/numbering/generate.py",
        "//",
        f"// Derived from libphonenumber's metadata {metadata_version} (as compiled into rlibphonenumber",
        f"// {crate_version}). Copyright (C) The Libphonenumber Authors, Apache License 2.0; see NOTICE.",
        "",
        "use super::{Plan, State, Territory, plan, states, territory};",
        "",
        f'pub(super) const METADATA_VERSION: &str = "{metadata_version}";',
        f"pub(super) const PENDING_CHOICES: usize = {table.programs.deepest};",
        "",
        f"pub(super) static STATES: [State; {len(table.states.rows)}] = states(include_bytes!(\"states.bin\"));",
        "",
    ]
    geographic = sorted(t.region for t in table.territories if t.region != "001")
    lines += macro_lines("for_each_region", geographic)
    lines += ["", "#[rustfmt::skip]"]
    rows = []
    for territory, viable, (national, international) in zip(
        table.territories, table.viable_roots, table.prefixes
    ):
        general = territory.descriptions["general"]
        name = "00" if territory.region == "001" else territory.region
        rows.append(
            f'    territory(*b"{name}", {territory.calling_code}, {viable}, {national}, '
            f'"{territory.transform}", {international}, {length_mask(general.lengths):#x}, '
            f"{length_mask(general.local_lengths):#x}),"
        )
    lines.append(f"pub(super) static TERRITORIES: [Territory; {len(rows)}] = [")
    lines += rows + ["];", "", "#[rustfmt::skip]"]
    lines.append(f"pub(super) static PLANS: [Plan; {len(table.codes)}] = [")
    for (code, shared), root in zip(table.codes.items(), table.code_roots):
        lines.append(f"    plan({code}, {root}, &{shared}),")
    lines += ["];", ""]
    lines += array("PROGRAMS", "u16", table.programs.words)
    position = {code: index for index, code in enumerate(table.codes)}
    lines += array("PLAN_OF_CODE", "u8", [position.get(code, 255) for code in range(1000)])
    letters = {
        t.region: index for index, t in enumerate(table.territories) if t.region != "001"
    }
    alphabet = [chr(ord("A") + index) for index in range(26)]
    pairs = [letters.get(a + b, 255) for a in alphabet for b in alphabet]
    lines += array("TERRITORY_OF_REGION", "u8", pairs)
    return "\n".join(lines).rstrip() + "\n"


def macro_lines(name, words):
    lines = [f"macro_rules! {name} {{", "    ($callback:ident) => {", "        $callback! {"]
    for start in range(0, len(words), 20):
        lines.append("            " + " ".join(words[start : start + 20]))
    return lines + ["        }", "    };", "}", f"pub(in crate::recipient) use {name};"]


def array(name, kind, values):
    lines = ["#[rustfmt::skip]", f"pub(super) static {name}: [{kind}; {len(values)}] = ["]
    line = "   "
    for value in values:
        if len(line) + len(str(value)) + 2 > 100:
            lines.append(line)
            line = "   "
        line += f" {value},"
    return lines + [line, "];", ""]


if __name__ == "__main__":
    main()
