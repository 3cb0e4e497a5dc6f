"""Temperature, thaw and precipitation of the example plateau, all free of noise at 90 m.

Temperatures in degC, degree-days in degC day, precipitation in mm year-1, depths in m.
"""

from dataclasses import dataclass

import numpy as np

from export.plateau.fields import random_field, smooth
from export.plateau.grid import PixelGrid
from export.plateau.terrain import Terrain
from local_ml.randomness import stream

DAYS_PER_YEAR = 365.25
LAPSE_RATE_PER_M = 0.0060
# The warmest ground of the region lies outside the permafrost (taliks of the valley floors).
SHARE_WITHOUT_PERMAFROST = 0.14


@dataclass(frozen=True)
class Climate:
    """Layers of (rows, cols)."""

    mean_temperature_degc: np.ndarray
    amplitude_degc: np.ndarray
    thawing_degree_days: np.ndarray
    freezing_degree_days: np.ndarray
    precipitation_mm: np.ndarray
    permafrost: np.ndarray


def degree_days(mean_degc: np.ndarray, amplitude_degc: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return thawing and freezing degree-days (degC day, both positive) of a harmonic year.

    For T(t) = mean + amplitude cos(2πt/P) the sums of the positive and of the negative
    temperatures are closed: DDT = (P/π)(T̄ u + A sin u) with u = arccos(-T̄/A), and
    DDF = DDT - P T̄; with |T̄| ≥ A the year thaws or freezes throughout.
    """
    u = np.arccos(np.clip(-mean_degc / amplitude_degc, -1.0, 1.0))
    thawing = DAYS_PER_YEAR / np.pi * (mean_degc * u + amplitude_degc * np.sin(u))
    thawing = np.maximum(thawing, 0.0)
    return thawing, thawing - DAYS_PER_YEAR * mean_degc


def make_climate(seed: int, grid: PixelGrid, terrain: Terrain) -> Climate:
    """Make the climate of `grid`.

    Mean surface temperature falls by 6.0 K per km and 0.7 K per degree of latitude, rises by
    9 K per unit of the radiation index (some 2.5 K between steep sunny and shady slopes) and
    by anomalies of 0.5 K over 6 km; its yearly amplitude shrinks with height. Precipitation falls
    from 360 mm in the south-east to 220 mm in the north-west and rises by 9 % per 100 m.
    """
    height_km = terrain.elevation_m / 1000.0
    north = (grid.latitude_deg - grid.latitude_deg.mean())[:, None]
    anomaly = random_field(stream(seed, "plateau", "temperature"), grid, 6000.0, 1.0)
    mean = (
        -1.9
        - 1000.0 * LAPSE_RATE_PER_M * (height_km - 4.65)
        - 0.7 * north
        + 9.0 * (terrain.radiation_index - 1.0)
        + 0.5 * anomaly
    )
    amplitude = 13.5 - 1.5 * (height_km - 4.65) + 0.25 * anomaly
    thawing, freezing = degree_days(mean, amplitude)

    southward = np.linspace(-0.5, 0.5, grid.rows)[:, None]
    eastward = np.linspace(-0.5, 0.5, grid.cols)[None, :]
    storms = random_field(stream(seed, "plateau", "precipitation"), grid, 15000.0, 1.5)
    massif = smooth(terrain.elevation_m, grid, 3000.0)
    precipitation = (290.0 + 70.0 * (southward + eastward) + 18.0 * storms) * (
        1.0 + 0.09 * (massif - massif.mean()) / 100.0
    )

    ground = smooth(mean, grid, 600.0) + 0.35 * random_field(
        stream(seed, "plateau", "permafrost"), grid, 2500.0, 1.0
    )
    inside = ~terrain.lake
    limit = np.quantile(ground[inside], 1.0 - SHARE_WITHOUT_PERMAFROST)
    return Climate(
        mean_temperature_degc=mean,
        amplitude_degc=amplitude,
        thawing_degree_days=thawing,
        freezing_degree_days=freezing,
        precipitation_mm=np.clip(precipitation, 120.0, 700.0),
        permafrost=ground <= limit,
    )
