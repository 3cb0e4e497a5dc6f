"""Fitting the fusion: convex weights of the members, calibration, variance dial, products.

In: out-of-fold predictions of the members and the target, both on the transformed scale, and the
sites' weights. Out: a `FusionRule`, which `predictor` applies to pixels.

What looks like bias (low values predicted too high, high ones too low) is for the most part what
any best predictor does: it varies less than the observations, and the slope of prediction on
observation is R². What can be mended without losing accuracy is the slope of observation on
prediction, which should be 1; the calibration mends that. The dial restores the variance of the
observations and costs accuracy: from R² to at most 2 √R² − 1 at full turn.
"""

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from scipy.optimize import nnls

from local_ml.errors import TrainingError
from local_ml.learning.correction_curves import distribution_curve, isotonic_curve
from local_ml.learning.ensemble import OutOfFoldPredictions
from local_ml.prediction.fusion_rule import FusionRule
from local_ml.settings import FusionSettings, TargetSettings

# The share of the error that is taken to be the model's own at least, however large the stated
# errors of measurement: otherwise a few sites stated to be exact would carry all the weight.
LEAST_MODEL_SHARE = 0.1


@dataclass(frozen=True)
class Calibration:
    """Observed = intercept + slope · fused, on the transformed scale.

    `slope` is shrunk towards 1; `raw_slope` with its `standard_error` is that of the regression.
    """

    intercept: float
    slope: float
    raw_slope: float
    standard_error: float


def precision_weights(measurement_sd: np.ndarray, mean_squared_error: float) -> np.ndarray:
    """Return the sites' weights 1 / (σ²_model + σ²_measurement), (n,), of mean 1.

    Parameters
    ----------
    measurement_sd : (n,) on the transformed scale, NaN where unknown: such a site counts as
        measured like the median one; where none is known all weights are equal
    mean_squared_error : of predictions of these sites, the sum of both variances
    """
    known = np.isfinite(measurement_sd)
    if not known.any():
        return np.ones(len(measurement_sd))
    variance = np.where(known, measurement_sd, np.median(measurement_sd[known])) ** 2
    model = max(mean_squared_error - variance.mean(), LEAST_MODEL_SHARE * mean_squared_error)
    if model <= 0:
        return np.ones(len(measurement_sd))
    weight = 1 / (model + variance)
    normalised: np.ndarray = weight / weight.mean()
    return normalised


def convex_weights(
    predictions: np.ndarray, observed: np.ndarray, weight: np.ndarray, shrinkage: float
) -> np.ndarray:
    """Return the members' weights, (members,), not negative and of sum 1.

    They minimise, with ω the sites' weights of mean 1 and s² the least mean squared error of a
    member,

        mean_i ω_i (y_i − P_i w)² + shrinkage · s² · ‖w − 1/M‖².

    Where 1'w = 1, y_i − P_i w = (y_i − P_i) w and ‖w − 1/M‖² = ‖w‖² − 1/M, so that the objective
    is a quadratic form w'Aw. Hence the w of sum 1 is the solution of min w'Aw + (1'w − 1)² over
    w ≥ 0, divided by its sum: along each direction the latter has its least value
    q / (1 + q), which grows with q = w'Aw at sum 1. That is one call of non-negative least
    squares.

    Parameters
    ----------
    predictions : (n, members) out of fold, transformed scale
    observed : (n,) transformed scale
    weight : (n,) of the sites, positive
    shrinkage : pull towards equal weights
    """
    share = weight / weight.sum()
    errors = predictions - observed[:, None]
    mean_squared = share @ errors**2
    n_members = predictions.shape[1]
    scale = float(np.sqrt(mean_squared.mean()))
    if scale == 0:
        return np.full(n_members, 1 / n_members)
    ridge = sqrt(shrinkage * float(mean_squared.min()))
    rows = np.vstack(
        [
            np.sqrt(share)[:, None] * errors / scale,
            ridge / scale * np.eye(n_members),
            np.ones((1, n_members)),
        ]
    )
    solution, _ = nnls(rows, np.append(np.zeros(len(rows) - 1), 1.0))
    weights: np.ndarray = solution / solution.sum()
    return weights


