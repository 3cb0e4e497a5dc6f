"""Terrain: slope, aspect and hillshade on the grid that is asked for.

Gradients are central differences of the four neighbours over metres on the ground. Aspect is the
compass direction that a slope faces (downhill), in degrees from north by east; 0 on flat ground.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gee.local.errors import InvalidRequestError
from gee.local.grids import PixelGrid
from gee.local.images import Band, Image
from gee.local.metric import metres_a_pixel
from gee.local.pixel_types import FLOAT, NAMED
from gee.local.pixels import Array, Pixels, read
from gee.local.registry import algorithm


def elevation_band(image: Image, name: str) -> Band:
    """The single band, or the one named elevation."""
    if len(image.bands) == 1:
        return image.bands[0]
    for band in image.bands:
        if band.name == "elevation":
            return band
    raise InvalidRequestError(f"{name}: Need a single band, or one named 'elevation'.")


def gradients(band: Band) -> Any:
    """A function from a grid to the rise east and the rise north in metres a metre."""

    def compute(grid: PixelGrid) -> list[Pixels]:
        pixels = band.pixels(grid.padded(1, 1))
        layer, valid = pixels.values.astype(np.float64), pixels.valid
        east_m, north_m = metres_a_pixel(grid)
        along = (layer[1:-1, 2:] - layer[1:-1, :-2]) / (2 * east_m)
        up = (layer[2:, 1:-1] - layer[:-2, 1:-1]) / (2 * north_m)
        mask = valid[1:-1, 2:] & valid[1:-1, :-2] & valid[2:, 1:-1] & valid[:-2, 1:-1]
        mask &= valid[1:-1, 1:-1]
        return [Pixels(np.where(mask, part, 0.0), mask) for part in (along, up)]

    return compute


def slope_of(along: Array, up: Array) -> Array:
    """Slope in degrees from the rises east and north."""
    return np.degrees(np.arctan(np.hypot(along, up)))


def aspect_of(along: Array, up: Array) -> Array:
    """Direction downhill in degrees from north by east, 0 where flat."""
    direction = np.degrees(np.arctan2(-along, -up)) % 360.0
    return np.where((along == 0) & (up == 0), 0.0, direction)


def hillshade_of(along: Array, up: Array, azimuth: float, elevation: float) -> Array:
    """Lambert's shade, 0 to 255, of a sun at an azimuth and an elevation in degrees."""
    slope, aspect = np.arctan(np.hypot(along, up)), np.radians(aspect_of(along, up))
    height, from_ = np.radians(elevation), np.radians(azimuth)
    shade = np.sin(height) * np.cos(slope)
    shade = shade + np.cos(height) * np.sin(slope) * np.cos(from_ - aspect)
    return np.asarray(np.clip(shade, 0, 1) * 255)


def _band(source: Band, gradient: Any, name: str, function: Any, byte: bool = False) -> Band:
    target = NAMED["uint8"] if byte else FLOAT

    def compute(grid: PixelGrid) -> Pixels:
        along, up = read(gradient, grid)
        values = function(along.values, up.values)
        if byte:
            values = np.rint(values)
        return Pixels(np.where(along.mask, values, 0).astype(target.dtype), along.mask)

    return replace(source, name=name, pixel_type=target, compute=compute, size=None)


def _slope(source: Band, gradient: Any) -> Band:
    return _band(source, gradient, "slope", slope_of)


def _aspect(source: Band, gradient: Any) -> Band:
    return _band(source, gradient, "aspect", aspect_of)


def _shade(source: Band, gradient: Any, azimuth: float, elevation: float) -> Band:
    return _band(
        source,
        gradient,
        "hillshade",
        lambda along, up: hillshade_of(along, up, azimuth, elevation),
        byte=True,
    )


@algorithm("Terrain.slope")
def slope(input: Image) -> Image:  # noqa: A002
    """Slope in degrees."""
    source = elevation_band(input, "Terrain.slope")
    return input.with_bands([_slope(source, gradients(source))])


@algorithm("Terrain.aspect")
def aspect(input: Image) -> Image:  # noqa: A002
    """Aspect in degrees."""
    source = elevation_band(input, "Terrain.aspect")
    return input.with_bands([_aspect(source, gradients(source))])


@algorithm("Terrain.hillshade")
def hillshade(input: Image, azimuth: float, elevation: float) -> Image:  # noqa: A002
    """A shade of 0 to 255."""
    source = elevation_band(input, "Terrain.hillshade")
    return input.with_bands([_shade(source, gradients(source), azimuth, elevation)])


@algorithm("Terrain", "Terrain.products")
def products(input: Image) -> Image:  # noqa: A002
    """The image with slope, aspect and hillshade."""
    source = elevation_band(input, "Terrain")
    gradient = gradients(source)
    added = [_slope(source, gradient), _aspect(source, gradient)]
    added.append(_shade(source, gradient, 270.0, 45.0))
    return input.with_bands([*input.bands, *added])
