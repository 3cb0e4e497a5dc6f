"""Masks: reading, setting, filling and cutting out.

A mask is 0 (masked) to 1 (valid). The results keep the properties and, unless told otherwise, the
footprint of the input.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from gee.local import footprints, pixel_types
from gee.local.coercion import element_geometry
from gee.local.errors import InvalidRequestError
from gee.local.footprints import GeometryFootprint
from gee.local.grids import PixelGrid
from gee.local.images import Band, Image, map_band
from gee.local.pixel_types import PixelType
from gee.local.pixels import Array, Pixels, both, everywhere, restrict
from gee.local.registry import algorithm
from gee.local.shapes import shape_in
from gee.local.values import Geometry


def as_mask(pixels: Pixels) -> Array:
    """Values as a mask: held to 0 to 1, and 0 where they are masked themselves."""
    values = pixels.values
    if values.dtype.kind in "iub":
        return restrict(values > 0, pixels.valid)
    clipped = np.clip(values, 0, 1).astype(np.float32)
    return both(clipped, pixels.mask)


def partners(image: Image, other: Image, name: str) -> list[Band]:
    """For each band of the image its band of the other, which has one or equally many."""
    if len(other.bands) == 1:
        return list(other.bands) * len(image.bands)
    if len(other.bands) != len(image.bands):
        raise InvalidRequestError(
            f"{name}: The second image must have 1 band or as many as the first "
            f"({len(image.bands)}), not {len(other.bands)}."
        )
    return list(other.bands)


@algorithm("Image.updateMask")
def update_mask(image: Image, mask: Image) -> Image:
    """Masked where either mask is."""
    bands = []
    for band, partner in zip(image.bands, partners(image, mask, "Image.updateMask"), strict=True):

        def apply(pixels: Pixels, grid: PixelGrid, partner: Band = partner) -> Pixels:
            return Pixels(pixels.values, both(pixels.mask, as_mask(partner.pixels(grid))))

        bands.append(map_band(band, apply))
    return image.with_bands(bands)


@algorithm("Image.selfMask")
def self_mask(image: Image) -> Image:
    """Masked where the value is not positive."""
    return image.with_bands(
        map_band(band, lambda pixels, _grid: Pixels(pixels.values, as_mask(pixels)))
        for band in image.bands
    )


@algorithm("Image.mask")
def mask_of(image: Image, mask: Image | None) -> Image:
    """The mask as an image, or the image under a new mask; newly valid pixels are 0."""
    if mask is None:

        def read_mask(pixels: Pixels, _grid: PixelGrid) -> Pixels:
            values = pixels.mask.astype(np.float32)
            return Pixels(values, np.broadcast_to(np.True_, values.shape))

        own = PixelType("float", 0, 1)
        return image.with_bands(map_band(band, read_mask, own) for band in image.bands)
    bands = []
    for band, partner in zip(image.bands, partners(image, mask, "Image.mask"), strict=True):

        def apply(
            pixels: Pixels, grid: PixelGrid, partner: Band = partner, own: Band = band
        ) -> Pixels:
            values = np.where(pixels.valid, pixels.values, pixels.values.dtype.type(0))
            new = as_mask(partner.pixels(grid))
            if own.footprint is not None:
                new = restrict(new, own.footprint.covers(grid))
            return Pixels(values, new)

        bands.append(map_band(band, apply))
    return image.with_bands(bands)


@algorithm("Image.unmask")
def unmask(input: Image, value: Image | None, sameFootprint: bool) -> Image:  # noqa: A002
    """Masked pixels filled from another image, inside the footprint unless told otherwise."""
    fill = partners(input, value, "Image.unmask") if value is not None else None
    bands = []
    for index, band in enumerate(input.bands):
        partner = None if fill is None else fill[index]
        other = PixelType("int", 0, 0) if partner is None else partner.pixel_type
        target = pixel_types.union(band.pixel_type, other)
        footprint = band.footprint
        if not sameFootprint:
            outside = None if partner is None else partner.footprint
            footprint = footprints.union([band.footprint, outside])

        def apply(
            pixels: Pixels,
            grid: PixelGrid,
            partner: Band | None = partner,
            target: PixelType = target,
            limit: Any = band.footprint if sameFootprint else None,
        ) -> Pixels:
            zero = Pixels(np.zeros(grid.shape, target.dtype), everywhere(grid))
            filling = zero if partner is None else partner.pixels(grid)
            extra = filling.mask if limit is None else restrict(filling.mask, limit.covers(grid))
            values = np.where(
                pixels.valid,
                pixel_types.cast(np.asarray(pixels.values), target),
                pixel_types.cast(np.asarray(filling.values), target),
            )
            if pixels.mask.dtype == bool and extra.dtype == bool:
                return Pixels(values, pixels.mask | extra)
            kept = pixels.mask.astype(np.float32)
            return Pixels(values, np.where(pixels.valid, kept, extra.astype(np.float32)))

        bands.append(replace(map_band(band, apply, target), footprint=footprint))
    return input.with_bands(bands)


@algorithm("Image.where")
def where(input: Image, test: Image, value: Image) -> Image:  # noqa: A002
    """The value where the test is not zero, else the input; masked stays masked."""
    tests = partners(input, test, "Image.where")
    values = partners(input, value, "Image.where")
    bands = []
    for band, condition, replacement in zip(input.bands, tests, values, strict=True):
        target = pixel_types.union(band.pixel_type, replacement.pixel_type)

        def apply(
            pixels: Pixels,
            grid: PixelGrid,
            condition: Band = condition,
            replacement: Band = replacement,
            target: PixelType = target,
        ) -> Pixels:
            chosen, new = condition.pixels(grid), replacement.pixels(grid)
            replaced = chosen.valid & (chosen.values != 0) & new.valid
            old_values = pixel_types.cast(np.asarray(pixels.values), target)
            new_values = pixel_types.cast(np.asarray(new.values), target)
            return Pixels(np.where(replaced, new_values, old_values), pixels.mask)

        bands.append(map_band(band, apply, target))
    return input.with_bands(bands)


@algorithm("Image.blend")
def blend(bottom: Image, top: Image) -> Image:
    """One image over the other, the top's mask as its opacity."""
    count = max(len(bottom.bands), len(top.bands))
    lower = list(bottom.bands) * (count if len(bottom.bands) == 1 else 1)
    upper = list(top.bands) * (count if len(top.bands) == 1 else 1)
    if len(lower) != len(upper):
        raise InvalidRequestError(
            f"Image.blend: Images must have 1 band or equally many, not {len(lower)} and "
            f"{len(upper)}."
        )
    named = bottom if len(bottom.bands) == count else top
    bands = []
    for under, over, name in zip(lower, upper, named.band_names, strict=True):
        target = pixel_types.union(under.pixel_type, over.pixel_type)

        def apply(
            pixels: Pixels, grid: PixelGrid, over: Band = over, target: PixelType = target
        ) -> Pixels:
            above = over.pixels(grid)
            opacity = above.mask.astype(np.float64)
            below = np.where(pixels.valid, pixels.values, above.values).astype(np.float64)
            mixed = opacity * above.values + (1 - opacity) * below
            if target.is_integer:
                mixed = np.rint(mixed)
            covered = (
                pixels.mask | above.mask
                if pixels.mask.dtype == bool and above.mask.dtype == bool
                else np.maximum(pixels.mask.astype(np.float32), above.mask.astype(np.float32))
            )
            return Pixels(pixel_types.cast(mixed, target), covered)

        blended = map_band(under, apply, target)
        footprint = footprints.union([under.footprint, over.footprint])
        bands.append(replace(blended, name=name, footprint=footprint, size=None))
    return bottom.with_bands(bands)


