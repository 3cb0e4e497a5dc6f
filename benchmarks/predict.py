"""How fast pixels are predicted: each library's own call against ours, in one run.

    python benchmarks/predict.py --json predict.json

A synthetic table of 342 sites and 24 covariates of several grains (smooth, textured, blocks of
1 km, noise) trains the four members; a raster of the same covariates is predicted by each library's
fastest call and by ours, in raster order and with its pixels shuffled, on 1 and 2 threads. The runs
take turns; the figures are medians. On one thread the time is CPU time, which other processes on
the machine hardly change; on two it is time by the clock. That both predict the same bits is
checked in the same run. A second table says what all that is delivered of a pixel takes: forests,
dissimilarity index, and the rest (encoding, fusion, interval, flags).
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from local_ml.features import Feature
from local_ml.forest.compile import compile_forest
from local_ml.forest.evaluate import Evaluator
from local_ml.forest.patches import BLOCK_ROWS
from local_ml.learning.learners import MEMBERS, make_member
from local_ml.prediction.features_encoding import FeatureEncoding
from local_ml.prediction.fusion_rule import FusionRule
from local_ml.prediction.interval_rule import IntervalRule
from local_ml.prediction.predictor import Predictor
from local_ml.settings import (
    CatBoostSettings,
    EnsembleSettings,
    ExtraTreesSettings,
    ForestSettings,
    XGBoostSettings,
)
from local_ml.validation.applicability import fit_applicability

ENSEMBLES = {
    "default": EnsembleSettings(),
    # Trees grown as far as libraries do by themselves, and more and deeper boosted ones.
    "heavy": EnsembleSettings(
        random_forest=ForestSettings(minimum_leaf=2),
        extra_trees=ExtraTreesSettings(minimum_leaf=1),
        xgboost=XGBoostSettings(depth=5),
        catboost=CatBoostSettings(trees=800, depth=6),
    ),
}
SITES = 342
SMOOTH, TEXTURED, BLOCKY, NOISY = 8, 9, 4, 3
KILOMETRE_PX = 11


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ensemble", choices=ENSEMBLES, default="default")
    parser.add_argument("--side", type=int, default=384, help="rows and columns of the raster")
    parser.add_argument("--native-pixels", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    bands = make_bands(options.side)
    members = train(bands, ENSEMBLES[options.ensemble])
    results = [
        measure(members, bands, order, threads, options.runs, options.native_pixels)
        for threads in options.threads
        for order in ("raster", "shuffled")
    ]
    whole = measure_whole(members, bands, options.runs)
    document = {
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "load": os.getloadavg(),
        },
        "ensemble": options.ensemble,
        "side": options.side,
        "runs": options.runs,
        "results": results,
        "whole": whole,
    }
    print(table(results), whole_table(whole), sep="\n\n")
    if options.json:
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def make_bands(side: int, seed: int = 1) -> np.ndarray:
    """Return (24, side, side) float32."""
    generator = np.random.default_rng(seed)

    def field(length_px: float) -> np.ndarray:
        smooth = gaussian_filter(generator.standard_normal((side, side)), length_px, mode="wrap")
        return smooth / smooth.std()

    def blocks() -> np.ndarray:
        number = -(-side // KILOMETRE_PX)
        coarse = field(30)[::KILOMETRE_PX, ::KILOMETRE_PX][:number, :number]
        return coarse.repeat(KILOMETRE_PX, 0).repeat(KILOMETRE_PX, 1)[:side, :side]

    bands = [field(40) + 0.1 * field(8) for _ in range(SMOOTH)]
    bands += [0.7 * field(20) + 0.6 * field(4) + 0.25 * field(1.2) for _ in range(TEXTURED)]
    bands += [blocks() for _ in range(BLOCKY)]
    bands += [0.8 * field(15) + 0.4 * generator.standard_normal((side, side)) for _ in range(NOISY)]
    return np.stack(bands).astype(np.float32)


def train(bands: np.ndarray, settings: EnsembleSettings, seed: int = 2) -> dict[str, Any]:
    """Return the four members, fitted at random pixels on a target of which they explain half."""
    generator = np.random.default_rng(seed)
    X = sites_of(bands, generator)
    signal = np.tanh(X @ (generator.standard_normal(len(bands)) * 0.3))
    signal += 0.5 * np.sin(2 * X[:, 0]) + 0.4 * X[:, 9] * X[:, 3]
    y = 0.3 + 0.1 * signal / signal.std() + generator.normal(0, 0.07, SITES)
    return {name: make_member(name, settings, seed).fit(X, y) for name in MEMBERS}


def sites_of(bands: np.ndarray, generator: np.random.Generator | None = None) -> np.ndarray:
    """Return the covariates at random pixels, (SITES, 24) float32."""
    generator = generator or np.random.default_rng(2)
    rows, cols = generator.integers(0, bands.shape[1], (2, SITES))
    return bands[:, rows, cols].T


def measure(
    members: dict[str, Any],
    bands: np.ndarray,
    order: str,
    threads: int,
    runs: int,
    native_pixels: int,
) -> dict[str, Any]:
    """Return seconds a pixel of every member, by its library and by us, and of the ensemble."""
    rows = bands.reshape(len(bands), -1).T
    if order == "shuffled":
        rows = np.random.default_rng(3).permutation(rows)
    X = np.ascontiguousarray(rows[:native_pixels])
    squares = np.ascontiguousarray(rows.T).reshape(bands.shape)
    valid = np.ones(bands.shape[1:], bool)
    calls: dict[tuple[str, str], tuple[Callable[[], Any], int]] = {}
    for name, member in members.items():
        evaluator = Evaluator(compile_forest(member))
        native, ours = _native(name, member, threads), _ours(evaluator, threads)
        expected, found = native(X), evaluator.raster(squares, valid)[0].ravel()[: len(X)]
        if threads == 1 and not np.array_equal(found, expected.astype(np.float64)):
            raise AssertionError(f"{name}: {np.abs(found - expected).max()} apart")
        calls[name, "native"] = partial(native, X), len(X)
        calls[name, "ours"] = partial(ours, squares, valid), valid.size
    # The libraries one after the other; ours as the predictor does it, all members of a block.
    together = _ours(Evaluator(*map(compile_forest, members.values())), threads)
    together(squares, valid)
    calls["ensemble", "ours"] = partial(together, squares, valid), valid.size
    taken = _in_turns(calls, runs, time.thread_time if threads == 1 else time.perf_counter)
    taken["ensemble", "native"] = sum(taken[name, "native"] for name in members)
    return {
        "order": order,
        "threads": threads,
        "seconds_a_pixel": {
            name: {way: taken[name, way] for way in ("native", "ours")}
            for name in (*members, "ensemble")
        },
    }


def measure_whole(members: dict[str, Any], bands: np.ndarray, runs: int) -> dict[str, float]:
    """Return seconds a pixel of all that is delivered, of the forests and of dissimilarity."""
    names = [f"band_{number}" for number in range(len(bands))]
    sites = sites_of(bands)
    rng = np.random.default_rng(4)
    fold = rng.integers(0, 5, SITES)
    area = fit_applicability(
        sites,
        range(len(bands)),
        np.abs(rng.normal(size=len(bands))) ** 1.5 + 0.05,
        [fold == number for number in range(5)],
        "grouped",
    )
    predictor = Predictor(
        encoding=FeatureEncoding.fit([Feature(name, "1") for name in names], sites),
        forests=tuple(map(compile_forest, members.values())),
        rule=FusionRule(
            tuple(members), (1 / len(members),) * len(members), 0.0, 1.0, 0.1, 0.5, maximum=0.85
        ),
        intervals=IntervalRule(0.9, 2.0, 0.004, "none", None, 0.85, "grouped"),
        applicability=area.rule,
        target_name="vwc",
        target_unit="m3 m-3",
        fingerprint="",
    )
    by_name, valid = dict(zip(names, bands, strict=True)), np.ones(bands.shape[1:], bool)
    calls = {
        ("whole", ""): (partial(predictor.predict, by_name), valid.size),
        ("forests", ""): (partial(predictor.evaluator.raster, bands, valid), valid.size),
        ("dissimilarity", ""): (partial(area.rule.measure, bands, valid), valid.size),
    }
    for call, _ in calls.values():
        call()
    return {name: taken for (name, _), taken in _in_turns(calls, runs, time.thread_time).items()}


def _in_turns(
    calls: dict[tuple[str, str], tuple[Callable[[], Any], int]],
    runs: int,
    clock: Callable[[], float],
) -> dict[tuple[str, str], float]:
    """Return the median time a pixel of each call, with its number of pixels."""
    taken: dict[tuple[str, str], list[float]] = {key: [] for key in calls}
    for _ in range(runs):
        for key, (call, pixels) in calls.items():
            start = clock()
            call()
            taken[key].append((clock() - start) / pixels)
    return {key: statistics.median(times) for key, times in taken.items()}


def _native(name: str, member: Any, threads: int) -> Callable[[np.ndarray], np.ndarray]:
    if name == "catboost":
        return lambda X: member.predict(X, thread_count=threads)
    if name == "xgboost":
        member.set_params(n_jobs=threads)
        return lambda X: member.get_booster().inplace_predict(X)
    member.set_params(n_jobs=threads)
    return lambda X: member.predict(X)


def _ours(evaluator: Evaluator, threads: int) -> Callable[[np.ndarray, np.ndarray], Any]:
    if threads == 1:
        return evaluator.raster

    def parts(bands: np.ndarray, valid: np.ndarray) -> None:
        """Predict strips of whole blocks side by side, as the map's tiles are."""
        edges = [*range(0, len(valid), BLOCK_ROWS), len(valid)]
        strips = [(bands[:, a:b], valid[a:b]) for a, b in pairwise(edges)]
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda strip: evaluator.raster(*strip), strips))

    return parts


