"""The mask of a study's region, where it must be put onto the grid first.

In: `region.mask` that names polygons, or `region.mask_asset`. Out: covariates/region_mask.tif.
"""

import json
from typing import Any

from export.covariates.region_mask import vector_files, vector_inside, write_region_mask
from export.errors import RasterError
from export.journal import Journal
from export.progress import Progress
from export.study import Study
from export.study.covariates import connect_to_earth_engine, local_scenes
from export.study.grid import study_geobox
from gee.errors import AssetError
from gee.grid import grid_to_json


def made_from(study: Study, journal: Journal) -> dict[str, Any]:
    """Return what the mask on the grid is made from."""
    region, service = study.settings.region, study.settings.earthengine
    assert region is not None
    files = [] if region.mask is None else vector_files(study.input(region.mask))
    scenes = local_scenes(study, journal.file_hash) if region.mask_asset else None
    held = {} if scenes is None else {"scenes": scenes.made_from(json.dumps(region.mask_asset))}
    return {
        **held,
        "files": [journal.file_hash(path) for path in files],
        "mask": [region.mask_layer, region.mask_crs, region.mask_asset, region.mask_values],
        "service": service.url if service and region.mask_asset else None,
        "grid": grid_to_json(study_geobox(study)),
    }


def make_region_mask(study: Study, progress: Progress) -> int:
    """Write the mask on the grid; return how many pixels lie inside.

    Raises
    ------
    ExportError
        where the polygons cannot be used, or no pixel lies inside.
    ServiceError
        where the asset cannot be read.
    """
    region, path = study.settings.region, study.region_mask_file
    assert region is not None
    geobox = study_geobox(study)
    workers = 0
    if region.mask_asset is None:
        assert region.mask is not None
        shapes = study.input(region.mask)
        inside = vector_inside(shapes, region.mask_layer, region.mask_crs, geobox)
    else:
        from export.covariates.region_asset import asset_inside

        connect_to_earth_engine(study)
        assert study.settings.earthengine is not None
        workers = study.settings.earthengine.workers
        inside = asset_inside(region.mask_asset, region.mask_values)
    pixels = write_region_mask(path, geobox, inside, progress, workers)
    if not pixels:
        path.unlink()
        if region.mask_asset is not None:
            raise AssetError(
                f"region.mask_asset '{region.mask_asset}': no pixel of the grid lies inside it; "
                "check its extent and values against the edges of the region and mask_values"
            )
        raise RasterError(
            f"no pixel of the grid lies inside {region.mask}: it and the edges of the region do "
            "not meet"
        )
    return pixels
