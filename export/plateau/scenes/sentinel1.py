"""Sentinel-1 GRD of the example plateau: sigma nought in linear power, per orbit and overpass.

Pixels of 90 m in UTM, those of each relative orbit on a lattice of their own, so that none lies
on the map's. A finer scene would hold the same: the world has no detail below 90 m, and speckle
of 10 m pixels averages to what is drawn here.
"""

from dataclasses import dataclass

import numpy as np

from export.plateau.fields import random_field, smooth
from export.plateau.scenes.files import SceneFolder, scene, with_mantissa_bits
from export.plateau.scenes.lattices import UTM, Lattice, View, lattice_over
from export.plateau.scenes.overpasses import (
    DEGREES_PER_KM,
    FAR_DEG,
    NEAR_DEG,
    OVERPASSES,
    Orbit,
    Overpass,
    snow_depth_m,
    soil_temperature_degc,
)
from export.plateau.sensing import Backscatter, speckle
from export.plateau.world import Plateau
from local_ml.randomness import stream

ASSET = "COPERNICUS/S1_GRD_FLOAT"
PIXEL_M, MARGIN_M = 90.0, 1500.0
ANGLE_PIXEL_M = 5000.0
LOOKS = 44.0
BORDER_PX = 3
# Backscatter falls with incidence beyond the cosine, and rises with surface water.
DB_PER_DEGREE, REFERENCE_DEG = -0.12, 38.0
DB_PER_WATER = {"ascending": (18.0, 12.0), "descending": (15.0, 10.0)}
WET_SNOW_DB = -5.0


@dataclass(frozen=True, eq=False)
class Scenery:
    """What stays the same from one scene of an orbit to the next, on the orbit's pixels."""

    lattice: Lattice
    incidence_deg: np.ndarray
    slope_factor: np.ndarray
    backscatter: Backscatter
    height_above_mean_m: np.ndarray
    southward: np.ndarray
    wetness_pattern: np.ndarray


def write_sentinel1(plateau: Plateau, passes: dict[str, Backscatter], folder: SceneFolder) -> None:
    """Write every overpass, in the order of the table."""
    images = []
    scenery: dict[int, Scenery] = {}
    angles: dict[int, dict[str, object]] = {}
    for overpass in OVERPASSES:
        orbit = overpass.swath
        if orbit.number not in scenery:
            scenery[orbit.number] = _scenery(plateau, passes, orbit)
            angles[orbit.number] = _write_angle(plateau, orbit, folder)
        bands = _scene(plateau.seed, overpass, scenery[orbit.number])
        name = f"S1_IW_GRDH_{overpass.date.replace('-', '')}_{orbit.number:03d}"
        files = [
            folder.raster(f"sentinel1/{name}.tif", bands, scenery[orbit.number].lattice, np.nan),
            angles[orbit.number],
        ]
        images.append(
            scene(
                name,
                files,
                overpass.start,
                instrumentMode="IW",
                orbitProperties_pass=orbit.direction.upper(),
                relativeOrbitNumber_start=orbit.number,
                transmitterReceiverPolarisation=list(overpass.polarisations),
                resolution="H",
                resolution_meters=10,
                productType="GRD",
                platform_number="A",
                # The radar looks to the right.
                platformHeading=orbit.look_azimuth_deg - 90.0,
            )
        )
    folder.collection(ASSET, images)


def incidence_deg(plateau: Plateau, orbit: Orbit, view: View) -> np.ndarray:
    """Return the incidence angle at each pixel: linear across the swath, also beyond its edges."""
    southward, eastward = view.position_share
    grid = plateau.grid
    east_km = (eastward - orbit.edge_share) * grid.cols * grid.mean_width_m / 1000.0
    north_km = (0.5 - southward) * grid.rows * grid.height_m / 1000.0
    azimuth = np.deg2rad(orbit.look_azimuth_deg)
    away_km = east_km * np.sin(azimuth) + north_km * np.cos(azimuth)
    return np.asarray(orbit.edge_deg + DEGREES_PER_KM * away_km)


def slope_factor(
    downhill_east: np.ndarray, downhill_north: np.ndarray, incidence: np.ndarray, orbit: Orbit
) -> np.ndarray:
    """Return gamma nought on the slope over that on level ground, for scattering by the surface.

    Parameters
    ----------
    downhill_east, downhill_north : tangent of the slope times the direction of its aspect
    incidence : radians

    Vollrath et al. (2020), their surface model: a slope that faces the sensor is brighter.
    """
    towards = np.deg2rad(orbit.look_azimuth_deg + 180.0)
    steepness_range = np.arctan(downhill_north * np.cos(towards) + downhill_east * np.sin(towards))
    steepness_azimuth = np.arctan(
        downhill_north * np.sin(towards) - downhill_east * np.cos(towards)
    )
    upright = np.pi / 2 - incidence
    return np.asarray(
        np.cos(upright) / (np.cos(steepness_azimuth) * np.cos(upright + steepness_range))
    )


