"""The example plateau's candidate covariates, each as a file of its own convention.

In: the plateau in memory. Out: arrays with the grid, data type, missing value, scale and
units that their files have, so that a study of them meets what real files have: integers
with a scale, missing values declared and not, coarser grids that don't line up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from export.plateau.climate import degree_days
from export.plateau.fields import block_mean, random_field
from export.plateau.grid import PixelGrid
from export.plateau.world import Plateau
from local_ml.randomness import stream

KILOMETRE_DEG = 1 / 120
SOIL_PIXEL_DEG = 1 / 480
CLIMATE_PIXEL_DEG = 1 / 24


@dataclass(frozen=True)
class Layer:
    """One covariate and its file.

    Parameters
    ----------
    name, unit, group : as in the study
    values : (rows, cols) in `unit`, NaN where missing
    grid : the pixels of the file
    minimum, maximum : valid range in `unit`
    dtype, missing_value : of the file
    declared : the file says what its missing value is
    scale, offset : value = stored × scale + offset
    scale_in_file : the file's own tags give the scale; else the study does
    resampling, missing, categorical : as in the study
    """

    name: str
    unit: str
    group: str
    values: np.ndarray
    grid: PixelGrid
    minimum: float
    maximum: float
    dtype: str = "float32"
    missing_value: float = -9999.0
    declared: bool = True
    scale: float = 1.0
    offset: float = 0.0
    scale_in_file: bool = False
    resampling: str = "auto"
    missing: str = "nodata"
    categorical: bool = False

    @property
    def file(self) -> str:
        return f"rasters/{self.name}.tif"

    def stored(self) -> np.ndarray:
        """Return the numbers that the file holds."""
        numbers = (self.values - self.offset) / self.scale
        if np.issubdtype(np.dtype(self.dtype), np.integer):
            numbers = np.round(numbers)
        return np.where(np.isnan(self.values), self.missing_value, numbers).astype(self.dtype)

    def settings(self) -> dict[str, Any]:
        """Return its [[covariates]] entry."""
        entry: dict[str, Any] = {
            "name": self.name,
            "file": self.file,
            "unit": self.unit,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "group": self.group,
        }
        if (self.scale, self.offset) != (1.0, 0.0) and not self.scale_in_file:
            entry |= {"scale": self.scale, "offset": self.offset}
        if self.resampling != "auto":
            entry["resampling"] = self.resampling
        if self.missing != "nodata":
            entry["missing"] = self.missing
        if self.categorical:
            entry["categorical"] = True
        return entry


def layers_of(plateau: Plateau) -> Iterator[Layer]:
    """Yield the 28 candidates, one at a time (each is a few megabytes)."""
    yield from _terrain(plateau)
    yield from _temperature(plateau)
    yield from _radar(plateau)
    yield from _optical(plateau)
    yield from _soil(plateau)
    yield from own_layers(plateau)


def _terrain(plateau: Plateau) -> Iterator[Layer]:
    terrain, grid = plateau.terrain, plateau.grid
    aspect = np.deg2rad(terrain.aspect_deg)
    faces = terrain.slope_deg > 0  # level ground faces nowhere: sine and cosine are 0

    def layer(name: str, unit: str, values: np.ndarray, *limits: float, **kind: Any) -> Layer:
        return Layer(name, unit, "terrain", values, grid, limits[0], limits[1], **kind)

    yield layer("elevation", "m", terrain.elevation_m, 0, 9000, dtype="int16", missing_value=-32768)
    yield layer("slope", "degree", terrain.slope_deg, 0, 90)
    tenthousandth: dict[str, Any] = {"dtype": "int16", "missing_value": -32768, "scale": 1e-4}
    yield layer("aspect_sine", "1", np.sin(aspect) * faces, -1, 1, **tenthousandth)
    yield layer("aspect_cosine", "1", np.cos(aspect) * faces, -1, 1, **tenthousandth)
    yield layer("curvature", "m-1", terrain.curvature_per_m, -1, 1, missing_value=np.nan)
    for radius, values in terrain.tpi_m.items():
        yield layer(f"tpi_{radius}m", "m", values, -2000, 2000)
    yield layer("twi", "1", terrain.twi, 0, 40, missing_value=np.nan)
    yield layer("radiation_index", "1", terrain.radiation_index, 0, 3)


def _temperature(plateau: Plateau) -> Iterator[Layer]:
    """Land surface temperature on 1 km pixels, with errors, and the degree-days from it."""
    grid = plateau.grid
    coarse = grid.covering(KILOMETRE_DEG)
    generator = stream(plateau.seed, "plateau", "land surface temperature")
    mean = block_mean(plateau.climate.mean_temperature_degc, grid, coarse)
    mean = mean + generator.normal(0.0, 0.25, coarse.shape)
    amplitude = block_mean(plateau.climate.amplitude_degc, grid, coarse)
    amplitude = amplitude + generator.normal(0.0, 0.2, coarse.shape)
    thawing, freezing = degree_days(mean, amplitude)
    kelvin: dict[str, Any] = {
        "dtype": "uint16",
        "missing_value": 0,
        "scale": 0.02,
        "offset": -273.15,
    }
    yield Layer("lst_mean", "degC", "temperature", mean, coarse, -40, 40, **kelvin)
    days = ("degC day", "temperature")
    yield Layer("thawing_degree_days", *days, thawing, coarse, 0, 8000, missing_value=np.nan)
    whole: dict[str, Any] = {"dtype": "int16", "missing_value": -1}
    yield Layer("freezing_degree_days", *days, freezing, coarse, 0, 8000, **whole)


def _radar(plateau: Plateau) -> Iterator[Layer]:
    radar, grid = plateau.radar, plateau.grid

    def layer(name: str, values: np.ndarray, *limits: float, **kind: Any) -> Layer:
        return Layer(name, "dB", "radar", values, grid, limits[0], limits[1], **kind)

    yield layer("vv_thaw", radar.vv_thaw, -35, 10, missing_value=np.nan)
    hundredth: dict[str, Any] = {
        "dtype": "int16",
        "missing_value": -32768,
        "scale": 0.01,
        "scale_in_file": True,
    }
    yield layer("vh_thaw", radar.vh_thaw, -40, 5, **hundredth)
    yield layer("vv_frozen", radar.vv_frozen, -35, 10)
    lowest = float(np.finfo(np.float32).min)
    difference = radar.vv_thaw - radar.vv_frozen
    yield layer("vv_difference", difference, -20, 20, missing_value=lowest)
    yield layer("vh_difference", radar.vh_thaw - radar.vh_frozen, -20, 20, missing_value=np.nan)
    descending = radar.vv_thaw_descending
    yield layer("vv_thaw_descending", descending, -35, 10, missing_value=0.0, missing="native")


def _optical(plateau: Plateau) -> Iterator[Layer]:
    stored: dict[str, Any] = {"dtype": "int16", "missing_value": -3000, "scale": 1e-4}
    yield Layer("ndvi", "1", "optical", plateau.ndvi, plateau.grid, -0.2, 1, **stored)
    yield Layer("ndwi_gao", "1", "optical", plateau.ndwi_gao, plateau.grid, -1, 1)


def _soil(plateau: Plateau) -> Iterator[Layer]:
    """Soil maps on 250 m pixels: right in the main, wrong over a few kilometres; no lakes."""
    grid, surface = plateau.grid, plateau.surface
    coarse = grid.covering(SOIL_PIXEL_DEG)

    def mapped(name: str, values: np.ndarray, error: float) -> np.ndarray:
        wrong = random_field(stream(plateau.seed, "plateau", "soil map", name), coarse, 3000.0)
        means = block_mean(np.where(plateau.terrain.lake, np.nan, values), grid, coarse)
        return means + error * wrong

    def layer(name: str, unit: str, values: np.ndarray, maximum: float, **kind: Any) -> Layer:
        values = np.clip(values, 0.0, maximum)
        return Layer(
            name, unit, "soil", values, coarse, 0, maximum, "int16", missing_value=-32768, **kind
        )

    clay = mapped("clay", surface.clay_percent, 2.5)
    yield layer("clay", "%", clay, 100, scale=0.1)
    sand = mapped("sand", surface.sand_percent, 5.0)
    yield layer("sand", "%", sand, 100, scale=0.1, declared=False)
    carbon = np.exp(mapped("organic carbon", np.log(surface.organic_carbon_g_kg), 0.35))
    yield layer("organic_carbon", "g kg-1", carbon, 600, scale=0.1)
    porosity = mapped("porosity", surface.porosity, 0.02)
    yield layer("porosity", "m3 m-3", porosity, 1, scale=0.001, scale_in_file=True)


def own_layers(plateau: Plateau) -> Iterator[Layer]:
    """Yield what a user has beside Earth Engine.

    Precipitation on 4 km pixels, land cover, and a field that has nothing to do with water.
    """
    grid, seed = plateau.grid, plateau.seed
    coarse = grid.covering(CLIMATE_PIXEL_DEG)
    rain = block_mean(plateau.climate.precipitation_mm, grid, coarse)
    rain = rain * stream(seed, "plateau", "rain gauges").normal(1.0, 0.03, coarse.shape)
    yield Layer("precipitation", "mm year-1", "climate", rain, coarse, 0, 3000, missing_value=-1.0)

    generator = stream(seed, "plateau", "land cover errors")
    wrong = generator.random(grid.shape) < 0.06
    cover = np.where(wrong, generator.integers(1, 6, grid.shape), plateau.surface.land_cover)
    cover = np.where(plateau.terrain.lake, np.nan, cover)
    code: dict[str, Any] = {
        "dtype": "uint8",
        "missing_value": 255,
        "resampling": "nearest",
        "categorical": True,
    }
    yield Layer("land_cover", "1", "optical", cover, grid, 1, 5, **code)

    magnetic = 60.0 * random_field(stream(seed, "plateau", "magnetic"), grid, 6000.0, 1.5)
    yield Layer("magnetic_anomaly", "nT", "other", magnetic, grid, -1000, 1000)
