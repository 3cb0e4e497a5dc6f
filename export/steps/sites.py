"""`sites`: the field table as found → sites/screened.csv, excluded.csv and report.json."""

import itertools
import json
import math
from pathlib import Path

import pandas as pd

from export.covariates.region import Region
from export.steps import standing
from export.steps.context import Context, logger
from local_ml.files import csv_bytes, json_bytes, write_whole
from local_ml.names import counted
from local_ml.settings import FEWEST_ROWS, ValidationSettings


def sites_step(context: Context) -> None:
    """Read and screen the field table of a study."""
    study, settings = context.study, context.study.settings
    region = context.region()
    inputs = {
        "table": context.hash_of(settings.sites.file),
        "settings": settings.sites,
        "target": settings.target,
        "region": settings.region,
        "grid": settings.grid,
        "files": context.hashes_of(
            [settings.region.mask if settings.region else None, settings.grid.like]
        ),
        "region_mask": (
            context.journal.file_hash(study.region_mask_file)
            if settings.region and settings.region.mask_is_made
            else None
        ),
    }
    context.once("sites", inputs, lambda: _screen(context, region))
    standing.note(context, "sites")
    _repeat_warnings(context, study.sites_folder / "report.json")


def _screen(context: Context, region: Region) -> tuple[list[Path], str]:
    from export.covariates.sampling import locate
    from export.study.grid import region_text
    from local_ml.sites import read_field_table, screen

    study, settings = context.study, context.study.settings
    table = read_field_table(study.input(settings.sites.file), settings.sites, settings.target)
    located = locate(region, table.rows["longitude"], table.rows["latitude"], settings.grid.tile_px)
    screened = screen(table, settings.sites, settings.target, located, region_text(region.geobox))
    folder = study.sites_folder
    files = [
        _write_table(folder / "screened.csv", screened.sites),
        _write_table(folder / "excluded.csv", screened.excluded),
        _write_table(folder / "merged.csv", screened.merged),
    ]
    report = {
        "schema_version": 1,
        "summary": screened.summary,
        "warnings": screened.warnings,
        "notes": screened.notes,
    }
    write_whole(folder / "report.json", json_bytes(report))
    for note in screened.notes:
        logger.info("%-8s %s", "sites", note)
    summary = screened.summary
    reasons = "; ".join(f"{count} × {reason}" for reason, count in summary["reasons"].items())
    text = (
        f"{summary['rows']} rows → {summary['sites']} sites in {summary['groups']} groups; "
        f"{summary['merged_rows']} rows averaged within pixels; "
        f"{summary['excluded']} rows left out" + (f" ({reasons})" if reasons else "")
    )
    return [*files, folder / "report.json"], text


def _write_table(path: Path, table: pd.DataFrame) -> Path:
    write_whole(path, csv_bytes(table))
    return path


def _repeat_warnings(context: Context, report: Path) -> None:
    """Say the warnings at each run, unchanged or not: they stay true until the table is mended."""
    told = json.loads(report.read_text(encoding="utf-8"))
    for warning in told["warnings"]:
        context.warn("sites", warning)
    too_few = _too_few(told["summary"]["splits"].get("train", 0), context.study.settings.validation)
    if too_few:
        context.warn("sites", too_few)


def _too_few(sites: int, validation: ValidationSettings) -> str | None:
    """Say where the folds that score a model leave too few sites to learn from; else None."""

    def left(of: int) -> int:
        return of - math.ceil(of / validation.folds)

    if left(sites) >= FEWEST_ROWS:
        return None
    enough = next(of for of in itertools.count(FEWEST_ROWS) if left(of) >= FEWEST_ROWS)
    return (
        f"{counted(sites, 'site')} to train on will not do: a model is scored by "
        f"{validation.folds} folds (validation.folds), of which the largest leaves {left(sites)} "
        f"to learn from; at least {FEWEST_ROWS} are needed, so {enough} sites or more"
    )
