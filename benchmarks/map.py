"""From covariate tiles to the map: time, rate against the evaluator, memory.

    python benchmarks/map.py --json map.json

For each side a region is made (see `map_world.py`), whose tiles are then predicted and joined by
the product's own functions, in a process of its own, whose peak memory the system tells (VmHWM).
Before and after, in other processes, the evaluator alone predicts pixels of the same tiles, held in
memory, with as many threads, so that a machine that changes its pace does so for both: `evaluator`
is the forests alone, `predictor` is all that is delivered of a pixel (fusion, interval,
dissimilarity index, flags). Rates count pixels of the region. CPU time, which other processes
hardly change, stands beside the clock. The journal knows the tiles, as after `alm90 export`; with
`--unknown-tiles` it doesn't, and they are hashed as those of somebody else are.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

PLATEAU_PIXELS, PLATEAU_SHARE = 157e6, 0.2
"""Pixels of the plateau's permafrost, and their share of its box of 45,343 x 17,307."""
EVALUATIONS = 3
"""Of the evaluator and of the predictor, in turns, before and after; their medians count."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="+", default=[2048, 4096, 8192, 16384])
    parser.add_argument("--share", type=float, default=0.2, help="of the box, in the region")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--unknown-tiles", action="store_true", help="not of an export of ours")
    parser.add_argument("--one-file", action="store_true", help="all pixels in one covariate tile")
    parser.add_argument("--options", default="", help="of that file: compress=zstd,tiled=yes,...")
    parser.add_argument("--sample", type=int, default=16, help="tiles for the evaluator alone")
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        work = {"evaluate": evaluate, "map": make_map}[options.child[0]]
        print(json.dumps(work(Path(options.child[1]), options.workers, options.sample)))
        return
    results = []
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        prepare_model(Path(scratch))
        for side in options.sides:
            results.append(measure(Path(scratch), side, options))
            print(table(results[-1:], header=len(results) == 1), flush=True)
    expected = plateau(results, options.share)
    if expected is not None:
        print(
            f"the plateau, {PLATEAU_PIXELS / 1e6:.0f} million pixels: "
            f"{expected['clock_minutes']:.1f} minutes by the clock, "
            f"{expected['cpu_minutes']:.1f} of CPU, ± {expected['error']:.0%}"
        )
    if options.json:
        document = {
            "cores": os.cpu_count(),
            "workers": options.workers,
            "share": options.share,
            "one_file": options.one_file,
            "results": results,
            "plateau": expected,
        }
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def prepare_model(scratch: Path) -> None:
    import numpy as np
    from map_world import base_bands, write_model

    bands = base_bands()
    write_model(scratch / "model", bands)
    np.save(scratch / "bands.npy", bands)


def measure(scratch: Path, side: int, options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one side; its files are deleted."""
    import numpy as np
    from map_world import write_raster, write_tiles

    bands = np.load(scratch / "bands.npy", mmap_mode="r")
    tiles = scratch / "covariates"
    if options.one_file:
        creation = dict(pair.split("=") for pair in options.options.split(",") if pair)
        write_raster(tiles / "one.tif", side, options.share, bands, **creation)
    else:
        write_tiles(tiles, side, options.share, bands)
    del bands
    files = sorted(tiles.iterdir())
    if not options.unknown_tiles:
        remember(scratch, files)
    result = {"side": side, "tiles": len(files), "bytes": sum(f.stat().st_size for f in files)}
    os.sync()  # what was just written is not to reach the disk while something is timed
    before = {} if options.one_file else _child("evaluate", scratch, options)
    result |= _child("map", scratch, options)
    after = {} if options.one_file else _child("evaluate", scratch, options)
    for name in before:
        result[name] = {unit: (before[name][unit] + after[name][unit]) / 2 for unit in before[name]}
    for folder in ("covariates", "map"):
        shutil.rmtree(scratch / folder)
    return result


def remember(scratch: Path, files: list[Path]) -> None:
    """Record tiles in the journal, as the export of a study does."""
    from export.journal import Journal

    journal = Journal(scratch / "journal.sqlite")
    for path in files:
        journal.record("tiles", path.stem, "written by this benchmark", [path])
    journal.close()


