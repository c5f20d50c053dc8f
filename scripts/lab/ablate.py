#!/usr/bin/env python3
"""Switches the parts of the detector off, one at a time, and prints what each is worth as a table.

    cargo build --release --features testing --example attack_lab
    scripts/lab/ablate.py [--daily 20000] [--seeds 3] [--worlds plain,nowhere,small] [--lab PATH]

A cell is the figure without the part. It is bold where it is worse than the figure with everything by
more than the spread of the seeds with everything, and in brackets where it is better by more than that.
A part whose row has nothing bold moves nothing that the seeds do not move by themselves.
"""
import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PARTS = {
    "nocold": "pools of ranges without customers",
    "noshare": "shares of a country",
    "noflight": "unanswered texts (window)",
    "nostepsout": "unanswered step-ups (window)",
    "noasked": "evidence of step-ups",
    "nooutage": "outage control",
    "noaddress": "addresses",
    "nocontext": "a flagged parent lowers the bar",
    "noproved": "a proved parent lowers the bar",
    "noaway": "known and away",
    "nofar": "the pool of what is far",
    "noafar": "codes from afar against codes at home",
    "sharefar=2": "a share from afar weighs more",
    "notogether": "blocks under suspicion together",
    "nohome": "people at home apart",
    "noknown": "known numbers",
    "nonumber": "limits of one number",
    "noyoung": "a young realm asks first",
}
ATTACKS = "A1,A2,A3,A4,A5,A6,A7,A8,A9,A10,A11,A12,A13,A14,A17,H2,H4,N*,T*"
# the same bots with nine of ten step-ups passed, where that makes a difference
SOLVED = "A1,A3,A7,A11,A13"


def share(part, whole):
    return 100.0 * part / whole if whole else 0.0


def leak(runs, names=None):
    wanted = [r["outcome"]["attack"] for r in runs if names is None or r["scenario"] in names]
    return share(sum(a["spent_microusd"] for a in wanted), sum(a["asked_microusd"] for a in wanted))


def near(runs, names):
    people = [r["outcome"]["attacked"] for r in runs if r["scenario"] in names]
    return share(sum(p["refused"] for p in people), sum(p["sessions"] for p in people))


def innocent(runs, what):
    quiet = [r for r in runs if r["scenario"].startswith("N")]
    kinds = ("before", "people", "concerned")
    return sum(r["outcome"][kind][what] for r in quiet for kind in kinds)


FAMILIES = [f"A{n}" for n in range(1, 15)]
MEASURES = {
    "leak, A1–A14 (%)": lambda runs: leak(runs, FAMILIES),
    "low and slow, A4 (%)": lambda runs: leak(runs, ["A4"]),
    "fakes, A6 A7 (%)": lambda runs: leak(runs, ["A6", "A7"]),
    "one number, A8 A9 A10 (%)": lambda runs: leak(runs, ["A8", "A9", "A10"]),
    "pulses and solvers, A17 T* (%)": lambda runs: leak(
        runs, {r["scenario"] for r in runs if r["scenario"] == "A17" or r["scenario"][0] == "T"}
    ),
    "a tenth, scattered, H2 H4 (%)": lambda runs: leak(runs, ["H2", "H4"]),
    "nine of ten solved (%)": lambda runs: leak(runs, [f"solved {name}" for name in SOLVED.split(",")]),
    "refused near attacks (%)": lambda runs: near(runs, FAMILIES),
    "asked, N1–N9": lambda runs: innocent(runs, "stepped_up"),
    "refused, N1–N9": lambda runs: innocent(runs, "refused"),
}


def run(lab, world, daily, seeds, switch, scenarios, solves):
    with tempfile.TemporaryDirectory() as folder:
        command = [lab, "--bare", "--against", "none", "--no-traces", "--world", world]
        command += ["--daily", str(daily), "--seeds", str(seeds), "--solves", solves]
        command += ["--scenarios", scenarios, "--out", folder] + (["--set", switch] if switch else [])
        said = subprocess.run(command, capture_output=True, text=True)
        if said.returncode:
            sys.exit(f"{' '.join(map(str, command))}: {said.stderr.strip()}")
        return json.loads((Path(folder) / "report.json").read_text())["runs"]


def measure(lab, world, daily, seeds, switch):
    runs = run(lab, world, daily, seeds, switch, ATTACKS, "0.2")
    for one in run(lab, world, daily, seeds, switch, SOLVED, "0.9"):
        runs.append(one | {"scenario": f"solved {one['scenario']}"})
    by_seed = [[r for r in runs if r["seed"] == seed] for seed in sorted({r["seed"] for r in runs})]
    return {name: [of(one) for one in by_seed] for name, of in MEASURES.items()}


def cell(with_all, without):
    """The mean without the part, marked where the seeds alone do not explain the difference."""
    mean, base = statistics.mean(without), statistics.mean(with_all)
    moved = [a - b for a, b in zip(without, with_all)]
    noise = statistics.stdev(with_all) if len(with_all) > 1 else 0.0
    text = f"{mean:.2f}".rstrip("0").rstrip(".")
    if abs(mean - base) > max(noise, 1e-9):
        return f"**{text}**" if mean > base else f"({text})"
    if all(step > 1e-9 for step in moved):
        return f"**{text}**"
    return text


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--daily", type=int, default=20_000)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--worlds", default="plain,nowhere,small")
    options.add_argument("--lab", default="target/release/examples/attack_lab")
    said = options.parse_args()
    for world in said.worlds.split(","):
        base = measure(said.lab, world, said.daily, said.seeds, None)
        print(f"\n**{world}**, {said.daily} a day, {said.seeds} seeds\n")
        print("| without | " + " | ".join(MEASURES) + " |")
        print("|---|" + "---|" * len(MEASURES), flush=True)
        row = [f"{statistics.mean(base[name]):.2f}".rstrip("0").rstrip(".") for name in MEASURES]
        print("| nothing | " + " | ".join(row) + " |", flush=True)
        for switch, part in PARTS.items():
            without = measure(said.lab, world, said.daily, said.seeds, switch)
            row = [cell(base[name], without[name]) for name in MEASURES]
            print(f"| {part} | " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
