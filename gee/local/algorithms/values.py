"""Values of any type: comparison, types, pixel types, error margins."""

from __future__ import annotations

from typing import Any

from gee.local import pixel_types
from gee.local.errors import NotImplementedHereError
from gee.local.graph import truth
from gee.local.pixel_types import PixelType
from gee.local.registry import algorithm
from gee.local.values import ErrorMargin, type_name


@algorithm("If")
def if_(condition: Any, trueCase: Any, falseCase: Any) -> Any:
    """One of two values; in an expression only the chosen one is evaluated (see `graph`)."""
    return trueCase if truth(condition) else falseCase


@algorithm("IsEqual")
def is_equal(left: Any, right: Any) -> bool:
    """Whether both are the same value."""
    return bool(left == right)


@algorithm("ObjectType")
def object_type(value: Any) -> str:
    """The name of the value's type."""
    return type_name(value)


@algorithm("ErrorMargin")
def error_margin(value: float | None, unit: str) -> ErrorMargin:
    """A tolerated error."""
    if value is None:
        raise NotImplementedHereError("an ErrorMargin without a value")
    return ErrorMargin(value, unit)


@algorithm("PixelType")
def pixel_type(
    precision: Any, minValue: float | None, maxValue: float | None, dimensions: int
) -> PixelType:
    """A pixel type by precision and range."""
    if dimensions:
        raise NotImplementedHereError("a PixelType of arrays")
    if isinstance(precision, PixelType):
        return precision
    known = pixel_types.named(str(precision))
    if minValue is None and maxValue is None:
        return known
    return PixelType(known.precision, minValue, maxValue)


def _declare_pixel_type(name: str) -> None:
    @algorithm(f"PixelType.{name}")
    def constant() -> PixelType:
        return pixel_types.named(name)


for _name in ("double", "float", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"):
    _declare_pixel_type(_name)


@algorithm("PixelType.precision")
def precision(pixelType: PixelType) -> str:
    """int, float or double."""
    return pixelType.precision


@algorithm("PixelType.minValue")
def min_value(pixelType: PixelType) -> float | None:
    """The smallest value."""
    return pixelType.minimum


@algorithm("PixelType.maxValue")
def max_value(pixelType: PixelType) -> float | None:
    """The largest value."""
    return pixelType.maximum
