"""How unlike the training sites a pixel is, and how many of them are near it.

In: the model matrix, (n, columns) float32, NaN where missing. Out: dissimilarity index and local
point density, (n,) each. The numbers of the rule come from `applicability`; this module applies
them for every pixel. numpy and numba alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from local_ml.prediction.distance_vectors import TILE, TILE_PIXELS
from local_ml.prediction.distances import Sites, empty_room, measure_tiles, sites_at

ARRAYS = ("centre", "factor", "reference")


@dataclass(frozen=True, eq=False)
class ApplicabilityRule:
    """Distances in the space of the features, each stretched by how much it moves predictions.

    A row x of the model matrix is placed at (x − centre) · factor, a missing value at the centre.
    There the distance to the nearest training site *is* the dissimilarity index: `factor` holds
    the importance of a column over its standard deviation, and over the mean distance between
    training sites (Meyer and Pebesma 2021, Methods in Ecology and Evolution 12, 1620-1633).

    Parameters
    ----------
    centre : (columns,) float32, mean of the training sites, in the column's unit
    factor : (columns,) float32, not negative
    reference : (sites, columns) float32, where the training sites lie in that space
    threshold : dissimilarity index up to which a pixel lies inside the area of applicability
    design : the folds that gave `threshold`

    Raises
    ------
    ValueError
        The parameters contradict each other.
    """

    centre: np.ndarray
    factor: np.ndarray
    reference: np.ndarray
    threshold: float
    design: str

    def __post_init__(self) -> None:
        columns = self.centre.shape
        fits = len(columns) == 1 and self.factor.shape == columns
        if not fits or self.reference.ndim != 2 or self.reference.shape[1:] != columns:
            raise ValueError("centre, factor and reference must have the same columns")
        if not len(self.reference):
            raise ValueError("no training site to measure a distance to")
        for name in ARRAYS:
            array = getattr(self, name)
            if array.dtype != np.float32 or not np.isfinite(array).all():
                raise ValueError(f"{name} must hold finite float32 numbers")
        if (self.factor < 0).any():
            raise ValueError("a factor must not be negative")
        if not (np.isfinite(self.threshold) and self.threshold >= 0):
            raise ValueError(f"threshold {self.threshold} must be finite and not negative")

    @property
    def columns(self) -> int:
        return len(self.centre)

    @cached_property
    def _sites(self) -> Sites:
        return sites_at(self.reference)

    def place(self, X: np.ndarray) -> np.ndarray:
        """Return where rows of the model matrix lie, (n, columns) float32."""
        placed: np.ndarray = (np.asarray(X, dtype=np.float32) - self.centre) * self.factor
        placed[np.isnan(placed)] = 0
        return placed

    def evaluate(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Measure rows of the model matrix against the training sites.

        Parameters
        ----------
        X : (n, columns) float32, NaN where missing

        Returns
        -------
        dissimilarity_index : (n,) float32, 0 at a training site; up to `threshold` the row lies
            inside the area of applicability
        local_point_density : (n,) float32, number of training sites within `threshold`: at least
            1 inside the area, 0 outside (Schumacher, Knoth, Ludwig and Meyer, Estimation of local
            training data point densities to support the assessment of spatial prediction
            uncertainty)
        """
        columns = np.ascontiguousarray(np.asarray(X, dtype=np.float32).T)
        return self.measure(columns, np.ones(len(X), bool))

    def measure(self, columns: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Measure rows or the pixels of a raster, as `evaluate` does: the same bits for each.

        Parameters
        ----------
        columns : (columns, n) or (columns, rows, cols) float32, NaN where missing
        valid : (n,) or (rows, cols) bool, what is measured

        Returns
        -------
        dissimilarity_index, local_point_density : of the shape of `valid`, float32, NaN where it
            is False
        """
        index, near = np.full((2, *valid.shape), np.nan, np.float32)
        shape = valid.shape if valid.ndim == 2 else (1, valid.size)
        tile = (TILE, TILE) if valid.ndim == 2 else (1, TILE_PIXELS)
        measure_tiles(
            columns.reshape(len(columns), -1),
            valid.reshape(shape),
            tile,
            (self.centre, self.factor),
            self._sites,
            largest_square(np.float32(self.threshold)),
            empty_room(self.columns, self._sites),
            index.reshape(-1),
            near.reshape(-1),
        )
        return index, near

    def to_arrays(self, prefix: str) -> dict[str, np.ndarray]:
        return {f"{prefix}{name}": getattr(self, name) for name in ARRAYS}

    def scalars(self) -> dict[str, Any]:
        return {
            "sites": len(self.reference),
            "columns": self.columns,
            "threshold": self.threshold,
            "design": self.design,
        }

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, np.ndarray], prefix: str, scalars: Mapping[str, Any]
    ) -> "ApplicabilityRule":
        """Read what `to_arrays` and `scalars` gave; any contradiction is a ValueError."""
        rule = cls(
            **{name: arrays[f"{prefix}{name}"] for name in ARRAYS},
            threshold=scalars["threshold"],
            design=scalars["design"],
        )
        if rule.scalars() != dict(scalars):
            raise ValueError(f"the arrays make {rule.scalars()}, but stated is {dict(scalars)}")
        return rule


@np.errstate(over="ignore")
def largest_square(threshold: np.float32) -> np.float32:
    """Return the largest float32 whose root is not above the threshold."""
    square = np.float32(threshold * threshold)
    up, down = np.float32(np.inf), np.float32(0)
    while square > 0 and np.sqrt(square) > threshold:
        square = np.nextafter(square, down)
    while np.sqrt(np.nextafter(square, up)) <= threshold:
        square = np.nextafter(square, up)
    return np.float32(square)
