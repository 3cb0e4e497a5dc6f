"""The four overpasses of MODIS: land surface temperature of good quality.

In: MOD11A1 and MYD11A1, version 6.1, as Earth Engine has them. Out: daily images of one double
band `temperature` in degrees Celsius, each with its time, masked where quality forbids.
"""

from dataclasses import dataclass
from typing import Literal

import ee

from gee.scope import Scope
from gee.temperature.settings import Satellite, TemperatureSettings
from gee.temperature.sources import DATASETS

TEMPERATURE = "temperature"
KELVIN_PER_NUMBER = 0.02
FREEZING_POINT_K = 273.15


@dataclass(frozen=True)
class Overpass:
    """A satellite's look at one time of the day."""

    satellite: Satellite
    time: Literal["Day", "Night"]


def overpasses(settings: TemperatureSettings) -> tuple[Overpass, ...]:
    """Return every overpass that is used."""
    times: tuple[Literal["Day", "Night"], ...] = ("Day", "Night")
    return tuple(Overpass(satellite, time) for satellite in settings.satellites for time in times)


def lattice(settings: TemperatureSettings) -> ee.Projection:
    """Return the sinusoidal lattice of MODIS, of which every image of both satellites is."""
    first = ee.ImageCollection(DATASETS[settings.satellites[0]]).first()
    projection: ee.Projection = ee.Image(first).select(["LST_Day_1km"]).projection()
    return projection


def good_days(
    overpass: Overpass, scope: Scope, settings: TemperatureSettings
) -> ee.ImageCollection:
    """Return an overpass's temperature of each day of the years, degC."""
    first, last = scope.years
    days = ee.ImageCollection(DATASETS[overpass.satellite]).filterDate(
        f"{first}-01-01", f"{last + 1}-01-01"
    )

    def one(image: ee.Image) -> ee.Image:
        kelvin = image.select([f"LST_{overpass.time}_1km"]).multiply(KELVIN_PER_NUMBER)
        flags = image.select([f"QC_{overpass.time}"])
        produced = flags.bitwiseAnd(3).lte(settings.quality_maximum)
        accurate = flags.rightShift(6).bitwiseAnd(3).lte(settings.error_flag_maximum)
        celsius = kelvin.subtract(FREEZING_POINT_K).toDouble().rename(TEMPERATURE)
        timed: ee.Image = celsius.updateMask(produced.And(accurate)).set(
            "system:time_start", image.get("system:time_start")
        )
        return timed

    screened: ee.ImageCollection = days.filterBounds(scope.bounds()).map(one)
    return screened
