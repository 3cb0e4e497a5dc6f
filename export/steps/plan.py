"""`plan`: what an export would ask for and write, before it does.

In: a study, trained or not. Out: lines for the terminal. Nothing is read or asked for but what
Earth Engine tells anyone who connects; with a probe, what the probe says beforehand.
"""

import shutil
from collections.abc import Sequence

from export.advice import typed
from export.covariates.export_path import choose_path, read_probe
from export.covariates.provider import AskedWindow, CovariateStack
from export.covariates.region import region_extents
from export.covariates.tile_plans import STEP, TilePlan, plan_tiles
from export.covariates.tile_writing import windows_needed
from export.errors import StudyError
from export.steps.context import Context
from export.steps.probe import probe, tell_hours
from export.steps.stage import planned_exports
from export.study import STUDY_FILE
from export.study.covariates import (
    connect_to_earth_engine,
    needed_by_model,
    study_covariates,
)
from gee.errors import ServiceError
from gee.grid import Tile
from local_ml.names import counted

_BYTES_A_VALUE = 4


def plan_step(context: Context, probing: bool = False, everything: bool = False) -> None:
    """Say how many tiles, requests and bytes an export takes, and what is there already.

    Parameters
    ----------
    probing : measure on the service first what requests take
    everything : all candidates are counted, and not only what the model kept
    """
    study, settings = context.study, context.study.settings
    if probing and settings.earthengine is None:
        raise StudyError(
            f"{study.folder / STUDY_FILE} has no [earthengine], so that there is nothing to probe; "
            f"{typed('plan', study.folder)} says what an export writes"
        )
    region = context.region()
    candidates = study_covariates(study, region.geobox, context.journal.file_hash, connected=False)
    kept = _kept(context, candidates, everything)
    stack = candidates.select(list(dict.fromkeys([*kept, *candidates.auxiliary])))
    rows, cols = region.geobox.shape.yx
    with context.progress.task("looking at the region", 1) as task:
        extents = region_extents(region, settings.grid.tile_px)
        task.advance()
    inside = sum(extent.pixels for extent in extents)
    context.tell(
        "plan",
        f"{rows} x {cols} pixels, {inside} of them in the region; "
        f"{counted(len(extents), 'tile')} of {settings.grid.tile_px} pixels a side "
        f"touch{'es' if len(extents) == 1 else ''} it; "
        f"{counted(len(kept), 'covariate')}",
    )
    if probing:
        connect_to_earth_engine(study)
        probe(context, stack, extents)
    plans = _plans(context, stack, [extent.tile for extent in extents])
    if plans is None:
        to_write, windows = [one.tile for one in extents], stack.asked_windows(extents)
        asked = set(stack.names)
    else:
        _tell_there(context, stack, plans)
        to_write = [plan.tile for plan in plans if not plan.done]
        windows = windows_needed(stack, plans, {extent.name: extent for extent in extents})
        asked = {name for plan in plans for name in plan.asked}
    context.tell("plan", f"to be written: {counted(len(to_write), 'tile')}")
    if settings.earthengine is not None:
        wanted = stack.select([name for name in stack.names if name in asked])
        asking = (
            [(extent.tile, stack.names) for extent in extents]
            if plans is None
            else [(plan.tile, plan.asked) for plan in plans]
        )
        _tell_requests(context, wanted, windows, asking, connected=plans is not None)
    _tell_disk(context, to_write, len(stack.names))


def _kept(context: Context, candidates: CovariateStack, everything: bool) -> Sequence[str]:
    """Return what the model kept, else all candidates."""
    if everything:
        return candidates.names
    if not (context.study.model_folder / "manifest.json").exists():
        context.tell("plan", "no model is trained yet: all candidates are counted")
        return candidates.names
    kept = needed_by_model(context.study)
    offered = (*candidates.names, *candidates.auxiliary)
    unknown = [name for name in kept if name not in offered]
    if unknown:
        context.warn("plan", f"study.toml no longer names {', '.join(unknown)}, which was kept")
    return [name for name in kept if name in offered]


def _plans(
    context: Context, stack: CovariateStack, tiles: Sequence[Tile]
) -> Sequence[TilePlan] | None:
    """Hold the tiles against what is there; None where Earth Engine cannot be reached for that."""
    study = context.study
    try:
        if study.settings.earthengine is not None:
            connect_to_earth_engine(study)
    except ServiceError as error:
        context.warn("plan", f"what is there already is not known, all is counted: {error}")
        return None
    folder = study.covariates_folder / "tiles"
    return plan_tiles(stack, context.region(), tiles, folder, context.journal)


def _tell_there(context: Context, stack: CovariateStack, plans: Sequence[TilePlan]) -> None:
    """Say what is there already, and what of it will be read anew."""
    done = sum(plan.done for plan in plans)
    in_part = [plan for plan in plans if plan.kept]
    context.tell("plan", f"there already: {counted(done, 'tile')} whole, {len(in_part)} in part")
    altered = sum(context.journal.is_altered(STEP, plan.tile.name) for plan in plans)
    if altered:
        context.tell("plan", f"altered since written: {altered}, to be written anew")
    asked = {name for plan in in_part for name in plan.asked}
    if asked:
        listed = ", ".join(name for name in stack.names if name in asked)
        context.tell("plan", f"of those in part only {listed} will be read")


def _tell_requests(
    context: Context,
    wanted: CovariateStack,
    windows: Sequence[AskedWindow],
    asking: Sequence[tuple[Tile, Sequence[str]]],
    connected: bool,
) -> None:
    """Say what Earth Engine will be asked for, on which path and why, and how long that takes.

    Parameters
    ----------
    wanted : what is asked for
    asking : all tiles of the region, each with what is asked for it
    connected : else it is not known whether a probe was of these covariates
    """
    study = context.study
    assert study.settings.earthengine is not None
    costs = [asked.cost for asked in windows]
    requests, size = sum(one.requests for one in costs), sum(one.size_bytes for one in costs)
    probed = read_probe(study.covariates_folder)
    pixels = sum(asked.window.pixels for asked in windows)
    path = choose_path(study.settings.earthengine, wanted, probed, pixels, connected)
    if windows:
        context.tell("plan", f"path {path.path}: {path.why}")
    if path.path != "direct":
        exports = len(planned_exports(study, wanted, asking, path))
        context.tell("plan", f"batch exports: {exports}, those that are done already included")
        context.tell("plan", "on the direct path it would be:")
    context.tell(
        "plan",
        f"to be asked of Earth Engine: {counted(requests, 'request')}, {_size(size)} in all, "
        "straight to the tiles (computePixels)",
    )
    if windows:
        tell_hours(context, windows, probed if connected else None)


def _tell_disk(context: Context, tiles: Sequence[Tile], covariates: int) -> None:
    pixels = sum(height * width for height, width in (tile.shape for tile in tiles))
    wanted = pixels * (1 + covariates) * _BYTES_A_VALUE
    free = shutil.disk_usage(context.study.folder).free
    context.tell("plan", f"disk: at most {_size(wanted)}; {_size(free)} are free")
    if wanted > free:
        context.warn("plan", "that may not fit on the disk of the study")


def _size(size_bytes: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= scale:
            return f"{size_bytes / scale:.1f} {unit}"
    return f"{size_bytes} B"
