"""What the sensors store, and which of their bands an index is made of."""

from dataclasses import dataclass

from gee.optical.settings import OpticalSettings, SensorName

INDICES: dict[str, tuple[str, str]] = {
    "ndvi": ("nir", "red"),
    "ndwi_gao": ("nir_narrow", "swir1"),
    "ndwi_mcfeeters": ("green", "nir"),
}
"""Name → the bands a and b of (a - b) / (a + b).

NDVI of Rouse et al. (1974); the NDWI of Gao (1996), which is the water in leaves and soil and is
also called NDMI; the NDWI of McFeeters (1996), which is open water.
"""

CLOUD_SCORE = "GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED"

QUALITY_BITS = {
    "fill": 0,
    "dilated_cloud": 1,
    "cirrus": 2,
    "cloud": 3,
    "cloud_shadow": 4,
    "snow": 5,
    "water": 7,
}
"""Bits of QA_PIXEL in Collection 2."""


@dataclass(frozen=True)
class Sensor:
    """Where a sensor's reflectance lies, and reflectance = scale x stored number + offset."""

    dataset: str
    bands: dict[str, str]
    scale: float
    offset: float
    thematic_mapper: bool = False


def _landsat(dataset: str, green: int, thematic_mapper: bool) -> Sensor:
    names = ("green", "red", "nir", "swir1")
    bands = {name: f"SR_B{green + step}" for step, name in enumerate(names)}
    bands["nir_narrow"] = bands["nir"]
    return Sensor(dataset, bands, 2.75e-5, -0.2, thematic_mapper)


SENSORS: dict[SensorName, Sensor] = {
    "landsat5": _landsat("LANDSAT/LT05/C02/T1_L2", green=2, thematic_mapper=True),
    "landsat7": _landsat("LANDSAT/LE07/C02/T1_L2", green=2, thematic_mapper=True),
    "landsat8": _landsat("LANDSAT/LC08/C02/T1_L2", green=3, thematic_mapper=False),
    "landsat9": _landsat("LANDSAT/LC09/C02/T1_L2", green=3, thematic_mapper=False),
    "sentinel2": Sensor(
        "COPERNICUS/S2_SR_HARMONIZED",
        {"green": "B3", "red": "B4", "nir": "B8", "nir_narrow": "B8A", "swir1": "B11"},
        1e-4,
        0.0,
    ),
}
"""B8A is as narrow, and as coarse, as the 20 m band B11 that it is compared with."""


def datasets(settings: OpticalSettings) -> tuple[str, ...]:
    """Return the ids of everything that the chosen sensors read."""
    ids = [SENSORS[name].dataset for name in settings.sensors]
    return tuple([*ids, CLOUD_SCORE] if "sentinel2" in settings.sensors else ids)
