"""Radar: from scenes to one image a covariate."""

from collections.abc import Collection, Sequence

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
        quantities = {name.removesuffix(ending) for name in names if name.endswith(ending)}
        if "moisture_index_difference" in names:
            quantities.add("vv_difference")
        if quantities:
            found = composites(sorted(quantities), side, scope, settings, terrain)
            made |= {f"{quantity}{ending}": image for quantity, image in found.items()}
    if "moisture_index_difference" in names:
        differences = [made[f"vv_difference_{side}"] for side in PASSES]
        made["moisture_index_difference"] = moisture_index_difference(differences, settings)
    if "moisture_index_change" in names:
        made["moisture_index_change"] = moisture_index_change(PASSES, scope, settings, terrain)
    if "vwc_water_cloud" in names:
        made["vwc_water_cloud"] = vwc_water_cloud(PASSES, scope, settings, optical, terrain)
    return {name: made[name] for name in names}


def moisture_index_difference(
    differences: Sequence[ee.Image], settings: Sentinel1Settings
) -> ee.Image:
    """Return the mean difference of VV (dB) over the passes that have one, scaled to 0 ... 1.

    Thawed minus frozen, so roughness and vegetation, which are the same in both, mostly cancel.
    Relative: 0 and 1 stand for differences that the study chose, and it may lie beyond both.
    """
    mean: ee.Image = ee.ImageCollection.fromImages(list(differences)).mean()
    span = settings.index_wet_db - settings.index_dry_db
    return mean.subtract(settings.index_dry_db).divide(span)
