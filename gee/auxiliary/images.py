"""Auxiliary layers: one image each, on its way to the grid."""

from collections.abc import Callable, Collection

import ee

from gee.auxiliary.covariates import GLACIERS, WATER
from gee.scope import Scope
from gee.ways import averaged_from, projection_of


def images(names: Collection[str], scope: Scope) -> dict[str, ee.Image]:
    """Return one single-band image a name, in the catalogue's unit."""
    made: dict[str, Callable[[], ee.Image]] = {
        "water_occurrence": _water_occurrence,
        "glacier": lambda: _glacier(scope),
    }
    return {name: made[name]() for name in names}


def _water_occurrence() -> ee.Image:
    """Return the occurrence in percent; the dataset masks what was never water."""
    occurrence = ee.Image(WATER).select("occurrence")
    return averaged_from(occurrence.toFloat().unmask(0), occurrence.projection())


def _glacier(scope: Scope) -> ee.Image:
    """Return 1 inside the outlines, on the whole grid's own pixels."""
    outlines = ee.FeatureCollection(GLACIERS).filterBounds(scope.bounds())
    ice = outlines.filter(ee.Filter.eq("line_type", "glac_bound"))
    rock = outlines.filter(ee.Filter.eq("line_type", "intrnl_rock"))
    painted = ee.Image(0).paint(ice, 1).paint(rock, 0)
    pinned: ee.Image = painted.reproject(projection_of(scope.geobox))
    return pinned
