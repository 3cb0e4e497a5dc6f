"""`compare`: the map beside a reference raster, where the study names one."""

import json
from math import isfinite
from pathlib import Path

from export.errors import RasterError
from export.steps.context import Context
from export.steps.map_age import said_of_the_map
from local_ml.files import json_bytes, write_whole


def compare_step(context: Context) -> None:
    """Write map/comparison.json: scores of the map against the study's reference."""
    study, settings = context.study, context.study.settings.map
    if settings.reference is None:
        return
    from export.map.compare import compare_with_reference, unit_hint

    map_file = context.require(study.map_file, "mosaic")
    said_of_the_map(context, "compare")
    reference = study.input(settings.reference)
    path = study.map_folder / "comparison.json"

    def work() -> tuple[list[Path], str]:
        from export.covariates.settings import CovariateSettings
        from export.covariates.source import open_source
        from export.study.grid import study_geobox

        source = open_source(
            CovariateSettings.model_validate(
                {"name": "reference", "file": str(reference), "crs": settings.reference_crs}
            ),
            reference,
            study_geobox(study),
        )
        tile_px = study.settings.grid.tile_px
        found = compare_with_reference(map_file, source, tile_px, context.progress)
        if found.means is None:
            raise RasterError(f"{reference} and the map have no pixel in common")
        document = {
            "schema_version": 1,
            "reference": settings.reference,
            "pixels": found.pixels,
            "means": dict(zip(("reference", "map"), found.means, strict=True)),
            # A map of one value has no slope, and JSON no NaN.
            "scores": {name: one if isfinite(one) else None for name, one in found.scores.items()},
        }
        write_whole(path, json_bytes(document))
        return [path], f"R² {found.scores['r2']:.3f} against {settings.reference}"

    inputs = {
        "map": context.journal.file_hash(map_file),
        "reference": context.journal.file_hash(reference),
        "crs": settings.reference_crs,
        "name": settings.reference,
    }
    context.once("compare", inputs, work)
    means = json.loads(path.read_text(encoding="utf-8")).get("means")
    unit = study.settings.target.unit
    hint = means and unit_hint((means["reference"], means["map"]), unit)
    if hint:  # at each run: it stays true until the reference is mended
        context.warn("compare", hint)