def _child(name: str, scratch: Path, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", name, str(scratch)]
    command += ["--workers", str(options.workers), "--sample", str(options.sample)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


# ---- in processes of their own


def evaluate(scratch: Path, workers: int, sample: int) -> dict[str, Any]:
    """Return seconds a pixel of the evaluator alone, and of the predictor, on tiles in memory."""
    import numpy as np

    from export.covariates.tiles import REGION_BAND, read_covariate_tile
    from local_ml.prediction.predictor import Predictor

    predictor = Predictor.load(scratch / "model")
    names = [feature.name for feature in predictor.features]
    files = sorted((scratch / "covariates").iterdir())
    chosen = [files[k] for k in np.linspace(0, len(files) - 1, min(sample, len(files))).astype(int)]
    tiles = []
    for path in chosen:
        bands, _ = read_covariate_tile(path, [REGION_BAND, *names])
        inside = bands.pop(REGION_BAND) != 0
        tiles.append((bands, np.stack([bands[name] for name in names]), inside))
    pixels = sum(int(inside.sum()) for *_, inside in tiles)

    def by_evaluator(tile: Any) -> None:
        predictor.evaluator.raster(tile[1], tile[2])

    def by_predictor(tile: Any) -> None:
        predictor.predict(tile[0], within=tile[2])

    ways = {"evaluator": by_evaluator, "predictor": by_predictor}
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    for work in ways.values():
        work(tiles[0])
    for _ in range(EVALUATIONS):
        for name, work in ways.items():
            run: dict[str, Any] = {}
            with ThreadPoolExecutor(workers) as pool, _timed(run, name):
                list(pool.map(work, tiles))
            runs[name].append(run[name])
    return {
        name: {unit: median(run[unit] for run in found) / pixels for unit in ("clock", "cpu")}
        for name, found in runs.items()
    }


def make_map(scratch: Path, workers: int, _: int) -> dict[str, Any]:
    """Predict and join; return seconds of each phase, pixels, and peak memory."""
    from export.covariates.tiles import tile_files
    from export.journal import Journal
    from export.map.map_tile import TileFolders
    from export.map.mosaic import write_map
    from export.map.predict import predict_tiles
    from export.progress import silent
    from local_ml.prediction.predictor import Predictor

    predictor = Predictor.load(scratch / "model")
    _warm(predictor)
    folders = TileFolders.of(scratch / "map", companion=True)
    journal = Journal(scratch / "journal.sqlite")
    result: dict[str, Any] = {"memory_at_start": peak_memory()}
    with _timed(result, "predict"):
        report = predict_tiles(
            tile_files(scratch / "covariates"), predictor, folders, journal, silent(), workers
        )
    result["memory_predict"] = peak_memory()
    assert not report.failed, report.failed
    file = scratch / "map" / "vwc.tif"
    with _timed(result, "mosaic"):
        write_map(file, folders, list(report.files), {}, journal, silent(), workers=workers)
    journal.close()
    sizes = {path.name: path.stat().st_size for path in (scratch / "map").glob("*.tif")}
    return result | {
        "pixels": report.counts.region,
        "memory": peak_memory(),
        "map_tiles": len(report.files),
        "files": sizes,
    }


def _warm(predictor: Any) -> None:
    """Load what numba compiled, which a run does once."""
    import numpy as np

    bands = {f.name: np.zeros((128, 512), np.float32) for f in predictor.features}
    predictor.predict(bands)


def peak_memory() -> int:
    """Return the most memory that this process ever held, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@contextmanager
def _timed(result: dict[str, Any], name: str) -> Iterator[None]:
    clock, cpu = time.perf_counter(), time.process_time()
    yield
    result[name] = {"clock": time.perf_counter() - clock, "cpu": time.process_time() - cpu}


# ---- the table


def table(results: list[dict[str, Any]], header: bool = True) -> str:
    """Return a row a side: microseconds of CPU a pixel, ratios, and peak memory."""
    columns: list[tuple[str, Callable[[dict[str, Any]], str]]] = [
        ("side", lambda r: f"{r['side']:,}"),
        ("pixels, million", lambda r: f"{r['pixels'] / 1e6:.2f}"),
        ("evaluator", lambda r: _micro(r, "evaluator")),
        ("predictor", lambda r: _micro(r, "predictor")),
        ("tiles → map tiles", lambda r: f"{1e6 * r['predict']['cpu'] / r['pixels']:.2f}"),
        ("→ map", lambda r: f"{1e6 * r['mosaic']['cpu'] / r['pixels']:.2f}"),
        ("map tiles : evaluator", lambda r: _ratio(r, "evaluator", ("predict",))),
        ("map tiles : predictor", lambda r: _ratio(r, "predictor", ("predict",))),
        ("all : evaluator", lambda r: _ratio(r, "evaluator", ("predict", "mosaic"))),
        ("clock, s", lambda r: f"{r['predict']['clock']:.1f} + {r['mosaic']['clock']:.1f}"),
        ("memory, MiB", lambda r: f"{r['memory_predict'] / 2**20:.0f}, {r['memory'] / 2**20:.0f}"),
    ]
    lines = []
    if header:
        lines += [
            "| " + " | ".join(name for name, _ in columns) + " |",
            "|" + "---|" * len(columns),
        ]
    lines += ["| " + " | ".join(show(r) for _, show in columns) + " |" for r in results]
    return "\n".join(lines)


def plateau(results: list[dict[str, Any]], share: float) -> dict[str, float] | None:
    """Return what the whole plateau would take at the rate of the largest side.

    The error is by how much that rate differs from the one of the side before it. None where the
    share of the box differs from the plateau's, or there are no two sides.
    """
    if len(results) < 2 or share != PLATEAU_SHARE:
        return None
    before, largest = (
        {
            unit: sum(r[phase][unit] for phase in ("predict", "mosaic")) / r["pixels"]
            for unit in ("clock", "cpu")
        }
        for r in results[-2:]
    )
    return {
        "clock_minutes": largest["clock"] * PLATEAU_PIXELS / 60,
        "cpu_minutes": largest["cpu"] * PLATEAU_PIXELS / 60,
        "error": max(abs(before[unit] / largest[unit] - 1) for unit in ("clock", "cpu")),
    }


def _micro(result: dict[str, Any], name: str) -> str:
    return f"{1e6 * result[name]['cpu']:.2f}" if name in result else "–"


def _ratio(result: dict[str, Any], name: str, phases: tuple[str, ...]) -> str:
    """Return how many times as long as the evaluator the phases took, by CPU and by the clock."""
    if name not in result:
        return "–"
    parts = []
    for unit in ("cpu", "clock"):
        spent = sum(result[phase][unit] for phase in phases) / result["pixels"]
        parts.append(f"{spent / result[name][unit]:.2f}")
    return ", ".join(parts)


if __name__ == "__main__":
    main()
