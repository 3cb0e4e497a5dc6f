"""The relief of the example plateau and what is derived from it.

Out: elevation and lake mask by hills, stream incision and closed basins; slope, aspect,
curvature, topographic position, wetness and radiation indices. Metres on the ground throughout.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from export.plateau.drainage import (
    accumulate_multiple_flow,
    accumulate_single_flow,
    fill_depressions,
    levels_of,
    steepest_receivers,
)
from export.plateau.fields import random_field, smooth
from export.plateau.grid import PixelGrid
from local_ml.randomness import stream

LOWEST_M, HIGHEST_M = 4400.0, 5400.0
TPI_RADII_M = (300, 900, 2700)
# Below this gradient the wetness index would run to infinity.
LEAST_GRADIENT = 0.001
STEPS_OF_INCISION = 25


@dataclass(frozen=True)
class Terrain:
    """Layers of (rows, cols); units in the names or none."""

    elevation_m: np.ndarray
    lake: np.ndarray
    slope_deg: np.ndarray
    aspect_deg: np.ndarray
    curvature_per_m: np.ndarray
    tpi_m: dict[int, np.ndarray]
    twi: np.ndarray
    radiation_index: np.ndarray


def incise(elevation: np.ndarray, grid: PixelGrid, erodibility: float) -> np.ndarray:
    """Lower `elevation` (m) by one implicit step of stream incision towards its outlets.

    dz/dt = -K A^0.5 S, solved from the outlets upward (Braun and Willett 2013) along the
    steepest-descent tree of the surface with its depressions filled; nothing is deposited.
    `erodibility` is K times the length of the step, dimensionless for the exponent 0.5.
    """
    _, drained = fill_depressions(elevation)
    receiver, distance = steepest_receivers(drained, grid.height_m, grid.width_m)
    levels = levels_of(receiver)
    cell_area = np.broadcast_to(grid.height_m * grid.width_m, grid.shape)
    area = accumulate_single_flow(receiver, levels, cell_area)
    rate = erodibility * np.sqrt(area) / distance
    height = elevation.ravel().copy()
    for cells in levels[1:]:
        below = np.minimum(height[receiver[cells]], height[cells])
        height[cells] = (height[cells] + rate[cells] * below) / (1 + rate[cells])
    return height.reshape(grid.shape)


def make_relief(seed: int, grid: PixelGrid) -> tuple[np.ndarray, np.ndarray]:
    """Return elevation (m, lakes at their level) and the lake mask of `grid`.

    Random hills and two ranges are incised by streams, first on pixels four times as wide,
    then on the grid itself; closed basins are sunk into low, flat ground, and what would fill
    with more than a metre of water over at least 0.3 km² is a lake.
    """
    margin = 40
    wide = grid.padded(margin)
    factor = 4
    coarse = wide.covering(grid.pixel_deg * factor, margin=2)
    extent_m = coarse.extent_m
    hills = random_field(stream(seed, "plateau", "hills"), coarse, extent_m / 8, 1.0)
    bend = random_field(stream(seed, "plateau", "ranges"), coarse, extent_m / 3, 1.5)
    # Ranges strike west-north-west, as the Kunlun and its neighbours do.
    south_m = np.arange(coarse.rows)[:, None] * coarse.height_m
    east_m = np.arange(coarse.cols)[None, :] * coarse.mean_width_m
    across = (south_m - 0.35 * east_m) / extent_m + 0.07 * bend
    ranges = np.cos(2 * np.pi * (across - 0.02) / 0.62) + 0.55 * hills
    mountain = 1.0 / (1.0 + np.exp(-3.0 * (ranges - 0.35)))
    ripples = random_field(stream(seed, "plateau", "ripples"), coarse, 3000.0, 1.0)
    height = 110.0 * ranges + (35.0 + 160.0 * mountain) * ripples + 15.0 * hills
    for _ in range(STEPS_OF_INCISION):
        height = incise(height + 22.0 * mountain, coarse, 0.02)
        height = smooth(height, coarse, 0.3 * coarse.height_m)
    # Sediment levels what has no outlet into plains that fall by about 1 m a kilometre.
    height = smooth(fill_depressions(height, 0.4)[1], coarse, 1.2 * coarse.height_m)
    # A small region has less relief than the whole plateau.
    relief_m = (HIGHEST_M - LOWEST_M) * min(1.0, (grid.extent_m / 60e3) ** 0.6)
    height = relief_m * (height - height.min()) / np.ptp(height)

    row = coarse.north_edge - wide.latitude_deg / coarse.pixel_deg - 0.5
    col = wide.longitude_deg / coarse.pixel_deg - coarse.west_edge - 0.5
    positions = np.meshgrid(row, col, indexing="ij")
    fine = ndimage.map_coordinates(height, positions, order=3, mode="nearest")
    steep = smooth(np.hypot(*np.gradient(fine, wide.height_m, wide.mean_width_m)), wide, 600.0)
    detail = random_field(stream(seed, "plateau", "detail"), wide, 1500.0, 1.0)
    fine += detail * (1.5 + 450.0 * steep)
    for _ in range(2):
        fine = smooth(incise(fine, wide, 0.01), wide, 45.0)
    fine, basin = _sink_basins(seed, fine, wide)

    level, _ = fill_depressions(fine)
    water = level - fine
    labels, n = ndimage.label(water > 1.0)
    least_px = 0.3e6 / (grid.height_m * grid.mean_width_m)
    sizes = ndimage.sum_labels(np.ones_like(water), labels, np.arange(1, n + 1))
    in_basin = ndimage.maximum(basin, labels, np.arange(1, n + 1)) if n else np.zeros(0)
    large = np.flatnonzero((sizes >= least_px) & (in_basin > 0)) + 1
    lake = np.isin(labels, large)
    fine = np.where(lake, level, fine)
    inner = np.s_[margin:-margin, margin:-margin]
    fine, lake = fine[inner], lake[inner]
    lowest = LOWEST_M + 0.35 * ((HIGHEST_M - LOWEST_M) - relief_m)
    return fine - fine.min() + lowest, lake


def _sink_basins(seed: int, height: np.ndarray, grid: PixelGrid) -> tuple[np.ndarray, np.ndarray]:
    """Sink closed basins into the lowest flat ground; return the surface and where they are."""
    generator = stream(seed, "plateau", "basins")
    outline = random_field(stream(seed, "plateau", "shores"), grid, 2500.0, 1.0)
    smoothed = smooth(height, grid, 1500.0)
    gradient = np.hypot(*np.gradient(smoothed, grid.height_m, grid.mean_width_m))
    unfit = smoothed / np.ptp(smoothed) + 25.0 * gradient
    border = max(grid.rows // 8, 1)
    unfit[:border] = unfit[-border:] = np.inf
    unfit[:, :border] = unfit[:, -border:] = np.inf
    basin = np.zeros(grid.shape, dtype=bool)
    height = height.copy()
    row_m = np.arange(grid.rows)[:, None] * grid.height_m
    col_m = np.arange(grid.cols)[None, :] * grid.mean_width_m
    for largest in (0.055, 0.045, 0.03, 0.025, 0.02, 0.015):
        row, col = np.unravel_index(int(np.argmin(unfit)), grid.shape)
        radius_m = largest * grid.extent_m * generator.uniform(0.8, 1.2)
        stretch, turn = generator.uniform(1.2, 2.0), generator.uniform(0.0, np.pi)
        north, east = row_m - row_m[row], col_m - col_m[0, col]
        along = north * np.sin(turn) + east * np.cos(turn)
        aside = north * np.cos(turn) - east * np.sin(turn)
        distance = np.hypot(along / stretch, aside * stretch) / radius_m
        bowl = np.clip(1.0 - distance + 0.25 * outline, 0.0, None) * (distance < 1.6)
        floor = float(smoothed[row, col])
        # Level ground towards the bowl, then deepen: shores stay flat, slopes behind remain.
        flatten = np.exp(-((distance / 1.3) ** 4)) * 0.7
        height += flatten * (floor - height) - 25.0 * np.minimum(bowl, 0.6)
        basin |= bowl > 0
        unfit[np.hypot(north, east) < 3.5 * radius_m + 0.12 * grid.extent_m] = np.inf
        if not np.isfinite(unfit).any():
            break
    return height, basin


def slope_and_aspect(
    elevation: np.ndarray, height_m: float, width_m: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return slope and aspect, in degrees; aspect is clockwise from north, towards downhill.

    Gradient over the 3 × 3 neighbourhood with weights 1, 2, 1 (Horn 1981).
    """
    padded = np.pad(elevation, 1, mode="reflect", reflect_type="odd")
    weights = np.array([1.0, 2.0, 1.0]) / 4.0
    smooth_rows = sum(w * padded[i : i + elevation.shape[0], :] for i, w in enumerate(weights))
    smooth_cols = sum(w * padded[:, i : i + elevation.shape[1]] for i, w in enumerate(weights))
    eastward = (smooth_rows[:, 2:] - smooth_rows[:, :-2]) / (2.0 * width_m)
    northward = (smooth_cols[:-2, :] - smooth_cols[2:, :]) / (2.0 * height_m)
    slope = np.rad2deg(np.arctan(np.hypot(eastward, northward)))
    aspect = np.rad2deg(np.arctan2(-eastward, -northward)) % 360.0
    return slope, aspect


