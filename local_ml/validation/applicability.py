"""The area of applicability: how unlike the training sites a pixel may be, by the outer folds.

In: the training sites' rows of the model matrix, how much each feature moves the predictions, and
which sites were held out together. Out: an `ApplicabilityRule`, which `predictor` applies to
pixels, and what is told of it in ``validation.json``.

After Meyer and Pebesma (2021), Predicting into unknown space? Estimating the area of
applicability of spatial prediction models, Methods in Ecology and Evolution 12, 1620-1633; their
weights are the mean |SHAP| of the fused prediction here, measured on held-out rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from local_ml.errors import TrainingError
from local_ml.learning.pipeline import FittedPipeline
from local_ml.prediction.applicability_rule import ApplicabilityRule
from local_ml.samples import SampleTable
from local_ml.validation.held_out import HeldOut

# The whisker of a box plot: dissimilarities of training sites beyond it are taken for outliers.
WHISKER = 1.5


@dataclass(frozen=True)
class Applicability:
    """The rule, and the dissimilarity of training sites to those of other folds.

    Parameters
    ----------
    rule : for pixels
    mean_distance : between two training sites, before it was divided by; in standard deviations
        times importance
    dissimilarity_index : (n,) float64, one entry a site and repeat of the design
    """

    rule: ApplicabilityRule
    mean_distance: float
    dissimilarity_index: np.ndarray

    def to_json(self) -> dict[str, Any]:
        """Return what ``validation.json`` tells under ``applicability``."""
        index = self.dissimilarity_index
        return {
            "design": self.rule.design,
            "threshold": self.rule.threshold,
            "mean_distance": self.mean_distance,
            "n": len(index),
            "outside": int((index > self.rule.threshold).sum()),
            "dissimilarity_index_quantiles": {
                f"{share:g}": float(np.quantile(index, share)) for share in (0, 0.25, 0.5, 0.75, 1)
            },
        }


def applicability_of(
    fitted: FittedPipeline, learned: SampleTable, train: np.ndarray, held_out: HeldOut
) -> Applicability:
    """Find the area of applicability of a fitted model.

    Parameters
    ----------
    fitted : on `learned`, with explain=True
    learned : the training sites
    train : (n,) positions of the training sites in the table that `held_out` counts in
    held_out : the outer folds that say how far from the training sites the model was tested
    """
    shap = fitted.out_of_fold.shap
    if shap is None:
        raise ValueError("the pipeline was fitted without explain=True")
    fused = (shap * np.array(fitted.rule.weights)).sum(axis=2)
    used = fitted.used_rows
    values = learned.with_features(fitted.selection.chosen).values[used]
    sites = train[used]
    held_together = [np.isin(sites, held_out.rows[fold]) for fold in _folds(held_out)]
    return fit_applicability(
        fitted.encoding.encode(values),
        fitted.encoding.column_feature(),
        np.abs(fused).mean(axis=0),
        held_together,
        held_out.design,
    )


def fit_applicability(
    X: np.ndarray,
    column_feature: Sequence[int],
    importance: np.ndarray,
    held_together: Sequence[np.ndarray],
    design: str,
) -> Applicability:
    """Find scale, reference and threshold of the dissimilarity index.

    Each column is divided by a standard deviation and multiplied by the importance of its
    feature. The columns of a categorical feature share one standard deviation, the root of the
    sum of their variances: two rows drawn at random then lie as far apart in it, in the mean of
    squares, as in a continuous feature of the same importance, however rare its levels are. A
    missing value is placed at the mean of its column.

    The distance from each site to the nearest one that was *not* held out together with it,
    divided by the mean distance of all pairs, is its dissimilarity index. The threshold is the
    75 % quantile of these plus 1.5 times their interquartile range, and at most the largest.

    Parameters
    ----------
    X : (n, columns) float32, model matrix of the training sites, NaN where missing
    column_feature : for each column the index of its feature
    importance : (features,) mean |SHAP|, not negative, of any scale. Where all are 0 the
        prediction is the same everywhere, every distance is 0 and no pixel lies outside
    held_together : one (n,) bool a fold, the sites held out in it
    design : of those folds

    Raises
    ------
    TrainingError
        A fold holds all sites, so that none is left from which they could be far.
    """
    if any(fold.all() for fold in held_together):
        raise TrainingError(
            f"all {len(X)} sites that have a value in every covariate kept lie in one fold of the "
            f"design {design!r}, so nothing tells how far a pixel may be from them; set "
            "applicability.design to another design, or another rule for missing values of a "
            "covariate, which keeps more sites"
        )
    X = np.asarray(X, dtype=np.float64)
    feature = np.asarray(column_feature)
    known = np.isfinite(X)
    count = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, X, 0).sum(axis=0) / count
    variance = np.where(known, (X - centre) ** 2, 0).sum(axis=0) / count
    deviation = np.sqrt(np.bincount(feature, weights=variance)[feature])
    stretch = np.divide(
        importance[feature], deviation, out=np.zeros(len(feature)), where=deviation > 0
    )
    placed = np.where(known, X - centre, 0) * stretch
    mean_distance = float(_mean_of_pairs(_distances(placed)))
    factor = stretch / mean_distance if mean_distance > 0 else np.zeros(len(feature))
    rule = ApplicabilityRule(
        centre=centre.astype(np.float32),
        factor=factor.astype(np.float32),
        reference=np.zeros((len(X), len(feature)), np.float32),
        threshold=0.0,
        design=design,
    )
    # Placed by the rule itself, so that a pixel equal to a training site is at distance 0.
    reference = rule.place(X)
    distances = _distances(reference)
    index = np.concatenate(
        [distances[np.ix_(fold, ~fold)].min(axis=1) for fold in held_together if fold.any()]
    )
    lower, upper = np.quantile(index, (0.25, 0.75))
    threshold = min(float(upper + WHISKER * (upper - lower)), float(index.max()))
    return Applicability(
        ApplicabilityRule(
            rule.centre, rule.factor, reference, float(np.float32(threshold)), design
        ),
        mean_distance,
        index,
    )


def _folds(held_out: HeldOut) -> list[np.ndarray]:
    return [np.flatnonzero(held_out.fold == fold) for fold in np.unique(held_out.fold)]


def _distances(placed: np.ndarray) -> np.ndarray:
    """Return all distances, (n, n) float64; row by row, since n² · columns may not fit."""
    placed = placed.astype(np.float64)
    return np.array([np.sqrt(((placed - row) ** 2).sum(axis=1)) for row in placed])


def _mean_of_pairs(distances: np.ndarray) -> float:
    """Return the mean of the distances of two different rows."""
    n = len(distances)
    return float(distances.sum() / (n * (n - 1)))
