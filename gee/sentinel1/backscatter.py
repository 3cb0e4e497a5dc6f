"""One scene: screened, corrected for slopes, at the reference angle, in power.

In: a scene with its ERA5-Land hour. Out: bands VV and VH in power (gamma nought, or sigma nought
where the study wants no correction), with the scene's time and relative orbit.
"""

import math

import ee

from gee.scope import Scope
from gee.sentinel1.masks import border_mask, season_mask, smoothed
from gee.sentinel1.scenes import ORBIT, Season, with_weather
from gee.sentinel1.settings import Sentinel1Settings
from gee.sentinel1.slope_correction import (
    downhill,
    gamma_nought,
    towards_sensor,
    towards_sensor_by_heading,
)
from gee.terrain.settings import TerrainSettings

POLARISATIONS = ["VV", "VH"]


def corrected_scenes(
    scenes: ee.ImageCollection,
    scope: Scope,
    season: Season,
    settings: Sentinel1Settings,
    terrain: TerrainSettings,
    at_reference_angle: bool = True,
) -> ee.ImageCollection:
    """Return the scenes of a season, corrected, bands VV, VH and angle (degrees).

    Choose the scenes before and not after: what is chosen from corrected scenes costs as much as
    all of them.
    """
    slope = downhill(ee.Image(terrain.dem).select([terrain.dem_band]))

    def corrected(scene: ee.Image) -> ee.Image:
        angle_deg = smoothed(scene.select("angle"))
        power = scene.select(POLARISATIONS)
        if settings.slope_model != "none":
            if settings.look_from == "heading":
                towards = towards_sensor_by_heading(scene)
            else:
                towards = towards_sensor(scene, settings.look_scale_m)
            power = gamma_nought(
                power, angle_deg, slope, towards, settings.slope_model, settings.slope_margin_deg
            )
        if at_reference_angle:
            power = at_angle(power, angle_deg, settings)
        kept = season_mask(scene, season, settings).And(border_mask(scene, angle_deg, settings))
        # Both polarisations or none: their ratio is then that of the same ground.
        kept = kept.And(scene.select(POLARISATIONS).mask().reduce(ee.Reducer.min()))
        power = power.addBands(angle_deg).updateMask(kept)
        told: ee.Image = ee.Image(power.copyProperties(scene, ["system:time_start", ORBIT]))
        return told

    mapped: ee.ImageCollection = with_weather(scenes, scope, season, settings).map(corrected)
    return mapped


def at_angle(power: ee.Image, angle_deg: ee.Image, settings: Sentinel1Settings) -> ee.Image:
    """Return power as it would be at the reference incidence angle, by the study's own rule."""
    reference = settings.reference_angle_deg
    if settings.normalisation == "linear":
        # a change of b dB is a factor of 10^(b / 10)
        tenth = -settings.normalisation_db_per_deg / 10 * math.log(10)
        return power.multiply(angle_deg.subtract(reference).multiply(tenth).exp())
    if settings.normalisation == "cosine":
        cosine = angle_deg.multiply(math.pi / 180).cos()
        ratio = cosine.pow(-1).multiply(math.cos(math.radians(reference)))
        return power.multiply(ratio.pow(settings.normalisation_exponent))
    return power


def decibels(power: ee.Image) -> ee.Image:
    """Return 10 log10 of power; masked where it is not positive."""
    return power.updateMask(power.gt(0)).log10().multiply(10)
