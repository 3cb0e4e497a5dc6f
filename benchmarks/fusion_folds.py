"""On which held-out predictions to fit the fusion, and how to weigh its members.

    python benchmarks/fusion_folds.py --worlds 24 --out folds.jsonl

Worlds as in accuracy.py, from number 1000 on, so that what is decided here is judged on others.
The members are fitted once a world; weights and calibration are then fitted on the held-out
predictions of grouped folds, of random ones, and of both, with the members weighed as they come
or each calibrated first (`local_ml.learning.fusion`). RMSE of the map relative to scikit-learn's
StackingRegressor of the same members, mean and standard error over the worlds, paired. A line of
JSON a world and family; a run that was stopped goes on.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from known_truth.contenders import Fitted, stacking
from known_truth.scoring import LIGHT, settings_key
from known_truth.summary import mean_of
from known_truth.worlds import World, make_world
from resumed import resumed

from local_ml.learning.ensemble import predict_members
from local_ml.learning.fusion import calibrated_weights, convex_weights, linear_calibration
from local_ml.scores.metrics import rmse

FIRST = 1000
FAMILIES = ("clustered", "even")
WEIGHTS = {"as they come": convex_weights, "calibrated first": calibrated_weights}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=24, help="of each family")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    for family in FAMILIES:
        numbers = range(FIRST, FIRST + options.worlds)
        worlds = [{"family": family, "world": number} for number in numbers]
        entries = resumed(options.out, {"learning": settings_key(LIGHT)}, worlds, measure)
        summarise(family, [entry["rmse"] for entry in entries])


def measure(family: str, world: int) -> dict[str, Any]:
    return {"rmse": one_world(make_world(family, world), world)}


def one_world(world: World, seed: int) -> dict[str, float]:
    """Return the RMSE of the map by folds and weights, and that of StackingRegressor."""
    settings = LIGHT.model_copy(update={"seed": seed})
    fitted = Fitted.on(world.table, settings, world.domain)
    held_out, n = fitted.pipeline.out_of_fold, len(fitted.pipeline.used_rows)
    observed = world.table.target[fitted.pipeline.used_rows]
    there = predict_members(fitted.pipeline.members, fitted.encode(world.values)[0])
    part = {"random": slice(0, n), "grouped": slice(n, 2 * n), "both": slice(0, 2 * n)}
    result = {"stacking": rmse(world.truth, stacking(fitted, world.table, world.values, settings))}
    for folds, rows in part.items():
        predictions, site = held_out.predictions[rows], held_out.rows[rows]
        target, weight = observed[site], fitted.pipeline.weight[site]
        for name, weigh in WEIGHTS.items():
            weights = weigh(predictions, target, weight, settings.fusion.shrinkage)
            group = held_out.group[rows]
            line = linear_calibration(predictions @ weights, target, weight, group)
            value = line.intercept + line.slope * (there @ weights)
            result[f"{folds}, {name}"] = rmse(world.truth, np.clip(value, 0, 1))
    return result


def summarise(family: str, worlds: list[dict[str, float]]) -> None:
    print(f"{len(worlds)} worlds, {family}: RMSE of the map relative to StackingRegressor")
    for name in worlds[0]:
        found = mean_of(100 * (world[name] / world["stacking"] - 1) for world in worlds)
        print(f"{name:28s} {found.mean:+.2f} ± {found.error:.2f} %")


if __name__ == "__main__":
    main()
