"""Surface water and one glacier of the example plateau: what is never learned from."""

from typing import Any

import numpy as np
from scipy import ndimage

from export.plateau.fields import smooth
from export.plateau.scenes.files import SceneFolder
from export.plateau.scenes.lattices import GEOGRAPHIC, View, lattice_over
from export.plateau.world import Plateau

WATER, GLACIERS = "JRC/GSW1_4/GlobalSurfaceWater", "GLIMS/current"
PIXEL_DEG = 0.00025
NEVER = 255
GLACIER_RADIUS_M, ROCK_RADIUS_M = 1200.0, 250.0
OUTLINE_POINTS = 48


def write_water(plateau: Plateau, folder: SceneFolder) -> None:
    """Write occurrence, %: all year inside lakes, part of it along their shores, else masked."""
    grid = plateau.grid
    view = View(grid, lattice_over(grid, GEOGRAPHIC, PIXEL_DEG, 20 * PIXEL_DEG))
    lake = plateau.terrain.lake
    # One pixel out and in from the shore the water comes and goes.
    inward = ndimage.distance_transform_edt(lake) - ndimage.distance_transform_edt(~lake)
    share = np.clip(50.0 + 35.0 * (inward - np.sign(inward) * 0.5), 0.0, 100.0)
    occurrence = np.rint(view.interpolated(share if lake.any() else np.zeros(grid.shape)))
    stored = np.where(occurrence > 0, occurrence, NEVER).astype(np.uint8)
    files = [folder.raster("surface_water.tif", {"occurrence": stored}, view.lattice, NEVER)]
    folder.image(WATER, files, time_start="1984-03-16T00:00:00")


def write_glacier(plateau: Plateau, folder: SceneFolder) -> None:
    """Write the outline of a glacier on the highest massif, and of a rock inside it."""
    grid = plateau.grid
    massif = smooth(plateau.terrain.elevation_m, grid, 800.0)
    row, col = np.unravel_index(int(np.argmax(massif)), grid.shape)
    radius_m = min(GLACIER_RADIUS_M, 0.06 * grid.extent_m)
    ice = _circle(plateau, int(row), int(col), radius_m)
    rock = _circle(plateau, int(row), int(col), radius_m * ROCK_RADIUS_M / GLACIER_RADIUS_M)
    features = [
        _feature("glac_bound", [ice, rock[::-1]]),
        _feature("intrnl_rock", [rock]),
    ]
    folder.table(GLACIERS, "glaciers.geojson", features)


def _circle(plateau: Plateau, row: int, col: int, radius_m: float) -> list[list[float]]:
    grid = plateau.grid
    turn = np.linspace(0.0, 2 * np.pi, OUTLINE_POINTS + 1)
    east_deg = radius_m / grid.mean_width_m * grid.pixel_deg
    north_deg = radius_m / grid.height_m * grid.pixel_deg
    ring = [
        [
            round(float(grid.longitude_deg[col] + east_deg * np.cos(angle)), 7),
            round(float(grid.latitude_deg[row] + north_deg * np.sin(angle)), 7),
        ]
        for angle in turn
    ]
    return [*ring[:-1], ring[0]]


def _feature(line_type: str, rings: list[list[list[float]]]) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": rings},
        "properties": {
            "glac_id": "G093100E35200N",
            "line_type": line_type,
            "anlys_id": 1,
            "src_date": "2015-08-10T00:00:00",
        },
    }