def curvature(elevation: np.ndarray, height_m: float, width_m: np.ndarray) -> np.ndarray:
    """Return minus the Laplacian of the surface, m⁻¹: positive on ridges, negative in hollows."""
    padded = np.pad(elevation, 1, mode="reflect", reflect_type="odd")
    middle = padded[1:-1, 1:-1]
    by_col = (padded[1:-1, 2:] - 2 * middle + padded[1:-1, :-2]) / width_m**2
    by_row = (padded[2:, 1:-1] - 2 * middle + padded[:-2, 1:-1]) / height_m**2
    return np.asarray(-(by_col + by_row))


def topographic_position(elevation: np.ndarray, grid: PixelGrid, radius_m: float) -> np.ndarray:
    """Return height above the mean of a square window about as wide as the circle (Weiss 2001)."""
    # Equal area: the side of the square is √π times the radius.
    side = np.sqrt(np.pi) * radius_m
    size = [max(3, 2 * round(side / px / 2) + 1) for px in (grid.height_m, grid.mean_width_m)]
    return np.asarray(elevation - ndimage.uniform_filter(elevation, size, mode="nearest"))


def radiation_index(
    slope_deg: np.ndarray, aspect_deg: np.ndarray, latitude_deg: np.ndarray
) -> np.ndarray:
    """Return yearly direct radiation on the slope over that on level ground.

    The cosine of incidence on a slope is a dot product with the direction to the sun; between
    sunrise and sunset of level ground its integral over the day is closed. Summed over the
    declinations of twelve mid-months. Without clouds, air or the shade of other slopes.
    """
    day = 15.5 + 30.44 * np.arange(12)
    declination = np.deg2rad(23.45) * np.sin(2 * np.pi * (284 + day) / 365.25)
    latitude = np.deg2rad(latitude_deg)[:, None]
    sunset = np.arccos(-np.tan(latitude) * np.tan(declination))
    # The day's mean direction to the sun: up and north (east and west cancel).
    up = np.sum(
        np.sin(latitude) * np.sin(declination) * sunset
        + np.cos(latitude) * np.cos(declination) * np.sin(sunset),
        axis=1,
    )
    north = np.sum(
        np.cos(latitude) * np.sin(declination) * sunset
        - np.sin(latitude) * np.cos(declination) * np.sin(sunset),
        axis=1,
    )
    slope, aspect = np.deg2rad(slope_deg), np.deg2rad(aspect_deg)
    northward_share = (north / up)[:, None]
    index: np.ndarray = np.cos(slope) + np.sin(slope) * np.cos(aspect) * northward_share
    return np.asarray(np.maximum(index, 0.0))


def make_terrain(seed: int, grid: PixelGrid) -> Terrain:
    """Make relief and lakes and derive the rest."""
    elevation, lake = make_relief(seed, grid)
    slope, aspect = slope_and_aspect(elevation, grid.height_m, grid.width_m)
    _, drained = fill_depressions(elevation)
    cell_area = np.broadcast_to(grid.height_m * grid.width_m, grid.shape)
    upslope = accumulate_multiple_flow(drained, cell_area, grid.height_m, grid.width_m)
    gradient = np.maximum(np.tan(np.deg2rad(slope)), LEAST_GRADIENT)
    return Terrain(
        elevation_m=elevation,
        lake=lake,
        slope_deg=slope,
        aspect_deg=aspect,
        curvature_per_m=curvature(elevation, grid.height_m, grid.width_m),
        tpi_m={radius: topographic_position(elevation, grid, radius) for radius in TPI_RADII_M},
        twi=np.log(upslope / np.sqrt(cell_area) / gradient),
        radiation_index=radiation_index(slope, aspect, grid.latitude_deg),
    )
