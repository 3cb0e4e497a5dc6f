"""The kernels by name; their weights are in `gee.local.kernels`."""

from __future__ import annotations

from typing import Any

import numpy as np

from gee.local import kernels
from gee.local.errors import InvalidRequestError, NotImplementedHereError
from gee.local.kernels import Kernel
from gee.local.registry import algorithm


def _declare_shape(name: str) -> None:
    weigh = kernels.NAMED_SHAPES[name]

    @algorithm(f"Kernel.{name}")
    def kernel(radius: float, units: str, normalize: bool, magnitude: float) -> Kernel:
        return kernels.shape(name, radius, units, normalize, magnitude, weigh)


for _name in kernels.NAMED_SHAPES:
    _declare_shape(_name)


@algorithm("Kernel.gaussian")
def gaussian(radius: float, sigma: float, units: str, normalize: bool, magnitude: float) -> Kernel:
    """A Gaussian of a standard deviation in the radius' units.

    It ends before the radius, as the service documents: 5 by 5 weights for a radius of 3.
    """
    ratio = sigma / radius

    def weigh(cols: Any, rows: Any, radius_px: float) -> Any:
        inside = (np.abs(cols) < radius_px - 1e-6) & (np.abs(rows) < radius_px - 1e-6)
        return np.exp(-(cols**2 + rows**2) / (2 * (ratio * radius_px) ** 2)) * inside

    return kernels.shape("gaussian", radius, units, normalize, magnitude, weigh)


def _distance(name: str, measure: Any) -> None:
    @algorithm(f"Kernel.{name}")
    def kernel(radius: float, units: str, normalize: bool, magnitude: float) -> Kernel:
        if units != "pixels":
            raise NotImplementedHereError(f"'Kernel.{name}' in metres")
        return kernels.shape(
            name,
            radius,
            units,
            normalize,
            magnitude,
            lambda cols, rows, _radius: measure(np.abs(cols), np.abs(rows)),
        )


_distance("euclidean", np.hypot)
_distance("manhattan", np.add)
_distance("chebyshev", np.maximum)


@algorithm("Kernel.fixed")
def fixed(width: int, height: int, weights: list[Any], x: int, y: int, normalize: bool) -> Kernel:
    """Given weights, row by row; the centre is the middle."""
    values = np.array(weights, dtype=float)
    if values.ndim != 2:
        raise InvalidRequestError("Kernel.fixed: The rows of weights differ in length.")
    rows, cols = values.shape
    if width not in (-1, cols) or height not in (-1, rows):
        raise InvalidRequestError("Kernel.fixed: Width and height do not fit the weights.")
    if x not in (-1, cols // 2) or y not in (-1, rows // 2):
        raise NotImplementedHereError("'Kernel.fixed' with another centre than its middle")
    return kernels.fixed(kernels.scaled(values, normalize, 1.0))


STENCILS = {
    "laplacian4": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
    "laplacian8": [[1, 1, 1], [1, -8, 1], [1, 1, 1]],
}
"""Discrete Laplacians; they look the same from every side."""


def _declare_stencil(name: str) -> None:
    @algorithm(f"Kernel.{name}")
    def kernel(magnitude: float, normalize: bool) -> Kernel:
        weights = np.array(STENCILS[name], dtype=float)
        return kernels.fixed(kernels.scaled(weights, normalize, magnitude))


for _name in STENCILS:
    _declare_stencil(_name)
