#!/usr/bin/env python3
"""Keeps docs/public-names.txt: every public name of the crate with all its features, one a line.

A change of the public surface then shows in review as a changed line. Read from what rustdoc writes:
`cargo doc --no-deps --all-features` first.

    scripts/public/names.py           writes the list
    scripts/public/names.py --check   fails if the list is another
"""

import argparse
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "docs" / "public-names.txt"
KINDS = {
    "structs": "struct", "enums": "enum", "traits": "trait", "functions": "fn", "types": "type",
    "constants": "const", "statics": "static", "macros": "macro", "derives": "derive",
    "attributes": "attribute", "unions": "union", "primitives": "primitive",
}


def names():
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    page = target / "doc" / "otpgate" / "all.html"
    if not page.is_file():
        sys.exit(f"{page.name} is missing: run `cargo doc --no-deps --all-features` first")
    sections = re.split(r'<h3 id="(\w+)">', page.read_text(encoding="utf-8"))[1:]
    found = []
    for kind, section in zip(sections[::2], sections[1::2]):
        if kind not in KINDS:
            sys.exit(f"rustdoc lists {kind}, which this script does not know: add it to KINDS")
        for path in re.findall(r"<li><a href=\"[^\"]*\">([^<]*)</a></li>", section):
            found.append(f"{path} ({KINDS[kind]})")
    if len(found) < 200:
        sys.exit(f"only {len(found)} names were read: rustdoc writes its page in another form now")
    return sorted(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail if the list is another")
    check = parser.parse_args().check
    now = names()
    if not check:
        LIST.write_text("\n".join(now) + "\n", encoding="utf-8")
        print(f"{len(now)} names")
        return
    before = LIST.read_text(encoding="utf-8").splitlines()
    gone, new = sorted(set(before) - set(now)), sorted(set(now) - set(before))
    for name in gone:
        print(f"- {name}")
    for name in new:
        print(f"+ {name}")
    if gone or new or before != now:
        sys.exit(f"{LIST.name} is not what the crate offers: run {Path(__file__).name}, and say the change in CHANGELOG.md")


if __name__ == "__main__":
    main()
