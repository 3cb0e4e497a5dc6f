"""How far scores would vary had other places been visited: the cluster bootstrap.

In: observed and predicted, (n,) float, in one unit, the group of each row and, where the score is
weighted, its weight. Out: for each score the ends of its interval, in the unit of the score.

Sites of one group (a campaign, a transect, neighbours) err alike, so that whole groups are drawn
with replacement, not sites (Davison and Hinkley 1997, Bootstrap Methods and their Application,
3.8). The predictions stay as they are: the interval holds what the choice of places adds, not what
another fit would.
"""

from dataclasses import dataclass

import numpy as np

from local_ml.randomness import stream
from local_ml.scores.metrics import fifth_of

LEVEL = 0.95
REPLICATES = 2000
# Share of two sums that their difference may owe to rounding, generously.
ROUNDING = 1e-12

Interval = tuple[float, float]


@dataclass(frozen=True)
class ScoreIntervals:
    """Percentile intervals of 95 %.

    Parameters
    ----------
    scores : by the name that `metrics.scores` gives
    fifths : of the bias in each fifth of the prediction; NaN where a fifth holds no row
    clusters : number of groups
    """

    scores: dict[str, Interval]
    fifths: tuple[Interval, ...]
    clusters: int


def score_intervals(
    observed: np.ndarray,
    predicted: np.ndarray,
    group: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    seed: int,
    replicates: int = REPLICATES,
) -> ScoreIntervals | None:
    """Return the cluster-bootstrap intervals of all scores.

    The fifths are those of all rows: a replicate draws groups, it does not move a row to another
    fifth.

    Parameters
    ----------
    observed, predicted : (n,) finite, target's unit
    group : (n,) rows that are drawn together
    weight : (n,) not negative; None: equal
    seed : of the draws
    replicates : number of draws

    Returns
    -------
    intervals : None where there are fewer than two groups, since nothing can then be drawn
    """
    _, position = np.unique(np.asarray(group), return_inverse=True)
    clusters = int(position.max()) + 1
    if clusters < 2:
        return None
    share = np.ones(len(observed)) if weight is None else np.asarray(weight, dtype=np.float64)
    sums = _sums_by_group(observed, predicted, share, position)
    drawn = stream(seed, "cluster bootstrap").multinomial(
        clusters, np.full(clusters, 1 / clusters), size=replicates
    )
    replicate = scores_of_sums(drawn @ sums)
    fifth = fifth_of(predicted, share)
    fifths = []
    for number in range(5):
        inside = share * (fifth == number)
        total = drawn @ np.bincount(position, weights=inside)
        error = drawn @ np.bincount(position, weights=inside * (predicted - observed))
        fifths.append(_percentiles(_ratio(error, total)))
    return ScoreIntervals(
        scores={name: _percentiles(values) for name, values in replicate.items()},
        fifths=tuple(fifths),
        clusters=clusters,
    )


def scores_of_sums(sums: np.ndarray) -> dict[str, np.ndarray]:
    """Return the scores of `metrics.scores`, each (replicates,), from weighted sums.

    Parameters
    ----------
    sums : (replicates, 7): of the weight, and of the weight times o, p, o², p², o·p and |p − o|,
        o and p being observed and predicted from any common origin
    """
    weight, o, p, oo, pp, op, absolute = sums.T
    mean_o, mean_p = _ratio(o, weight), _ratio(p, weight)
    square_o, square_p = _ratio(oo, weight), _ratio(pp, weight)
    variance_o = np.maximum(square_o - mean_o**2, 0)
    variance_p = np.maximum(square_p - mean_p**2, 0)
    covariance = _ratio(op, weight) - mean_o * mean_p
    squared = np.maximum(_ratio(oo - 2 * op + pp, weight), 0)
    shift, either = mean_p - mean_o, square_o + square_p
    return {
        "r2": 1 - _ratio(squared, variance_o, square_o),
        "rmse": np.sqrt(squared),
        "mae": _ratio(absolute, weight),
        "bias": shift,
        "concordance": _ratio(2 * covariance, variance_o + variance_p + shift**2, either),
        "slope_observed_on_predicted": _ratio(covariance, variance_p, either),
    }


def _sums_by_group(
    observed: np.ndarray, predicted: np.ndarray, weight: np.ndarray, position: np.ndarray
) -> np.ndarray:
    # Counted from the mean, squares keep their digits.
    origin = observed.mean()
    o, p = observed - origin, predicted - origin
    terms = (np.ones(len(o)), o, p, o * o, p * p, o * p, np.abs(p - o))
    return np.column_stack([np.bincount(position, weights=weight * term) for term in terms])


def _ratio(above: np.ndarray, below: np.ndarray, cancelled: np.ndarray | float = 0) -> np.ndarray:
    # What cancels to less than rounding leaves is nothing: a constant has no variance. How much
    # that is goes by the terms that cancelled, so that the unit of the target plays no part.
    undefined = ~(below > ROUNDING * cancelled)
    return np.where(undefined, np.nan, above / np.where(undefined, 1.0, below))


def _percentiles(values: np.ndarray) -> Interval:
    defined = values[np.isfinite(values)]
    if not defined.size:
        return float("nan"), float("nan")
    lower, upper = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(lower), float(upper)
