"""How good the map is, and how honest its score, on worlds whose truth is known.

    python benchmarks/accuracy.py run --out accuracy.jsonl --worlds 30 --workers 2
    python benchmarks/accuracy.py real --data DATA --out accuracy.jsonl
    python benchmarks/accuracy.py tables --out accuracy.jsonl

`run` makes `--worlds` synthetic worlds of each family (`known_truth.worlds`: 342 sites, 24
candidates), trains and validates the product on each in the lighter setting `LIGHT`
(`known_truth.scoring`), and holds it against what others would do (`known_truth.contenders`).
`real` does the same on real tables, whose truth nobody knows, by nested folds alone: DATA holds
the folders ``vindum`` and ``meuse`` (as for examples/real_data.py); LimeSoDa's tables come with
the package of that name (pip install -e ".[benchmarks]"). `tables` prints what docs/accuracy.md
shows. A line of JSON a world or table, keyed by settings and generator; a run that was stopped
goes on where it was.
"""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed, parallel_config
from known_truth.real_sets import NAMES, read_set
from known_truth.scoring import LIGHT, score_table, score_world, settings_key
from known_truth.summary import tables
from known_truth.worlds import FAMILIES, FRESH, SITES, make_world
from resumed import append_line, read_lines

from local_ml.settings import LearningSettings

Job = tuple[str, int | str]
"""Family and number of a world; or ``real`` and the name of a table."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("run", "real", "tables"))
    parser.add_argument("--out", type=Path, required=True, help="file of results, JSON lines")
    parser.add_argument("--worlds", type=int, default=30, help="of each family")
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES)
    parser.add_argument("--data", type=Path, help="folder of vindum and meuse")
    parser.add_argument("--workers", type=int, default=1, help="processes of one thread each")
    options = parser.parse_args()
    if options.action == "run":
        jobs: list[Job] = [
            (family, number) for family in options.families for number in range(options.worlds)
        ]
        measure(jobs, options.out, options.workers)
    elif options.action == "real":
        if options.data is None:
            parser.error("real needs --data, the folder that holds vindum and meuse")
        measure([("real", name) for name in NAMES], options.out, options.workers, options.data)
    print(tables(read(options.out, settings_key(LIGHT))))


def measure(
    jobs: Iterable[Job],
    out: Path,
    workers: int = 1,
    data: Path | None = None,
    settings: LearningSettings = LIGHT,
    sites: int = SITES,
    fresh: int = FRESH,
) -> None:
    """Append a line for each job that `out` doesn't hold yet."""
    key = settings_key(settings)
    done = {(entry["family"], entry["world"]) for entry in read(out, key)}
    left = [job for job in jobs if job not in done]
    for entry in _finished(left, workers, data, settings, sites, fresh):
        append_line(out, {"key": key} | entry)
        print(f"{entry['family']} {entry['world']}: {entry['cpu_seconds']} CPU s", flush=True)


def read(out: Path, key: str) -> list[dict[str, Any]]:
    """Return the lines of one setting, a world once.

    A line that a stopped run left unfinished is left out, and so is the second of two that runs
    at the same time wrote of one world.
    """
    entries: dict[Job, dict[str, Any]] = {}
    for entry in read_lines(out):
        if entry["key"] == key:
            entries.setdefault((entry["family"], entry["world"]), entry)
    return list(entries.values())


def _finished(
    jobs: list[Job],
    workers: int,
    data: Path | None,
    settings: LearningSettings,
    sites: int,
    fresh: int,
) -> Iterator[dict[str, Any]]:
    if workers == 1:
        for job in jobs:
            yield _one(job, data, settings, sites, fresh)
        return
    with parallel_config(backend="loky", inner_max_num_threads=1):
        yield from Parallel(n_jobs=workers, return_as="generator_unordered")(
            delayed(_one)(job, data, settings, sites, fresh) for job in jobs
        )


def _one(
    job: Job, data: Path | None, settings: LearningSettings, sites: int, fresh: int
) -> dict[str, Any]:
    family, world = job
    told: dict[str, Any] = {"family": family, "world": world}
    if isinstance(world, str):
        table, domain, target = read_set(world, data)
        return told | score_table(table, settings.model_copy(update={"target": target}), domain)
    # Each world its own seed, so that no luck of the members' seeds is shared by all.
    seeded = settings.model_copy(update={"seed": world})
    return told | score_world(make_world(family, world, sites, fresh), seeded)


if __name__ == "__main__":
    main()
