"""How unlike the training sites a pixel is, and how many of them are near it.

In: the model matrix, (n, columns) float32, NaN where missing. Out: dissimilarity index and local
point density, (n,) each. The numbers of the rule come from `applicability`; this module applies
them for every pixel. numpy and numba alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

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
        local_point_density : (n,) int32, number of training sites within `threshold`: at least
            1 inside the area, 0 outside (Schumacher, Knoth, Ludwig and Meyer, Estimation of local
            training data point densities to support the assessment of spatial prediction
            uncertainty)
        """
        found: tuple[np.ndarray, np.ndarray] = nearest_and_near(
            self.place(X), np.ascontiguousarray(self.reference.T), np.float32(self.threshold)
        )
        return found

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


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def nearest_and_near(placed: Any, reference: Any, threshold: Any) -> Any:
    """Return for each row of `placed` the distance to the nearest column of `reference`, and the
    number of columns within `threshold`.

    Every site is looked at: some hundred of them are dealt with faster in order than by a tree,
    and counting those near by visits most of a tree anyway.
    """
    n, columns = placed.shape
    sites = reference.shape[1]
    flat, size = reference.ravel(), np.uint64(sites)
    nearest = np.empty(n, np.float32)
    near = np.empty(n, np.int32)
    squared = np.empty(sites, np.float32)
    # Numbers from 0 up stand in the order of their bits, and LLVM takes the least of integers in
    # vectors, of floats one by one.
    bits = squared.view(np.int32)
    by_four = columns // 4 * 4
    for row in range(n):
        squared[:] = 0
        for column in range(0, by_four, 4):
            here = (
                placed[row, column],
                placed[row, column + 1],
                placed[row, column + 2],
                placed[row, column + 3],
            )
            _add_four(squared, flat, np.uint64(column) * size, size, here)
        for column in range(by_four, columns):
            _add_one(squared, flat, np.uint64(column) * size, placed[row, column])
        least, count = bits[0], np.int32(0)
        for site in range(sites):
            found = bits[np.uint64(site)]
            least = found if found < least else least
        for site in range(sites):
            count += np.int32(np.sqrt(squared[np.uint64(site)]) <= threshold)
        bits[0] = least
        nearest[row] = np.sqrt(squared[0])
        near[row] = count
    return nearest, near


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _add_four(squared: Any, reference: Any, start: Any, size: Any, here: Any) -> None:
    """Add to each site's squared distance that in four columns, one after the other."""
    second, third, fourth = start + size, start + size + size, start + size + size + size
    for index in range(len(squared)):
        site = np.uint64(index)
        a, b = reference[start + site] - here[0], reference[second + site] - here[1]
        c, d = reference[third + site] - here[2], reference[fourth + site] - here[3]
        total = squared[site]
        total += a * a
        total += b * b
        total += c * c
        total += d * d
        squared[site] = total


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _add_one(squared: Any, reference: Any, start: Any, here: Any) -> None:
    for index in range(len(squared)):
        site = np.uint64(index)
        difference = reference[start + site] - here
        squared[site] += difference * difference
