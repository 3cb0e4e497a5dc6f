"""How long the command line takes to begin: `alm90 --help`, and the import of each step.

    python benchmarks/start_up.py --json start_up.json

Each is run in a process of its own, several times, in turns; the figures are medians and the least.
The clock says what a user waits, CPU time (user and system, of the process) what the work is where
the machine has other work too.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

STEPS = Path(__file__).resolve().parents[1] / "export" / "steps"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    steps = sorted(path.stem for path in STEPS.glob("*.py") if path.stem != "__init__")
    commands = {
        "python": [sys.executable, "-c", "pass"],
        "alm90 --help": [sys.executable, "-m", "export.cli", "--help"],
        **{step: [sys.executable, "-c", f"import export.steps.{step}"] for step in steps},
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(options.runs):
        for name, command in commands.items():
            taken[name].append(seconds(command))
    results = {
        name: {
            "clock_median": statistics.median(clock for clock, _ in runs),
            "clock_least": min(clock for clock, _ in runs),
            "cpu_median": statistics.median(cpu for _, cpu in runs),
        }
        for name, runs in taken.items()
    }
    print(table(results))
    if options.json:
        document = {"runs": options.runs, "seconds": results}
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def seconds(command: list[str]) -> tuple[float, float]:
    """Return the time by the clock, and the CPU time, that a command takes."""
    before, start = os.times(), time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    clock, after = time.perf_counter() - start, os.times()
    user = after.children_user - before.children_user
    return clock, user + after.children_system - before.children_system


def table(results: dict[str, dict[str, float]]) -> str:
    lines = ["| | clock, s: median | least | CPU, s: median |", "|---|---|---|---|"]
    for name, found in results.items():
        figures = (found["clock_median"], found["clock_least"], found["cpu_median"])
        lines.append(f"| {name} | {' | '.join(f'{figure:.2f}' for figure in figures)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
