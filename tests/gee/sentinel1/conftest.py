"""Small radar worlds: scenes on the very lattice that composites are computed on.

So each value of the lattice is a pixel of a scene, and numpy can follow without interpolation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import ee
import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Geod

from gee.grid import plateau_geobox
from gee.optical.settings import OpticalSettings
from gee.scope import Scope
from gee.sentinel1.images import images
from gee.sentinel1.settings import Sentinel1Settings
from gee.terrain.settings import TerrainSettings
from gee.ways import finer_lattice

Array = np.ndarray[Any, Any]

PARTS = 3
MARGIN = 4
GRID = plateau_geobox()[4800:4806, 30_000:30_008]
"""6 rows and 8 columns of the plateau's grid, at 35.9 degrees north."""
LATTICE = finer_lattice(GRID.pad(MARGIN), 30.0)
"""Each pixel of the grid, and of a margin, divided into 3 by 3."""
THAWED_K, FROZEN_K = 280.0, 260.0


def metres() -> tuple[Array, Array]:
    """Metres east and north of the lattice's middle, each of its shape, on the ellipsoid."""
    rows, cols = LATTICE.shape.yx
    row, col = np.indices((rows, cols))
    middle = LATTICE.geographic_extent.centroid.coords[0]
    side = abs(LATTICE.transform.a)
    *_, width = Geod(ellps="WGS84").inv(*middle, middle[0] + side, middle[1])
    *_, height = Geod(ellps="WGS84").inv(*middle, middle[0], middle[1] + side)
    return (col - (cols - 1) / 2) * width, ((rows - 1) / 2 - row) * height


def inner(array: Array) -> Array:
    """The lattice's values inside the grid."""
    cut = MARGIN * PARTS
    return array[cut:-cut, cut:-cut]


def grid_mean(array: Array) -> Array:
    """The mean over each pixel of the grid, NaN left out."""
    values = inner(array)
    rows, cols = values.shape
    blocks = values.reshape(rows // PARTS, PARTS, cols // PARTS, PARTS).astype(np.float64)
    known = np.isfinite(blocks).sum(axis=(1, 3))
    return np.where(known > 0, np.nansum(blocks, axis=(1, 3)) / np.maximum(known, 1), np.nan)


def scene_mean(*powers: Array) -> Array:
    """The mean over scenes, NaN left out, in double precision."""
    stack = np.stack(powers).astype(np.float64)
    known = np.isfinite(stack).sum(axis=0)
    return np.where(known > 0, np.nansum(stack, axis=0) / np.maximum(known, 1), np.nan)


def decibels(power: Array) -> Array:
    """10 log10 of power."""
    return 10 * np.log10(power)


def away_from_sensor(azimuth_deg: float, middle_deg: float = 38.0) -> Array:
    """Incidence angles that grow by 2 degrees a kilometre towards an azimuth."""
    east, north = metres()
    azimuth = np.radians(azimuth_deg)
    distance = east * np.sin(azimuth) + north * np.cos(azimuth)
    return (middle_deg + 0.002 * distance).astype(np.float32)


@dataclass(frozen=True)
class Scene:
    """One scene and the weather at its hour; arrays on `LATTICE`."""

    time: str
    side: str = "ascending"
    orbit: int = 10
    vv: Array | float = 0.1
    vh: Array | float = 0.02
    angle: Array = field(default_factory=lambda: away_from_sensor(80.0))
    soil_k: Array | float | None = THAWED_K
    snow_m: float = 0.0
    properties: dict[str, Any] = field(default_factory=dict)


def write_world(scenes: Any, world: Iterable[Scene], elevation: Array | None = None) -> None:
    """Write scenes, an ERA5-Land hour for each (unless soil_k is None), and an elevation model."""
    weather = GeoBox((5, 5), Affine(0.1, 0, 92.1, 0, -0.1, 36.2), "EPSG:4326")
    scenes.collection("COPERNICUS/S1_GRD_FLOAT")
    scenes.collection("ECMWF/ERA5_LAND/HOURLY")
    for number, scene in enumerate(world):
        bands = {
            name: np.broadcast_to(np.asarray(values, np.float32), LATTICE.shape)
            for name, values in (("VV", scene.vv), ("VH", scene.vh), ("angle", scene.angle))
        }
        properties = {
            "instrumentMode": "IW",
            "orbitProperties_pass": scene.side.upper(),
            "relativeOrbitNumber_start": scene.orbit,
            "resolution_meters": 10,
            "transmitterReceiverPolarisation": ["VV", "VH"],
        }
        scenes.scene(
            "COPERNICUS/S1_GRD_FLOAT",
            f"S{number:03d}",
            bands,
            LATTICE,
            scene.time,
            properties | scene.properties,
        )
        if scene.soil_k is not None:
            hour = (datetime.fromisoformat(scene.time) + timedelta(minutes=30)).replace(
                minute=0, second=0
            )
            scenes.scene(
                "ECMWF/ERA5_LAND/HOURLY",
                f"H{number:03d}",
                {
                    "soil_temperature_level_1": np.full((5, 5), scene.soil_k, np.float32),
                    "snow_depth": np.full((5, 5), scene.snow_m, np.float32),
                },
                weather,
                hour.isoformat(),
            )
    heights = np.full(LATTICE.shape, 4500.0) if elevation is None else elevation
    scenes.image("USGS/SRTMGL1_003", {"elevation": heights.astype(np.float32)}, LATTICE)


PLAIN = Sentinel1Settings(scale_m=30.0, slope_model="none", look_from="angle", look_scale_m=60.0)
"""Without slope correction: backscatter as it was written. Scenes have no heading unless said."""
YEARS = (2015, 2020)


def radar(
    *names: str,
    settings: Sentinel1Settings = PLAIN,
    scope: Scope | None = None,
    optical: OpticalSettings | None = None,
) -> dict[str, ee.Image]:
    """The room's images by name."""
    where = Scope(GRID, YEARS) if scope is None else scope
    return images(names, where, settings, optical or OpticalSettings(), TerrainSettings())


@pytest.fixture
def world(new_scenes: Any, connected: Any) -> Callable[..., None]:
    """`world(scene, ..., elevation=array)` makes a world and points the client at it."""

    def make(*scenes: Scene, elevation: Array | None = None) -> None:
        folder = new_scenes()
        write_world(folder, scenes, elevation)
        connected(folder)

    return make


@pytest.fixture
def asked(pixels_of: Any) -> Callable[..., Array]:
    """`asked(name, settings=..., scope=...)`: a covariate's pixels on the grid."""

    def ask(name: str, **options: Any) -> Array:
        return pixels_of(radar(name, **options)[name], GRID)

    return ask


@pytest.fixture(scope="session")
def lab() -> Any:
    """The helpers of this file, for tests: `lab.Scene`, `lab.grid_mean`, ..."""
    return SimpleNamespace(
        FROZEN_K=FROZEN_K,
        GRID=GRID,
        LATTICE=LATTICE,
        PLAIN=PLAIN,
        YEARS=YEARS,
        Scene=Scene,
        THAWED_K=THAWED_K,
        away_from_sensor=away_from_sensor,
        decibels=decibels,
        grid_mean=grid_mean,
        inner=inner,
        metres=metres,
        radar=radar,
        replace=replace,
        scene_mean=scene_mean,
        write_world=write_world,
    )
