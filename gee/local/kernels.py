"""Kernels: weights around a pixel, in pixels or in metres of the requested grid.

In: a radius with its unit. Out: an array of weights (rows, cols) of odd sides around the centre.
A kernel in metres is divided by the nominal scale of the grid that is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gee.local.errors import InvalidRequestError
from gee.local.grids import PixelGrid

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Kernel:
    """Weights as a function of the side of a pixel in metres."""

    name: str
    weights_of_scale: Callable[[float], Array]

    def weights(self, grid: PixelGrid) -> Array:
        """(rows, cols) weights on a grid; both sides are odd and the middle is the centre."""
        return self.weights_of_scale(grid.projection.nominal_scale)


def offsets(half_width: int, half_height: int) -> tuple[Array, Array]:
    """Column (1, n) and row (m, 1) offsets from the centre in pixels."""
    return (
        np.arange(-half_width, half_width + 1, dtype=float)[None, :],
        np.arange(-half_height, half_height + 1, dtype=float)[:, None],
    )


def shape(
    name: str,
    radius: float,
    units: str,
    normalize: bool,
    magnitude: float,
    weigh: Callable[[Array, Array, float], Array],
) -> Kernel:
    """A kernel from a function of column offset, row offset and radius, all in pixels."""
    in_metres = {"pixels": False, "meters": True}.get(units)
    if in_metres is None:
        raise InvalidRequestError(f"Kernel.{name}: Unknown units '{units}' (pixels or meters).")
    if radius <= 0:
        raise InvalidRequestError(f"Kernel.{name}: The radius must be positive, not {radius}.")

    def weights(scale: float) -> Array:
        radius_px = radius / scale if in_metres else radius
        # A tiny excess keeps a radius that is a whole number of pixels whole after the division.
        half = math.floor(radius_px + 1e-9)
        cols, rows = offsets(half, half)
        values = np.asarray(weigh(cols, rows, radius_px + 1e-9), dtype=float)
        return scaled(np.broadcast_to(values, (2 * half + 1, 2 * half + 1)), normalize, magnitude)

    return Kernel(name, weights)


def scaled(values: Array, normalize: bool, magnitude: float) -> Array:
    """Weights divided by their sum where wanted, times the magnitude."""
    total = float(np.abs(values).sum())
    if normalize and total > 0:
        values = values / total
    return np.asarray(values * magnitude)


def circle(cols: Array, rows: Array, radius: float) -> Array:
    """1 within the radius."""
    return np.asarray(cols**2 + rows**2 <= radius**2, dtype=float)


def square(cols: Array, rows: Array, radius: float) -> Array:
    """1 in the whole square."""
    return np.asarray((np.abs(cols) <= radius) & (np.abs(rows) <= radius), dtype=float)


def diamond(cols: Array, rows: Array, radius: float) -> Array:
    """1 where the sum of the offsets is within the radius."""
    return np.asarray(np.abs(cols) + np.abs(rows) <= radius, dtype=float)


def plus(cols: Array, rows: Array, radius: float) -> Array:
    """1 on the row and the column of the centre."""
    near = np.abs(cols) + np.abs(rows) <= radius
    return np.asarray(((cols == 0) | (rows == 0)) & near, dtype=float)


def cross(cols: Array, rows: Array, radius: float) -> Array:
    """1 on the two diagonals through the centre."""
    return np.asarray((np.abs(cols) == np.abs(rows)) & (np.abs(cols) <= radius), dtype=float)


def fixed(weights: Array) -> Kernel:
    """A kernel of given weights, whose centre is the middle."""
    rows, cols = weights.shape
    if rows % 2 == 0 or cols % 2 == 0:
        # An even side has no middle pixel: a row or column of zeros after it makes one.
        weights = np.pad(weights, ((0, 1 - rows % 2), (0, 1 - cols % 2)))
    return Kernel("fixed", lambda _scale: weights)


NAMED_SHAPES = {
    "circle": circle,
    "square": square,
    "diamond": diamond,
    "plus": plus,
    "cross": cross,
}