def _scenery(plateau: Plateau, passes: dict[str, Backscatter], orbit: Orbit) -> Scenery:
    terrain, grid = plateau.terrain, plateau.grid
    view = View(grid, lattice_over(grid, UTM, PIXEL_M, MARGIN_M, orbit.offset))
    incidence = incidence_deg(plateau, orbit, view)
    gradient, aspect = np.tan(np.deg2rad(terrain.slope_deg)), np.deg2rad(terrain.aspect_deg)
    factor = slope_factor(
        view.interpolated(gradient * np.sin(aspect)),
        view.interpolated(gradient * np.cos(aspect)),
        np.deg2rad(incidence),
        orbit,
    )
    seen = passes[orbit.direction]
    patches = random_field(stream(plateau.seed, "plateau", "wetness pattern"), grid, 3000.0)
    mean = float(terrain.elevation_m.mean())
    return Scenery(
        lattice=view.lattice,
        incidence_deg=incidence,
        slope_factor=factor,
        backscatter=Backscatter(
            vv_thaw=view.interpolated(seen.vv_thaw),
            vh_thaw=view.interpolated(seen.vh_thaw),
            vv_frozen=view.interpolated(seen.vv_frozen),
            vh_frozen=view.interpolated(seen.vh_frozen),
        ),
        # The weather model knows of no single hill.
        height_above_mean_m=view.interpolated(smooth(terrain.elevation_m, grid, 4000.0)) - mean,
        southward=view.position_share[0],
        wetness_pattern=view.interpolated(patches),
    )


def _scene(seed: int, overpass: Overpass, scenery: Scenery) -> dict[str, np.ndarray]:
    """Return the bands, NaN outside the swath."""
    incidence, seen = scenery.incidence_deg, scenery.backscatter
    temperature = soil_temperature_degc(overpass, scenery.height_above_mean_m, scenery.southward)
    frozen = temperature < 0.0
    snow = snow_depth_m(overpass, scenery.southward) > 0.0
    # A wet day is wetter here than there, by half as much again.
    wetness = overpass.wetness * (1.0 + 0.5 * scenery.wetness_pattern)
    inside = (incidence >= NEAR_DEG) & (incidence <= FAR_DEG)
    edge_px = DEGREES_PER_KM * PIXEL_M / 1000.0 * BORDER_PX
    border = (incidence < NEAR_DEG + edge_px) | (incidence > FAR_DEG - edge_px)
    geometry = scenery.slope_factor * np.cos(np.deg2rad(incidence))
    generator = stream(seed, "plateau", "Sentinel-1", overpass.date, str(overpass.orbit))
    bands = {}
    for name, thaw_db, frozen_db, per_water in zip(
        ("VV", "VH"),
        (seen.vv_thaw, seen.vh_thaw),
        (seen.vv_frozen, seen.vh_frozen),
        DB_PER_WATER[overpass.swath.direction],
        strict=True,
    ):
        noise = speckle(generator, incidence.shape, LOOKS)
        if name not in overpass.polarisations:
            continue
        decibels = np.where(frozen, frozen_db, thaw_db + per_water * wetness)
        decibels = decibels + WET_SNOW_DB * snow + DB_PER_DEGREE * (incidence - REFERENCE_DEG)
        power = 10.0 ** (decibels / 10.0) * geometry * noise
        if overpass.border_noise:
            power = np.where(border, 1e-4 * noise, power)
        bands[name] = np.where(inside, with_mantissa_bits(power), np.float32(np.nan))
    return bands


def _write_angle(plateau: Plateau, orbit: Orbit, folder: SceneFolder) -> dict[str, object]:
    """Write the incidence angle on pixels of kilometres, as the archive has it."""
    grid = plateau.grid
    view = View(grid, lattice_over(grid, UTM, ANGLE_PIXEL_M, 3 * ANGLE_PIXEL_M))
    angle = incidence_deg(plateau, orbit, view).astype(np.float32)
    return folder.raster(f"sentinel1/angle_{orbit.number:03d}.tif", {"angle": angle}, view.lattice)
