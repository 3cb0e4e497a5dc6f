"""Arithmetic on images, pixel by pixel.

Two images are paired as the service pairs them: a single band goes with every band of the other;
else bands of the same names; else by position. Results carry no properties, and the default
projection of the left image.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gee.local import footprints, pixel_types
from gee.local.algorithms.bands import cast_band
from gee.local.algorithms.operations import BINARY, CASTS, SNAKE, UNARY, Operation, result_type
from gee.local.errors import InvalidRequestError, NotImplementedHereError
from gee.local.grids import PixelGrid
from gee.local.images import Band, Image, map_band
from gee.local.pixel_types import DOUBLE, FLOAT, PixelType
from gee.local.pixels import Pixels, both, finite_only
from gee.local.registry import algorithm

Pair = tuple[Band, Band, str]


def refuse_arrays(image: Image, name: str) -> None:
    """Arithmetic on the arrays of an array image is not known here."""
    for band in image.bands:
        if band.pixel_type.dimensions:
            raise NotImplementedHereError(f"'{name}' on the array band '{band.name}'")


def paired(left: Image, right: Image, name: str) -> list[Pair]:
    """Bands of two images that belong together, with the name of the result.

    Raises
    ------
    InvalidRequestError
        One image has no bands, or both have several but not equally many.
    """
    refuse_arrays(left, name)
    refuse_arrays(right, name)
    first, second = left.bands, right.bands
    if len(first) == 0 or len(second) == 0:
        if len(first) == len(second):
            return []
        raise InvalidRequestError(
            f"{name}: If one image has no bands, the other must also have no bands. Got "
            f"{len(first)} and {len(second)}."
        )
    if len(second) == 1:
        return [(band, second[0], band.name) for band in first]
    if len(first) == 1:
        return [(first[0], band, band.name) for band in second]
    if len(first) != len(second):
        raise InvalidRequestError(
            f"{name}: Images must contain 1 band or the same number of bands. Got {len(first)} "
            f"and {len(second)}."
        )
    if {band.name for band in first} == {band.name for band in second}:
        return [(band, right.band(band.name, name), band.name) for band in first]
    return [(one, other, one.name) for one, other in zip(first, second, strict=True)]


def computed(values: np.ndarray[Any, Any], mask: np.ndarray[Any, Any], to: PixelType) -> Pixels:
    """Results in their type, masked where they are not finite."""
    pixels = finite_only(np.asarray(values), mask)
    return Pixels(pixel_types.cast(pixels.values, to), pixels.mask)


def wide(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Values in 64 bits, so that nothing overflows before the result's type is applied."""
    return values.astype(np.int64 if values.dtype.kind in "iub" else np.float64)


def binary_band(operation: Operation, pair: Pair) -> Band:
    """The lazy result of an operation on two bands."""
    left, right, name = pair
    target = result_type(operation, left.pixel_type, right.pixel_type)

    def compute(grid: PixelGrid) -> Pixels:
        one, other = left.pixels(grid), right.pixels(grid)
        with np.errstate(all="ignore"):
            values = operation.function(wide(one.values), wide(other.values))
        return computed(values, both(one.mask, other.mask), target)

    return Band(
        name,
        target,
        left.projection,
        compute,
        footprints.intersection(left.footprint, right.footprint),
    )


def _check_bits(operation: Operation, name: str, bands: list[Band]) -> None:
    if operation.kind == "bits" and not all(band.pixel_type.is_integer for band in bands):
        raise InvalidRequestError(f"{name}: Bitwise operands must be integer only.")


def _names(name: str) -> list[str]:
    names = [f"Image.{name}"]
    if name in SNAKE:
        names.append(f"Image.{SNAKE[name]}")
    return names


def _declare_binary(name: str) -> None:
    operation = BINARY[name]

    @algorithm(*_names(name), by_position=True)
    def binary(called: str, image1: Image, image2: Image) -> Image:
        pairs = paired(image1, image2, called)
        _check_bits(operation, called, [band for pair in pairs for band in pair[:2]])
        return Image(tuple(binary_band(operation, pair) for pair in pairs))


