"""A forest of what the fused prediction misses, added to it: the correction ``residual``.

In: the model matrix, the fused out-of-fold predictions and their residuals on the transformed
scale. Out: a fitted forest whose prediction is added to the fused one.

Zhang and Lu 2012, Bias-corrected random forests in regression, Journal of Applied Statistics 39,
151-160, doi:10.1080/02664763.2011.578621 ("BC"; ``ML2-RES`` of Belitz and Stackelberg 2021). Its
residuals must be those of predictions that did not know the rows, and its own score must come from
rows that it was not fitted on: where it was fitted it explains nearly everything.
"""

import numpy as np

from local_ml.folds.splitters import Split
from local_ml.learning.ensemble import OutOfFoldPredictions
from local_ml.learning.learners import Member, make_member
from local_ml.prediction.fusion_rule import with_fused
from local_ml.randomness import seed_for
from local_ml.settings import EnsembleSettings

KIND = "random_forest"


def fit_residual_model(
    X: np.ndarray,
    fused: np.ndarray,
    residual: np.ndarray,
    settings: EnsembleSettings,
    seed: int,
    weight: np.ndarray,
) -> Member:
    """Fit a random forest, set as the member of that name, to residuals.

    Parameters
    ----------
    X : (k, columns) float32 model matrix of the rows
    fused : (k,) out-of-fold fused predictions, transformed scale
    residual : (k,) observed − fused
    weight : (k,) of the rows, positive
    """
    forest = make_member(KIND, settings, seed_for(seed, "residual model"))
    return forest.fit(with_fused(X, fused), residual, sample_weight=weight)


def cross_fitted(
    X: np.ndarray,
    fused: np.ndarray,
    residual: np.ndarray,
    out_of_fold: OutOfFoldPredictions,
    settings: EnsembleSettings,
    seed: int,
    weight: np.ndarray,
) -> np.ndarray:
    """Return what the correction adds to rows that it was not fitted on, (k,), transformed scale.

    The folds are the first that the members were held out in; a site's predictions from all
    designs are held out together. Parameters as for `fit_residual_model`.
    """
    added = np.zeros(len(fused))
    folds: tuple[Split, ...] = out_of_fold.folds[0]
    for train, test in folds:
        inside, outside = (np.isin(out_of_fold.rows, rows) for rows in (train, test))
        forest = fit_residual_model(
            X[inside], fused[inside], residual[inside], settings, seed, weight[inside]
        )
        added[outside] = forest.predict(with_fused(X[outside], fused[outside]))
    return added
