"""MODIS of the example plateau: land surface temperature by day and night, and snow.

Terra and Aqua, 1 km and 500 m, on the sinusoidal lattice of the archive. A look every 16 days
over three years and, for snow, on the days on which Sentinel-1 came over.
"""

from datetime import date, timedelta
from typing import Any

import numpy as np

from export.plateau.climate import DAYS_PER_YEAR
from export.plateau.fields import random_field
from export.plateau.grid import PixelGrid
from export.plateau.layers import KILOMETRE_DEG
from export.plateau.scenes.files import SceneFolder, scene
from export.plateau.scenes.lattices import (
    SINUSOIDAL,
    SINUSOIDAL_KILOMETRE,
    Lattice,
    View,
    lattice_over,
)
from export.plateau.scenes.overpasses import OVERPASSES, snow_depth_m
from export.plateau.world import Plateau
from local_ml.randomness import stream

TERRA, AQUA, SNOW = "MODIS/061/MOD11A1", "MODIS/061/MYD11A1", "MODIS/061/MOD10A1"
MARGIN_M = 4000.0
FIRST_DAYS = (date(2012, 1, 4), date(2016, 1, 8), date(2020, 1, 2))
STEP_DAYS, LOOKS_A_YEAR = 16, 23
WARMEST_DAY = 205.0
# Above or below the mean of the day, K: the four passes average out.
OFFSET_K = {
    (TERRA, "Day"): 9.0,
    (AQUA, "Day"): 11.0,
    (TERRA, "Night"): -8.0,
    (AQUA, "Night"): -12.0,
}
WEATHER_K, NOISE_K = 1.5, 0.8
CLOUD_SHARE, HIDDEN_CLOUD_SHARE = 0.30, 0.08
GOOD, CLOUDY, DOUBTFUL = 0b00000000, 0b00000010, 0b11000001
SNOW_MASKED = 255
KELVIN_PER_NUMBER, FREEZING_POINT_K = 0.02, 273.15
TIMES = ("Day", "Night")


def looks() -> list[date]:
    """Return the days on which there is a look, in order."""
    return [
        first + timedelta(days=STEP_DAYS * number)
        for first in FIRST_DAYS
        for number in range(LOOKS_A_YEAR)
    ]


def season_of(day: date) -> float:
    """Return the cosine of the year's course, 1 on the warmest day."""
    return float(np.cos(2 * np.pi * (day.timetuple().tm_yday - WARMEST_DAY) / DAYS_PER_YEAR))


def write_temperature(plateau: Plateau, folder: SceneFolder) -> None:
    """Write Terra's and Aqua's looks: LST_Day_1km, QC_Day, LST_Night_1km, QC_Night."""
    grid = plateau.grid
    view = View(grid, lattice_over(grid, SINUSOIDAL, SINUSOIDAL_KILOMETRE, MARGIN_M))
    mean = view.averaged(plateau.climate.mean_temperature_degc)
    amplitude = view.averaged(plateau.climate.amplitude_degc)
    sky = Sky(grid, view.lattice)
    for asset, prefix in ((TERRA, "MOD11A1"), (AQUA, "MYD11A1")):
        images = []
        for day in looks():
            temperature, quality = {}, {}
            for time in TIMES:
                names = ("land surface temperature", prefix, time, day.isoformat())
                generator = stream(plateau.seed, "plateau", *names)
                offset = OFFSET_K[asset, time] + WEATHER_K * generator.normal()
                noise = NOISE_K * generator.normal(size=view.lattice.shape)
                cloudy, hidden = sky.clouds(generator)
                kelvin = mean + amplitude * season_of(day) + offset + noise + FREEZING_POINT_K
                # Cloud that the mask missed is cold; quality says only that it is doubtful.
                numbers = np.rint((kelvin - 7.0 * hidden) / KELVIN_PER_NUMBER)
                temperature[f"LST_{time}_1km"] = np.where(cloudy, 0, numbers).astype(np.uint16)
                flags = np.select([cloudy, hidden], [CLOUDY, DOUBTFUL], GOOD)
                quality[f"QC_{time}"] = flags.astype(np.uint8)
            name = f"{prefix}_{day:%Y%m%d}"
            files = [
                folder.raster(f"modis/{name}_LST.tif", temperature, view.lattice, nodata=0),
                folder.raster(f"modis/{name}_QC.tif", quality, view.lattice),
            ]
            images.append(_daily(day, files))
        folder.collection(asset, images, pyramiding={"QC_Day": "MODE", "QC_Night": "MODE"})


def write_snow(plateau: Plateau, folder: SceneFolder) -> None:
    """Write Terra's snow cover, %, of the same days and of those of Sentinel-1."""
    grid = plateau.grid
    view = View(grid, lattice_over(grid, SINUSOIDAL, SINUSOIDAL_KILOMETRE / 2, MARGIN_M))
    height = view.averaged(plateau.terrain.elevation_m) - plateau.terrain.elevation_m.mean()
    southward = view.position_share[0]
    snowy = {overpass.date: overpass for overpass in OVERPASSES if overpass.snow_depth_m > 0.0}
    sky = Sky(grid, view.lattice)
    days = {*looks(), *(date.fromisoformat(overpass.date) for overpass in OVERPASSES)}
    images = []
    for day in sorted(days):
        generator = stream(plateau.seed, "plateau", "snow cover", day.isoformat())
        cover = 100.0 * snow_share(day, height, float(generator.normal()))
        if day.isoformat() in snowy:
            cover = np.where(snow_depth_m(snowy[day.isoformat()], southward) > 0, 85.0, 0.0)
        cover = np.clip(cover + generator.normal(0.0, 3.0, view.lattice.shape), 0.0, 100.0)
        cloudy, _ = sky.clouds(generator)
        whole = np.rint(cover)
        bands = {"NDSI_Snow_Cover": np.where(cloudy, SNOW_MASKED, whole).astype(np.uint8)}
        name = f"MOD10A1_{day:%Y%m%d}"
        files = [folder.raster(f"modis/{name}.tif", bands, view.lattice, nodata=SNOW_MASKED)]
        images.append(_daily(day, files))
    folder.collection(SNOW, images)


def snow_share(day: date, height_above_mean_m: np.ndarray, weather: float) -> np.ndarray:
    """Return the share of the ground under snow: high ground in the cold season, after storms."""
    cold = 0.5 - 0.5 * season_of(day)
    line_m = 650.0 - 750.0 * cold - 120.0 * weather
    return np.asarray(1.0 / (1.0 + np.exp(-(height_above_mean_m - line_m) / 60.0)))


class Sky:
    """Clouds of a few kilometres over a lattice, drawn anew for each look."""

    def __init__(self, grid: PixelGrid, lattice: Lattice) -> None:
        self.grid = grid.covering(KILOMETRE_DEG, margin=8)
        self.view = View(self.grid, lattice)

    def clouds(self, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return where cloud is seen, and where there is cloud that the mask missed."""
        field = self.view.interpolated(random_field(generator, self.grid, 9000.0, 1.0))
        limits = np.quantile(field, [1 - CLOUD_SHARE - HIDDEN_CLOUD_SHARE, 1 - CLOUD_SHARE])
        cloudy = field > limits[1]
        return cloudy, (field > limits[0]) & ~cloudy


def _daily(day: date, files: list[dict[str, Any]]) -> dict[str, Any]:
    end = day + timedelta(days=1)
    return scene(f"{day:%Y_%m_%d}", files, f"{day}T00:00:00", f"{end}T00:00:00")
