"""Radar: from scenes to one image a covariate."""

from collections.abc import Collection

import ee

from gee.optical.settings import OpticalSettings
from gee.scope import Scope
from gee.sentinel1.change_detection import moisture_index_change
from gee.sentinel1.composites import composites
from gee.sentinel1.covariates import PASSES
from gee.sentinel1.settings import Sentinel1Settings
from gee.sentinel1.water_cloud import vwc_water_cloud
from gee.terrain.settings import TerrainSettings


def images(
    names: Collection[str],
    scope: Scope,
    settings: Sentinel1Settings,
    optical: OpticalSettings,
    terrain: TerrainSettings,
) -> dict[str, ee.Image]:
    """Return one single-band image a name, in the catalogue's unit, on its way to the grid.

    Raises
    ------
    CatalogueError
        where the years end before Sentinel-1 was there.
    """
    made: dict[str, ee.Image] = {}
    for side in PASSES:
        ending = f"_{side}"
        quantities = [name.removesuffix(ending) for name in names if name.endswith(ending)]
        if quantities:
            found = composites(quantities, side, scope, settings, terrain)
            made |= {f"{quantity}{ending}": image for quantity, image in found.items()}
    if "moisture_index_difference" in names:
        made["moisture_index_difference"] = _seasonal_index(scope, settings, terrain)
    if "moisture_index_change" in names:
        made["moisture_index_change"] = moisture_index_change(PASSES, scope, settings, terrain)
    if "vwc_water_cloud" in names:
        made["vwc_water_cloud"] = vwc_water_cloud(PASSES, scope, settings, optical, terrain)
    return {name: made[name] for name in names}


def _seasonal_index(
    scope: Scope, settings: Sentinel1Settings, terrain: TerrainSettings
) -> ee.Image:
    differences = [
        composites(["vv_difference"], side, scope, settings, terrain)["vv_difference"]
        for side in PASSES
    ]
    mean: ee.Image = ee.ImageCollection.fromImages(differences).mean()
    span = settings.index_wet_db - settings.index_dry_db
    return mean.subtract(settings.index_dry_db).divide(span)