def calibrated_weights(
    predictions: np.ndarray,
    observed: np.ndarray,
    weight: np.ndarray,
    shrinkage: float,
    group: np.ndarray | None = None,
) -> np.ndarray:
    """Return the weights of the members once each is calibrated for itself, not negative, sum 1.

    A forest varies less than what it predicts, a booster hardly so. As they come, the former would
    lose its weight to the latter for its slope alone, which the calibration of the sum mends
    anyway. So each member is first laid on its own line a + b · prediction, the convex weights w
    are found for those, and w · b, divided by its sum, is the weight of the member as it comes.

    Parameters
    ----------
    predictions, observed, weight, shrinkage : as for `convex_weights`
    group : as for `linear_calibration`
    """
    lines = [linear_calibration(member, observed, weight, group) for member in predictions.T]
    slopes = np.array([line.slope for line in lines])
    laid = predictions * slopes + np.array([line.intercept for line in lines])
    weights = convex_weights(laid, observed, weight, shrinkage)
    total = float(weights @ slopes)
    # Where no member tells anything, all lines are level, and one mean is as good as another.
    if total <= np.finfo(float).eps:
        return weights
    turned: np.ndarray = weights * slopes / total
    return turned


def linear_calibration(
    fused: np.ndarray,
    observed: np.ndarray,
    weight: np.ndarray,
    group: np.ndarray | None = None,
) -> Calibration:
    """Regress observed on fused, and shrink the slope b to 1 by its standard error.

    b* = 1 + κ (b − 1) with κ = max(0, 1 − SE² / (b − 1)²): a slope within one standard error of
    1 is taken for 1, one far from it stays. A slope below 0 would turn the map upside down; it
    is taken for 0.

    Parameters
    ----------
    fused, observed : (n,) on the transformed scale; `fused` out of fold
    weight : (n,) of the sites, positive
    group : (n,) of rows whose errors hang together, such as two predictions of one site, or sites
        of one campaign; the standard error is then that of the sandwich clustered by group (Liang
        and Zeger 1986, doi:10.1093/biomet/73.1.13). None, or one group: rows count as independent
    """
    share = weight / weight.sum()
    centre, level = float(share @ fused), float(share @ observed)
    spread = float(share @ (fused - centre) ** 2)
    variance = float(share @ (observed - level) ** 2)
    if spread <= _rounding(centre, variance):
        return Calibration(level - centre, 1.0, 1.0, 0.0)
    slope = float(share @ ((fused - centre) * (observed - level))) / spread
    residual = observed - level - slope * (fused - centre)
    freedom = max(len(fused) - 2, 1)
    error = sqrt(float(share @ residual**2) / spread / freedom)
    names, position = np.unique(group if group is not None else [0], return_inverse=True)
    if len(names) > 1:
        sums = np.bincount(position, weights=share * (fused - centre) * residual)
        error = sqrt(len(names) / (len(names) - 1) * float(sums @ sums)) / spread
    off = slope - 1
    kappa = max(0.0, 1 - (error / off) ** 2) if off else 0.0
    shrunk = max(1 + kappa * off, 0.0)
    return Calibration(level - shrunk * centre, shrunk, slope, error)


