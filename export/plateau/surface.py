"""Vegetation, soil and land cover of the example plateau: the ground as it is, free of noise."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from export.plateau.climate import Climate
from export.plateau.fields import random_field
from export.plateau.grid import PixelGrid
from export.plateau.terrain import Terrain
from local_ml.randomness import stream

LAND_COVER = {1: "swamp meadow", 2: "meadow", 3: "steppe", 4: "desert steppe", 5: "bare rock"}


@dataclass(frozen=True)
class Surface:
    """Layers of (rows, cols): NDVI (1), soil of the active layer, thaw depth, land cover code."""

    ndvi: np.ndarray
    clay_percent: np.ndarray
    sand_percent: np.ndarray
    organic_carbon_g_kg: np.ndarray
    porosity: np.ndarray
    thaw_depth_m: np.ndarray
    land_cover: np.ndarray


def wetness(terrain: Terrain) -> np.ndarray:
    """Return the wetness index centred on 10.5 and bounded to ±1."""
    return np.tanh((terrain.twi - 10.5) / 2.5)


def make_surface(seed: int, grid: PixelGrid, terrain: Terrain, climate: Climate) -> Surface:
    """Make vegetation and soil from terrain and climate, each with a variation of its own.

    Fine soil lies low and level, organic carbon where it is wet, cold and green; the pore
    space grows with carbon and clay. Thaw depth is Stefan's, E (DDT)^0.5, with less E under
    an organic layer.
    """

    def variation(name: str, range_m: float) -> np.ndarray:
        return random_field(stream(seed, "plateau", name), grid, range_m, 0.5)

    wet = wetness(terrain)
    steep = np.minimum(terrain.slope_deg / 10.0, 2.0)
    low = -np.tanh(terrain.tpi_m[2700] / 40.0)
    moist = (climate.precipitation_mm - 290.0) / 60.0
    warm = (climate.mean_temperature_degc + 2.5) / 1.5

    greenness = (
        -1.0
        + 0.55 * moist
        + 0.35 * warm
        + 0.55 * wet
        - 0.45 * steep
        + 0.55 * variation("vegetation", 3000.0)
        + 0.25 * variation("vegetation patches", 300.0)
    )
    ndvi = 0.04 + 0.66 * expit(greenness)

    fine = 0.8 * low - 0.6 * steep + 0.7 * variation("texture", 7000.0)
    clay = 4.0 + 32.0 * expit(-0.9 + 0.8 * fine)
    sand = 92.0 - clay - 38.0 * expit(0.2 + 0.9 * fine + 0.4 * variation("silt", 4000.0))
    carbon = 12.0 * np.exp(
        2.2 * (ndvi - 0.25) / 0.3 + 0.35 * wet - 0.15 * warm + 0.30 * variation("carbon", 4000.0)
    )
    carbon = np.minimum(carbon, 160.0)
    porosity = 0.41 + 0.22 * (1 - np.exp(-carbon / 60.0)) + 0.0035 * (clay - 15.0)
    porosity = np.clip(porosity + 0.012 * variation("porosity", 3000.0), 0.28, 0.72)

    insulation = 1.0 - np.exp(-carbon / 50.0)
    stefan = 0.075 * (1.0 - 0.45 * insulation)
    thaw_depth = np.clip(stefan * np.sqrt(climate.thawing_degree_days), 0.4, 4.5)

    patchy = ndvi + 0.02 * variation("land cover", 400.0)
    cover = np.select(
        [
            terrain.slope_deg > 13.0 + 2.0 * variation("rock", 800.0),
            (patchy > 0.36) & (wet > 0.25),
            patchy > 0.30,
            patchy > 0.17,
        ],
        [5, 1, 2, 3],
        default=4,
    )
    return Surface(
        ndvi=ndvi,
        clay_percent=clay,
        sand_percent=np.clip(sand, 5.0, 95.0),
        organic_carbon_g_kg=carbon,
        porosity=porosity,
        thaw_depth_m=thaw_depth,
        land_cover=cover.astype(np.uint8),
    )
