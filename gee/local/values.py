"""The values of an expression other than numbers, strings, lists, dictionaries and images.

Instants are milliseconds since 1970-01-01 UTC; distances are metres; angles are degrees.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import shapely

from gee.local.errors import InvalidRequestError
from gee.local.images import Image


@dataclass(frozen=True)
class Date:
    """An instant."""

    milliseconds: float


@dataclass(frozen=True)
class DateRange:
    """From `start` to before `end`, in milliseconds; infinite where unbounded."""

    start: float
    end: float

    def contains(self, milliseconds: float) -> bool:
        """Whether an instant lies in the range, its end excluded."""
        return self.start <= milliseconds < self.end

    @property
    def is_unbounded(self) -> bool:
        """Whether the range has no start and no end."""
        return math.isinf(self.start) and math.isinf(self.end)


@dataclass(frozen=True)
class ErrorMargin:
    """How far an approximated geometry may be off."""

    value: float
    unit: str = "meters"


@dataclass(frozen=True)
class Geometry:
    """A shape in a CRS; its edges are great circles where `geodesic`."""

    shape: shapely.Geometry
    crs: str = "EPSG:4326"
    geodesic: bool = True
    unbounded: bool = False
    ring: bool = False


@dataclass(frozen=True)
class Feature:
    """A geometry with properties."""

    geometry: Geometry | None
    properties: dict[str, Any] = field(default_factory=dict)

    def with_properties(self, properties: dict[str, Any]) -> Feature:
        """The same geometry with other properties."""
        return replace(self, properties=properties)


Element = Feature | Image


@dataclass(frozen=True, eq=False)
class Collection:
    """Images or features in order, with properties of its own."""

    elements: tuple[Any, ...]
    of_images: bool
    properties: dict[str, Any] = field(default_factory=dict)
    asset_id: str | None = None

    def with_elements(self, elements: Any) -> Collection:
        """The same properties over other elements; the kind follows the elements."""
        kept = tuple(elements)
        of_images = self.of_images
        if kept:
            of_images = all(isinstance(element, Image) for element in kept)
        return replace(self, elements=kept, of_images=of_images, asset_id=None)


@dataclass(frozen=True)
class Filter:
    """A test of one element, or of a pair in a join; what it is called is kept for messages.

    `pair` is set by the comparisons of two fields, which only joins can use.
    """

    name: str
    test: Callable[[Any], bool] | None = None
    pair: Callable[[Any, Any], float | None] | None = None

    def passes(self, element: Any) -> bool:
        """Whether one element passes."""
        if self.test is None:
            raise InvalidRequestError(f"{self.name}: A filter of two fields needs a join.")
        return self.test(element)

    def match(self, left: Any, right: Any) -> float | None:
        """The join's measure where the pair passes (0 where the filter has none), else None."""
        if self.pair is None:
            raise InvalidRequestError(f"{self.name}: A join needs a filter of two fields.")
        return self.pair(left, right)


@dataclass(frozen=True)
class Join:
    """How a join combines the elements that match."""

    kind: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Function:
    """A function of the expression: its argument names, and how to call it."""

    argument_names: tuple[str, ...]
    call: Callable[[dict[str, Any]], Any]

    def __call__(self, *arguments: Any) -> Any:
        if len(arguments) < len(self.argument_names):
            wanted = len(self.argument_names)
            raise InvalidRequestError(
                f"A function of {wanted} arguments was called with {len(arguments)}."
            )
        return self.call(dict(zip(self.argument_names, arguments, strict=False)))


def type_name(value: Any) -> str:
    """The Earth Engine name of a value's type, for error messages."""
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, int):
        return "Integer"
    if isinstance(value, float):
        return "Float"
    if isinstance(value, str):
        return "String"
    if isinstance(value, list | tuple):
        return "List"
    if isinstance(value, dict):
        return "Dictionary"
    if isinstance(value, Collection):
        return "ImageCollection" if value.of_images else "FeatureCollection"
    if isinstance(value, Function):
        return "Algorithm"
    return type(value).__name__
