"""Landsat 5, 7, 8 and 9 Collection 2 of the example plateau: reflectance and its quality bands.

Pixels of 90 m in UTM; green, red, near and shortwave infrared alone, since that is what indices
are made of. Two paths overlap in the middle of the region.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from export.plateau.fields import random_field
from export.plateau.scenes.files import SceneFolder, scene
from export.plateau.scenes.lattices import UTM, View, lattice_over
from export.plateau.world import Plateau
from local_ml.randomness import stream

ASSETS = {
    "LT05": "LANDSAT/LT05/C02/T1_L2",
    "LE07": "LANDSAT/LE07/C02/T1_L2",
    "LC08": "LANDSAT/LC08/C02/T1_L2",
    "LC09": "LANDSAT/LC09/C02/T1_L2",
}
# Green, red, near and shortwave infrared.
BANDS = {
    "LT05": ("SR_B2", "SR_B3", "SR_B4", "SR_B5"),
    "LE07": ("SR_B2", "SR_B3", "SR_B4", "SR_B5"),
    "LC08": ("SR_B3", "SR_B4", "SR_B5", "SR_B6"),
    "LC09": ("SR_B3", "SR_B4", "SR_B5", "SR_B6"),
}
SPACECRAFT = {"LT05": 5, "LE07": 7, "LC08": 8, "LC09": 9}
PIXEL_M, MARGIN_M = 90.0, 1500.0
SCALE, OFFSET = 2.75e-5, -0.2
# West and east edges of the two paths in the region, at mid-height; tracks lean by 10 degrees.
PATHS = {138: (-9.0, 0.72), 137: (0.34, 9.0)}
LEAN = np.tan(np.deg2rad(10.0))

FILL, DILATED, CIRRUS, CLOUD, SHADOW, SNOW, CLEAR, WATER = (1 << bit for bit in range(8))
# Bits 8 to 15: confidence of cloud, shadow, snow and cirrus; 01 low, 11 high.
LOW_CONFIDENCE = {"LT05": 0b0001010100000000, "LC08": 0b0101010100000000}
HIGH_CLOUD, HIGH_SHADOW, HIGH_SNOW = 0b11 << 8, 0b11 << 10, 0b11 << 12

# The satellite of a collection, path and day; the share of clouds; snow over the higher ground.
SCENES = (
    ("LT05", 138, "2009-07-28", 0.30, False),
    ("LT05", 137, "2009-08-06", 0.25, False),
    ("LT05", 138, "2009-09-30", 0.20, False),
    ("LT05", 137, "2010-07-24", 0.35, False),
    ("LT05", 138, "2010-08-16", 0.20, False),
    ("LT05", 137, "2010-09-26", 0.25, False),
    ("LE07", 138, "2012-07-28", 0.25, False),
    ("LE07", 137, "2012-08-06", 0.30, False),
    ("LE07", 138, "2012-09-14", 0.15, False),
    ("LE07", 137, "2012-09-23", 0.25, False),
    ("LC08", 138, "2015-07-29", 0.30, False),
    ("LC08", 137, "2015-08-07", 0.20, False),
    ("LC08", 138, "2015-09-15", 0.25, False),
    ("LC08", 137, "2015-09-24", 0.25, False),
    ("LC08", 138, "2018-08-06", 0.25, False),
    ("LC08", 137, "2018-07-30", 0.35, False),
    ("LC08", 138, "2018-10-09", 0.10, True),
    ("LC08", 137, "2018-09-16", 0.20, False),
    ("LC09", 138, "2022-07-24", 0.20, False),
    ("LC09", 137, "2022-08-02", 0.25, False),
    ("LC09", 138, "2022-09-10", 0.25, False),
    ("LC09", 137, "2022-10-05", 0.15, True),
    ("LC09", 138, "2023-08-12", 0.25, False),
    ("LC09", 137, "2023-09-08", 0.30, False),
    ("LC09", 138, "2024-09-15", 0.10, False),
    ("LC09", 137, "2024-09-24", 0.10, False),
)


@dataclass(frozen=True, eq=False)
class Ground:
    """What a path's pixels hold on any day, on the path's lattice."""

    view: View
    inside: np.ndarray
    peak_ndvi: np.ndarray
    ndwi_gao: np.ndarray
    brightness: np.ndarray
    lake: np.ndarray
    height_m: np.ndarray


def ndvi_thaw_end(ndvi: np.ndarray) -> np.ndarray:
    """Return the NDVI of September and October where that of summer is given: withered."""
    return np.asarray(0.05 + 0.60 * ndvi)


def ndwi_gao(plateau: Plateau) -> np.ndarray:
    """Return Gao's NDWI, free of noise: water in the canopy and in the upper soil."""
    moisture = plateau.moisture.explained
    return np.asarray(-0.24 + 0.45 * plateau.surface.ndvi + 0.25 * moisture)


