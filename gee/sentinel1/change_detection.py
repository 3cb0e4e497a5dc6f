"""Moisture by change detection, after Wagner et al. (1999), as TU Wien does for scatterometers.

In: corrected scenes of thawed ground. Out: where backscatter lies between the dry and the wet
reference of its own pixel and relative orbit, 0 to 1, averaged over the years.

Scenes come onto the grid first: of a pixel of 10 m, the lowest and the highest value are speckle.
References come from thawed scenes alone, since frozen ground looks dry.
"""

from collections.abc import Sequence

import ee

from gee.scope import Scope
from gee.sentinel1.backscatter import corrected_scenes, decibels
from gee.sentinel1.orbits import each_orbit, numbers, or_nothing
from gee.sentinel1.scenes import scenes
from gee.sentinel1.settings import ChangeDetectionSettings, Sentinel1Settings
from gee.terrain.settings import TerrainSettings
from gee.ways import averaged


def moisture_index_change(
    sides: Sequence[str], scope: Scope, settings: Sentinel1Settings, terrain: TerrainSettings
) -> ee.Image:
    """Return the mean index over scenes, then over relative orbits, then over passes."""
    by_pass = [_of_pass(side, scope, settings, terrain) for side in sides]
    mean: ee.Image = ee.ImageCollection.fromImages(by_pass).mean()
    return mean


def _of_pass(
    side: str, scope: Scope, settings: Sentinel1Settings, terrain: TerrainSettings
) -> ee.Image:
    found = scenes(scope, side, "thaw", settings)

    def of_orbit(orbit: ee.Filter) -> ee.Image:
        corrected = corrected_scenes(found.filter(orbit), scope, "thaw", settings, terrain)
        series = corrected.select(["VV"]).map(
            lambda scene: decibels(averaged(scene, scope.geobox, settings.scale_m))
        )
        return mean_place(series, settings.change_detection)

    mean: ee.Image = each_orbit(numbers(found), of_orbit, ["VV"]).mean()
    return mean


def mean_place(series: ee.ImageCollection, settings: ChangeDetectionSettings) -> ee.Image:
    """Return the mean place of a series (band VV, dB) between its own percentiles, 0 to 1."""
    percentiles = [settings.dry_percentile, settings.wet_percentile]
    known = or_nothing(series, ["VV"])
    references = known.reduce(ee.Reducer.percentile(percentiles, ["dry", "wet"]))
    dry = references.select("VV_dry")
    contrast = references.select("VV_wet").subtract(dry)
    places = known.map(lambda scene: scene.subtract(dry).divide(contrast).clamp(0, 1))
    index: ee.Image = places.mean()
    enough = known.count().gte(settings.minimum_scenes)
    return index.updateMask(enough.And(contrast.gte(settings.minimum_contrast_db)))
