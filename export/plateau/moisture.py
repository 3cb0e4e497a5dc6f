"""The moisture of the example plateau: the truth that a map of it is held against.

θ = θ_r + (φ - θ_r) S, in m³ m⁻³: residual water, pore space φ and a degree of saturation S
that depends on the noise-free fields and on a part that no covariate knows.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from export.plateau.climate import Climate
from export.plateau.fields import random_field
from export.plateau.grid import PixelGrid
from export.plateau.surface import Surface, wetness
from export.plateau.terrain import Terrain
from local_ml.randomness import stream

RESIDUAL_WATER = 0.03
# Standard deviation, on the logit of saturation, of what no covariate explains: most of it
# varies over kilometres, the rest from pixel to pixel.
UNEXPLAINED_SD = 0.95
REGIONAL_SHARE = 0.70
REGIONAL_RANGE_M = 4000.0
LOCAL_RANGE_M = 250.0


@dataclass(frozen=True)
class Moisture:
    """Layers of (rows, cols), m³ m⁻³: the truth, and its part that the covariates determine."""

    truth: np.ndarray
    explained: np.ndarray


def saturation_logit(terrain: Terrain, climate: Climate, surface: Surface) -> np.ndarray:
    """Return the logit of the degree of saturation that the noise-free fields determine.

    Wet where water gathers, the more so over a shallow thaw table (which perches it); where
    it rains and plants are green; dry on steep, coarse and sunny ground.
    """
    wet = wetness(terrain)
    green = (surface.ndvi - 0.25) / 0.12
    moist = (climate.precipitation_mm - 290.0) / 60.0
    shallow = np.tanh((2.0 - surface.thaw_depth_m) / 0.5)
    steep = np.minimum(terrain.slope_deg / 10.0, 2.0)
    shade = np.clip((1.0 - terrain.radiation_index) / 0.05, -2.0, 2.0)
    coarse = np.clip((surface.sand_percent - 55.0) / 12.0, -2.0, 2.0)
    logit: np.ndarray = (
        0.50
        + 1.20 * wet
        + 0.75 * np.tanh(green)
        + 0.55 * moist
        + 0.60 * shallow
        + 0.70 * np.maximum(wet, 0.0) * shallow
        - 0.75 * steep
        + 0.35 * shade
        - 0.40 * coarse
    )
    return logit


def make_moisture(
    seed: int, grid: PixelGrid, terrain: Terrain, climate: Climate, surface: Surface
) -> Moisture:
    """Make the truth and its explained part."""
    logit = saturation_logit(terrain, climate, surface)
    regional = random_field(stream(seed, "plateau", "regional"), grid, REGIONAL_RANGE_M, 0.5)
    local = random_field(stream(seed, "plateau", "local"), grid, LOCAL_RANGE_M, 0.5)
    unexplained = UNEXPLAINED_SD * (
        np.sqrt(REGIONAL_SHARE) * regional + np.sqrt(1 - REGIONAL_SHARE) * local
    )
    pores = surface.porosity - RESIDUAL_WATER
    return Moisture(
        truth=RESIDUAL_WATER + pores * expit(logit + unexplained),
        explained=RESIDUAL_WATER + pores * expit(logit),
    )
