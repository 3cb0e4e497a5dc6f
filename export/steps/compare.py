"""`compare`: the map beside a reference raster, where the study names one."""

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
    map_file = context.require(study.map_file, "mosaic")
    said_of_the_map(context, "compare")
    reference = study.input(settings.reference)

    def work() -> tuple[list[Path], str]:
        from export.covariates.settings import CovariateSettings
        from export.covariates.source import open_source
        from export.map.compare import compare_with_reference
        from export.study.grid import study_geobox

        source = open_source(
            CovariateSettings.model_validate(
                {"name": "reference", "file": str(reference), "crs": settings.reference_crs}
            ),
            reference,
            study_geobox(study),
        )
        tile_px = study.settings.grid.tile_px
        scores, pixels = compare_with_reference(map_file, source, tile_px, context.progress)
        if not pixels:
            raise RasterError(f"{reference} and the map have no pixel in common")
        path = study.map_folder / "comparison.json"
        document = {
            "schema_version": 1,
            "reference": settings.reference,
            "pixels": pixels,
            # A map of one value has no slope, and JSON no NaN.
            "scores": {name: one if isfinite(one) else None for name, one in scores.items()},
        }
        write_whole(path, json_bytes(document))
        return [path], f"R² {scores['r2']:.3f} against {settings.reference}"

    inputs = {
        "map": context.journal.file_hash(map_file),
        "reference": context.journal.file_hash(reference),
        "crs": settings.reference_crs,
        "name": settings.reference,
    }
    context.once("compare", inputs, work)
