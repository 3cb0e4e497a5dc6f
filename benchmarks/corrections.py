"""What each correction of the fused prediction costs and gives, on maps whose truth is known.

    python benchmarks/corrections.py --worlds 6

Worlds as in selection_rules.py, without decoys. The pipeline is fitted once a world (members of
`--trees` trees, no selection), every correction on the same out-of-fold predictions, and each is
scored at 4,000 pixels of the true map: RMSE relative to that of no correction, slope of truth on
map, and the map's standard deviation relative to the truth's. Last comes the R² of the residual
model where it was fitted, beside that on the map.
"""

import argparse

import numpy as np
from selection_rules import make_world

from local_ml.learning.fusion import fit_fusion
from local_ml.learning.learners import lighten
from local_ml.learning.pipeline import MoisturePipeline
from local_ml.prediction.fusion_rule import with_fused
from local_ml.samples import SampleTable
from local_ml.scores.metrics import r2, rmse
from local_ml.scores.metrics import slope_observed_on_predicted as slope
from local_ml.settings import (
    EnsembleSettings,
    FusionSettings,
    LearningSettings,
    SelectionSettings,
    TargetSettings,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=6)
    parser.add_argument("--trees", type=int, default=150)
    options = parser.parse_args()
    settings = LearningSettings(
        selection=SelectionSettings(enabled=False, trees=10, members=("random_forest",)),
        ensemble=lighten(EnsembleSettings(), options.trees),
    )
    found: dict[str, list[tuple[float, float, float]]] = {}
    flattered = []
    for world in range(options.worlds):
        inside, outside, truth = make_world(world, 500, 0)
        maps, fooled = corrected_maps(inside, outside, settings)
        flattered.append(fooled)
        for name, value in maps.items():
            told = rmse(truth, value) / rmse(truth, maps["none"]), slope(truth, value)
            found.setdefault(name, []).append((*told, float(value.std() / truth.std())))
    print(f"{options.worlds} worlds")
    for name, rows in found.items():
        ratio, slopes, spread = np.array(rows).T
        error = 100 * ratio.std(ddof=1) / np.sqrt(len(ratio)) if len(ratio) > 1 else float("nan")
        print(
            f"{name:20s} RMSE {100 * (ratio.mean() - 1):+.2f} ± {error:.2f} %   "
            f"slope of truth on map {slopes.mean():.2f}   SD ratio {spread.mean():.2f}"
        )
    reported, honest = np.mean(flattered, axis=0)
    print(f"residual model: R² {reported:.2f} where it was fitted, {honest:.2f} on the map")


def corrected_maps(
    inside: SampleTable, outside: SampleTable, settings: LearningSettings
) -> tuple[dict[str, np.ndarray], tuple[float, float]]:
    """Return the map under each correction, and the residual model's R² as fitted and in truth."""
    fitted = MoisturePipeline(settings).fit(inside)
    maps = fitted.predict_alternatives(outside)
    used = inside.rows(fitted.used_rows)
    half = fit_fusion(
        fitted.out_of_fold,
        used.target,
        TargetSettings(),
        FusionSettings(variance_dial=0.5),
        fitted.weight,
    )
    matrix, _, _ = fitted.member_predictions(outside)
    maps["dial_0.5"] = half.deliver(matrix)[0]
    held_out = fitted.out_of_fold
    fused = fitted.rule.fuse(held_out.predictions)
    X = fitted.encoding.encode(used.values)[held_out.rows]
    known = fused + fitted.residual_model.predict(with_fused(X, fused))
    reported = r2(used.target[held_out.rows], known)
    return maps, (reported, r2(outside.target, maps["residual"]))


if __name__ == "__main__":
    main()
