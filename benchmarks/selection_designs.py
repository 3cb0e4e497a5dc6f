"""Which folds should rank and count out features: measured on maps whose truth is known.

    python benchmarks/selection_designs.py --worlds 8 --side 200 --out designs.jsonl

Each world is an example plateau of its own seed, with 342 clustered sites and `decoys` random
fields that have nothing to do with the moisture. Features are selected under each set of designs
of inner folds, in a lighter setting (3 folds, XGBoost and CatBoost of 40 trees, by one
rule); the plain mean of the four members is fitted on what was kept, and its RMSE taken at 4,000
pixels of the true map. The domain, which kNNDM needs, is 1,000 random pixels. A line of JSON a
world; a run that was stopped goes on. The summary gives the RMSE relative to that of the default
designs, mean and standard error over the worlds, paired.
"""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from resumed import digest, resumed
from selection_rules import make_world, map_rmse

from export.plateau.fieldwork import plan_visits
from export.plateau.world import make_plateau
from local_ml.domain import DomainSample
from local_ml.folds.splitters import places_of
from local_ml.learning.selection import select_features
from local_ml.randomness import stream
from local_ml.settings import (
    EnsembleSettings,
    LearningSettings,
    SelectionSettings,
    ValidationSettings,
)

DEFAULT = "random+grouped"
DESIGNS = (DEFAULT, "random+knndm", "knndm", "random+grouped+knndm")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=6)
    parser.add_argument("--decoys", type=int, default=10)
    parser.add_argument("--side", type=int, default=300, help="rows and columns of a world")
    parser.add_argument("--rule", default=SelectionSettings().rule, help="selection.rule")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    given = {"side": options.side, "decoys": options.decoys, "rule": options.rule}
    settings = given | {"defaults": digest(LearningSettings().decisive())}
    worlds = [{"world": world} for world in range(options.worlds)]
    summarise(resumed(options.out, settings, worlds, partial(one_world, **given)))


def one_world(world: int, side: int, decoys: int, rule: str) -> dict[str, Any]:
    """Return for each set of designs the number of features kept and the RMSE of the map."""
    table, there, truth = make_world(world, side, decoys)
    plateau = make_plateau(world + 1, (side, side))
    grid = plateau.grid
    visits = plan_visits(plateau, table.n)
    table = replace(
        table,
        longitude=grid.longitude_deg[[visit.col for visit in visits]],
        latitude=grid.latitude_deg[[visit.row for visit in visits]],
    )
    pixels = np.argwhere(plateau.active_layer)
    drawn = pixels[stream(world, "domain").choice(len(pixels), 1000, replace=False)]
    domain = DomainSample(
        names=(),
        values=np.empty((len(drawn), 0), dtype=np.float32),
        longitude=grid.longitude_deg[drawn[:, 1]],
        latitude=grid.latitude_deg[drawn[:, 0]],
    )
    places = places_of(table, domain, ValidationSettings())
    result = {}
    for designs in DESIGNS:
        settings = SelectionSettings(
            designs=designs.split("+"),
            folds=3,
            trees=40,
            members=("xgboost", "catboost"),
            rule=rule,
        )
        kept = select_features(table, table.target, settings, EnsembleSettings(), world, places)
        result[designs] = {
            "n": len(kept.chosen),
            "decoys": sum(name.startswith("decoy") for name in kept.chosen),
            "rmse": map_rmse(table, there, truth, kept.chosen, world),
        }
    return result


def summarise(worlds: list[dict[str, Any]]) -> None:
    print(f"{len(worlds)} worlds, {np.mean([w['seconds'] for w in worlds]):.0f} s each")
    for designs in DESIGNS:
        ratio = np.array([100 * (w[designs]["rmse"] / w[DEFAULT]["rmse"] - 1) for w in worlds])
        error = ratio.std(ddof=1) / np.sqrt(len(ratio)) if len(ratio) > 1 else float("nan")
        kept = np.mean([w[designs]["n"] for w in worlds])
        decoys = np.mean([w[designs]["decoys"] for w in worlds])
        print(
            f"{designs:22s} {kept:5.1f} features, {decoys:4.1f} decoys  "
            f"{ratio.mean():+.2f} ± {error:.2f} %"
        )


if __name__ == "__main__":
    main()