def write_landsat(plateau: Plateau, folder: SceneFolder) -> None:
    """Write every scene, each satellite's in a collection of its own."""
    ground = {path: _ground(plateau, path) for path in PATHS}
    images: dict[str, list[dict[str, object]]] = {satellite: [] for satellite in ASSETS}
    for satellite, path, date, clouds, snow in SCENES:
        name = f"{satellite}_{path}036_{date.replace('-', '')}"
        reflectance, quality, saturated = _look(
            plateau, ground[path], satellite, path, date, clouds, snow
        )
        lattice = ground[path].view.lattice
        bands = dict(zip(BANDS[satellite], reflectance, strict=True))
        files = [
            folder.raster(f"landsat/{name}_SR.tif", bands, lattice, nodata=0),
            folder.raster(
                f"landsat/{name}_QA.tif", {"QA_PIXEL": quality, "QA_RADSAT": saturated}, lattice
            ),
        ]
        images[satellite].append(
            scene(
                name,
                files,
                f"{date}T04:28:{path % 60:02d}",
                SPACECRAFT_ID=f"LANDSAT_{SPACECRAFT[satellite]}",
                WRS_PATH=path,
                WRS_ROW=36,
                CLOUD_COVER=100.0 * clouds,
            )
        )
    for satellite, entries in images.items():
        folder.collection(
            ASSETS[satellite], entries, pyramiding={"QA_PIXEL": "MODE", "QA_RADSAT": "MODE"}
        )


def _ground(plateau: Plateau, path: int) -> Ground:
    grid = plateau.grid
    # Scenes of the archive lie on whole multiples of their pixel, moved by half of one.
    view = View(grid, lattice_over(grid, UTM, PIXEL_M, MARGIN_M, (0.5, 0.5)))
    southward, eastward = view.position_share
    west, east = PATHS[path]
    leaning = eastward + LEAN * (southward - 0.5) * grid.rows / grid.cols
    brightness = random_field(stream(plateau.seed, "plateau", "brightness"), grid, 2000.0)
    return Ground(
        view=view,
        inside=(leaning >= west) & (leaning <= east),
        peak_ndvi=view.interpolated(plateau.surface.ndvi),
        ndwi_gao=view.interpolated(ndwi_gao(plateau)),
        brightness=1.0 + 0.15 * view.interpolated(brightness),
        lake=view.interpolated(plateau.terrain.lake) > 0.5,
        height_m=view.interpolated(plateau.terrain.elevation_m),
    )


