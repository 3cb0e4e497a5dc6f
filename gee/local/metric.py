"""Sizes on the ground: metres a pixel and areas, of any grid.

In: a pixel grid. Out: metres between neighbouring pixel centres, and square metres a pixel. In a
geographic CRS a degree of latitude counts as long as one of longitude on the equator; a degree of
longitude shrinks with the cosine of the latitude.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gee.local.errors import NotImplementedHereError
from gee.local.grids import PixelGrid, parse_crs

Array = np.ndarray[Any, Any]

EQUATOR_M = 6378137.0
POLE_M = 6356752.314245179


def metres_a_pixel(grid: PixelGrid) -> tuple[Array, Array]:
    """Signed metres eastwards a column and northwards a row, each broadcastable to (rows, cols).

    Raises
    ------
    NotImplementedHereError
        The grid is rotated.
    """
    column_scale, column_shear, _, row_shear, row_scale, _ = grid.projection.transform
    if column_shear or row_shear:
        raise NotImplementedHereError("terrain on a rotated grid")
    unit = grid.projection.metres_a_unit
    east = np.full((1, 1), column_scale * unit)
    north = np.full((1, 1), row_scale * unit)
    if parse_crs(grid.crs).is_geographic:
        rows = np.arange(grid.height)[:, None] + (grid.row + 0.5)
        latitude = row_scale * rows + grid.projection.transform[5]
        east = east * np.cos(np.radians(latitude))
    return east, north


def pixel_areas(grid: PixelGrid) -> Array:
    """(rows, cols) square metres: on the ellipsoid in a geographic CRS, else in the plane."""
    if not parse_crs(grid.crs).is_geographic:
        size = grid.projection.nominal_scale**2
        return np.broadcast_to(np.float64(size), grid.shape)
    column_scale, column_shear, _, row_shear, row_scale, north = grid.projection.transform
    if column_shear or row_shear:
        raise NotImplementedHereError("pixel areas on a rotated grid")
    edges = row_scale * (np.arange(grid.height + 1) + grid.row) + north
    zones = np.abs(np.diff(_area_below(np.radians(np.clip(edges, -90, 90)))))
    return np.broadcast_to((zones * np.radians(abs(column_scale)))[:, None], grid.shape)


def _area_below(latitude: Array) -> Array:
    """Square metres a radian of longitude from the equator to a latitude, on WGS 84."""
    eccentricity = np.sqrt(1 - (POLE_M / EQUATOR_M) ** 2)
    sine = np.sin(latitude)
    scaled = eccentricity * sine
    total = sine / (1 - scaled**2) + np.arctanh(scaled) / eccentricity
    return np.asarray(0.5 * POLE_M**2 * total)
