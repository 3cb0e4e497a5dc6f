"""Masked pixels, and the cache that keeps one request from computing them twice.

In: functions from a pixel grid to pixels. Out: `Pixels`: values (rows, cols) with a mask (rows,
cols) of 0 (masked) to 1 (valid), boolean where it is never in between.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
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


Function = Callable[[PixelGrid], Any]
Key = tuple[int, PixelGrid]
OUTSIDE = 0
"""Stands for whoever reads pixels outside of any computation: the request itself."""


@dataclass
class _Entry:
    """What a function gave on a grid, and which functions have read it and are done."""

    function: Function  # kept, so that its id stays taken as long as the entry lives
    value: Any
    size_bytes: int
    done: set[int] = field(default_factory=set)


class PixelCache:
    """Pixels computed in this request, by function and grid.

    An entry is let go once all functions that read it are done with it, where `expect` told how
    many these are; of the others the oldest go first. What was let go and is asked for once more
    is computed once more, with the same result.
    """

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self.size_bytes = 0
        self.entries: OrderedDict[Key, _Entry] = OrderedDict()
        self.readers: dict[int, int] = {}
        self.kept: list[Mapping[int, Function]] = []
        self.running: list[tuple[int, list[Key]]] = []

    def expect(self, readers: Mapping[int, int], functions: Mapping[int, Function]) -> None:
        """Learn by how many others each function is read; both by id."""
        self.readers.update(readers)
        self.kept.append(functions)

    def get(self, compute: Function, grid: PixelGrid) -> Any:
        """The result of `compute(grid)`, from the cache where it is there."""
        key = (id(compute), grid)
        entry = self.entries.get(key)
        if entry is None:
            entry = self._computed(compute, grid)
            self._keep(key, entry)
        else:
            self.entries.move_to_end(key)
        if self.running:
            self.running[-1][1].append(key)
        else:
            self._is_done(OUTSIDE, key)
        return entry.value

    def release(self, compute: Function, grid: PixelGrid) -> None:
        """Take note that who runs now will not ask for `compute(grid)` again."""
        self._is_done(self.running[-1][0] if self.running else OUTSIDE, (id(compute), grid))

    def _computed(self, compute: Function, grid: PixelGrid) -> _Entry:
        reader, read_here = id(compute), list[Key]()
        self.running.append((reader, read_here))
        try:
            value = compute(grid)
        finally:
            self.running.pop()
        for key in read_here:
            self._is_done(reader, key)
        return _Entry(compute, value, _size_bytes(value))

    def _keep(self, key: Key, entry: _Entry) -> None:
        self.entries[key] = entry
        self.size_bytes += entry.size_bytes
        while self.size_bytes > self.capacity_bytes and len(self.entries) > 1:
            _, oldest = self.entries.popitem(last=False)
            self.size_bytes -= oldest.size_bytes

    def _is_done(self, reader: int, key: Key) -> None:
        entry, expected = self.entries.get(key), self.readers.get(key[0])
        if entry is None or expected is None:
            return
        entry.done.add(reader)
        if len(entry.done) >= expected:
            del self.entries[key]
            self.size_bytes -= entry.size_bytes


def _size_bytes(value: Any) -> int:
    parts = value if isinstance(value, list) else [value]
    return sum(stored_bytes(part.values) + stored_bytes(part.mask) for part in parts)


def stored_bytes(array: Array) -> int:
    """The memory of an array, in which what is broadcast lies once."""
    along = zip(array.shape, array.strides, strict=True)
    return int(array.itemsize * math.prod(length for length, step in along if step))


_CACHE: ContextVar[PixelCache] = ContextVar("local_earth_engine_pixel_cache")


@contextmanager
def caching(capacity_bytes: int) -> Iterator[None]:
    """A scope in which `read` computes nothing twice, as far as so much memory lasts."""
    token = _CACHE.set(PixelCache(capacity_bytes))
    try:
        yield
    finally:
        _CACHE.reset(token)


def read(compute: Callable[[PixelGrid], Any], grid: PixelGrid) -> Any:
    """`compute(grid)` through the cache of the current request."""
    return _CACHE.get().get(compute, grid)


def current_cache() -> PixelCache:
    """The cache of the request that is answered now."""
    return _CACHE.get()


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


def stacked_rows(parts: Sequence[Pixels]) -> Pixels:
    """Strips of pixels put together from north to south."""
    masks = [part.mask for part in parts]
    if any(mask.dtype != bool for mask in masks):
        masks = [mask.astype(np.float32) for mask in masks]
    return Pixels(np.concatenate([part.values for part in parts]), np.concatenate(masks))
