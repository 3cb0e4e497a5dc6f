"""How the members' predictions become the one value that is delivered.

In: predictions of the members, (n, members) float64, on the transformed scale. Out: the delivered
value, (n,) float64, in the target's unit, and where the physical bounds clipped it. The numbers
of the rule are fitted in `fusion`; this module applies them, at training and for every pixel.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np

from local_ml.errors import PredictionError
from local_ml.prediction.maximum_rule import clip_to_bounds

Curve = tuple[tuple[float, float], ...]
"""(fused, corrected) pairs on the transformed scale, both rising."""


@dataclass(frozen=True)
class FusionRule:
    """Convex weights, a calibration, the way back from the logarithm, physical bounds.

    Parameters
    ----------
    members : names of the members, in the order of the columns of their predictions
    weights : one a member, not negative, summing to 1
    intercept, slope : calibrated = intercept + slope · fused, on the transformed scale
    fused_minimum, fused_maximum : range of the out-of-fold fused predictions that the calibration
        was fitted on. Beyond it the line is not trusted: the correction stays what it is at the
        nearer end, so that the slope is 1
    transform : ``log`` where the members learned the natural logarithm of the target
    smearing : factor after the exponential: mean of exp(residual) (Duan 1983, Journal of the
        American Statistical Association 78, 605-610); 1 without a transform
    minimum, maximum : physical bounds of the delivered value in the target's unit; None: no bound
    curve : (fused, corrected) pairs on the transformed scale, joined by straight lines, in the
        place of intercept and slope; None where the line is used. Beyond its ends the correction
        stays what it is there too
    residual : whether the prediction of a forest of the residuals is added to the fused one, in
        the place of intercept and slope
    distribution : a curve that gives the predictions the distribution of the observations, for
        the second product; None where it was not asked for

    Raises
    ------
    ValueError
        The parameters contradict each other.
    """

    members: tuple[str, ...]
    weights: tuple[float, ...]
    intercept: float
    slope: float
    fused_minimum: float
    fused_maximum: float
    transform: Literal["none", "log"] = "none"
    smearing: float = 1.0
    minimum: float | None = None
    maximum: float | None = None
    curve: Curve | None = None
    distribution: Curve | None = None
    residual: bool = False

    def __post_init__(self) -> None:
        if not self.members or len(set(self.members)) < len(self.members):
            raise ValueError(f"members must be named, each once: {self.members}")
        if len(self.weights) != len(self.members):
            raise ValueError(f"{len(self.weights)} weights for {len(self.members)} members")
        numbers = [*self.weights, self.intercept, self.slope, self.fused_minimum]
        numbers += [self.fused_maximum, self.smearing]
        numbers += [bound for bound in (self.minimum, self.maximum) if bound is not None]
        if not np.isfinite(numbers).all():
            raise ValueError(f"a number of the fusion is not finite: {self}")
        if min(self.weights) < 0 or abs(sum(self.weights) - 1) > 1e-9:
            raise ValueError(f"weights must not be negative and must sum to 1: {self.weights}")
        if self.fused_minimum > self.fused_maximum:
            raise ValueError(
                f"fused_minimum {self.fused_minimum} lies above fused_maximum {self.fused_maximum}"
            )
        if self.transform not in ("none", "log"):
            raise ValueError(f"transform {self.transform!r} is unknown; set 'none' or 'log'")
        if self.smearing <= 0 or (self.transform == "none" and self.smearing != 1):
            raise ValueError(
                f"smearing is {self.smearing}: it must be positive, and 1 without a transform"
            )
        if None not in (self.minimum, self.maximum) and not self.minimum < self.maximum:  # type: ignore[operator]
            raise ValueError(f"minimum {self.minimum} must lie below maximum {self.maximum}")
        if self.residual and (self.curve is not None or (self.intercept, self.slope) != (0, 1)):
            raise ValueError("a residual model takes the place of line and curve")
        for name in ("curve", "distribution"):
            curve = getattr(self, name)
            if curve is not None:
                _require_rising(name, curve)

    def fuse(self, predictions: np.ndarray) -> np.ndarray:
        """Return the weighted mean of the members, (n,) float64, on the transformed scale.

        Parameters
        ----------
        predictions : (n, members) float, on the transformed scale

        Raises
        ------
        PredictionError
            Not one column a member.
        """
        predictions = np.asarray(predictions, dtype=np.float64)
        if predictions.ndim != 2 or predictions.shape[1] != len(self.members):
            raise PredictionError(
                f"predictions of shape {predictions.shape} do not fit the members "
                f"({', '.join(self.members)}); one column a member is needed"
            )
        # Member by member, not as a matrix product, whose last digits vary with the number of rows.
        fused = np.zeros(len(predictions))
        for column, weight in enumerate(self.weights):
            fused += weight * predictions[:, column]
        return fused

    def calibrate(self, fused: np.ndarray, residual: np.ndarray | None = None) -> np.ndarray:
        """Return the calibrated prediction, (n,) float64, on the transformed scale.

        Parameters
        ----------
        fused : (n,) from `fuse`
        residual : (n,) prediction of the residual model at `with_fused`, where the rule has one

        Raises
        ------
        PredictionError
            The rule has a residual model, and its predictions are not given.
        """
        if self.residual:
            if residual is None:
                raise PredictionError("the predictions of the residual model are needed")
            added: np.ndarray = np.asarray(fused, dtype=np.float64) + residual
            return added
        if self.curve is not None:
            return _follow(self.curve, fused)
        fused = np.asarray(fused, dtype=np.float64)
        inside = np.clip(fused, self.fused_minimum, self.fused_maximum)
        calibrated: np.ndarray = self.intercept + self.slope * inside + (fused - inside)
        return calibrated

    def deliver(
        self,
        predictions: np.ndarray,
        upper: np.ndarray | None = None,
        residual: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Fuse, calibrate, go back to the target's unit, clip to the physical bounds.

        Parameters
        ----------
        predictions : (n, members) float, on the transformed scale
        upper : (n,) bound of each place, in the target's unit, NaN where there is none; see
            `maximum_rule`. None: the constant bounds alone
        residual : as for `calibrate`

        Returns
        -------
        value : (n,) float64, in the target's unit
        clipped : (n,) bool, where a bound was put in the place of the value
        """
        return self.in_unit(self.calibrate(self.fuse(predictions), residual), upper)

    def in_unit(
        self, calibrated: np.ndarray, upper: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Go back to the target's unit, clip to the physical bounds: what `deliver` ends with.

        Parameters
        ----------
        calibrated : (n,) from `calibrate`
        """
        value = self.smearing * np.exp(calibrated) if self.transform == "log" else calibrated
        return clip_to_bounds(value, self.minimum, self.maximum, upper)

    def deliver_distribution(
        self, predictions: np.ndarray, upper: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the second product: values distributed as the observations are.

        Parameters and results as for `deliver`. Quantiles are carried over the exponential as
        they are, so that nothing is smeared.

        Raises
        ------
        PredictionError
            The study did not ask for this product.
        """
        if self.distribution is None:
            raise PredictionError(
                "this model has no product 'distribution'; add it to fusion.products and train "
                "again"
            )
        value = _follow(self.distribution, self.fuse(predictions))
        value = np.exp(value) if self.transform == "log" else value
        return clip_to_bounds(value, self.minimum, self.maximum, upper)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "FusionRule":
        """Read what `to_json` wrote; an unknown or missing key is a ValueError."""
        names = {field.name for field in fields(cls)}
        if set(document) != names:
            raise ValueError(
                f"a fusion rule has the keys {sorted(names)}, but these are {sorted(document)}"
            )
        curves = {
            name: None if document[name] is None else tuple((x, y) for x, y in document[name])
            for name in ("curve", "distribution")
        }
        listed = {name: tuple(document[name]) for name in ("members", "weights")}
        return cls(**(document | listed | curves))


def with_fused(matrix: np.ndarray, fused: np.ndarray) -> np.ndarray:
    """Return what a residual model reads: the model matrix and the fused prediction, float32."""
    return np.column_stack([matrix, fused]).astype(np.float32)


def _require_rising(name: str, curve: Curve) -> None:
    points = np.asarray(curve, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError(f"{name} must be pairs of finite numbers")
    steps = np.diff(points, axis=0)
    if (steps[:, 0] <= 0).any() or (steps[:, 1] < 0).any():
        raise ValueError(
            f"{name} must rise: fused values one after the other, corrected not falling"
        )


def _follow(curve: Curve, fused: np.ndarray) -> np.ndarray:
    """Follow the curve; beyond an end its correction there stays, so that the slope is 1."""
    points = np.asarray(curve, dtype=np.float64)
    fused = np.asarray(fused, dtype=np.float64)
    inside = np.clip(fused, points[0, 0], points[-1, 0])
    followed: np.ndarray = np.interp(inside, points[:, 0], points[:, 1]) + (fused - inside)
    return followed