def whole_table(whole: dict[str, float]) -> str:
    """Return the shares of what is delivered of a pixel, in microseconds and of the whole."""
    rest = whole["whole"] - whole["forests"] - whole["dissimilarity"]
    lines = ["| | µs a pixel | share |", "|---|---|---|"]
    for name, seconds in {**whole, "rest": rest}.items():
        lines.append(f"| {name} | {1e6 * seconds:.2f} | {seconds / whole['whole']:.0%} |")
    return "\n".join(lines)


def table(results: list[dict[str, Any]]) -> str:
    """Return the figures as a table: thousand pixels a second, and the ratio."""
    names = [*MEMBERS, "ensemble"]
    lines = [
        "| order, threads | | " + " | ".join(names) + " |",
        "|---|---|" + "---|" * len(names),
    ]
    for result in results:
        seconds = result["seconds_a_pixel"]
        for way in ("native", "ours"):
            speeds = [f"{1e-3 / seconds[name][way]:,.0f}" for name in names]
            lines.append(
                f"| {result['order']}, {result['threads']} | {way} | {' | '.join(speeds)} |"
            )
        ratios = [f"{seconds[name]['native'] / seconds[name]['ours']:.1f}" for name in names]
        lines.append(f"| {result['order']}, {result['threads']} | ratio | {' | '.join(ratios)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
