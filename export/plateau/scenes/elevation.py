"""SRTM and MERIT Hydro of the example plateau: heights of 1 arc-second, upslope area of 3.

SRTM is stored as whole metres: on level ground its steps are what a slope of 30 m pixels sees.
"""

import math

import numpy as np
from scipy.interpolate import make_interp_spline

from export.plateau.grid import PixelGrid
from export.plateau.scenes.files import SceneFolder
from export.plateau.scenes.lattices import GEOGRAPHIC, Lattice
from export.plateau.terrain import LEAST_GRADIENT
from export.plateau.world import Plateau

SRTM, MERIT = "USGS/SRTMGL1_003", "MERIT/Hydro/v1_0_1"
ARC_SECOND_DEG = 1 / 3600
MARGIN_PX = 64


def write_elevation(plateau: Plateau, folder: SceneFolder) -> None:
    """Write both assets, larger than the region by some 5 km on each side."""
    grid = plateau.grid
    wide = grid.padded(MARGIN_PX)
    # Turned over at the edge, so that slopes go on: neither cliff nor trough lies there.
    height = np.pad(plateau.terrain.elevation_m, MARGIN_PX, mode="reflect", reflect_type="odd")
    srtm = _lattice(wide, ARC_SECOND_DEG)
    metres = np.rint(_spline(height, wide, srtm)).astype(np.int16)
    files = [folder.raster("srtm.tif", {"elevation": metres}, srtm, nodata=-32768)]
    folder.image(SRTM, files, time_start="2000-02-11T00:00:00")

    merit = _lattice(wide, 3 * ARC_SECOND_DEG)
    area = np.pad(_upslope_m2(plateau), MARGIN_PX, mode="reflect")
    upslope = (_nearest(area, wide, merit) / 1e6).astype(np.float32)
    files = [folder.raster("merit_hydro.tif", {"upa": upslope}, merit, nodata=-9999.0)]
    folder.image(MERIT, files, time_start="1987-01-01T00:00:00")


def _upslope_m2(plateau: Plateau) -> np.ndarray:
    """Return the area that drains through each pixel, out of the world's wetness index."""
    terrain, grid = plateau.terrain, plateau.grid
    cell_area = grid.height_m * grid.width_m
    gradient = np.maximum(np.tan(np.deg2rad(terrain.slope_deg)), LEAST_GRADIENT)
    return np.asarray(np.exp(terrain.twi) * np.sqrt(cell_area) * gradient)


def _lattice(wide: PixelGrid, pixel_deg: float) -> Lattice:
    """Return the pixels of `pixel_deg` that lie within `wide`, their centres on whole multiples."""
    west, south, east, north = wide.bounds_deg
    col, row = math.ceil(west / pixel_deg) + 1, math.floor(north / pixel_deg) - 1
    rows = row - math.ceil(south / pixel_deg) - 1
    cols = math.floor(east / pixel_deg) - col - 1
    half = 0.5 * pixel_deg
    return Lattice(
        GEOGRAPHIC, col * pixel_deg - half, row * pixel_deg + half, pixel_deg, rows, cols
    )


def _spline(values: np.ndarray, grid: PixelGrid, lattice: Lattice) -> np.ndarray:
    """Return the bicubic spline through the pixels of `grid` at the pixels of `lattice`."""
    east, north = (axis.ravel() for axis in lattice.centres())
    by_col = make_interp_spline(grid.longitude_deg, values, k=3, axis=1)(east)
    # Heights fall with the row, latitudes must rise for the spline.
    return np.asarray(make_interp_spline(grid.latitude_deg[::-1], by_col[::-1], k=3)(north))


def _nearest(values: np.ndarray, grid: PixelGrid, lattice: Lattice) -> np.ndarray:
    east, north = (axis.ravel() for axis in lattice.centres())
    row = np.floor(grid.north_edge - north / grid.pixel_deg).astype(int)
    col = np.floor(east / grid.pixel_deg - grid.west_edge).astype(int)
    return np.asarray(values[np.ix_(row, col)])
