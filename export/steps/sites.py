"""`sites`: the field table as found → sites/screened.csv, excluded.csv and report.json."""

import itertools
import json
import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from export.covariates.region import Region, read_region
from export.covariates.warp import read_tile
from export.errors import StudyError
from export.steps import standing
from export.steps.context import Context, logger
from export.study.settings import RegionSettings
from gee.grid import tiles_of
from local_ml.files import csv_bytes, json_bytes, write_whole
from local_ml.names import counted
from local_ml.settings import FEWEST_ROWS, ValidationSettings
from local_ml.sites.cells import line_numbers

_VALUES_NAMED = 8


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
    mask = mask_text(settings.region)
    if not located["in_region"].any():
        require_pixels(region, settings.grid.tile_px, mask)
    where = region_text(region.geobox)
    screened = screen(table, settings.sites, settings.target, located, where, mask)
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
        f"{counted(summary['rows'], 'row')} → {counted(summary['sites'], 'site')} in "
        f"{counted(summary['groups'], 'group')}; "
        f"{counted(summary['merged_rows'], 'row')} averaged within pixels; "
        f"{counted(summary['excluded'], 'row')} left out" + (f" ({reasons})" if reasons else "")
    )
    return [*files, folder / "report.json"], text


def mask_text(region: RegionSettings | None) -> str:
    """Name what leaves pixels of the region's rectangle out: "its mask (permafrost.tif)"."""
    source = region.mask or region.mask_asset if region else None
    if region is None or source is None:
        return "its mask"
    values = region.mask_values
    which = "" if values is None else f", mask_values = {list(values)}"
    return f"its mask ({source}{which})"


def require_pixels(region: Region, tile_px: int, mask: str) -> None:
    """Raise where no pixel lies in the region; its mask is read until one is found.

    Raises
    ------
    StudyError
        naming the mask, and whole numbers that it holds.
    """
    if region.mask is None:
        return
    held: set[int] = set()
    for tile in tiles_of(region.geobox, tile_px):
        if read_region(region, tile).any():
            return
        values = np.unique(read_tile(region.mask, tile))
        held |= {int(value) for value in values[np.isfinite(values)] if value == int(value)}
    named = ", ".join(map(str, sorted(held)[:_VALUES_NAMED]))
    more = f" and {len(held) - _VALUES_NAMED} more" if len(held) > _VALUES_NAMED else ""
    raise StudyError(
        f"the region holds no pixel: {mask} selects none within its edges; there the mask holds "
        + (f"{named}{more}" if held else "no value at all")
    )


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
    # Not in the report, whose bytes must not go by the day.
    years = pd.read_csv(report.with_name("screened.csv"), usecols=["year", "file_row"]).dropna()
    ahead = years[years["year"] > datetime.now(tz=UTC).year]
    if len(ahead):
        rows = line_numbers(ahead["file_row"].astype(int))
        context.warn("sites", f"the year, up to {ahead['year'].max():g}, is yet to come in {rows}")


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
