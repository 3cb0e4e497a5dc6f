"""Array images, as far as regressions need them: arrays as pixels, and back to bands.

The values of an array band are (rows, cols, ...) with the array's axes last.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from gee.local import pixel_types
from gee.local.errors import InvalidRequestError
from gee.local.grids import PixelGrid
from gee.local.images import Band, Image, joint_bands
from gee.local.pixel_types import PixelType
from gee.local.pixels import Array, Pixels, both, restrict
from gee.local.registry import algorithm


def require_array(band: Band, name: str) -> int:
    """The number of the array's axes; a band of numbers is refused."""
    if not band.pixel_type.dimensions:
        raise InvalidRequestError(f"{name}: The band '{band.name}' is not an array band.")
    return band.pixel_type.dimensions


@algorithm("Image.toArray")
def to_array(image: Image, axis: int) -> Image:
    """The bands of each pixel as an array along one axis; masked where any band is."""
    if axis not in (0, 1):
        raise InvalidRequestError("Image.toArray: The axis must be 0 or 1 for bands of numbers.")
    if any(band.pixel_type.dimensions for band in image.bands):
        raise InvalidRequestError("Image.toArray: A band is an array already.")
    target = replace(_number_type(image), dimensions=axis + 1)

    def compute(grid: PixelGrid) -> Pixels:
        parts = [band.pixels(grid) for band in image.bands]
        mask: Array = np.ones(grid.shape, dtype=bool)
        for part in parts:
            mask = both(mask, part.mask)
        values = np.stack([part.values for part in parts], axis=-1).astype(target.dtype)
        return Pixels(values[..., None, :] if axis else values, mask)

    first = image.first_band("Image.toArray")
    band = Band("array", target, first.projection, compute, first.footprint)
    return image.with_bands([band])


def _number_type(image: Image) -> PixelType:
    joined = image.bands[0].pixel_type
    for band in image.bands[1:]:
        joined = pixel_types.union(joined, band.pixel_type)
    return joined


@algorithm("Image.arrayProject")
def array_project(input: Image, axes: list[int]) -> Image:  # noqa: A002
    """Arrays with some axes kept; the others must have length 1."""
    bands = []
    for band in input.bands:
        dimensions = require_array(band, "Image.arrayProject")
        dropped = [axis for axis in range(dimensions) if axis not in axes]

        def compute(
            grid: PixelGrid, band: Band = band, dropped: list[int] = dropped, n: int = dimensions
        ) -> Pixels:
            pixels = band.pixels(grid)
            for axis in dropped:
                if pixels.values.shape[2 + axis] != 1:
                    raise InvalidRequestError(
                        f"Image.arrayProject: Axis {axis} has length "
                        f"{pixels.values.shape[2 + axis]}; only axes of length 1 can be dropped."
                    )
            kept = [axis for axis in range(n) if axis not in dropped]
            squeezed = np.squeeze(pixels.values, axis=tuple(2 + axis for axis in dropped))
            order = [kept.index(axis) + 2 for axis in axes]
            return Pixels(np.transpose(squeezed, (0, 1, *order)), pixels.mask)

        target = replace(band.pixel_type, dimensions=len(axes))
        bands.append(replace(band, compute=compute, pixel_type=target))
    return input.with_bands(bands)


@algorithm("Image.arrayFlatten")
def array_flatten(image: Image, coordinateLabels: list[list[str]], separator: str) -> Image:
    """One band for each element of the array, named after its labels on each axis."""
    band = image.first_band("Image.arrayFlatten")
    dimensions = require_array(band, "Image.arrayFlatten")
    if len(image.bands) != 1 or len(coordinateLabels) != dimensions:
        raise InvalidRequestError(
            f"Image.arrayFlatten: Need a single band and labels for each of its {dimensions} axes."
        )
    sizes = tuple(len(labels) for labels in coordinateLabels)
    names = [separator.join(labels) for labels in itertools.product(*coordinateLabels)]
    target = replace(band.pixel_type, dimensions=0)

    def compute_all(grid: PixelGrid) -> list[Pixels]:
        pixels = band.pixels(grid)
        if pixels.values.shape[2:] != sizes:
            raise InvalidRequestError(
                f"Image.arrayFlatten: The labels are for an array of {sizes}, but the array has "
                f"{pixels.values.shape[2:]}."
            )
        flat = pixels.values.reshape(*grid.shape, -1)
        return [Pixels(flat[..., place], pixels.mask) for place in range(len(names))]

    templates = [replace(band, name=name, pixel_type=target) for name in names]
    return image.with_bands(joint_bands(compute_all, templates))


@algorithm("Image.arrayGet")
def array_get(image: Image, position: Image) -> Image:
    """The element at a position: a band of positions for each axis."""
    bands = []
    for band in image.bands:
        dimensions = require_array(band, "Image.arrayGet")
        if len(position.bands) != dimensions:
            raise InvalidRequestError(
                f"Image.arrayGet: Need a position on each of {dimensions} axes, got "
                f"{len(position.bands)}."
            )

        def compute(grid: PixelGrid, band: Band = band) -> Pixels:
            pixels = band.pixels(grid)
            row, col = np.indices(grid.shape)
            places, mask = [], pixels.mask
            for axis, part in enumerate(position.bands):
                wanted = part.pixels(grid)
                place = wanted.values.astype(np.int64)
                inside = (place >= 0) & (place < pixels.values.shape[2 + axis])
                mask = restrict(both(mask, wanted.mask), inside)
                places.append(np.where(inside, place, 0))
            return Pixels(pixels.values[(row, col, *places)], mask)

        target = replace(band.pixel_type, dimensions=0)
        bands.append(replace(band, compute=compute, pixel_type=target))
    return image.with_bands(bands)


@algorithm("Image.arrayLength")
def array_length(input: Image, axis: int) -> Image:  # noqa: A002
    """How long the arrays are along an axis."""
    bands = []
    for band in input.bands:
        dimensions = require_array(band, "Image.arrayLength")
        if not 0 <= axis < dimensions:
            raise InvalidRequestError(
                f"Image.arrayLength: The arrays of '{band.name}' have {dimensions} axes, no axis "
                f"{axis}."
            )

        def compute(grid: PixelGrid, band: Band = band) -> Pixels:
            pixels = band.pixels(grid)
            length = np.int32(pixels.values.shape[2 + axis])
            return Pixels(np.broadcast_to(length, grid.shape), pixels.mask)

        bands.append(replace(band, compute=compute, pixel_type=pixel_types.NAMED["int32"]))
    return input.with_bands(bands)