def _look(
    plateau: Plateau,
    ground: Ground,
    satellite: str,
    path: int,
    date: str,
    clouds: float,
    snow: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return stored reflectance (4, rows, cols), QA_PIXEL and QA_RADSAT, all uint16."""
    generator = stream(plateau.seed, "plateau", "Landsat", satellite, str(path), date)
    shape = ground.view.lattice.shape
    summer = date[5:7] in ("07", "08")
    ndvi = ground.peak_ndvi if summer else ndvi_thaw_end(ground.peak_ndvi)
    # A dry or a wet year, the same over the region.
    ndvi = ndvi * (1.0 + 0.04 * generator.normal())
    red = (0.20 - 0.16 * ndvi) * ground.brightness
    near = red * (1.0 + ndvi) / (1.0 - ndvi)
    shortwave = near * (1.0 - ground.ndwi_gao) / (1.0 + ground.ndwi_gao)
    green = 0.70 * red + 0.015
    bands = np.stack([green, red, near, shortwave])
    # Over water the atmosphere is taken off too much: near infrared falls below zero.
    water = np.array([0.045, 0.022, -0.004, -0.008], dtype=np.float32)
    bands = np.where(ground.lake, water[:, None, None], bands)
    white = np.zeros(shape, dtype=bool)
    if snow:
        white = ground.height_m > np.quantile(plateau.terrain.elevation_m, 0.55)
        snowy = np.array([0.82, 0.80, 0.70, -0.006], dtype=np.float32)
        bands = np.where(white & ~ground.lake, snowy[:, None, None], bands)
    grid = plateau.grid
    cover = ground.view.interpolated(random_field(generator, grid, 4000.0, 1.0))
    limit = np.quantile(cover, 1.0 - clouds)
    cloud = cover > limit
    near_cloud = ndimage.binary_dilation(cloud, iterations=3) & ~cloud
    # Shadows fall to the north-west, where the morning sun throws them.
    shadow = np.roll(cloud, (-8, -10), axis=(0, 1)) & ~cloud
    cirrus = cover < np.quantile(cover, 0.05)
    # What is thin and not flagged brightens everything a little, the visible more.
    haze = 0.008 * np.clip((cover - cover.min()) / (limit - cover.min()), 0.0, 1.0) ** 4
    bands = bands + haze * np.array([1.5, 1.0, 0.8, 0.3], dtype=np.float32)[:, None, None]
    bands = np.where(cloud, bands + 0.45, bands)
    bands = np.where(shadow, 0.45 * bands, bands)
    bands = np.where(cirrus, bands + 0.06, bands)
    bands = bands + generator.normal(0.0, 0.0025, bands.shape).astype(np.float32)
    seen = ground.inside & ~(_stripes(ground, shape) if satellite == "LE07" else False)
    stored = np.clip(np.rint((bands - OFFSET) / SCALE), 1, 65535)
    saturated = np.where(cloud & (cover > np.quantile(cover, 0.985)), 0b111, 0)
    quality = np.full(shape, LOW_CONFIDENCE["LC08" if satellite[:2] == "LC" else "LT05"])
    for where, bits in (
        (near_cloud, DILATED),
        (cirrus, CIRRUS if satellite[:2] == "LC" else 0),
        (cloud, CLOUD | HIGH_CLOUD),
        (shadow, SHADOW | HIGH_SHADOW),
        (white & ~cloud, SNOW | HIGH_SNOW),
        (ground.lake & ~cloud, WATER),
        (~(cloud | near_cloud), CLEAR),
    ):
        quality = np.where(where, quality | bits, quality)
    return (
        np.where(seen, stored, 0).astype(np.uint16),
        np.where(seen, quality, FILL).astype(np.uint16),
        np.where(seen, saturated, 0).astype(np.uint16),
    )


def _stripes(ground: Ground, shape: tuple[int, int]) -> np.ndarray:
    """Return where the scan-line corrector's failure left gaps: none mid-path, wide at its edge."""
    rows, cols = np.indices(shape, sparse=True)
    along = rows + 0.18 * cols
    # Every 33 lines of 30 m; up to 14 of them are lost.
    width = 4.7 * np.abs(ground.view.position_share[1] - 0.5) * 2.0
    return np.asarray(along % 11.0 < width)
