"""Which pixels of a scene: those of thawed (or frozen) ground, without noise along its borders.

In: a scene with its ERA5-Land hour. Out: masks, 1 where a pixel counts.
"""

import ee

from gee.sentinel1.scenes import WEATHER, Season
from gee.sentinel1.settings import Sentinel1Settings


def smoothed(image: ee.Image) -> ee.Image:
    """Return a coarse image interpolated between its pixels; the nearest one along its edges."""
    return image.resample("bilinear").unmask(image)


def season_mask(scene: ee.Image, season: Season, settings: Sentinel1Settings) -> ee.Image:
    """Return where the soil is thawed and free of snow, or where it is frozen."""
    weather = ee.Image(scene.get(WEATHER))
    soil_k = smoothed(weather.select("soil_temperature_level_1"))
    if season == "frozen":
        return soil_k.lt(settings.frozen_soil_below_k)
    snow_m = smoothed(weather.select("snow_depth"))
    return soil_k.gt(settings.thaw_soil_above_k).And(snow_m.lt(settings.thaw_snow_below_m))


def border_mask(scene: ee.Image, angle_deg: ee.Image, settings: Sentinel1Settings) -> ee.Image:
    """Return where a scene has no border noise; everywhere in scenes that never had any.

    From 13 March 2018 the processor itself cleans the borders; the masks would then take away
    good pixels of near and far range, and dark ground.
    """
    least, most = settings.border_angles_deg
    clean = (
        angle_deg.gt(least)
        .And(angle_deg.lt(most))
        .And(scene.select("VV").gte(10 ** (settings.border_power_db / 10)))
    )
    late = scene.date().millis().gte(ee.Date(settings.border_before.isoformat()).millis())
    return clean.Or(ee.Image.constant(late))
