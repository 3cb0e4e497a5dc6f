"""Scenes of one sensor → a spectral index where the look is clear.

In: scenes as Earth Engine has them. Out: images of one float band `index`, masked where the
scene's own quality bands say fill, cloud, shadow, snow or saturation.
"""

import ee

from gee.optical.sensors import CLOUD_SCORE, INDICES, QUALITY_BITS, SENSORS, Sensor
from gee.optical.settings import LinearMap, OpticalSettings, SensorName

INDEX = "index"


def index_of_scenes(
    scenes: ee.ImageCollection, sensor: SensorName, index: str, settings: OpticalSettings
) -> ee.ImageCollection:
    """Return the index of each scene of one sensor where the look is clear."""
    if sensor == "sentinel2":
        # Matched by the scenes' own index, hence before anything is merged.
        scores = ee.ImageCollection(CLOUD_SCORE)
        scenes = scenes.linkCollection(scores, [settings.cloud_score_band])

    def one(image: ee.Image) -> ee.Image:
        clear = (
            _clear_in_sentinel2(image, settings)
            if sensor == "sentinel2"
            else _clear_in_landsat(image, settings)
        )
        return _index(image, SENSORS[sensor], index, settings).updateMask(clear)

    indexed: ee.ImageCollection = scenes.map(one)
    return indexed


def _index(image: ee.Image, sensor: Sensor, index: str, settings: OpticalSettings) -> ee.Image:
    """Return (a - b) / (a + b), written out: `normalizedDifference` masks negative reflectance."""
    first, second = (_reflectance(image, sensor, name, settings) for name in INDICES[index])
    ratio: ee.Image = first.subtract(second).divide(first.add(second)).toFloat().rename(INDEX)
    return ratio


def _reflectance(image: ee.Image, sensor: Sensor, name: str, settings: OpticalSettings) -> ee.Image:
    reflectance = image.select([sensor.bands[name]]).multiply(sensor.scale).add(sensor.offset)
    if sensor.thematic_mapper and settings.harmonise:
        band: LinearMap = getattr(settings.tm_to_oli, "nir" if name == "nir_narrow" else name)
        reflectance = reflectance.multiply(band.slope).add(band.intercept)
    floored: ee.Image = reflectance.max(settings.reflectance_floor)
    return floored


def _clear_in_landsat(image: ee.Image, settings: OpticalSettings) -> ee.Image:
    flags = sum(1 << QUALITY_BITS[name] for name in settings.landsat_excluded)
    unflagged = image.select(["QA_PIXEL"]).bitwiseAnd(flags).eq(0)
    # 0: no band is saturated, nothing dropped, nothing hidden by terrain.
    clear: ee.Image = unflagged.And(image.select(["QA_RADSAT"]).eq(0))
    return clear


def _clear_in_sentinel2(image: ee.Image, settings: OpticalSettings) -> ee.Image:
    clear = image.select([settings.cloud_score_band]).gte(settings.cloud_score_minimum)
    classes = image.select(["SCL"])
    for code in settings.scene_classes_excluded:
        clear = clear.And(classes.neq(code))
    masked: ee.Image = clear
    return masked
