"""Prediction from a compiled forest.

In: a `CompiledForest` and the model matrix, float32, (n, columns), NaN where missing. Out: the
prediction of the member, (n,) float64, on the scale that it learned. The sum has one order
whatever the rows beside it, so that the same row gives the same bits.
"""

from typing import Any

import numba
import numpy as np

from local_ml.errors import PredictionError
from local_ml.forest.compiled import CompiledForest

# Rows that pass through a tree before the next tree is fetched: the tree stays in the cache, and
# so do these rows.
BLOCK_ROWS = 128


def evaluate(forest: CompiledForest, X: np.ndarray) -> np.ndarray:
    """Return the predictions of a forest.

    Parameters
    ----------
    forest : the compiled trees
    X : (n, columns) float32; NaN is a missing value, infinities compare as numbers do

    Returns
    -------
    prediction : (n,) float64; under "float32" accumulation each is a float32 number

    Raises
    ------
    PredictionError
        The matrix has fewer columns than the forest asks for.
    """
    X = np.ascontiguousarray(X, dtype=np.float32)
    if X.ndim != 2 or X.shape[1] < forest.columns:
        raise PredictionError(
            f"a model matrix of shape {X.shape} does not fit a forest that reads "
            f"{forest.columns} columns"
        )
    in_float32 = forest.accumulate == "float32"
    total = np.full(len(X), forest.base if in_float32 else 0.0, dtype=forest.accumulate)
    _add_leaves(
        forest.feature,
        forest.threshold,
        forest.left,
        forest.right,
        forest.nan_left,
        forest.value.astype(forest.accumulate),
        forest.roots,
        X,
        total,
    )
    prediction = total.astype(np.float64)
    if in_float32:
        return prediction
    prediction *= forest.scale
    prediction /= forest.divisor
    prediction += forest.base
    return prediction


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _add_leaves(
    feature: Any,
    threshold: Any,
    left: Any,
    right: Any,
    nan_left: Any,
    value: Any,
    roots: Any,
    X: Any,
    total: Any,
) -> None:
    """Add to `total`, (n,), for each row of `X` the leaf that it falls into in every tree."""
    for start in range(0, len(X), BLOCK_ROWS):
        stop = min(start + BLOCK_ROWS, len(X))
        for root in roots:
            for row in range(start, stop):
                node = root
                while feature[node] >= 0:
                    x = X[row, feature[node]]
                    if x <= threshold[node] or (np.isnan(x) and nan_left[node] == 1):
                        node = left[node]
                    else:
                        node = right[node]
                total[row] += value[node]
