"""Derivatives of surfaces whose slope, aspect and curvature are known in closed form."""

import numpy as np
import pytest
from pyproj import Geod

from export.plateau.grid import PixelGrid, metres_per_degree
from export.plateau.terrain import (
    curvature,
    radiation_index,
    slope_and_aspect,
    topographic_position,
)
from export.plateau.world import Plateau
from gee.grid import PLATEAU_PIXEL_DEG, geobox_of_region

HEIGHT_M, WIDTH_M = 90.0, np.full((41, 1), 73.0)
NORTH_M = (np.arange(41)[::-1, None] - 20.0) * HEIGHT_M
EAST_M = (np.arange(51)[None, :] - 25.0) * 73.0


@pytest.mark.parametrize(
    ("downhill", "aspect"),
    [((1, 0), 0), ((1, 1), 45), ((0, 1), 90), ((-1, 0), 180), ((0, -1), 270)],
)
def test_slope_and_aspect_of_a_plane(downhill: tuple[int, int], aspect: float) -> None:
    """Catches exchanged axes, a flipped north, pixel sides taken as equal, and bad edges."""
    north, east = np.array(downhill) / np.hypot(*downhill)
    plane = 4800.0 - 0.2 * (north * NORTH_M + east * EAST_M)
    slope, found = slope_and_aspect(plane, HEIGHT_M, WIDTH_M)
    np.testing.assert_allclose(slope, np.rad2deg(np.arctan(0.2)), rtol=1e-9)
    np.testing.assert_allclose((found - aspect + 180) % 360 - 180, 0.0, atol=1e-6)


def test_slope_and_aspect_of_a_cone() -> None:
    """Catches what only shows off the axes: aspect must point away from the summit everywhere."""
    distance = np.hypot(NORTH_M, EAST_M)
    slope, aspect = slope_and_aspect(5000.0 - 0.3 * distance, HEIGHT_M, WIDTH_M)
    outward = np.rad2deg(np.arctan2(EAST_M, NORTH_M))
    inner = np.zeros(distance.shape, dtype=bool)
    inner[1:-1, 1:-1] = distance[1:-1, 1:-1] > 700.0
    off = (aspect - outward + 180) % 360 - 180
    assert np.abs(off[inner]).max() < 0.6
    assert np.abs(slope[inner] - np.rad2deg(np.arctan(0.3))).max() < 0.3


def test_curvature_of_a_bowl_and_a_dome() -> None:
    """Catches a wrong sign, or second differences over the wrong side."""
    bowl = (NORTH_M**2 + EAST_M**2) / 2 / 5000.0
    inner = np.s_[1:-1, 1:-1]
    np.testing.assert_allclose(curvature(bowl, HEIGHT_M, WIDTH_M)[inner], -2 / 5000.0, rtol=1e-6)
    np.testing.assert_allclose(curvature(-bowl, HEIGHT_M, WIDTH_M)[inner], 2 / 5000.0, rtol=1e-6)


def test_topographic_position_of_a_plane_and_a_peak() -> None:
    """Catches a window that is off centre, or ground lying high called low."""
    grid = PixelGrid.around_wudaoliang(41, 51)
    plane = 0.1 * NORTH_M + 0.05 * EAST_M
    inside = topographic_position(plane, grid, 300.0)[8:-8, 8:-8]
    np.testing.assert_allclose(inside, 0.0, atol=1e-9)
    peak = np.zeros(grid.shape)
    peak[20, 25] = 10.0
    assert topographic_position(peak, grid, 300.0)[20, 25] > 5.0


def test_radiation_against_integration_over_the_year() -> None:
    """Catches a sign or a weight wrong in the closed form, against a sum over hours and days."""
    slope, aspect, latitude = 20.0, np.array([0.0, 90.0, 180.0]), 35.2
    hour = np.deg2rad(np.arange(-180.0, 180.0, 0.5))
    b, phi = np.deg2rad(slope), np.deg2rad(latitude)
    total, level = np.zeros(3), 0.0
    for day in 15.5 + 30.44 * np.arange(12):
        dec = np.deg2rad(23.45) * np.sin(2 * np.pi * (284 + day) / 365.25)
        up = np.sin(phi) * np.sin(dec) + np.cos(phi) * np.cos(dec) * np.cos(hour)
        north = np.cos(phi) * np.sin(dec) - np.sin(phi) * np.cos(dec) * np.cos(hour)
        east = -np.cos(dec) * np.sin(hour)
        sun = up > 0
        level += up[sun].sum()
        for i, a in enumerate(np.deg2rad(aspect)):
            incidence = np.cos(b) * up + np.sin(b) * (np.cos(a) * north + np.sin(a) * east)
            total[i] += incidence[sun].sum()
    found = radiation_index(np.full((1, 3), slope), aspect[None, :], np.array([latitude]))
    np.testing.assert_allclose(found[0], total / level, rtol=2e-3)
    assert found[0, 0] < 1 < found[0, 2]


def test_pixel_sides_against_the_geodesic() -> None:
    """Catches a sphere taken for the ellipsoid, or degrees taken for radians."""
    by_latitude, by_longitude = metres_per_degree(np.array([35.2]))
    ellipsoid = Geod(ellps="WGS84")
    assert np.isclose(by_latitude[0], ellipsoid.inv(93, 35.195, 93, 35.205)[2] * 100, rtol=1e-6)
    assert np.isclose(by_longitude[0], ellipsoid.inv(93, 35.2, 93.01, 35.2)[2] * 100, rtol=1e-6)


def test_the_grid_is_that_of_the_study() -> None:
    """Catches a plateau half a pixel off the grid that the study makes of its region."""
    grid = PixelGrid.around_wudaoliang(200, 151)
    geobox = geobox_of_region(*grid.bounds_deg, "EPSG:4326", PLATEAU_PIXEL_DEG)
    assert tuple(geobox.shape.yx) == grid.shape
    assert tuple(geobox.transform)[:6] == (
        PLATEAU_PIXEL_DEG, 0.0, grid.bounds_deg[0], 0.0, -PLATEAU_PIXEL_DEG, grid.bounds_deg[3],
    )  # fmt: skip


def test_relief_is_that_of_the_plateau(plateau: Plateau) -> None:
    """Catches a terrain without lakes, out of the plateau's heights, or with sloping water."""
    terrain = plateau.terrain
    assert 4400 <= terrain.elevation_m.min() < terrain.elevation_m.max() <= 5500
    assert 0.005 < terrain.lake.mean() < 0.2
    still = terrain.lake[1:-1, 1:-1]
    for step_row in range(3):
        for step_col in range(3):
            still = (
                still
                & terrain.lake[
                    step_row : step_row + still.shape[0], step_col : step_col + still.shape[1]
                ]
            )
    assert still.sum() > 50
    assert terrain.slope_deg[1:-1, 1:-1][still].max() < 1e-6
    assert 1.0 < np.percentile(terrain.slope_deg[~terrain.lake], 50) < 6.0
