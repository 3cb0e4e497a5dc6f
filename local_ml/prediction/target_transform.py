"""The scale on which the members learn: the target itself, or its natural logarithm.

In and out: (n,) float64, in the target's unit on one side and on the transformed scale on the
other. The way back for delivered values, with smearing and bounds, is in `fusion_rule`.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from local_ml.errors import TrainingError


@dataclass(frozen=True)
class TargetTransform:
    """Forward and back between the target's unit and the scale of the members.

    Parameters
    ----------
    kind : ``none``, or ``log`` for a skewed positive property
    """

    kind: Literal["none", "log"] = "none"

    def __post_init__(self) -> None:
        if self.kind not in ("none", "log"):
            raise ValueError(f"transform {self.kind!r} is unknown; set 'none' or 'log'")

    def forward(self, y: np.ndarray) -> np.ndarray:
        """Return the target on the transformed scale, (n,) float64.

        Raises
        ------
        TrainingError
            Under ``log``, a target that is not a positive finite number; the first such row is
            named, counted from 0.
        """
        y = np.asarray(y, dtype=np.float64)
        if self.kind == "none":
            return y.copy()
        refused = np.flatnonzero(~(np.isfinite(y) & (y > 0)))
        if refused.size:
            row = int(refused[0])
            raise TrainingError(
                f"transform='log' needs positive values, but the target in row {row} (counted "
                f"from 0) is {y[row]}, and {refused.size} of {y.size} rows are refused in all; "
                "set transform='none' or leave these rows out"
            )
        logarithm: np.ndarray = np.log(y)
        return logarithm

    def inverse(self, z: np.ndarray) -> np.ndarray:
        """Return values on the transformed scale in the target's unit, (n,) float64.

        The exponential of a mean of logarithms is a median, not a mean; Duan's smearing factor
        in `fusion_rule` corrects for that.
        """
        z = np.asarray(z, dtype=np.float64)
        return np.exp(z) if self.kind == "log" else z.copy()
