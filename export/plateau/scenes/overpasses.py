"""When Sentinel-1 came over the example plateau, from where, and over what weather.

In: nothing but the tables below. Out: overpasses with their swath, the state of the ground, and
the fields of temperature and snow that ERA5-Land and MODIS show of the same hour.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Ground = Literal["thawed", "frozen", "frozen in the north"]

DEGREES_PER_KM = 0.064
"""Of incidence across the swath: some 16 degrees over 250 km."""
NEAR_DEG, FAR_DEG = 29.5, 46.0


@dataclass(frozen=True)
class Orbit:
    """A relative orbit over the region.

    Parameters
    ----------
    number : relative orbit
    direction : of flight
    look_azimuth_deg : from the sensor to the ground, clockwise from north
    edge_share : where in the region (0 its west edge, 1 its east edge, at mid-height) the swath
        ends
    edge_deg : incidence there: near range or far range
    utc : time of the overpass
    offset : of its pixels, shares of one
    """

    number: int
    direction: Literal["ascending", "descending"]
    look_azimuth_deg: float
    edge_share: float
    edge_deg: float
    utc: str
    offset: tuple[float, float]


ORBITS = {
    orbit.number: orbit
    for orbit in (
        # Looks east; its far range ends short of the region's east edge.
        Orbit(143, "ascending", 77.0, 0.86, FAR_DEG, "11:44:38", (0.0, 0.0)),
        # Looks east as well; its near range begins inside the region.
        Orbit(41, "ascending", 77.0, 0.18, NEAR_DEG, "11:52:51", (0.31, 0.57)),
        # Look west; both end before the region's west is reached.
        Orbit(150, "descending", 283.0, 0.29, FAR_DEG, "23:36:07", (0.62, 0.23)),
        Orbit(77, "descending", 283.0, 0.55, FAR_DEG, "23:44:19", (0.45, 0.81)),
    )
}


@dataclass(frozen=True)
class Overpass:
    """One scene.

    Parameters
    ----------
    date : of the overpass, UTC
    orbit : relative orbit
    ground : state of the upper centimetres
    soil_degc : temperature of the upper soil at the region's mean height
    wetness : how much wetter the surface is than on average, m3 m-3
    snow_depth_m : in the northern half of the region
    rain_mm : in the 24 hours before
    polarisations : VV alone in some early scenes
    """

    date: str
    orbit: int
    ground: Ground = "thawed"
    soil_degc: float = 6.0
    wetness: float = 0.0
    snow_depth_m: float = 0.0
    rain_mm: float = 0.0
    polarisations: tuple[str, ...] = ("VV", "VH")

    @property
    def swath(self) -> Orbit:
        return ORBITS[self.orbit]

    @property
    def start(self) -> str:
        return f"{self.date}T{self.swath.utc}"

    @property
    def border_noise(self) -> bool:
        """Before March 2018 the processor left dark pixels along the swath's edge."""
        return self.date < "2018-03-13"


OVERPASSES = (
    Overpass("2015-09-14", 143, wetness=0.02, polarisations=("VV",)),
    Overpass("2016-09-08", 143, soil_degc=8.0, wetness=0.03),
    Overpass("2017-09-27", 143, soil_degc=5.0, wetness=-0.02),
    Overpass("2019-09-17", 143, soil_degc=7.0, wetness=-0.03),
    Overpass("2021-10-08", 143, soil_degc=4.5, wetness=0.02),
    Overpass("2016-10-07", 41, soil_degc=4.5, wetness=-0.02),
    Overpass("2018-09-15", 41, soil_degc=7.0, wetness=0.03),
    Overpass("2019-10-04", 41, soil_degc=2.5, wetness=0.0, snow_depth_m=0.08),
    Overpass("2020-09-16", 41, soil_degc=6.5, wetness=0.01),
    Overpass("2022-09-06", 41, soil_degc=8.0, wetness=-0.03),
    Overpass("2017-09-04", 150, soil_degc=5.5, wetness=0.02),
    Overpass("2018-09-23", 150, soil_degc=4.5, wetness=-0.02),
    Overpass("2019-10-12", 150, "frozen", soil_degc=-4.5),
    Overpass("2020-09-12", 150, "frozen in the north", soil_degc=0.4),
    Overpass("2021-09-07", 150, soil_degc=5.5, wetness=0.0),
    Overpass("2018-09-06", 77, soil_degc=5.5, wetness=0.03),
    Overpass("2019-09-13", 77, soil_degc=5.0, wetness=-0.03),
    Overpass("2020-10-01", 77, "frozen", soil_degc=-3.5),
    Overpass("2021-09-14", 77, soil_degc=5.0, wetness=0.0),
    Overpass("2017-01-06", 143, "frozen", soil_degc=-12.0),
    Overpass("2020-01-15", 143, "frozen", soil_degc=-14.0),
    Overpass("2018-12-20", 41, "frozen", soil_degc=-11.0),
    Overpass("2021-01-14", 41, "frozen", soil_degc=-13.0),
    # A mild evening at the end of winter: above the melting point again.
    Overpass("2022-02-26", 41, soil_degc=2.0, wetness=0.05),
    Overpass("2018-01-02", 150, "frozen", soil_degc=-14.0),
    Overpass("2020-12-21", 150, "frozen", soil_degc=-12.0),
    Overpass("2019-01-10", 77, "frozen", soil_degc=-15.0),
    Overpass("2021-12-23", 77, "frozen", soil_degc=-12.0),
)

LAPSE_RATE_PER_M = 0.006


def soil_temperature_degc(
    overpass: Overpass, height_above_mean_m: np.ndarray, southward: np.ndarray
) -> np.ndarray:
    """Return the temperature of the upper soil.

    Parameters
    ----------
    height_above_mean_m : over the region's mean
    southward : 0 at the region's north edge, 1 at its south edge
    """
    level = overpass.soil_degc - LAPSE_RATE_PER_M * height_above_mean_m
    if overpass.ground == "frozen in the north":
        level = level + 10.0 * (np.clip(southward, 0.0, 1.0) - 0.5)
    return np.asarray(level)


def snow_depth_m(overpass: Overpass, southward: np.ndarray) -> np.ndarray:
    """Return the depth of the snow: none in the southern half."""
    return np.asarray(overpass.snow_depth_m * np.clip(2.5 * (0.5 - southward), 0.0, 1.0))
