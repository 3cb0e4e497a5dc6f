"""Scenes of a season in many years → one value a pixel.

A composite has no lattice of its own yet; `gee.optical.images` brings it onto the grid.

Percentiles: which value between two neighbours Earth Engine takes for few values is not
documented. So a year's peak is certain only to the gap of the two values about its rank.
"""

from dataclasses import dataclass
from typing import Literal

import ee

from gee.optical.scenes import INDEX, index_of_scenes
from gee.optical.sensors import SENSORS
from gee.optical.settings import OpticalSettings
from gee.scope import Scope


@dataclass(frozen=True)
class Recipe:
    """Which index, in which season, and how many scenes become one value."""

    index: str
    season: Literal["peak", "thaw_end"]
    reducer: Literal["median", "median of annual peaks"] = "median"


RECIPES: dict[str, Recipe] = {
    "ndvi_peak": Recipe("ndvi", "peak", "median of annual peaks"),
    "ndvi_thaw_end": Recipe("ndvi", "thaw_end"),
    "ndwi_gao": Recipe("ndwi_gao", "thaw_end"),
    "ndwi_mcfeeters": Recipe("ndwi_mcfeeters", "thaw_end"),
    "ndwi_gao_peak": Recipe("ndwi_gao", "peak"),
}


def months_of(recipe: Recipe, settings: OpticalSettings) -> tuple[int, int]:
    """Return the first and last month of a recipe's season."""
    return settings.peak_months if recipe.season == "peak" else settings.thaw_end_months


def composite(name: str, scope: Scope, settings: OpticalSettings) -> ee.Image:
    """Return one covariate before it is averaged onto the grid."""
    recipe = RECIPES[name]
    first, last = scope.years
    if recipe.reducer == "median":
        scenes = _scenes(recipe, scope, settings, ee.Number(first), ee.Number(last))
        return _named(scenes.median(), name)

    def peak(year: ee.ComputedObject) -> ee.Image:
        number = ee.Number(year)
        scenes = _scenes(recipe, scope, settings, number, number)
        reducer = ee.Reducer.percentile([settings.peak_percentile])
        return _named(scenes.reduce(reducer), INDEX)

    peaks = ee.ImageCollection.fromImages(ee.List.sequence(first, last).map(peak))
    return _named(peaks.median(), name)


def _scenes(
    recipe: Recipe, scope: Scope, settings: OpticalSettings, first: ee.Number, last: ee.Number
) -> ee.ImageCollection:
    """Return the clear looks of all sensors in the season of the years from first to last."""
    start, end = ee.Date.fromYMD(first, 1, 1), ee.Date.fromYMD(last.add(1), 1, 1)
    season = ee.Filter.calendarRange(*months_of(recipe, settings), "month")
    # One image that is masked everywhere: without any scene the composite still has its band.
    merged: ee.ImageCollection = ee.ImageCollection([_nothing()])
    for sensor in settings.sensors:
        scenes = ee.ImageCollection(SENSORS[sensor].dataset).filterBounds(scope.bounds())
        seasonal = scenes.filterDate(start, end).filter(season)
        merged = merged.merge(index_of_scenes(seasonal, sensor, recipe.index, settings))
    return merged


def _nothing() -> ee.Image:
    return _named(ee.Image.constant(0).toFloat().updateMask(0), INDEX)


def _named(image: ee.Image, name: str) -> ee.Image:
    named: ee.Image = image.rename(name)
    return named
