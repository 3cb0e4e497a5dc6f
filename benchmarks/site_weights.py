"""Whether sites should count by sampling intensity in the fusion: maps whose truth is known.

    python benchmarks/site_weights.py --worlds 12

Worlds of `known_truth`, 342 sites each. The members are fitted once a world (lighter ones, no
selection); weights of the members and calibration are then fitted on the same held-out
predictions under both settings of `fusion.site_weights`. RMSE of the map against the truth with
the intensity beside that without, paired, mean and standard error over the worlds, and the slope
of truth on map.
"""

import argparse

import numpy as np
from known_truth.worlds import make_world

from local_ml.folds.splitters import intensity_weights
from local_ml.learning.fusion import fit_fusion
from local_ml.learning.learners import lighten
from local_ml.learning.pipeline import MoisturePipeline
from local_ml.scores.metrics import rmse, slope_observed_on_predicted
from local_ml.settings import EnsembleSettings, LearningSettings, SelectionSettings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=12)
    parser.add_argument("--trees", type=int, default=60)
    options = parser.parse_args()
    settings = LearningSettings(
        selection=SelectionSettings(enabled=False, trees=10, members=("random_forest",)),
        ensemble=lighten(EnsembleSettings(), options.trees),
    )
    for family in ("clustered", "even"):
        found = np.array([one_world(family, world, settings) for world in range(options.worlds)])
        change = 100 * (found[:, 1, 0] / found[:, 0, 0] - 1)
        error = change.std(ddof=1) / np.sqrt(len(change))
        print(
            f"{family:10s} RMSE with the intensity {change.mean():+.2f} ± {error:.2f} %   "
            f"slope of truth on map {found[:, 0, 1].mean():.3f} without, "
            f"{found[:, 1, 1].mean():.3f} with",
            flush=True,
        )


def one_world(family: str, number: int, settings: LearningSettings) -> list[tuple[float, float]]:
    """Return RMSE and slope of the map without and with weights by intensity."""
    world = make_world(family, number)
    fitted = MoisturePipeline(settings).fit(world.table)
    used = world.table.rows(fitted.used_rows)
    rarity = intensity_weights(used, world.domain, settings.validation)
    matrix, valid, _ = fitted.member_predictions(world.values)
    truth = world.truth[valid]
    result = []
    for weight in (fitted.weight, fitted.weight * rarity):
        rule = fit_fusion(fitted.out_of_fold, used.target, settings.target, settings.fusion, weight)
        value = rule.deliver(matrix[valid])[0]
        result.append((rmse(truth, value), slope_observed_on_predicted(truth, value)))
    return result


if __name__ == "__main__":
    main()
