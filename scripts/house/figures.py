#!/usr/bin/env python3
"""Prints the figures of docs/design.md that can be counted in the sources.

    scripts/house/figures.py           of the working tree
    scripts/house/figures.py COMMIT    of a commit
"""

import re
import subprocess
import sys
from collections import Counter

COMMIT = sys.argv[1] if len(sys.argv) > 1 else None
LONG_FUNCTION, LONG_FILE = 60, 300
PAVED = ["examples/quickstart.rs", "examples/mount.rs", "src/lib.rs", "src/guide/getting_started.rs", "README.md"]


def git(*words):
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout


def files():
    if COMMIT is None:
        return git("ls-files", "*.rs").split()
    paths = git("ls-tree", "-r", "--name-only", COMMIT).split()
    return [path for path in paths if path.endswith(".rs")]


def read(path):
    if COMMIT is None:
        with open(path, encoding="utf-8") as file:
            return file.read()
    return git("show", f"{COMMIT}:{path}")


def functions(text):
    """The lengths of all functions, from `fn` to the brace that ends it, by the indentation."""
    lines = text.split("\n")
    for at, line in enumerate(lines):
        head = re.match(r"(\s*)(?:pub(?:\([^)]*\))? )?(?:const |async )*fn \w+", line)
        if not head:
            continue
        for end in range(at, len(lines)):
            if lines[end] == head.group(1) + "}":
                yield end - at + 1
                break
            if lines[end].endswith(";") and "{" not in "".join(lines[at:end + 1]):
                break


def program(path):
    """An example, or the longest sample of a page."""
    text = read(path)
    if path.startswith("examples/"):
        return text
    page = re.sub(r"^//! ?", "", text, flags=re.M)
    samples = re.findall(r"^```(?:rust)?\n(.*?)^```", page, re.M | re.S)
    return re.sub(r"^# .*$", "", max(samples, key=len), flags=re.M)


def names(text):
    """The crate's names that a program writes, by imports and by paths."""
    found = set()
    text = re.sub(r"//[^\n]*", "", text)
    for tree in re.findall(r"\botpgate::(\{[^;]*?\}|[\w:]+(?:\{[^;]*?\})?)", text):
        found.update(word for word in re.findall(r"\w+", re.sub(r"\w+::", "", tree)) if word != "self")
    return found


def main():
    texts = {path: read(path) for path in files()}
    lines = {path: text.count("\n") for path, text in texts.items()}
    folders = Counter()
    for path, count in lines.items():
        top, *rest = path.split("/")
        folders["/".join([top, rest[0]]) if top == "src" and len(rest) > 1 else top] += count
    for folder, count in sorted(folders.items()):
        print(f"{count:>7} {folder}")
    print(f"{sum(lines.values()):>7} lines in all")
    src = {path: text for path, text in texts.items() if path.startswith("src/")}
    for most in (500, LONG_FILE):
        print(f"{sum(lines[path] > most for path in src):>7} files of src over {most} lines")
    long = sum(length > LONG_FUNCTION for text in src.values() for length in functions(text))
    print(f"{long:>7} functions of src over {LONG_FUNCTION} lines")
    gates = sum(bool(re.search(r"^impl Gate \{", text, re.M)) for text in src.values())
    print(f"{gates:>7} files with an impl Gate")
    for path in PAVED:
        print(f"{len(names(program(path))):>7} names of the crate in {path}")


main()
