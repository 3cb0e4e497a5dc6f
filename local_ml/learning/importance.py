"""How much each feature moves a member's predictions: SHAP values on rows it was not fitted on.

In: a fitted member and held-out rows, float32, NaN where missing. Out: attributions on the scale
of the transformed target. On rows that a member learned from, they would also show what it made
of their noise.

All are exact values of the path-dependent game: XGBoost's and CatBoost's own, and `forest_shap`
for scikit-learn's forests.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np


def shap_values(name: str, model: Any, X: np.ndarray) -> np.ndarray:
    """Return the SHAP values of a fitted member, (n, columns) float64.

    Parameters
    ----------
    name : one of `local_ml.learning.learners.MEMBERS`
    model : the fitted member of that name
    X : (n, columns) float32, NaN where missing; rows that the member was not fitted on
    """
    if name in ("random_forest", "extra_trees"):
        from local_ml.learning.forest_shap import forest_shap_values

        return forest_shap_values(model, X)
    if name == "xgboost":
        from xgboost import DMatrix

        contributions = model.get_booster().predict(DMatrix(X, nthread=1), pred_contribs=True)
    elif name == "catboost":
        from catboost import Pool

        contributions = model.get_feature_importance(
            Pool(np.ascontiguousarray(X)), type="ShapValues", thread_count=1
        )
    else:
        raise ValueError(f"no member {name!r}")
    # Both put the mean prediction into a last column of its own.
    return np.asarray(contributions[:, :-1], dtype=np.float64)


def sum_to_features(values: np.ndarray, column_feature: Sequence[int]) -> np.ndarray:
    """Sum the attributions of a feature's columns (one-hot levels): (n, features).

    SHAP values add up, so that the sum is the attribution of the feature; its size is taken
    after, since levels of one feature may pull against each other.
    """
    summed = np.zeros((len(values), max(column_feature) + 1))
    for column, feature in enumerate(column_feature):
        summed[:, feature] += values[:, column]
    return summed


def mean_absolute_shap(
    name: str, model: Any, X: np.ndarray, column_feature: Sequence[int] | None = None
) -> np.ndarray:
    """Return the mean |SHAP| of each column, or of each feature where `column_feature` is given.

    Parameters
    ----------
    name, model, X : as for `shap_values`
    column_feature : for each column the index of its feature (`FeatureEncoding.column_feature`)

    Returns
    -------
    importance : (columns,) or (features,) float64, on the scale of the transformed target
    """
    values = shap_values(name, model, X)
    if column_feature is not None:
        values = sum_to_features(values, column_feature)
    mean: np.ndarray = np.abs(values).mean(axis=0)
    return mean
