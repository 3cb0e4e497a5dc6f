"""How long the nested selection of a full study takes, beside a naive loop on a part of it.

    python benchmarks/selection.py --workers 2
    python benchmarks/selection.py --rows 120 --features 12 --naive-sizes 12   # a quick look

The work: 342 rows, 60 candidates, four members, 5 outer folds with 5 inner ones each. Ours is
`select_features` as a study calls it, in processes of one thread (once with grouped inner folds,
5 × 5, and once with the default designs, 5 × 10). The naive loop fits the full members, takes
`shap.TreeExplainer` of all four on the held-out rows and drops one feature at a time; it is run
for one inner fold at a few sizes, and its whole is a piecewise linear extrapolation over all
sizes, times 25, on one core.
"""

import argparse
import time

import numpy as np
from joblib import Parallel, delayed, parallel_config

from local_ml.features import Feature
from local_ml.folds.splitters import splitter
from local_ml.learning.learners import MEMBERS, make_member
from local_ml.learning.selection import select_features
from local_ml.samples import SampleTable
from local_ml.settings import EnsembleSettings, SelectionSettings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=342)
    parser.add_argument("--features", type=int, default=60)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--naive-sizes", type=int, nargs="+", default=[60, 30, 10, 2])
    options = parser.parse_args()
    table = make_table(options.rows, options.features)
    outer = splitter("grouped", table.group, options.folds, 0)
    for designs in (("grouped",), ("random", "grouped")):
        settings = SelectionSettings(folds=options.folds, designs=designs)
        start = time.perf_counter()
        with parallel_config(backend="loky", inner_max_num_threads=1):
            found = Parallel(n_jobs=options.workers)(
                delayed(one_fold)(table.rows(train), settings, fold)
                for fold, (train, _) in enumerate(outer)
            )
        wall = time.perf_counter() - start
        cpu = sum(seconds for seconds, _ in found)
        kept = ", ".join(str(n) for _, n in found)
        print(
            f"alm90, inner folds {' and '.join(designs)}: {wall / 60:.1f} min on "
            f"{options.workers} processes, {cpu / 60:.1f} CPU min; kept {kept}",
            flush=True,
        )
    train, _ = outer[0]
    naive(table.rows(train), options.naive_sizes, options.folds)


def make_table(n: int, p: int) -> SampleTable:
    """Sites in groups of six that share half of each covariate's variance; ten of them matter."""
    random = np.random.default_rng(0)
    group = np.arange(n) // 6
    shared = random.normal(size=(group.max() + 1, p))
    X = np.sqrt(0.5) * (shared[group] + random.normal(size=(n, p)))
    effects = np.linspace(1, 0.3, 10)
    signal = X[:, :10] @ effects[: min(10, p)]
    y = signal + signal.std() * np.sqrt(2 / 3) * random.normal(size=n)
    return SampleTable.in_memory([Feature(f"f{i}", "1") for i in range(p)], X, y, group=group)


def one_fold(table: SampleTable, settings: SelectionSettings, fold: int) -> tuple[float, int]:
    """Return CPU seconds and the number of features kept."""
    start = time.process_time()
    result = select_features(table, table.target, settings, EnsembleSettings(), fold)
    return time.process_time() - start, len(result.chosen)


def naive(table: SampleTable, sizes: list[int], folds: int) -> None:
    """Time one inner fold of the naive loop at some sizes, and extrapolate."""
    import shap

    train, test = splitter("grouped", table.group, folds, 1)[0]
    seconds = []
    for size in sizes:
        X = table.values[:, :size]
        start = time.process_time()
        for name in MEMBERS:
            member = make_member(name, EnsembleSettings(), 0).fit(X[train], table.target[train])
            np.abs(shap.TreeExplainer(member).shap_values(X[test])).mean(axis=0)
        seconds.append(time.process_time() - start)
        print(f"naive, one inner fold of {size} features: {seconds[-1]:.1f} CPU s", flush=True)
    order = np.argsort(sizes)
    every = np.arange(1, max(sizes) + 1)
    whole = np.interp(every, np.array(sizes)[order], np.array(seconds)[order]).sum() * folds**2
    print(
        f"naive, {folds} x {folds} folds down from {max(sizes)} one by one, extrapolated: "
        f"{whole / 3600:.1f} CPU h"
    )


if __name__ == "__main__":
    main()
