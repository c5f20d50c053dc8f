#!/usr/bin/env python3
"""Draws docs/img/house.svg: the folders of src/, who imports whom, and which level each stands on.

Rooms and levels are those of tests/docs/layers.rs, arrows are the `crate::…` paths in the sources.

    scripts/house/draw.py           draws
    scripts/house/draw.py --check   fails if the picture is not what the sources say
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "img" / "house.svg"
WIDTH, ROW, BOX = 860, 76, (104, 34)
LEVEL_NAMES = {
    0: "tools: every room uses them", 1: "pure rules", 2: "ports and adapters", 3: "names a host gives",
    4: "what can go wrong", 5: "the rules of a host", 6: "what the gate answers", 7: "what it tells",
    8: "how it is watched", 9: "calls that may panic", 10: "what is known of a tenant", 11: "what a send must pay",
    12: "the gate", 13: "how it is built", 14: "the web edge", 15: "for your tests", 16: "for you",
}


def table(name):
    text = (ROOT / "tests" / "docs" / "layers.rs").read_text(encoding="utf-8")
    body = re.search(rf"const {name}: [^=]*= &\[(.*?)\];", text, re.S).group(1)
    return re.findall(r'\(\s*"(\w+)",\s*"?(\w+)"?,?\s*\)', body)


def imports(rooms, reexports):
    edges = set()
    for file in sorted((ROOT / "src").rglob("*.rs")):
        room = file.relative_to(ROOT / "src").parts[0].removesuffix(".rs")
        # Unit tests in files of their own may use what lies above.
        if room not in rooms or {"tests.rs", "tests"} & set(file.parts[len(ROOT.parts):]):
            continue
        text = re.split(r"^#\[cfg\(test\)\]$", file.read_text(encoding="utf-8"), flags=re.M)[0]
        code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("//"))
        for used in re.findall(r"(?<!\$)crate::(\w+)", code):
            target = reexports.get(used, used)
            if target in rooms and target != room:
                edges.add((room, target))
    return edges


def draw():
    rooms = {name: int(level) for name, level in table("LEVELS")}
    edges = imports(rooms, dict(table("REEXPORTS")))
    if len(edges) < 40:
        sys.exit(f"only {len(edges)} imports were found: has the form of the sources changed?")
    levels = sorted(set(rooms.values()), reverse=True)
    place = {}
    for row, level in enumerate(levels):
        names = sorted(name for name, at in rooms.items() if at == level)
        # A room alone on its level stands aside of those above and below it.
        gap = (WIDTH - 40) / max(len(names), 4)
        first = (row * 3) % 4 if len(names) == 1 else 0
        for column, name in enumerate(names, first):
            place[name] = (20 + gap * (column + 0.5), 46 + ROW * row)
    height = ROW * len(levels) + 10
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
        '<title>The folders of src/: an arrow is an import, and all but those on one level point down</title>',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for row, level in enumerate(levels):
        y = ROW * row + 6
        out.append(f'<rect x="6" y="{y}" width="{WIDTH - 12}" height="{ROW - 12}" rx="6" fill="#f4f6f8"/>')
        out.append(f'<text x="14" y="{y + 14}" font-size="11" fill="#5b6670">{LEVEL_NAMES.get(level, level)}</text>')
    for source, target in sorted(edges):
        if target == "base":
            continue
        (x1, y1), (x2, y2) = place[source], place[target]
        if y1 == y2:
            path = f"M{x1:.0f} {y1 + BOX[1] / 2:.0f} Q{(x1 + x2) / 2:.0f} {y1 + 40:.0f} {x2:.0f} {y2 + BOX[1] / 2:.0f}"
        else:
            path = f"M{x1:.0f} {y1 + BOX[1] / 2:.0f} L{x2:.0f} {y2 - BOX[1] / 2:.0f}"
        out.append(f'<path d="{path}" fill="none" stroke="#7a8fa6" stroke-opacity="0.55"/>')
    for name, (x, y) in sorted(place.items()):
        w = min(BOX[0], 8.2 * len(name) + 22)
        out.append(
            f'<rect x="{x - w / 2:.0f}" y="{y - BOX[1] / 2:.0f}" width="{w:.0f}" height="{BOX[1]}" rx="5" '
            'fill="#ffffff" stroke="#2f4a63"/>'
        )
        out.append(f'<text x="{x:.0f}" y="{y + 5:.0f}" font-size="13" text-anchor="middle" fill="#14202b">{name}</text>')
    return "\n".join(out + ["</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail if the picture is out of date")
    check = parser.parse_args().check
    picture = draw()
    if not check:
        PICTURE.write_text(picture, encoding="utf-8")
    elif PICTURE.read_text(encoding="utf-8") != picture:
        sys.exit(f"{PICTURE.name} is out of date: run scripts/house/draw.py")


if __name__ == "__main__":
    main()
