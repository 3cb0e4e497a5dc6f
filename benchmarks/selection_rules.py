"""Which rule should end the elimination of features: measured on maps whose truth is known.

    python benchmarks/selection_rules.py --worlds 10 --decoys 20 --out rules.jsonl

Each world is an example plateau of its own seed: 342 clustered sites, its covariates as stored,
and `decoys` random fields of various ranges that have nothing to do with the moisture. The path
of elimination is walked once; each rule picks its set from it; the plain mean of the four members
is fitted on that set; and its RMSE is taken at 4,000 pixels of the true map. A line of JSON a
world; a run that was stopped goes on. The summary gives the RMSE relative to that of all
candidates, mean and standard error over the worlds, paired.
"""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from resumed import digest, resumed

from export.plateau.fields import random_field
from export.plateau.fieldwork import plan_visits
from export.plateau.layers import layers_of
from export.plateau.world import make_plateau
from local_ml.features import Feature
from local_ml.learning import selection as elimination
from local_ml.learning.ensemble import fit_members, predict_members
from local_ml.learning.learners import lighten
from local_ml.prediction.features_encoding import FeatureEncoding
from local_ml.randomness import stream
from local_ml.samples import SampleTable
from local_ml.settings import EnsembleSettings, LearningSettings, SelectionSettings

MEASUREMENT_SD = 0.025  # m3 m-3, between those of the ring and of radar
TREES = 200
DECOY_RANGES_M = (300.0, 1500.0, 5000.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=10)
    parser.add_argument("--decoys", type=int, default=20)
    parser.add_argument("--side", type=int, default=500, help="rows and columns of a world")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    given = {"side": options.side, "decoys": options.decoys}
    settings = given | {"defaults": digest(LearningSettings().decisive())}
    worlds = [{"world": world} for world in range(options.worlds)]
    summarise(resumed(options.out, settings, worlds, partial(one_world, **given)))


def one_world(world: int, side: int, decoys: int) -> dict[str, Any]:
    """Return for each rule the number of features and the RMSE of the map."""
    table, there, truth = make_world(world, side, decoys)
    settings = SelectionSettings()
    usable, _ = elimination.usable(table, settings)
    work = elimination.Elimination(table, table.target, settings, EnsembleSettings(), world)
    above_probes, _ = work.against_probes(usable)
    path = work.walk(above_probes)
    best = min(path, key=lambda entry: entry.rmse)
    # The error of a set itself, not of its difference to the best, as in the book.
    wide = elimination.clustered_standard_error(best.squared_errors, table.group)
    book = min(
        (e for e in path if e.squared_errors.mean() <= best.squared_errors.mean() + wide),
        key=lambda entry: entry.n,
    )
    paired = path[elimination.smallest_within_one_standard_error(path, table.group)]
    sets = {
        "all": table.names,
        "probes": path[0].features,
        "least_error": best.features,
        "one_standard_error": paired.features,
        "classic_one_standard_error": book.features,
    }
    return {
        rule: {"n": len(names), "rmse": map_rmse(table, there, truth, names, world)}
        for rule, names in sets.items()
    }


def make_world(world: int, side: int, decoys: int) -> tuple[SampleTable, SampleTable, np.ndarray]:
    """Return the sites, 4,000 pixels of the map, and the truth there, m3 m-3."""
    plateau = make_plateau(world + 1, (side, side))
    grid = plateau.grid
    visits = plan_visits(plateau, 342)
    random = stream(world, "rules")
    pixels = np.argwhere(plateau.active_layer)
    pixels = pixels[random.choice(len(pixels), 4000, replace=False)]
    at_sites = np.array([(visit.row, visit.col) for visit in visits])
    both = np.vstack([at_sites, pixels])
    features, columns = [], []
    for layer in layers_of(plateau):
        rows = _nearest(layer.grid.latitude_deg, grid.latitude_deg[both[:, 0]])
        cols = _nearest(layer.grid.longitude_deg, grid.longitude_deg[both[:, 1]])
        column = layer.values[rows, cols]
        levels = tuple(int(v) for v in np.unique(column)) if layer.categorical else None
        features.append(Feature(layer.name, layer.unit, missing="native", levels=levels))
        columns.append(column)
    for decoy in range(decoys):
        scale = DECOY_RANGES_M[decoy % len(DECOY_RANGES_M)]
        field = random_field(stream(world, "decoy", decoy), grid, scale)
        features.append(Feature(f"decoy_{decoy}", "1"))
        columns.append(field[both[:, 0], both[:, 1]])
    values = np.column_stack(columns).astype(np.float32)
    truth = plateau.moisture.truth[both[:, 0], both[:, 1]]
    n = len(visits)
    measured = truth[:n] + MEASUREMENT_SD * random.normal(size=n)
    table = SampleTable.in_memory(
        features, values[:n], measured, group=np.array([visit.campaign for visit in visits])
    )
    return table, SampleTable.in_memory(features, values[n:], truth[n:]), truth[n:]


def _nearest(centres: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.abs(centres[None, :] - wanted[:, None]).argmin(axis=1)
    return found


def map_rmse(
    table: SampleTable, there: SampleTable, truth: np.ndarray, names: Any, seed: int
) -> float:
    """Return the RMSE of the plain mean of the members, fitted on all sites, m3 m-3."""
    part, wanted = table.with_features(names), there.with_features(names)
    encoding = FeatureEncoding.fit(part.features, part.values)
    ensemble = lighten(EnsembleSettings(), TREES)
    members = fit_members(encoding.encode(part.values), part.target, ensemble, seed)
    predicted = predict_members(members, encoding.encode(wanted.values)).mean(axis=1)
    return float(np.sqrt(np.mean((predicted - truth) ** 2)))


def summarise(worlds: list[dict[str, Any]]) -> None:
    rules = [name for name in worlds[0] if name not in ("settings", "world", "seconds")]
    print(f"{len(worlds)} worlds, {np.mean([w['seconds'] for w in worlds]):.0f} s each")
    for rule in rules:
        ratio = np.array([100 * (w[rule]["rmse"] / w["all"]["rmse"] - 1) for w in worlds])
        error = ratio.std(ddof=1) / np.sqrt(len(ratio)) if len(ratio) > 1 else float("nan")
        kept = np.mean([w[rule]["n"] for w in worlds])
        print(f"{rule:28s} {kept:5.1f} features  {ratio.mean():+.2f} ± {error:.2f} %")


if __name__ == "__main__":
    main()
