"""Scores of predictions against observations.

In: observed and predicted, (n,) float, in one unit; optionally a weight for each row, not
negative, of any scale. Out: plain floats, in the unit of the target except where they are
shares. A score that its rows do not define (R² of a constant, say) is NaN.
"""

from typing import Literal, NamedTuple, TypedDict

import numpy as np


class Fifth(TypedDict):
    """One fifth of the rows: which variable orders them, its range, and the bias there."""

    by: str
    n: int
    lower: float
    upper: float
    bias: float


class _Rows(NamedTuple):
    observed: np.ndarray
    predicted: np.ndarray
    share: np.ndarray  # weights that sum to 1


def r2(observed: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Coefficient of determination, 1 − SSE / SST: negative where the mean predicts better."""
    rows = _rows(observed, predicted, weight)
    total = _variance(rows.observed, rows.share)
    error = float(rows.share @ (rows.observed - rows.predicted) ** 2)
    return 1 - error / total if total > 0 else float("nan")


def rmse(observed: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Root mean squared error, in the target's unit."""
    rows = _rows(observed, predicted, weight)
    return float(np.sqrt(rows.share @ (rows.observed - rows.predicted) ** 2))


def mae(observed: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Mean absolute error, in the target's unit."""
    rows = _rows(observed, predicted, weight)
    return float(rows.share @ np.abs(rows.observed - rows.predicted))


def bias(observed: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Mean of predicted − observed, in the target's unit: positive where predictions are high."""
    rows = _rows(observed, predicted, weight)
    return float(rows.share @ (rows.predicted - rows.observed))


def concordance(
    observed: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None = None
) -> float:
    """Lin's concordance correlation coefficient, from moments that divide by n.

    Lin (1989), A concordance correlation coefficient to evaluate reproducibility, Biometrics 45,
    255-268: 2 s_op / (s_o² + s_p² + (mean_o − mean_p)²).
    """
    rows = _rows(observed, predicted, weight)
    shift = float(rows.share @ rows.observed - rows.share @ rows.predicted)
    spread = _variance(rows.observed, rows.share) + _variance(rows.predicted, rows.share)
    denominator = spread + shift**2
    return 2 * _covariance(rows) / denominator if denominator > 0 else float("nan")


def slope_observed_on_predicted(
    observed: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None = None
) -> float:
    """Slope of the regression of observed on predicted: 1 where predictions are calibrated."""
    rows = _rows(observed, predicted, weight)
    variance = _variance(rows.predicted, rows.share)
    return _covariance(rows) / variance if variance > 0 else float("nan")


def bias_by_fifths(
    observed: np.ndarray,
    predicted: np.ndarray,
    by: Literal["prediction", "observation"],
    weight: np.ndarray | None = None,
) -> list[Fifth]:
    """Bias within each fifth of the rows, ordered by the prediction or by the observation.

    By observation, even a perfectly calibrated prediction is high in the lowest fifth and low in
    the highest, since it varies less than what it predicts; by prediction it is not. Hence the
    label.

    Parameters
    ----------
    observed, predicted : (n,) float, in the target's unit
    by : the variable that orders the rows
    weight : (n,) float; where given, each fifth holds a fifth of the weight

    Returns
    -------
    fifths : five, ascending, each with `by`, the number of rows `n`, the least and greatest value
        of the ordering variable and the bias. Equal values share a fifth, so that the order of
        the rows has no influence; a fifth without rows has n = 0 and NaN.
    """
    if by not in ("prediction", "observation"):
        raise ValueError(f"by={by!r} is unknown; choose 'prediction' or 'observation'")
    rows = _rows(observed, predicted, weight)
    key = rows.predicted if by == "prediction" else rows.observed
    fifth = fifth_of(key, rows.share)
    result: list[Fifth] = []
    for number in range(5):
        inside = (fifth == number) & (rows.share > 0)
        lower = upper = within = float("nan")
        if inside.any():
            lower, upper = float(key[inside].min()), float(key[inside].max())
            within = bias(rows.observed[inside], rows.predicted[inside], rows.share[inside])
        result.append(
            {"by": by, "n": int(inside.sum()), "lower": lower, "upper": upper, "bias": within}
        )
    return result


def fifth_of(key: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Return the fifth, 0 to 4, to which each value of `key` belongs, (n,) int.

    Each fifth holds a fifth of the weight; equal values share one.
    """
    share = np.ones(len(key)) if weight is None else np.asarray(weight, dtype=np.float64)
    _, position = np.unique(key, return_inverse=True)
    share_of_value = np.bincount(position, weights=share / share.sum())
    middle = np.cumsum(share_of_value) - share_of_value / 2
    # Rounded, so that the sum of equal weights does not tip a value across an edge.
    fifth: np.ndarray = np.minimum(np.floor(np.round(5 * middle, 9)), 4).astype(int)[position]
    return fifth


def scores(
    observed: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None = None
) -> dict[str, float]:
    """Return all scores of a set of rows by name."""
    functions = (r2, rmse, mae, bias, concordance, slope_observed_on_predicted)
    return {function.__name__: function(observed, predicted, weight) for function in functions}


def _rows(observed: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None) -> _Rows:
    observed = np.asarray(observed, dtype=np.float64)
    predicted = np.asarray(predicted, dtype=np.float64)
    given = np.ones(observed.shape) if weight is None else np.asarray(weight, dtype=np.float64)
    if observed.ndim != 1 or not observed.shape == predicted.shape == given.shape:
        raise ValueError(
            f"observed {observed.shape}, predicted {predicted.shape} and weight {given.shape} "
            "must be one-dimensional and of equal length"
        )
    if not observed.size:
        raise ValueError("no rows to score")
    if not (np.isfinite(observed).all() and np.isfinite(predicted).all()):
        raise ValueError(
            "a score needs finite values; leave rows without a prediction out and count them"
        )
    if not np.isfinite(given).all() or (given < 0).any() or given.sum() <= 0:
        raise ValueError("weights must be finite, not negative, and not all zero")
    return _Rows(observed, predicted, given / given.sum())


def _variance(values: np.ndarray, share: np.ndarray) -> float:
    # A constant has no variance, which rounding of its mean would hide.
    if values.min() == values.max():
        return 0.0
    return float(share @ (values - share @ values) ** 2)


def _covariance(rows: _Rows) -> float:
    observed = rows.observed - rows.share @ rows.observed
    predicted = rows.predicted - rows.share @ rows.predicted
    return float(rows.share @ (observed * predicted))
