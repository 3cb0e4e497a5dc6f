"""A grid of 12 x 14 pixels of the plateau, and surfaces on SRTM's lattice around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Geod

from gee.scope import Scope

Array = np.ndarray[Any, Any]

PIXEL_DEG = 90 / 111319.49079327358
SECOND = 1 / 3600
MARGIN = 190
"""Seconds around the grid: 2,700 m, and what interpolation looks at beyond."""


class Ground(NamedTuple):
    """The elevation model's lattice, and where its pixels lie from the middle, in metres."""

    geobox: GeoBox
    east_m: Array
    north_m: Array
    width_m: Array
    height_m: Array
    latitude: Array


def degree_m(latitude: float) -> tuple[float, float]:
    """Metres per degree of longitude and latitude by the geodesic, not by the product's formula."""
    ellipsoid = Geod(ellps="WGS84")
    along = ellipsoid.inv(93, latitude - 0.005, 93, latitude + 0.005)[2] * 100
    return ellipsoid.inv(93, latitude, 93.01, latitude)[2] * 100, along


@pytest.fixture(scope="session")
def geobox() -> GeoBox:
    """Pixels of the published map's grid."""
    transform = Affine(PIXEL_DEG, 0, 115_150 * PIXEL_DEG, 0, -PIXEL_DEG, 43_540 * PIXEL_DEG)
    return GeoBox((12, 14), transform, "EPSG:4326")


@pytest.fixture(scope="session")
def scope(geobox: GeoBox) -> Scope:
    """All of it."""
    return Scope(geobox, (2019, 2020))


@pytest.fixture(scope="session")
def ground(geobox: GeoBox) -> Ground:
    """That around the grid."""
    return ground_around(geobox)


@pytest.fixture(scope="session")
def further_north() -> tuple[GeoBox, Ground]:
    """Two pixels at 37.5 degrees north, halfway between multiples of 5, and the ground around."""
    transform = Affine(
        PIXEL_DEG, 0, 115_150 * PIXEL_DEG, 0, -PIXEL_DEG, round(37.5 / PIXEL_DEG) * PIXEL_DEG
    )
    place = GeoBox((1, 2), transform, "EPSG:4326")
    return place, ground_around(place)


def ground_around(geobox: GeoBox) -> Ground:
    """One arc-second, edges half a second off whole ones, as SRTM's."""
    box = geobox.geographic_extent.boundingbox
    col, row = int(box.left * 3600) - MARGIN, int(box.top * 3600) + MARGIN
    cols, rows = int(box.right * 3600) + MARGIN - col, row - int(box.bottom * 3600) + MARGIN
    transform = Affine(SECOND, 0, (col - 0.5) * SECOND, 0, -SECOND, (row + 0.5) * SECOND)
    lattice = GeoBox((rows, cols), transform, "EPSG:4326")
    longitude = transform.c + (np.arange(cols) + 0.5) * SECOND
    latitude = transform.f - (np.arange(rows) + 0.5) * SECOND
    metres = np.array([degree_m(float(one)) for one in latitude])
    east_m = (longitude - longitude.mean())[None, :] * metres[:, :1]
    north_m = (latitude - latitude.mean())[:, None] * metres[rows // 2, 1]
    return Ground(
        lattice,
        east_m,
        np.broadcast_to(north_m, east_m.shape),
        metres[:, :1] * SECOND,
        metres[:, 1:] * SECOND,
        latitude,
    )


def overlaps(start: float, side: float, count: int, fine: float, fine_side: float, n: int) -> Array:
    """(count, n): the share of each coarse pixel that each fine one covers, along one axis."""
    left = start + side * np.arange(count)[:, None]
    fine_left = fine + fine_side * np.arange(n)[None, :]
    low = np.maximum(np.minimum(left, left + side), np.minimum(fine_left, fine_left + fine_side))
    high = np.minimum(np.maximum(left, left + side), np.maximum(fine_left, fine_left + fine_side))
    return np.asarray(np.maximum(high - low, 0) / abs(side))


@pytest.fixture(scope="session")
def mean_on() -> Callable[[Array, GeoBox, GeoBox], Array]:
    """`mean_on(array, own geobox, geobox)`: mean weighted by area in degrees, both upright."""

    def average(array: Array, own: GeoBox, geobox: GeoBox) -> Array:
        fine, coarse = own.transform, geobox.transform
        rows = overlaps(coarse.f, coarse.e, geobox.shape.y, fine.f, fine.e, own.shape.y)
        cols = overlaps(coarse.c, coarse.a, geobox.shape.x, fine.c, fine.a, own.shape.x)
        return np.asarray(rows @ array @ cols.T)

    return average