def clipped(image: Image, geometry: Geometry) -> Image:
    """Masked outside a geometry, whose footprint the result shares."""
    if geometry.unbounded:
        return image
    shape = shape_in(geometry, geometry.crs)
    region = GeometryFootprint(shape, geometry.crs)
    bands = []
    for band in image.bands:

        def apply(pixels: Pixels, grid: PixelGrid) -> Pixels:
            return Pixels(pixels.values, restrict(pixels.mask, region.covers(grid)))

        footprint = footprints.intersection(band.footprint, region)
        bands.append(replace(map_band(band, apply), footprint=footprint))
    return image.with_bands(bands)


@algorithm("Image.clip")
def clip(input: Image, geometry: Any) -> Image:  # noqa: A002
    """Masked outside a geometry or a feature."""
    shape = geometry if isinstance(geometry, Geometry) else element_geometry(geometry)
    return clipped(input, shape)


@algorithm("Image.clipToCollection")
def clip_to_collection(input: Image, collection: Any) -> Image:  # noqa: A002
    """Masked outside all features of a collection."""
    return clipped(input, element_geometry(collection))


@algorithm("Image.remap")
def remap(
    image: Image,
    from_: list[Any],
    to: list[Any],
    defaultValue: Any,
    bandName: str | None,
) -> Image:
    """Values of one band replaced by a table; others are masked or set to the default."""
    if len(from_) != len(to):
        raise InvalidRequestError(
            f"Image.remap: 'from' and 'to' must have the same length ({len(from_)} and {len(to)})."
        )
    name = "Image.remap"
    band = image.first_band(name) if bandName is None else image.band(bandName, name)
    numbers = [*to] if defaultValue is None else [*to, defaultValue]
    whole = all(isinstance(number, int) for number in numbers)
    target = (
        pixel_types.integer_range(min(numbers), max(numbers))
        if whole and numbers
        else pixel_types.DOUBLE
    )

    def apply(pixels: Pixels, _grid: PixelGrid) -> Pixels:
        values = np.full(pixels.values.shape, 0 if defaultValue is None else defaultValue, float)
        known = np.zeros(pixels.values.shape, dtype=bool)
        for old, new in zip(from_, to, strict=True):
            same = pixels.values == old
            values[same] = new
            known |= same
        kept = pixels.mask if defaultValue is not None else restrict(pixels.mask, known)
        return Pixels(pixel_types.cast(values, target), kept)

    mapped = replace(map_band(band, apply, target), name="remapped", size=None)
    return image.with_bands([mapped])


