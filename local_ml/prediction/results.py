"""What is predicted of pixels or rows: the target, its interval, and how unlike the training sites.

In: the shape of the bands. Out: arrays of that shape, to be filled. numpy alone.
"""

from dataclasses import dataclass, fields, replace

import numpy as np


@dataclass(frozen=True, eq=False)
class Prediction:
    """What was predicted; every array has the shape of the bands, or that shape behind `members`.

    Parameters
    ----------
    value : float32, in the target's unit; NaN where there is no prediction
    clipped : bool, where a physical bound was put in the place of the value
    valid : bool, where there is a prediction
    members : (members, ...) float32, on the transformed scale, in the order of the bundle; NaN
        where there is no prediction
    lower, upper : float32, in the target's unit: the interval; NaN where there is no prediction
    dissimilarity_index : float32, distance to the nearest training site in units of their mean
        distance; NaN where there is no prediction
    local_point_density : float32, number of training sites within the threshold; NaN where there
        is no prediction
    outside_area : bool, where there is a prediction outside the area of applicability
    unseen_levels : number of pixels left out for a level that a categorical feature never listed
    without_maximum : number of pixels with a prediction where the covariate that bounds it is
        missing, so that the constant bound holds alone
    distribution : float32, in the target's unit: the second product, whose values are distributed
        as the observations are; NaN where there is no prediction; None where the model has none
    """

    value: np.ndarray
    clipped: np.ndarray
    valid: np.ndarray
    members: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    dissimilarity_index: np.ndarray
    local_point_density: np.ndarray
    outside_area: np.ndarray
    unseen_levels: int
    without_maximum: int
    distribution: np.ndarray | None = None

    @classmethod
    def empty(cls, shape: tuple[int, ...], members: int, has_distribution: bool) -> "Prediction":
        """Return a prediction of nothing, to be filled."""
        value, lower, upper, unlike, near, distribution = np.full((6, *shape), np.nan, np.float32)
        clipped, valid, outside = np.zeros((3, *shape), dtype=bool)
        return cls(
            value=value,
            clipped=clipped,
            valid=valid,
            members=np.full((members, *shape), np.nan, np.float32),
            lower=lower,
            upper=upper,
            dissimilarity_index=unlike,
            local_point_density=near,
            outside_area=outside,
            unseen_levels=0,
            without_maximum=0,
            distribution=distribution if has_distribution else None,
        )

    def reshaped(
        self, shape: tuple[int, ...], unseen_levels: int, without_maximum: int
    ) -> "Prediction":
        """Return the same in the shape of the bands, and with the numbers of pixels."""
        before = self.value.ndim
        shaped = {
            field.name: array.reshape(*array.shape[: array.ndim - before], *shape)
            for field in fields(self)
            if isinstance(array := getattr(self, field.name), np.ndarray)
        }
        return replace(self, **shaped, unseen_levels=unseen_levels, without_maximum=without_maximum)
