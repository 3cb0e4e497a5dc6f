"""Masked pixels, and the cache that keeps one request from computing them twice.

In: functions from a pixel grid to pixels. Out: `Pixels`: values (rows, cols) with a mask (rows,
cols) of 0 (masked) to 1 (valid), boolean where it is never in between.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from gee.local.grids import PixelGrid

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Pixels:
    """Values and mask of one band on one grid, both (rows, cols)."""

    values: Array
    mask: Array

    @property
    def valid(self) -> Array:
        """(rows, cols) bool: where the mask is not zero."""
        return self.mask if self.mask.dtype == bool else self.mask > 0

    def filled(self, fill: float) -> Array:
        """The values with `fill` where masked, as floating point."""
        return np.where(self.valid, self.values, fill)


Compute = Callable[[PixelGrid], Pixels]
ComputeMany = Callable[[PixelGrid], list[Pixels]]


class PixelCache:
    """Pixels computed in this request, by function and grid; the oldest go first."""

    def __init__(self, capacity_bytes: int = 768 * 2**20) -> None:
        self.capacity_bytes = capacity_bytes
        self.size_bytes = 0
        self.entries: OrderedDict[tuple[int, PixelGrid], tuple[Any, Any, int]] = OrderedDict()

    def get(self, compute: Callable[[PixelGrid], Any], grid: PixelGrid) -> Any:
        """The result of `compute(grid)`, from the cache where it is there."""
        key = (id(compute), grid)
        found = self.entries.get(key)
        if found is not None:
            self.entries.move_to_end(key)
            return found[1]
        value = compute(grid)
        size = _size_bytes(value)
        # The function is kept with its result: its id stays taken as long as the entry lives.
        self.entries[key] = (compute, value, size)
        self.size_bytes += size
        while self.size_bytes > self.capacity_bytes and len(self.entries) > 1:
            _, (_, _, freed) = self.entries.popitem(last=False)
            self.size_bytes -= freed
        return value


def _size_bytes(value: Any) -> int:
    parts = value if isinstance(value, list) else [value]
    return sum(int(part.values.nbytes + part.mask.nbytes) for part in parts)


_CACHE: ContextVar[PixelCache] = ContextVar("local_earth_engine_pixel_cache")


@contextmanager
def caching(capacity_bytes: int) -> Iterator[None]:
    """A scope in which `read` computes nothing twice."""
    token = _CACHE.set(PixelCache(capacity_bytes))
    try:
        yield
    finally:
        _CACHE.reset(token)


def read(compute: Callable[[PixelGrid], Any], grid: PixelGrid) -> Any:
    """`compute(grid)` through the cache of the current request."""
    return _CACHE.get().get(compute, grid)


def everywhere(grid: PixelGrid) -> Array:
    """A mask (rows, cols) that is valid everywhere."""
    return np.broadcast_to(np.True_, grid.shape)


def nowhere(grid: PixelGrid) -> Array:
    """A mask (rows, cols) that is masked everywhere."""
    return np.broadcast_to(np.False_, grid.shape)


def both(left: Array, right: Array) -> Array:
    """The mask of a result that needs both operands: the smaller of the two masks."""
    if left.dtype == bool and right.dtype == bool:
        return left & right
    return np.minimum(left.astype(np.float32), right.astype(np.float32))


def restrict(mask: Array, where: Array) -> Array:
    """The mask with zeros where `where` (bool) is false."""
    if mask.dtype == bool:
        return mask & where
    return np.where(where, mask, np.float32(0))


def finite_only(values: Array, mask: Array) -> Pixels:
    """Pixels with everything that is not finite masked: Earth Engine has no NaN in a pixel."""
    if values.dtype.kind != "f":
        return Pixels(values, mask)
    finite = np.isfinite(values)
    if finite.all():
        return Pixels(values, mask)
    zero = values.dtype.type(0)
    return Pixels(np.where(finite, values, zero), restrict(mask, finite))
