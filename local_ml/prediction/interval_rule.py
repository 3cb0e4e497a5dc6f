"""How a prediction becomes an interval: its half width is a multiple of the members' spread.

In: the members' predictions, (n, members), and the calibrated prediction, (n,), both on the
transformed scale. Out: lower and upper bound, (n,) float64, in the target's unit. The numbers of
the rule come from `intervals`; this module applies them, at training and for every pixel.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np

from local_ml.forest.kept import kernel
from local_ml.prediction.maximum_rule import clip_to_bounds


def members_spread(predictions: np.ndarray) -> np.ndarray:
    """Return the standard deviation of the members about their mean, (n,) float64.

    All members count alike, whatever weight the fusion gives them: a weight of 0 would leave a
    spread of 0 where two members stand far apart.

    Parameters
    ----------
    predictions : (n, members) float, on the transformed scale
    """
    columns = np.ascontiguousarray(np.asarray(predictions).T, dtype=np.float64)
    spread: np.ndarray = _spread(columns)
    return spread


@kernel
def _spread(columns: Any) -> Any:
    """Return the standard deviation of (members, n) float64 about their mean."""
    # Member by member, so that a row has the same bits whatever the rows beside it.
    members, rows = columns.shape
    mean, variance = np.zeros(rows), np.zeros(rows)
    for member in range(members):
        column = columns[member]
        for row in range(np.uint64(rows)):
            mean[row] += column[row] / members
    for member in range(members):
        column = columns[member]
        for row in range(np.uint64(rows)):
            variance[row] += (column[row] - mean[row]) ** 2 / members
    return np.sqrt(variance)


@dataclass(frozen=True)
class IntervalRule:
    """A conformal interval: calibrated ± quantile · max(spread, floor), back in the unit, clipped.

    Parameters
    ----------
    level : share of new observations that the interval is to hold
    quantile : of |observed − calibrated| / max(spread, floor) over held-out sites, not negative
    floor : least spread that is believed, positive, on the transformed scale
    transform : ``log`` where the members learned the natural logarithm of the target. Quantiles
        pass through the exponential as they are, without the smearing factor, which is for means
    minimum, maximum : physical bounds in the target's unit; None: no bound
    design : the folds whose residuals gave `quantile`: the interval holds its share of sites that
        are as far from the training sites as those folds held them

    Raises
    ------
    ValueError
        The parameters contradict each other.
    """

    level: float
    quantile: float
    floor: float
    transform: Literal["none", "log"]
    minimum: float | None
    maximum: float | None
    design: str

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise ValueError(f"level {self.level} must lie between 0 and 1")
        if not (np.isfinite(self.quantile) and self.quantile >= 0):
            raise ValueError(f"quantile {self.quantile} must be finite and not negative")
        if not (np.isfinite(self.floor) and self.floor > 0):
            raise ValueError(f"floor {self.floor} must be finite and positive")
        if self.transform not in ("none", "log"):
            raise ValueError(f"transform {self.transform!r} is unknown; set 'none' or 'log'")

    def bounds(
        self, calibrated: np.ndarray, spread: np.ndarray, upper: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return lower and upper bound, (n,) float64 each, in the target's unit.

        Parameters
        ----------
        calibrated : (n,) float64, before clipping, on the transformed scale
        spread : (n,) float64, from `members_spread`
        upper : (n,) bound of each place, as for `FusionRule.deliver`
        """
        half = self.quantile * np.maximum(spread, self.floor)
        low, high = (
            np.exp(end) if self.transform == "log" else end
            for end in (calibrated - half, calibrated + half)
        )
        return (
            clip_to_bounds(low, self.minimum, self.maximum, upper)[0],
            clip_to_bounds(high, self.minimum, self.maximum, upper)[0],
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "IntervalRule":
        """Read what `to_json` wrote; an unknown or missing key is a ValueError."""
        names = {field.name for field in fields(cls)}
        if set(document) != names:
            raise ValueError(
                f"an interval rule has the keys {sorted(names)}, but these are {sorted(document)}"
            )
        return cls(**document)
