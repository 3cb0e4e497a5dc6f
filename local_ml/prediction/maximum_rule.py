"""The highest value that is possible at a place, from a covariate such as the soil's porosity.

In: the covariate's values in its own unit, NaN where missing. Out: the bound, (n,) float64, in
the target's unit, NaN where the covariate is missing and the target's constant bound holds alone.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from local_ml.features import Feature


@dataclass(frozen=True)
class MaximumRule:
    """Bound = scale · covariate + margin; water fills the pores, and little more.

    Parameters
    ----------
    covariate : whose values bound the target, continuous. It is read for every pixel, whether or
        not the model kept it as a feature
    scale : from the covariate's unit to the target's
    margin : what the target may hold beyond it, in the target's unit, not negative

    Raises
    ------
    ValueError
        The parameters contradict each other.
    """

    covariate: Feature
    scale: float
    margin: float

    def __post_init__(self) -> None:
        if self.covariate.categorical:
            raise ValueError(f"{self.covariate.name!r} holds codes, which bound nothing")
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise ValueError(f"scale {self.scale} must be finite and positive")
        if not (np.isfinite(self.margin) and self.margin >= 0):
            raise ValueError(f"margin {self.margin} must be finite and not negative")

    def bound(self, values: np.ndarray) -> np.ndarray:
        """Return the bound, (n,) float64, in the target's unit; NaN where `values` is missing."""
        values = np.asarray(values, dtype=np.float64)
        bound: np.ndarray = self.scale * values + self.margin
        return np.where(np.isfinite(values), bound, np.nan)

    def to_json(self) -> dict[str, Any]:
        return {
            "covariate": self.covariate.to_json(),
            "scale": self.scale,
            "margin": self.margin,
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "MaximumRule":
        """Read what `to_json` wrote; an unknown or missing key is a ValueError."""
        if set(document) != {"covariate", "scale", "margin"}:
            raise ValueError(f"a bound has covariate, scale and margin, not {sorted(document)}")
        return cls(Feature.from_json(document["covariate"]), document["scale"], document["margin"])


def clip_to_bounds(
    value: np.ndarray, low: float | None, high: float | None, upper: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Clip to the constant bounds and, where it is lower, to that of the place.

    Parameters
    ----------
    value : (n,) float64, target's unit
    low, high : None: no bound
    upper : (n,) from `MaximumRule.bound`; None: the constant bounds alone

    Returns
    -------
    value : (n,) float64
    clipped : (n,) bool, where a bound was put in the place of the value
    """
    least = -np.inf if low is None else low
    most: Any = np.inf if high is None else high
    if upper is not None:
        most = np.maximum(np.fmin(upper, most), least)
    return np.clip(value, least, most), (value < least) | (value > most)
