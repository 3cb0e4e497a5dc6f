"""`export`: tiles of the covariates that the model kept, and proof that they hold what was
sampled."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from odc.geo.geobox import GeoBox

from export.advice import typed
from export.covariates.places import by_tile
from export.covariates.provider import CovariateInfo, CovariateStack
from export.covariates.region import Region, region_extents
from export.covariates.sampling import skew_check
from export.covariates.tile_plans import (
    STEP,
    TilePlan,
    plan_tiles,
    remember_stack,
    stack_fingerprint,
)
from export.covariates.tile_writing import TilesReport, write_covariate_tiles
from export.errors import AwaitedFileError, TileError
from export.steps import standing
from export.steps.context import Context
from export.steps.sample import reasons_of
from export.steps.stage import discard_fetched, kept_exports, on_its_path
from export.study.covariates import needed_by_model, sampled, study_covariates
from local_ml.names import counted
from local_ml.samples import read_samples

_DIFFERENCES_SHOWN = 10


def tiles_step(context: Context, everything: bool = False) -> None:
    """Write the covariate tiles of a study; each tile resumes by itself.

    Parameters
    ----------
    everything : all candidates, and not only what the model kept; no model need be there

    Raises
    ------
    TileError
        where a sampled value is not what its tile holds.
    ServiceError
        where Earth Engine would refuse every tile alike; what is finished is kept.
    """
    study, settings = context.study, context.study.settings
    if not everything:
        context.require(study.model_folder / "manifest.json", "train")
    context.require(study.samples_file, "sample")
    region = context.region()
    candidates = study_covariates(study, region.geobox, context.journal.file_hash)
    context.warn_of_quota("export")
    as_sampled = sampled(candidates, settings.target)
    offered = (*candidates.names, *candidates.auxiliary)
    kept = list(as_sampled.names) if everything else needed_by_model(study)
    absent = [name for name in kept if name not in offered]
    if absent:
        raise TileError(
            f"the model needs {', '.join(absent)}, which study.toml no longer names; "
            f"name it again, or {typed('run', study.folder)} to train anew"
        )
    changed = _warn_of_changes(context, as_sampled, region)
    if not changed:
        standing.warn_of_stale(context, "export", "sample" if everything else "train")
    auxiliary = [name for name in candidates.auxiliary if name not in kept]
    stack = candidates.select([*kept, *auxiliary])
    extents = {one.name: one for one in region_extents(region, settings.grid.tile_px)}
    tiles = [one.tile for one in extents.values()]
    folder = study.covariates_folder / "tiles"
    plans = plan_tiles(stack, region, tiles, folder, context.journal)
    remember_stack(plans, context.journal)
    standing.note_exported(context, stack.fingerprints())
    _tell_plan(context, plans)
    fetched = on_its_path(context, stack, plans, extents)
    report = write_covariate_tiles(
        fetched, region, plans, context.journal, context.progress, settings.map.workers, extents
    )
    _forget_other_tiles(folder, {tile.name for tile in tiles})
    context.tile_holes("covariate", report.failed)
    if not report.failed:
        discard_fetched(study)
    if not report.files:
        text = "no covariate tile could be made"
        if report.awaited == set(report.failed):
            raise AwaitedFileError(f"{text}: each waits for files that are still to come")
        raise TileError(text)
    context.tell("export", _told(report, len(tiles), kept, auxiliary))
    _check_skew(context, region.geobox, report.files, stack.covariates, kept, changed)


def _warn_of_changes(context: Context, stack: CovariateStack, region: Region) -> Collection[str]:
    """Say what has changed since the sites were sampled: covariates, or else region or grid.

    Returns
    -------
    collection of str
        covariates whose samples are out of date by that
    """
    study = context.study
    provenance = json.loads(study.samples_file.with_suffix(".json").read_text(encoding="utf-8"))[
        "provenance"
    ]
    now = stack.fingerprints()
    before = {name: entry["fingerprint"] for name, entry in provenance["covariates"].items()}
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    whole = stack_fingerprint(stack, region, context.journal)
    if changed or provenance["covariate_stack"] != whole:
        why = reasons_of(
            stack, [name for name in changed if name in before and name in now], provenance
        )
        told = _told_changes(changed, why)
        remedy = f"{typed('run', study.folder)} brings the model up to date"
        context.warn(
            "export", f"{told or 'region or grid: changed since the sites were sampled'}; {remedy}"
        )
        return changed or list(now)
    return ()


def _told_changes(changed: Sequence[str], reasons: Mapping[str, Sequence[str]]) -> str:
    """Say which covariates have changed, and why; nothing where there is none.

    Parameters
    ----------
    reasons : in words → covariates that each holds for, which need not be all
    """
    others = [name for name in changed if not any(name in names for names in reasons.values())]
    named = [f"{', '.join(names)} ({why})" for why, names in reasons.items()]
    named += [", ".join(others)] if others else []
    return f"{'; '.join(named)}: changed since the sites were sampled" if named else ""


def _tell_plan(context: Context, plans: Sequence[TilePlan]) -> None:
    """Say beforehand what will be read, where only a part of it must be."""
    part = [plan for plan in plans if plan.kept]
    if part:
        asked = [name for name in part[0].made_from if any(name in plan.asked for plan in part)]
        what = f"only {', '.join(asked)}" if asked else "no covariate anew"
        context.tell("export", f"in part there already: {len(part)} of the tiles; reading {what}")


def _told(report: TilesReport, tiles: int, kept: Sequence[str], auxiliary: Sequence[str]) -> str:
    beside = f" and {', '.join(auxiliary)}" if auxiliary else ""
    text = (
        f"{len(report.files)} of {tiles} tiles with {len(kept)} covariates{beside} "
        f"({len(report.written)} written, {len(report.skipped)} kept)"
    )
    if report.divided:
        text += f"; too heavy for one request, and so divided: {report.divided}"
    outside = {name: count for name, count in report.out_of_range.items() if count}
    if outside:
        listed = ", ".join(f"{name} in {count} pixels" for name, count in outside.items())
        text += f"; out of range and so missing: {listed}"
    return text


def _forget_other_tiles(folder: Path, names: set[str]) -> None:
    """Remove tiles of an earlier grid or region, so that none of them enters the map."""
    for path in folder.glob("*.tif"):
        if path.stem not in names:
            path.unlink()


def _check_skew(
    context: Context,
    geobox: GeoBox,
    files: Mapping[str, Path],
    covariates: Sequence[CovariateInfo],
    kept: Collection[str],
    changed: Collection[str],
) -> None:
    """Hold the tiles against what was sampled.

    Tiles that hold something else although nothing is known to have changed are forgotten, so that
    the next export makes them anew.

    Parameters
    ----------
    covariates : of the tiles. Those that give the map's flags are looked at where they were sampled
    kept : names of those that the model reads, which all were
    changed : covariates whose samples are known to be out of date
    """
    study = context.study
    table = read_samples(study.samples_file, study.settings.target)
    sampled = {*kept, *(one.name for one in (*table.features, *table.auxiliary))}
    covariates = [info for info in covariates if info.name in sampled]
    values = table.values_of([info.name for info in covariates])
    places = pd.read_csv(study.samples_file, usecols=["row", "col"])
    differences = skew_check(
        values, covariates, places["row"].to_numpy(), places["col"].to_numpy(), geobox,
        study.settings.grid.tile_px, files,
    )  # fmt: skip
    if not len(differences):
        standing.note_check(context, None)
        return
    unexplained = differences[~differences["covariate"].isin(list(changed))]
    at = unexplained["row"].to_numpy(), unexplained["col"].to_numpy()
    inside = np.ones(len(unexplained), bool)
    tiles = [tile.name for tile, _ in by_tile(geobox, study.settings.grid.tile_px, *at, inside)]
    context.journal.forget(STEP, tiles)
    advice = f"{typed('run', study.folder)} samples and trains anew"
    if tiles:
        others = kept_exports(study.settings.earthengine)
        advice = (
            "Nothing that can be known has changed; the next export makes "
            f"{counted(len(tiles), 'tile')} anew. Where what stands behind a covariate has "
            "changed, first delete "
            f"{study.samples_file.name} and {study.covariates_folder.name}/tiles{others}; then "
            f"{advice}"
        )
    # float32 needs nine digits to tell one number from the next
    shown = differences.head(_DIFFERENCES_SHOWN).to_string(
        index=False, float_format=lambda number: f"{number:.9g}"
    )
    learned = differences["covariate"].isin(list(kept)).any()
    so = ", so the model would see other covariates than it learned from" if learned else ""
    said = f"{len(differences)} sampled values are not what their tiles hold"
    standing.note_check(context, said)
    raise TileError(f"{said}{so}. {advice}:\n{shown}")
