"""`export`: tiles of the covariates that the model kept, and proof that they hold what was
sampled."""

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from odc.geo.geobox import GeoBox

from export.covariates.region import Region, region_tiles
from export.covariates.sampling import skew_check
from export.covariates.source import open_source
from export.covariates.tiles import stack_fingerprint, write_covariate_tiles
from export.errors import TileError
from export.steps.context import Context
from export.study.grid import study_region
from local_ml.samples import read_samples

_DIFFERENCES_SHOWN = 10


def tiles_step(context: Context) -> None:
    """Write the covariate tiles of a study; each tile resumes by itself.

    Raises
    ------
    TileError
        where a sampled value is not what its tile holds.
    """
    study, settings = context.study, context.study.settings
    manifest = json.loads(
        context.require(study.model_folder / "manifest.json", "train").read_text(encoding="utf-8")
    )
    kept = [feature["name"] for feature in manifest["features"]]
    by_name = {covariate.name: covariate for covariate in settings.covariates}
    absent = [name for name in kept if name not in by_name]
    if absent:
        raise TileError(
            f"the model needs {', '.join(absent)}, which study.toml no longer names; "
            f"name it again, or `alm90 run {study.folder}` to train anew"
        )
    region = study_region(study)
    sources = [
        open_source(by_name[name], study.input(by_name[name].file), region.geobox) for name in kept
    ]
    _warn_of_changes(context, region)
    tiles = region_tiles(region, settings.grid.tile_px)
    folder = study.covariates_folder / "tiles"
    report = write_covariate_tiles(
        sources, region, tiles, folder, context.journal, context.progress, settings.map.workers
    )
    _forget_other_tiles(folder, set(report.files))
    for name, why in report.failed.items():
        context.hole(f"covariate tile {name}: {why}")
    if not report.files:
        raise TileError("no covariate tile could be made")
    text = f"{len(report.files)} of {len(tiles)} tiles with {len(kept)} covariates"
    context.tell("export", f"{text} ({len(report.written)} written, {len(report.skipped)} kept)")
    _check_skew(context, region.geobox, report.files, kept)


def _warn_of_changes(context: Context, region: Region) -> None:
    """Say where the samples were taken from other covariates than study.toml names now."""
    study = context.study
    sampled = json.loads(study.samples_file.with_suffix(".json").read_text(encoding="utf-8"))[
        "provenance"
    ]["covariate_stack"]
    candidates = [
        open_source(covariate, study.input(covariate.file), region.geobox)
        for covariate in study.settings.covariates
    ]
    if sampled != stack_fingerprint(candidates, region, context.journal):
        context.warn(
            "export",
            "covariates, region or grid have changed since the sites were sampled; "
            f"`alm90 run {study.folder}` brings the model up to date with them",
        )


def _forget_other_tiles(folder: Path, names: set[str]) -> None:
    """Remove tiles of an earlier grid or region, so that none of them enters the map."""
    for path in folder.glob("*.tif"):
        if path.stem not in names:
            path.unlink()


def _check_skew(
    context: Context, geobox: GeoBox, files: Mapping[str, Path], kept: list[str]
) -> None:
    study = context.study
    table = read_samples(study.samples_file, study.settings.target).with_features(kept)
    places = pd.read_csv(study.samples_file, usecols=["row", "col"])
    differences = skew_check(
        table.values, kept, places["row"].to_numpy(), places["col"].to_numpy(), geobox,
        study.settings.grid.tile_px, files,
    )  # fmt: skip
    if len(differences):
        shown = differences.head(_DIFFERENCES_SHOWN).to_string(index=False)
        raise TileError(
            f"{len(differences)} sampled values are not what their tiles hold, so the model would "
            f"see other covariates than it learned from; sample and train anew:\n{shown}"
        )
