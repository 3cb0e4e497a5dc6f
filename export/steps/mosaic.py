"""`mosaic`: map tiles → one Cloud-Optimized GeoTIFF."""

from export.advice import typed
from export.covariates.region import Region, region_tiles
from export.covariates.tiles import tile_files
from export.errors import TileError
from export.fingerprints import fingerprint
from export.map.map_tile import TileFolders
from export.map.mosaic import write_map
from export.map.tile_parts import parts_or_whole
from export.rasters.info import read_info
from export.steps import standing
from export.steps.context import Context
from export.steps.map_age import remember_joined, require_fresh_tiles
from export.steps.predict import skill_tags
from export.study.grid import study_region
from local_ml.prediction.predictor import Predictor


def mosaic_step(context: Context) -> None:
    """Join the map tiles of a study on the whole of its grid."""
    study, settings = context.study, context.study.settings
    folder = context.require(study.map_folder / "tiles", "predict")
    standing.require_same_grid(context)
    region = study_region(study)
    predictor = Predictor.load(study.model_folder)
    tags = {
        "target": settings.target.name,
        "unit": settings.target.unit,
        "model_fingerprint": predictor.fingerprint,
        "study_fingerprint": fingerprint(study=settings.decisive()),
        "study": settings.name,
        **skill_tags(predictor),
    }
    if settings.title:
        tags["TIFFTAG_IMAGEDESCRIPTION"] = settings.title
    if settings.licence:
        tags["TIFFTAG_COPYRIGHT"] = settings.licence
    if settings.period:
        tags["period"] = f"{settings.period[0]}/{settings.period[1]}"
    tiles = {path.stem: path for path in tile_files(folder)}
    others = [
        name
        for name, path in tiles.items()
        if read_info(path).tags.get("model") != predictor.fingerprint
    ]
    if others:
        raise TileError(
            f"{len(others)} map tiles were predicted by another model than {study.model_folder} "
            f"holds now (first: {others[0]}); {typed('predict', study.folder)} first"
        )
    require_fresh_tiles(context, predictor.fingerprint)
    folders = TileFolders.of(study.map_folder, settings.map.companion)
    for needed in folders.all:
        context.require(needed, "predict")
    reports = write_map(
        study.map_file,
        folders,
        list(tiles),
        tags,
        context.journal,
        context.progress,
        region.geobox,
        _expected(context, region),
        settings.map.workers,
    )
    remember_joined(context)
    named = context.tiles_told_of
    for name in reports[0].holes:
        if name not in named:
            context.hole(f"map tile {name} is missing")
    height, width = region.geobox.shape.yx
    context.tell(
        "mosaic",
        "unchanged, nothing to do"
        if all(one.skipped for one in reports)
        else f"{', '.join(one.file.name for one in reports)}: {height:,} × {width:,} pixels",
    )


def _expected(context: Context, region: Region) -> list[str]:
    """Return the names of the map tiles that the region has, large covariate tiles in parts."""
    folder = context.study.covariates_folder / "tiles"
    return [
        part.name
        for tile in region_tiles(region, context.study.settings.grid.tile_px)
        for part in parts_or_whole(folder / f"{tile.name}.tif")
    ]
