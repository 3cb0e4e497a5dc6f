"""`plan`: what an export would ask for and write, before it does.

In: a study, trained or not. Out: lines for the terminal. Nothing is read or asked for but what
Earth Engine tells anyone who connects.
"""

import shutil
from collections.abc import Sequence
from functools import cache

from export.covariates.provider import Cost, CovariateStack
from export.covariates.region import region_tiles
from export.covariates.tiles import TilePlan, plan_tiles
from export.steps.context import Context
from export.study.covariates import (
    connect_to_earth_engine,
    needed_by_model,
    study_covariates,
)
from gee.errors import ServiceError
from gee.grid import Tile

_BYTES_A_VALUE = 4
_WITHOUT_PROBE = (
    "unknown: Earth Engine tells only afterwards what a request took. A month holds 150 EECU-hours "
    "in the community tier and 1,000 in the contributor tier"
)


def plan_step(context: Context) -> None:
    """Say how many tiles, requests and bytes an export takes, and what is there already."""
    study, settings = context.study, context.study.settings
    region = context.region()
    candidates = study_covariates(study, region.geobox, context.journal.file_hash, connected=False)
    kept = _kept(context, candidates)
    stack = candidates.select(list(dict.fromkeys([*kept, *candidates.auxiliary])))
    rows, cols = region.geobox.shape.yx
    with context.progress.task("looking at the region", 1) as task:
        tiles = region_tiles(region, settings.grid.tile_px)
        task.advance()
    context.tell(
        "plan",
        f"{rows} x {cols} pixels, {len(tiles)} tiles of {settings.grid.tile_px} pixels a side "
        f"touch the region; {len(kept)} covariates",
    )
    needed = _needed(context, stack, _plans(context, stack, tiles), tiles)
    _tell_requests(context, stack, needed)
    _tell_disk(context, [tile for tile, _ in needed], len(stack.names))


def _kept(context: Context, candidates: CovariateStack) -> Sequence[str]:
    """Return what the model kept, else all candidates."""
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


def _needed(
    context: Context,
    stack: CovariateStack,
    plans: Sequence[TilePlan] | None,
    tiles: Sequence[Tile],
) -> list[tuple[Tile, tuple[str, ...]]]:
    """Return the tiles to be written, each with the covariates to be read for it."""
    if plans is None:
        return [(tile, stack.names) for tile in tiles]
    done = sum(plan.done for plan in plans)
    in_part = [plan for plan in plans if plan.kept]
    context.tell("plan", f"there already: {done} tiles whole, {len(in_part)} in part")
    asked = {name for plan in in_part for name in plan.asked}
    if asked:
        listed = ", ".join(name for name in stack.names if name in asked)
        context.tell("plan", f"of those in part only {listed} will be read")
    return [(plan.tile, plan.asked) for plan in plans if not plan.done]


def _tell_requests(
    context: Context, stack: CovariateStack, needed: Sequence[tuple[Tile, tuple[str, ...]]]
) -> None:
    @cache
    def cost(names: tuple[str, ...], shape: tuple[int, int]) -> Cost:
        return stack.select(names).cost(shape)

    costs = [cost(names, tile.shape) for tile, names in needed]
    requests, size = sum(one.requests for one in costs), sum(one.size_bytes for one in costs)
    context.tell("plan", f"to be written: {len(needed)} tiles")
    if context.study.settings.earthengine is None:
        return
    context.tell(
        "plan",
        f"to be asked of Earth Engine: {requests} requests, {_size(size)} in all, straight to the "
        "tiles (computePixels)",
    )
    if requests:
        context.tell("plan", f"hours and EECU-hours: {_WITHOUT_PROBE}")


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