def unary_band(operation: Operation, band: Band) -> Band:
    """The lazy result of an operation on one band."""
    target = result_type(operation, band.pixel_type, None)

    def apply(pixels: Pixels, _grid: PixelGrid) -> Pixels:
        with np.errstate(all="ignore"):
            return computed(operation.function(wide(pixels.values)), pixels.mask, target)

    return replace(map_band(band, apply, target), size=None)


def _declare_unary(name: str) -> None:
    operation = UNARY[name]

    @algorithm(*_names(name), by_position=True)
    def unary(called: str, value: Image) -> Image:
        refuse_arrays(value, called)
        _check_bits(operation, called, list(value.bands))
        return Image(tuple(unary_band(operation, band) for band in value.bands))


def _declare_cast(target: str, names: tuple[str, ...]) -> None:
    pixel_type = pixel_types.named(target)

    @algorithm(*(f"Image.{name}" for name in names), by_position=True)
    def cast(_called: str, value: Image) -> Image:
        return Image(tuple(cast_band(band, pixel_type) for band in value.bands))


for _name in BINARY:
    _declare_binary(_name)
for _name in UNARY:
    _declare_unary(_name)
for _target, _cast_names in CASTS.items():
    _declare_cast(_target, _cast_names)


def map_values(image: Image, function: Any, target: PixelType | None, keep: bool) -> Image:
    """The image with a function of 64-bit values applied to every band."""
    bands = []
    for band in image.bands:
        own = target or (DOUBLE if band.pixel_type.precision == "double" else FLOAT)

        def apply(pixels: Pixels, _grid: PixelGrid, own: PixelType = own) -> Pixels:
            with np.errstate(all="ignore"):
                return computed(function(wide(pixels.values)), pixels.mask, own)

        bands.append(replace(map_band(band, apply, own), size=None))
    return image.with_bands(bands) if keep else Image(tuple(bands))


@algorithm("Image.clamp")
def clamp(input: Image, low: float, high: float) -> Image:  # noqa: A002
    """Values held to a range; the type stays."""
    bands = []
    for band in input.bands:

        def apply(pixels: Pixels, _grid: PixelGrid, own: PixelType = band.pixel_type) -> Pixels:
            return computed(np.clip(wide(pixels.values), low, high), pixels.mask, own)

        bands.append(map_band(band, apply))
    return Image(tuple(bands))


@algorithm("Image.unitScale")
def unit_scale(input: Image, low: float, high: float) -> Image:  # noqa: A002
    """The range [low, high] scaled to [0, 1], not clamped."""
    return map_values(input, lambda values: (values - low) / (high - low), None, keep=False)


@algorithm("Image.polynomial")
def polynomial(image: Image, coefficients: list[float]) -> Image:
    """A polynomial of each value, the constant term first."""
    return map_values(
        image,
        lambda values: np.polynomial.polynomial.polyval(values, coefficients),
        DOUBLE,
        keep=False,
    )


@algorithm("Image.normalizedDifference")
def normalized_difference(input: Image, bandNames: list[str] | None) -> Image:  # noqa: A002
    """(first - second) / (first + second), masked where either is negative."""
    name = "Image.normalizedDifference"
    if bandNames is None:
        if len(input.bands) < 2:
            raise InvalidRequestError(f"{name}: Need two bands.")
        first, second = input.bands[:2]
    else:
        if len(bandNames) != 2:
            raise InvalidRequestError(f"{name}: Need two band names, got {len(bandNames)}.")
        first, second = (input.band(band, name) for band in bandNames)

    def compute(grid: PixelGrid) -> Pixels:
        one, other = first.pixels(grid), second.pixels(grid)
        left, right = wide(one.values).astype(float), wide(other.values).astype(float)
        total = left + right
        ratio = np.divide(left - right, total, out=np.zeros_like(total), where=total != 0)
        mask = both(one.mask, other.mask)
        kept = (left >= 0) & (right >= 0)
        mask = mask & kept if mask.dtype == bool else np.where(kept, mask, np.float32(0))
        return Pixels(ratio.astype(np.float32), mask)

    footprint = footprints.intersection(first.footprint, second.footprint)
    nd_type = PixelType("float", -1, 1)
    return Image((Band("nd", nd_type, first.projection, compute, footprint),))