@algorithm("Image.interpolate")
def interpolate(image: Image, x: list[float], y: list[float], behavior: str) -> Image:
    """The first band through a piecewise linear function."""
    if len(x) != len(y) or len(x) < 2 or any(b <= a for a, b in pairwise(x)):
        raise InvalidRequestError(
            "Image.interpolate: x must increase strictly and have as many values as y, at least 2."
        )
    if behavior not in ("extrapolate", "clamp", "mask", "input"):
        raise InvalidRequestError(f"Image.interpolate: Unknown behavior '{behavior}'.")
    band = image.first_band("Image.interpolate")

    def apply(pixels: Pixels, _grid: PixelGrid) -> Pixels:
        values = pixels.values.astype(np.float64)
        result = np.interp(values, x, y)
        low, high = values < x[0], values > x[-1]
        if behavior == "extrapolate":
            first = y[0] + (values - x[0]) * (y[1] - y[0]) / (x[1] - x[0])
            last = y[-1] + (values - x[-1]) * (y[-1] - y[-2]) / (x[-1] - x[-2])
            result = np.where(low, first, np.where(high, last, result))
        elif behavior == "input":
            result = np.where(low | high, values, result)
        mask = restrict(pixels.mask, ~(low | high)) if behavior == "mask" else pixels.mask
        return Pixels(result, mask)

    return image.with_bands([replace(map_band(band, apply, pixel_types.DOUBLE), size=None)])
