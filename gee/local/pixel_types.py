"""The type of a band's pixels, as Earth Engine describes it: a precision and a range of values.

In: types of the operands. Out: the type of the result, and the numpy type that stores it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from gee.local.errors import InvalidRequestError, nearest

Precision = Literal["int", "float", "double"]

INTEGER_STORAGE = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "int64")
"""Integer types from narrow to wide; the first one that holds a range stores it."""


@dataclass(frozen=True)
class PixelType:
    """Precision ("int", "float" = 32 bit, "double" = 64 bit) and, where known, the range."""

    precision: Precision
    minimum: float | None = None
    maximum: float | None = None
    dimensions: int = 0
    """Axes of the array in each pixel; 0 for a number."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The narrowest numpy type that holds every value of the range."""
        if self.precision == "float":
            return np.dtype("float32")
        if self.precision == "double":
            return np.dtype("float64")
        low = -(2**63) if self.minimum is None else self.minimum
        high = 2**63 - 1 if self.maximum is None else self.maximum
        for name in INTEGER_STORAGE:
            info = np.iinfo(name)
            if info.min <= low and high <= info.max:
                return np.dtype(name)
        return np.dtype("int64")

    @property
    def is_integer(self) -> bool:
        """Whether the pixels are integers."""
        return self.precision == "int"

    def bounds(self) -> tuple[float, float]:
        """The range, with infinities where it is open."""
        return (
            -math.inf if self.minimum is None else self.minimum,
            math.inf if self.maximum is None else self.maximum,
        )

    def to_json(self) -> dict[str, Any]:
        """As `getInfo` shows it."""
        out: dict[str, Any] = {"type": "PixelType", "precision": self.precision}
        if self.minimum is not None:
            out["min"] = self.minimum
        if self.maximum is not None:
            out["max"] = self.maximum
        if self.dimensions:
            out["dimensions"] = self.dimensions
        return out


FLOAT = PixelType("float")
DOUBLE = PixelType("double")
BOOLEAN = PixelType("int", 0, 1)

NAMED = {
    **{
        name: PixelType("int", int(np.iinfo(name).min), int(np.iinfo(name).max))
        for name in INTEGER_STORAGE
    },
    "float": FLOAT,
    "double": DOUBLE,
}
NAMED["byte"] = NAMED["uint8"]
NAMED["short"] = NAMED["int16"]
NAMED["int"] = NAMED["int32"]
NAMED["long"] = NAMED["int64"]


def named(name: str) -> PixelType:
    """The type that a name such as "uint8", "short" or "float" stands for."""
    if name not in NAMED:
        raise InvalidRequestError(f"Unknown pixel type '{name}'{nearest(name, NAMED)}.")
    return NAMED[name]


def of_dtype(dtype: Any) -> PixelType:
    """The type of the pixels of a raster file."""
    kind = np.dtype(dtype)
    if kind == np.float32:
        return FLOAT
    if kind == np.float64:
        return DOUBLE
    if kind.kind in "iu" and kind.itemsize <= 4:
        return NAMED[kind.name]
    if kind == np.int64:
        return NAMED["int64"]
    raise InvalidRequestError(f"Pixels of type {kind.name} have no counterpart on Earth Engine.")


def of_number(value: float | int | bool) -> PixelType:
    """The type of a constant image: an integer of exactly that value, else double."""
    if isinstance(value, bool | int):
        return PixelType("int", int(value), int(value))
    return DOUBLE


def union(left: PixelType, right: PixelType) -> PixelType:
    """The narrowest type that holds both: double over float over integers."""
    if "double" in (left.precision, right.precision):
        return DOUBLE
    if "float" in (left.precision, right.precision):
        return FLOAT
    low, high = left.bounds(), right.bounds()
    return integer_range(min(low[0], high[0]), max(low[1], high[1]))


def integer_range(low: float, high: float) -> PixelType:
    """An integer type of a range; double where no 64-bit integer holds it."""
    if low < -(2**63) or high > 2**63 - 1:
        return DOUBLE
    return PixelType("int", int(low), int(high))


def cast(values: np.ndarray[Any, Any], target: PixelType) -> np.ndarray[Any, Any]:
    """Convert values (rows, cols): towards zero, and held to the range of an integer type.

    NaN becomes 0 in an integer type; callers mask it.
    """
    dtype = target.dtype
    if values.dtype == dtype:
        return values
    if not target.is_integer:
        return values.astype(dtype)
    info = np.iinfo(dtype)
    if values.dtype.kind == "f":
        # Above 2**53 a float cannot say the largest int64; clipping to a float just below is safe.
        high = np.nextafter(np.float64(info.max), 0) if info.bits == 64 else info.max
        whole = np.nan_to_num(np.trunc(values), nan=0.0)
        return np.asarray(np.clip(whole, info.min, high).astype(dtype))
    if values.dtype.kind == "b":
        return values.astype(dtype)
    own = np.iinfo(values.dtype)
    low, high_int = max(info.min, own.min), min(info.max, own.max)
    return np.asarray(np.clip(values, low, high_int).astype(dtype))