def fit_fusion(
    out_of_fold: OutOfFoldPredictions,
    observed: np.ndarray,
    target: TargetSettings,
    settings: FusionSettings,
    weight: np.ndarray | None = None,
    added: np.ndarray | None = None,
) -> FusionRule:
    """Fit weights, calibration, dial and smearing on out-of-fold predictions.

    Parameters
    ----------
    out_of_fold : from `ensemble.out_of_fold`, nothing else
    observed : (n,) target on the transformed scale, by row of the table
    target : bounds and transform
    settings : of the fusion
    weight : (n,) of the sites, positive; None: equal
    added : (k,) what a residual model adds to the rows of `out_of_fold`, none of which it was
        fitted on; used by that correction alone, for its smearing

    Raises
    ------
    TrainingError
        `out_of_fold` is a bare array, or its rows are not those of `observed`.
    """
    if not isinstance(out_of_fold, OutOfFoldPredictions):
        raise TrainingError(
            "the fusion is fitted on out-of-fold predictions alone (ensemble.out_of_fold), since "
            "predictions of rows that the members learned from hide their errors; "
            f"this is a {type(out_of_fold).__name__}"
        )
    predictions, rows, group = out_of_fold.predictions, out_of_fold.rows, out_of_fold.group
    sites = len(np.unique(rows))
    if sites != len(observed):
        raise TrainingError(f"predictions of {sites} sites for {len(observed)} observations")
    weight = (np.ones(len(observed)) if weight is None else weight)[rows]
    observed = observed[rows]
    weights = calibrated_weights(predictions, observed, weight, settings.shrinkage, group)
    fused = (predictions * weights).sum(axis=1)
    intercept, slope = 0.0, 1.0
    if settings.correction == "linear":
        calibration = linear_calibration(fused, observed, weight, group)
        intercept, slope = calibration.intercept, calibration.slope
    if settings.variance_dial:
        intercept, slope = _dialled(fused, observed, weight, slope, settings.variance_dial)
    matched = distribution_curve(fused, observed, weight)
    curve = isotonic_curve(fused, observed, weight) if settings.correction == "isotonic" else None
    rule = FusionRule(
        members=out_of_fold.members,
        weights=tuple(map(float, weights)),
        intercept=intercept,
        slope=slope,
        fused_minimum=float(fused.min()),
        fused_maximum=float(fused.max()),
        transform=target.transform,
        smearing=1.0,
        minimum=target.minimum,
        maximum=target.maximum,
        curve=matched if settings.correction == "distribution" else curve,
        distribution=matched if "distribution" in settings.products else None,
        residual=settings.correction == "residual",
    )
    # A matched distribution goes through the exponential quantile by quantile.
    if target.transform == "none" or settings.correction == "distribution":
        return rule
    residual = observed - rule.calibrate(rule.fuse(predictions), added)
    smearing = float(np.average(np.exp(residual), weights=weight))
    return replace(rule, smearing=smearing)


def fit_alternatives(
    out_of_fold: OutOfFoldPredictions,
    observed: np.ndarray,
    target: TargetSettings,
    settings: FusionSettings,
    weight: np.ndarray | None = None,
    added: np.ndarray | None = None,
) -> dict[str, FusionRule]:
    """Fit every correction on the same predictions, so that each can be scored beside the others.

    Parameters as for `fit_fusion`; `settings.correction` and `settings.variance_dial` are replaced.

    Returns
    -------
    rules : ``none``, ``linear``, ``isotonic``, ``distribution``, ``residual``, and
        ``variance_restored``, which is the linear one with its dial at 1 ("ZZ" of Belitz and
        Stackelberg 2021)
    """
    choices: dict[str, dict[str, object]] = {
        name: {"correction": name, "variance_dial": 0.0}
        for name in ("none", "linear", "isotonic", "distribution", "residual")
    }
    choices["variance_restored"] = {"correction": "linear", "variance_dial": 1.0}
    return {
        name: fit_fusion(
            out_of_fold, observed, target, settings.model_copy(update=changes), weight, added
        )
        for name, changes in choices.items()
    }


def _dialled(
    fused: np.ndarray, observed: np.ndarray, weight: np.ndarray, slope: float, dial: float
) -> tuple[float, float]:
    """Turn the slope from the calibrated one towards that which restores the variance."""
    share = weight / weight.sum()
    centre, level = float(share @ fused), float(share @ observed)
    spread = float(share @ (fused - centre) ** 2)
    variance = float(share @ (observed - level) ** 2)
    if spread <= _rounding(centre, variance):
        return level - slope * centre, slope
    full = sqrt(variance / spread)
    turned = slope + dial * (full - slope)
    return level - turned * centre, turned


def _rounding(centre: float, variance: float) -> float:
    """Return the variance up to which predictions are taken for constant, in whatever unit.

    Parameters
    ----------
    centre : mean of the predictions
    variance : of the observations
    """
    return float(np.finfo(float).eps) * (variance + centre**2)
