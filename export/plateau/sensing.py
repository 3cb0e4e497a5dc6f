"""What satellites make of the example plateau: backscatter with speckle, indices with noise.

Backscatter in dB, indices without unit; NaN where nothing was seen.
"""

from dataclasses import dataclass

import numpy as np

from export.plateau.fields import random_field
from export.plateau.grid import PixelGrid
from export.plateau.surface import Surface
from export.plateau.terrain import Terrain
from local_ml.randomness import stream

# Looks of one Sentinel-1 scene averaged to 90 m: some 20 independent cells of 4.4 looks each.
LOOKS_PER_SCENE = 88.0
SCENES_THAW, SCENES_FROZEN, SCENES_DESCENDING = 2, 4, 1


@dataclass(frozen=True)
class Radar:
    """Gamma nought, dB, (rows, cols)."""

    vv_thaw: np.ndarray
    vh_thaw: np.ndarray
    vv_frozen: np.ndarray
    vh_frozen: np.ndarray
    vv_thaw_descending: np.ndarray


def speckle(generator: np.random.Generator, shape: tuple[int, ...], looks: float) -> np.ndarray:
    """Return multiplicative speckle on linear power: gamma of mean 1 and variance 1 / looks."""
    return generator.gamma(looks, 1.0 / looks, shape)


def speckled_db(
    backscatter_db: np.ndarray, generator: np.random.Generator, looks: float
) -> np.ndarray:
    """Return `backscatter_db` under speckle of so many looks."""
    noise = speckle(generator, backscatter_db.shape, looks)
    return np.asarray(backscatter_db + 10.0 * np.log10(noise))


@dataclass(frozen=True)
class Backscatter:
    """What one pass would see without speckle: gamma nought, dB, (rows, cols)."""

    vv_thaw: np.ndarray
    vh_thaw: np.ndarray
    vv_frozen: np.ndarray
    vh_frozen: np.ndarray


def backscatter(
    seed: int, grid: PixelGrid, terrain: Terrain, surface: Surface, moisture: np.ndarray
) -> dict[str, Backscatter]:
    """Return the backscatter of both passes, `ascending` and `descending`, free of speckle.

    The upper centimetres hold part of the profile's `moisture` (m³ m⁻³) and weather of their
    own. In the ascending pass VV rises by 18 dB per m³ m⁻³ of it, VH by 12 and with NDVI; frozen
    ground keeps the roughness and loses the moisture, some 3 dB. Water is a mirror (-21 dB,
    -28 dB), rough ice in winter.
    """

    def field(name: str, range_m: float) -> np.ndarray:
        return random_field(stream(seed, "plateau", name), grid, range_m, 0.5)

    weather = 0.030 * field("surface water", 5000.0) + 0.025 * field("surface water patches", 200.0)
    wet = np.clip(0.75 * moisture + weather, 0.01, 0.6)
    roughness = 0.9 * field("roughness", 1500.0) + 0.5 * field("roughness patches", 150.0)
    stones = np.minimum(terrain.slope_deg / 10.0, 2.0)
    # What radiometric terrain flattening leaves: slopes that face the sensor look brighter.
    towards_west = -np.tan(np.deg2rad(terrain.slope_deg)) * np.sin(np.deg2rad(terrain.aspect_deg))
    vv_dry = -15.0 + roughness + 0.8 * stones + 3.0 * towards_west
    vh_dry = -23.5 + 0.7 * roughness + 1.0 * stones + 6.0 * surface.ndvi + 3.0 * towards_west

    def on_land(values: np.ndarray, water_db: float) -> np.ndarray:
        return np.where(terrain.lake, water_db, values)

    ascending = Backscatter(
        vv_thaw=on_land(vv_dry + 18.0 * wet, -21.0),
        vh_thaw=on_land(vh_dry + 12.0 * wet, -28.0),
        vv_frozen=on_land(vv_dry + 1.0 + 2.0 * wet, -13.0),
        vh_frozen=on_land(vh_dry + 0.8 + 1.0 * wet, -22.0),
    )
    turned = 6.0 * towards_west
    descending = Backscatter(
        vv_thaw=on_land(vv_dry - turned + 15.0 * wet - 0.4, -21.0),
        vh_thaw=on_land(vh_dry - turned + 10.0 * wet - 0.3, -28.0),
        vv_frozen=on_land(vv_dry - turned + 0.8 + 2.0 * wet, -13.0),
        vh_frozen=on_land(vh_dry - turned + 0.6 + 1.0 * wet, -22.0),
    )
    return {"ascending": ascending, "descending": descending}


def make_radar(
    seed: int, grid: PixelGrid, terrain: Terrain, surface: Surface, moisture: np.ndarray
) -> Radar:
    """Make thawed and frozen backscatter of the ascending pass and one descending scene.

    A descending swath misses the west of the region.
    """

    def seen(backscatter_db: np.ndarray, scene: str, scenes: int) -> np.ndarray:
        generator = stream(seed, "plateau", "speckle", scene)
        return speckled_db(backscatter_db, generator, LOOKS_PER_SCENE * scenes)

    passes = backscatter(seed, grid, terrain, surface, moisture)
    evening = passes["ascending"]
    swath_edge = np.linspace(0.20, 0.38, grid.rows)[:, None]
    missed = np.linspace(0.0, 1.0, grid.cols)[None, :] < swath_edge
    return Radar(
        vv_thaw=seen(evening.vv_thaw, "vv thaw", SCENES_THAW),
        vh_thaw=seen(evening.vh_thaw, "vh thaw", SCENES_THAW),
        vv_frozen=seen(evening.vv_frozen, "vv frozen", SCENES_FROZEN),
        vh_frozen=seen(evening.vh_frozen, "vh frozen", SCENES_FROZEN),
        vv_thaw_descending=np.where(
            missed,
            np.nan,
            seen(passes["descending"].vv_thaw, "vv descending", SCENES_DESCENDING),
        ),
    )


def make_indices(
    seed: int, grid: PixelGrid, terrain: Terrain, surface: Surface, moisture: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return NDVI and Gao's NDWI as a composite shows them; lakes are NaN.

    NDWI rises with the canopy and with surface water; both carry noise of 0.015 to 0.02 and
    the traces of clouds over kilometres.
    """
    clouds = random_field(stream(seed, "plateau", "clouds"), grid, 2500.0, 1.0)
    generator = stream(seed, "plateau", "optical noise")
    ndvi = surface.ndvi - 0.012 * clouds + generator.normal(0.0, 0.015, grid.shape)
    ndwi = -0.24 + 0.45 * surface.ndvi + 0.25 * moisture + 0.02 * clouds
    ndwi = ndwi + generator.normal(0.0, 0.02, grid.shape)
    return np.where(terrain.lake, np.nan, ndvi), np.where(terrain.lake, np.nan, ndwi)
