"""ERA5-Land over the example plateau: the hours about each overpass, and the months of some years.

Pixels of 0.1 degrees whose centres are whole tenths. Temperatures in K, depths in m.
"""

from datetime import UTC, datetime, timedelta

import numpy as np

from export.plateau.fields import smooth
from export.plateau.scenes.files import SceneFolder, scene
from export.plateau.scenes.lattices import GEOGRAPHIC, View, lattice_over
from export.plateau.scenes.overpasses import OVERPASSES, snow_depth_m, soil_temperature_degc
from export.plateau.world import Plateau
from local_ml.randomness import stream

HOURLY, MONTHLY = "ECMWF/ERA5_LAND/HOURLY", "ECMWF/ERA5_LAND/MONTHLY_AGGR"
PIXEL_DEG = 0.1
YEARS = (2010, 2014, 2018, 2022)
FREEZING_POINT_K = 273.15
# Share of the year's precipitation by month: a summer monsoon.
MONTHS = np.array([5, 6, 10, 22, 55, 95, 115, 100, 65, 20, 5, 4], float)
# The air is colder than the surface under a clear sky.
AIR_MINUS_SURFACE_K = -2.0
HOURS_BEFORE, HOURS_AFTER = 1, 1


def write_hourly(plateau: Plateau, folder: SceneFolder) -> None:
    """Write the hours from one before to one after each overpass."""
    view = _view(plateau)
    terrain, grid = plateau.terrain, plateau.grid
    height = view.averaged(smooth(terrain.elevation_m, grid, 4000.0)) - terrain.elevation_m.mean()
    southward = view.position_share[0]
    fields = {}
    for overpass in OVERPASSES:
        start = datetime.fromisoformat(overpass.start).replace(tzinfo=UTC)
        hour = start.replace(minute=0, second=0)
        soil = soil_temperature_degc(overpass, height, southward) + FREEZING_POINT_K
        depth = snow_depth_m(overpass, southward)
        rain_m = np.full(view.lattice.shape, overpass.rain_mm / 1000.0 / 24.0)
        for step in range(-HOURS_BEFORE, HOURS_AFTER + 1):
            fields[hour + timedelta(hours=step)] = {
                # Half a degree an hour, falling in the evening and before dawn alike.
                "soil_temperature_level_1": soil - 0.5 * step,
                "temperature_2m": soil - 1.5 - 0.8 * step,
                "snow_depth": depth,
                "snow_depth_water_equivalent": 0.2 * depth,
                "total_precipitation_hourly": rain_m,
            }
    images = []
    for hour, bands in sorted(fields.items()):
        name = f"{hour:%Y%m%dT%H}"
        stored = {band: values.astype(np.float32) for band, values in bands.items()}
        files = [folder.raster(f"era5_land/{name}.tif", stored, view.lattice, np.nan)]
        images.append(scene(name, files, _utc(hour), _utc(hour + timedelta(hours=1))))
    folder.collection(HOURLY, images)


def write_monthly(plateau: Plateau, folder: SceneFolder) -> None:
    """Write air temperature and precipitation of every month of four years."""
    view = _view(plateau)
    climate = plateau.climate
    mean = view.averaged(climate.mean_temperature_degc) + FREEZING_POINT_K + AIR_MINUS_SURFACE_K
    amplitude = view.averaged(climate.amplitude_degc)
    year_m = view.averaged(climate.precipitation_mm) / 1000.0
    images = []
    for year in YEARS:
        generator = stream(plateau.seed, "plateau", "ERA5-Land", str(year))
        wet, warm = 1.0 + 0.08 * generator.normal(), 0.4 * generator.normal()
        for month, share in enumerate(MONTHS / MONTHS.sum(), start=1):
            season = np.cos(2 * np.pi * (month - 7.2) / 12.0)
            fall = year_m * wet * share * generator.gamma(20.0, 1 / 20.0, view.lattice.shape)
            bands = {
                "temperature_2m": mean + amplitude * season + warm,
                "total_precipitation_sum": fall,
            }
            stored = {band: values.astype(np.float32) for band, values in bands.items()}
            start = datetime(year, month, 1, tzinfo=UTC)
            end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
            name = f"{year}{month:02d}"
            files = [folder.raster(f"era5_land/{name}.tif", stored, view.lattice, np.nan)]
            images.append(scene(name, files, _utc(start), _utc(end), year=year, month=month))
    folder.collection(MONTHLY, images)


def _view(plateau: Plateau) -> View:
    grid = plateau.grid
    lattice = lattice_over(grid, GEOGRAPHIC, PIXEL_DEG, 3 * PIXEL_DEG, (0.5, 0.5))
    return View(grid, lattice)


def _utc(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S")
