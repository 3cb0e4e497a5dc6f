"""Images without a file: constants, coordinates, areas, random numbers; and images of assets."""

from __future__ import annotations

from typing import Any

import numpy as np

from gee.local.catalogue import current_catalogue
from gee.local.coercion import to_image
from gee.local.errors import InvalidRequestError, NotImplementedHereError
from gee.local.grids import WGS84, PixelGrid, Projection
from gee.local.images import Band, Image, constant_band
from gee.local.metric import pixel_areas
from gee.local.pixel_types import DOUBLE
from gee.local.pixels import Pixels, everywhere
from gee.local.registry import algorithm


@algorithm("Image.constant")
def constant(value: Any) -> Image:
    """A constant everywhere; a list gives bands constant, constant_1, ..."""
    if isinstance(value, dict):
        raise NotImplementedHereError("a constant image of a dictionary")
    image = to_image(value)
    if image is None:
        raise NotImplementedHereError("a constant image of anything but numbers")
    return image


@algorithm("Image.load")
def load(id: str, version: int | None) -> Image:  # noqa: A002
    """The image of an asset."""
    if version not in (None, -1):
        raise NotImplementedHereError("versions of an asset")
    return current_catalogue().image(id)


@algorithm("Image.metadata")
def metadata(image: Image, property: str, name: str | None) -> Image:  # noqa: A002
    """A constant from a property that is a number."""
    value = image.properties.get(property)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequestError(f"Image.metadata: The property '{property}' is not a number.")
    band = constant_band(name or property, float(value), DOUBLE)
    return image.with_bands([band])


@algorithm("Image.pixelLonLat")
def pixel_lon_lat() -> Image:
    """Longitude and latitude of each pixel's centre in degrees."""

    def coordinate(place: int) -> Any:
        def compute(grid: PixelGrid) -> Pixels:
            values = np.broadcast_to(grid.centres("EPSG:4326")[place], grid.shape)
            return Pixels(values, everywhere(grid))

        return compute

    longitude = Band("longitude", DOUBLE, WGS84, coordinate(0))
    return Image((longitude, Band("latitude", DOUBLE, WGS84, coordinate(1))))


@algorithm("Image.pixelCoordinates")
def pixel_coordinates(projection: Projection) -> Image:
    """Position of each pixel's centre in a projection's own coordinates."""

    def coordinate(place: int) -> Any:
        def compute(grid: PixelGrid) -> Pixels:
            values = grid.pixel_positions(projection)[place]
            return Pixels(np.broadcast_to(values, grid.shape), everywhere(grid))

        return compute

    first = Band("x", DOUBLE, projection, coordinate(0))
    return Image((first, Band("y", DOUBLE, projection, coordinate(1))))


@algorithm("Image.pixelArea")
def pixel_area() -> Image:
    """Area of each pixel in square metres."""
    compute = _area_pixels
    return Image((Band("area", DOUBLE, WGS84, compute),))


def _area_pixels(grid: PixelGrid) -> Pixels:
    return Pixels(pixel_areas(grid), everywhere(grid))


@algorithm("Image.random")
def random(seed: int, distribution: str) -> Image:
    """Random numbers that depend on the seed and on each pixel's place alone.

    They are repeatable over any tiling, and others than the service's.
    """
    if distribution not in ("uniform", "normal"):
        raise InvalidRequestError(f"Image.random: Unknown distribution '{distribution}'.")

    def compute(grid: PixelGrid) -> Pixels:
        cols = np.arange(grid.width, dtype=np.int64) + grid.col
        rows = np.arange(grid.height, dtype=np.int64) + grid.row
        state = _mixed(np.uint64(seed & (2**64 - 1)), cols[None, :], rows[:, None])
        uniform = (state >> np.uint64(11)).astype(np.float64) / 2.0**53
        if distribution == "normal":
            from scipy.special import ndtri

            uniform = ndtri(np.clip(uniform, 1e-16, 1 - 1e-16))
        return Pixels(uniform, everywhere(grid))

    return Image((Band("random", DOUBLE, WGS84, compute),))


def _mixed(seed: Any, cols: Any, rows: Any) -> Any:
    """64 mixed bits a pixel (the finaliser of splitmix64, Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        state = seed + cols.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        state = state ^ (rows.astype(np.uint64) * np.uint64(0xD1B54A32D192ED03))
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
        return state ^ (state >> np.uint64(31))
