"""Conformal prediction intervals from the residuals of the outer folds, and their honest coverage.

In: held-out predictions of the whole pipeline (`HeldOut`), with the spread of its members. Out:
an `IntervalRule`, which `predictor` applies to pixels, and what ``validation.json`` tells of it:
coverage and interval score at five levels, in the target's unit, and the histogram of the
probability integral transform.

Split conformal prediction with a normalised score (Papadopoulos et al. 2002, Inductive confidence
machines for regression; Lei et al. 2018, Journal of the American Statistical Association 113,
1094-1111), weighted as by Tibshirani et al. (2019, Conformal prediction under covariate shift,
NeurIPS 32). Residuals of cross-validation carry no finite-sample guarantee, so an interval is
said to hold *under the design of folds* whose residuals it was made from.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from local_ml.errors import TrainingError
from local_ml.prediction.interval_rule import IntervalRule
from local_ml.prediction.target_transform import TargetTransform
from local_ml.settings import IntervalSettings, TargetSettings
from local_ml.validation.held_out import HeldOut

LEVELS = (0.5, 0.68, 0.8, 0.9, 0.95)
PIT_BINS = 10

# Floors that are tried where none is set, from members that are believed to ones that are not.
FLOOR_QUANTILES = (0.25, 0.5, 0.75, 0.9, 1.0)


@dataclass(frozen=True)
class Residuals:
    """Held-out predictions and what was observed, all on the transformed scale.

    Parameters
    ----------
    rows : (n,) position of the site in the table; a site is there once a repeat of the folds
    fold : (n,) int
    group : (n,) of sites that were chosen together
    observed, calibrated, spread : (n,) float64, finite
    weight : (n,) float64, positive
    upper : (n,) float64, bound of the place in the target's unit, NaN where there is none
    """

    rows: np.ndarray
    fold: np.ndarray
    group: np.ndarray
    observed: np.ndarray
    calibrated: np.ndarray
    spread: np.ndarray
    weight: np.ndarray
    upper: np.ndarray

    @classmethod
    def of(cls, held_out: HeldOut, transform: TargetTransform) -> "Residuals":
        """Take the sites that got a prediction."""
        if held_out.spread is None:
            raise ValueError(f"the members' spread is not known of design {held_out.design}")
        scored = held_out.scored
        rows = held_out.rows[scored]
        return cls(
            rows=rows,
            fold=held_out.fold[scored],
            group=rows if held_out.group is None else held_out.group[scored],
            observed=transform.forward(held_out.observed[scored]),
            calibrated=held_out.transformed[scored],
            spread=held_out.spread[scored],
            weight=np.ones(len(rows)) if held_out.weight is None else held_out.weight[scored],
            upper=np.full(len(rows), np.nan) if held_out.upper is None else held_out.upper[scored],
        )

    @property
    def n(self) -> int:
        return len(self.rows)

    def where(self, chosen: np.ndarray) -> "Residuals":
        """Return the rows at `chosen`, (n,) bool."""
        return Residuals(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Calibration:
    """What the intervals of all levels are made from.

    Parameters
    ----------
    floor : least spread that is believed, on the transformed scale
    score : (n,) |observed − calibrated| / max(spread, floor), ascending
    cumulative : (n,) share of the weight of these and all lower scores; less than 1 at the end,
        since the new observation has its share too
    """

    floor: float
    score: np.ndarray
    cumulative: np.ndarray

    def quantile(self, level: float) -> float:
        """Return the least score at or below which a share `level` lies; infinite if none is."""
        # A share such as 18 of 20 must not miss 0.9 by rounding.
        position = int(np.searchsorted(self.cumulative, level - 1e-12))
        return float(self.score[position]) if position < len(self.score) else float("inf")

    def share_below(self, score: np.ndarray) -> np.ndarray:
        """Return the share of scores less than each of `score`, half of what is equal to it."""
        edges = np.concatenate([[0.0], self.cumulative])
        below = edges[np.searchsorted(self.score, score, side="left")]
        upto = edges[np.searchsorted(self.score, score, side="right")]
        # The new observation's own share counts as equal.
        return np.asarray((below + upto + 1 - self.cumulative[-1]) / 2)


def calibrate(residuals: Residuals, settings: IntervalSettings) -> Calibration:
    """Calibrate intervals on held-out sites, with the floor that the settings name.

    Without one, each of `FLOOR_QUANTILES` is tried, and the one kept whose intervals have the
    least mean interval score at the level of the settings. How much the members' spread tells of
    the error differs between studies: in some nothing at all, and intervals that follow it are
    then wider for the same coverage. Held-out folds choose for themselves, so that the reported
    coverage and score pay for the choice.
    """
    if settings.floor_quantile is not None:
        return calibrate_with_floor(residuals, settings.floor_quantile)
    tried = [calibrate_with_floor(residuals, quantile) for quantile in FLOOR_QUANTILES]
    # Of equal ones the last, which believes the members least.
    return min(reversed(tried), key=lambda one: _score_on(residuals, one, settings.level))


def _score_on(residuals: Residuals, calibration: Calibration, level: float) -> float:
    """Return the mean interval score on the transformed scale of the residuals themselves."""
    quantile = calibration.quantile(level)
    if not np.isfinite(quantile):
        return float("inf")
    half = quantile * np.maximum(residuals.spread, calibration.floor)
    beyond = np.maximum(np.abs(residuals.observed - residuals.calibrated) - half, 0)
    return float(np.average(2 * half + 2 / (1 - level) * beyond, weights=residuals.weight))


def calibrate_with_floor(residuals: Residuals, floor_quantile: float) -> Calibration:
    """Order the scores of held-out sites and find the weight up to each.

    With weights w, one site a row, and a new observation of the weight w₀ that one of the weighted
    population has in the mean, Σw² / Σw, the share of the scores up to the k-th is
    Σ_{j ≤ k} w_j / (Σ w_j + w₀): for equal weights k / (n + 1), as for exchangeable sites.

    Parameters
    ----------
    residuals : at least one
    floor_quantile : the quantile of the members' spreads that is taken for the floor
    """
    floor = float(np.quantile(residuals.spread, floor_quantile, method="higher"))
    # Members that all agree say nothing about the error; it is then the same everywhere.
    floor = floor if floor > 0 else 1.0
    score = np.abs(residuals.observed - residuals.calibrated)
    score /= np.maximum(residuals.spread, floor)
    order = np.argsort(score, kind="stable")
    # A site that is there once a repeat is one site, not several.
    _, site = np.unique(residuals.rows, return_inverse=True)
    weight = residuals.weight / np.bincount(site)[site]
    of_site = np.bincount(site, weights=weight)
    new = float((of_site**2).sum() / of_site.sum())
    return Calibration(floor, score[order], np.cumsum(weight[order]) / (weight.sum() + new))


def fit_interval_rule(
    held_out: HeldOut, target: TargetSettings, settings: IntervalSettings
) -> IntervalRule:
    """Make the rule for the map from all residuals of one design.

    Raises
    ------
    TrainingError
        So few sites that no finite interval holds the share asked for.
    """
    residuals = Residuals.of(held_out, TargetTransform(target.transform))
    quantile = float("inf")
    if residuals.n:
        calibration = calibrate(residuals, settings)
        quantile = calibration.quantile(settings.level)
    if not np.isfinite(quantile):
        raise TrainingError(
            f"the {residuals.n} residuals of the {held_out.design} folds do not suffice for "
            f"intervals that hold {settings.level:.0%}; set intervals.level lower, or add sites"
        )
    return _rule(calibration, settings.level, target, held_out.design)


def interval_report(
    designs: dict[str, HeldOut],
    test: HeldOut | None,
    rule: IntervalRule,
    target: TargetSettings,
    settings: IntervalSettings,
) -> dict[str, Any]:
    """Return what ``validation.json`` tells under ``intervals``.

    Each held-out fold is given the quantiles of the promised design's residuals of all *other*
    sites, so that no residual has a part in the interval that it is held against.

    Parameters
    ----------
    designs : all that were validated; the one that `rule` names among them
    test : the sites set aside; None where there are none
    rule : for the map
    """
    transform = TargetTransform(target.transform)
    promised = Residuals.of(designs[rule.design], transform)

    def told(held_out: HeldOut) -> dict[str, Any]:
        scored = Residuals.of(held_out, transform)
        return _coverage(scored, promised, rule.design, target, settings)

    return {
        "promised_under": rule.design,
        "level": rule.level,
        "quantile": rule.quantile,
        "floor": rule.floor,
        "designs": {name: told(part) for name, part in designs.items()},
        "test": None if test is None else told(test),
    }


def _coverage(
    scored: Residuals,
    promised: Residuals,
    design: str,
    target: TargetSettings,
    settings: IntervalSettings,
) -> dict[str, Any]:
    """Hold intervals against observations: PICP, width and interval score by level, and PIT."""
    lower, upper = np.full((2, len(LEVELS), scored.n), np.nan)
    transformed = np.full(scored.n, np.nan)
    for fold in np.unique(scored.fold):
        here = scored.fold == fold
        others = promised.where(~np.isin(promised.rows, scored.rows[here]))
        if not others.n:
            continue
        calibration = calibrate(others, settings)
        part = scored.where(here)
        for number, level in enumerate(LEVELS):
            if np.isfinite(calibration.quantile(level)):
                rule = _rule(calibration, level, target, design)
                bounds = rule.bounds(part.calibrated, part.spread, part.upper)
                lower[number, here], upper[number, here] = bounds
        transformed[here] = _probability_integral_transform(part, calibration)
    observed = TargetTransform(target.transform).inverse(scored.observed)
    levels = [
        {"level": level, **_score(observed, lower[number], upper[number], level, scored)}
        for number, level in enumerate(LEVELS)
    ]
    known = np.isfinite(transformed)
    histogram, _ = np.histogram(
        transformed[known], PIT_BINS, (0, 1), weights=scored.weight[known] if known.any() else None
    )
    return {
        "n": scored.n,
        "levels": levels,
        "pit_histogram": (histogram / histogram.sum()).tolist() if known.any() else None,
    }


def _score(
    observed: np.ndarray, lower: np.ndarray, upper: np.ndarray, level: float, scored: Residuals
) -> dict[str, float | None]:
    """Score the intervals of one level; None where too few residuals gave a finite one.

    Returns
    -------
    picp : prediction interval coverage probability, the share of observations inside
    standard_error : of that share; sites of one group count as drawn together
    mean_width, interval_score : in the target's unit; Gneiting and Raftery (2007), Journal of the
        American Statistical Association 102, 359-378, equation 43
    """
    if not (len(observed) and np.isfinite(lower).all() and np.isfinite(upper).all()):
        return dict.fromkeys(("picp", "standard_error", "mean_width", "interval_score"))
    share = scored.weight / scored.weight.sum()
    inside = (lower <= observed) & (observed <= upper)
    picp = float(share @ inside)
    _, group = np.unique(scored.group, return_inverse=True)
    error = np.sqrt((np.bincount(group, weights=share * (inside - picp)) ** 2).sum())
    outside = np.maximum(lower - observed, 0) + np.maximum(observed - upper, 0)
    return {
        "picp": picp,
        "standard_error": float(error),
        "mean_width": float(share @ (upper - lower)),
        "interval_score": float(share @ (upper - lower + 2 / (1 - level) * outside)),
    }


def _probability_integral_transform(part: Residuals, calibration: Calibration) -> np.ndarray:
    """Return where each observation lies in its predictive distribution, (n,), 0 to 1.

    The distribution is that whose central intervals are the ones delivered: ½ at the calibrated
    prediction, symmetrical about it. Even coverage with a bias to one side therefore shows, as a
    histogram that leans (Schmidinger and Heuvelink 2023, Geoderma 437, 116585).
    """
    residual = part.observed - part.calibrated
    score = np.abs(residual) / np.maximum(part.spread, calibration.floor)
    return np.asarray((1 + np.sign(residual) * calibration.share_below(score)) / 2)


def _rule(
    calibration: Calibration, level: float, target: TargetSettings, design: str
) -> IntervalRule:
    return IntervalRule(
        level=level,
        quantile=calibration.quantile(level),
        floor=calibration.floor,
        transform=target.transform,
        minimum=target.minimum,
        maximum=target.maximum,
        design=design,
    )
