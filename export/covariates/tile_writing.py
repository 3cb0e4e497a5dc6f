"""Covariate tiles are made: windows asked of services, rasters read, files written.

In: what each tile needs (`tile_plans`). Out: whole files, each in the journal as soon as it is
there. An answer of a service serves several tiles. A tile is written when the last of its windows
has come, so that only those around the windows under way are held in memory.
"""

import json
import os
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from export.covariates.provider import AskedWindow, CovariateStack, Given
from export.covariates.region import Extent, Region, read_region, whole_extent
from export.covariates.tile_plans import STEP, TilePlan
from export.covariates.tiles import MADE_FROM, OUT_OF_RANGE, STACK, tag, write_covariate_tile
from export.errors import AwaitedFileError, ExportError, WriteError
from export.journal import Journal
from export.parallel import in_order
from export.progress import Progress
from export.rasters.bands import read_bands
from gee.errors import RefusedError, ServiceError, TooLargeError

REFUSED_AT_FIRST = 20
"""Windows that Earth Engine refuses before it gave one: the others would be refused, too."""


@dataclass(frozen=True)
class TilesReport:
    """What became of the tiles asked for.

    Parameters
    ----------
    files : tile name → its file, for all that are whole
    written, skipped : names of those made now, and of those found made from the same inputs
    failed : tile name → reason; a hole in what follows
    out_of_range : covariate → pixels of all tiles that lost a value outside the valid range, where
        that happens on the way to the tile and not in a file of the user's
    divided : requests that a service refused as too heavy
    awaited : names of those failed tiles that only wait for files of the user's
    """

    files: Mapping[str, Path]
    written: tuple[str, ...]
    skipped: tuple[str, ...]
    failed: Mapping[str, str]
    out_of_range: Mapping[str, int]
    divided: int = 0
    awaited: frozenset[str] = frozenset()


def windows_needed(
    stack: CovariateStack,
    plans: Sequence[TilePlan],
    extents: Mapping[str, Extent] | None = None,
) -> list[AskedWindow]:
    """Return what services will be asked for, to make the tiles that are not done.

    Parameters
    ----------
    extents : by tile, where the region lies in it; None: everywhere
    """
    asking = sorted((plan for plan in plans if plan.asked), key=lambda plan: plan.asked)
    found = []
    for asked, group in groupby(asking, lambda plan: plan.asked):
        tiles = [plan.tile for plan in group]
        where = [whole_extent(tile) if extents is None else extents[tile.name] for tile in tiles]
        found += stack.select(asked).asked_windows(where)
    return found


def write_covariate_tiles(
    stack: CovariateStack,
    region: Region,
    plans: Sequence[TilePlan],
    journal: Journal,
    progress: Progress,
    workers: int = 0,
    extents: Mapping[str, Extent] | None = None,
) -> TilesReport:
    """Write the tiles that are not done, each with what its plan asks for.

    A tile whose raster cannot be read fails alone, one of which the service refuses a window fails
    with those that share the window: they are recorded, and the others are made. Of a tile that
    failed the earlier file stays only where bands of it are still of use.

    Parameters
    ----------
    plans : of `plan_tiles`, for the same stack and region
    workers : threads; 0: one a core. The files don't depend on it
    extents : by tile, where the region lies in it; None: everywhere

    Raises
    ------
    WriteError
        where the disk takes no more.
    ServiceError
        where Earth Engine would refuse every tile alike: credentials, a missing asset, a quota
        that is used up; or refused the first windows, and gave none. What is finished is kept.
    """
    windows = windows_needed(stack, plans, extents)
    before = _refusals(windows)
    work = _Work(stack, region, plans, journal, windows)
    served = {tile.name for asked in windows for tile in asked.window.tiles}
    items = [plan for plan in plans if plan.tile.name not in served] + windows
    ended: dict[str, _Ended] = {}
    refused = answered = 0
    with progress.task("covariate tiles", len(plans)) as task:
        for tiles, read, error in in_order(work.do, items, max(workers, stack.requests_at_once)):
            for one in tiles:
                ended[one.plan.tile.name] = one
                task.advance()
            answered += read
            refused += error is not None
            if error is not None and refused >= REFUSED_AT_FIRST and not answered:
                raise error
    return _report([ended[plan.tile.name] for plan in plans], _refusals(windows) - before)


class _Ended(NamedTuple):
    """A tile that is whole; or failed, and why."""

    plan: TilePlan
    error: ExportError | ServiceError | None
    out_of_range: Mapping[str, int]


class _Done(NamedTuple):
    """What one piece of work ended: some tiles; by a window read, or one that was refused."""

    tiles: list[_Ended]
    read: bool
    refused: ServiceError | None


class _Open:
    """A tile some of whose windows are still to come."""

    def __init__(self, plan: TilePlan) -> None:
        self.plan = plan
        self.to_come = 0
        self.given: dict[tuple[str, ...], NDArray[np.float32]] = {}


class _Work:
    """Reads windows and writes tiles; for use by several threads."""

    def __init__(
        self,
        stack: CovariateStack,
        region: Region,
        plans: Sequence[TilePlan],
        journal: Journal,
        windows: Sequence[AskedWindow],
    ) -> None:
        self._stack, self._region, self._journal = stack, region, journal
        self._failed_before = journal.failures(STEP)
        of = {plan.tile.name: plan for plan in plans}
        self._open: dict[str, _Open] = {}
        for asked in windows:
            for tile in asked.window.tiles:
                self._open.setdefault(tile.name, _Open(of[tile.name])).to_come += 1
        self._lock = threading.Lock()
        # Writing is the processor's work: more at once would only hold more tiles in memory.
        self._writers = threading.Semaphore(os.cpu_count() or 1)

    def do(self, item: TilePlan | AskedWindow) -> _Done:
        """Write a tile that needs no service, or read a window and write what is whole by it."""
        if isinstance(item, TilePlan):
            return _Done([self._write(item, None)], False, None)
        with self._lock:
            wanted = any(tile.name in self._open for tile in item.window.tiles)
        if not wanted:
            return _Done([], False, None)  # all its tiles have failed by other windows
        try:
            values = item.read(self._region.geobox)
        except (RefusedError, TooLargeError) as error:
            failed = [self._failed(one.plan, error) for one in self._close(item)]
            return _Done(failed, False, error)
        whole = self._put(item, values)
        del values
        return _Done([self._write(one.plan, one.given) for one in whole], True, None)

    def _close(self, asked: AskedWindow) -> list[_Open]:
        """Forget the tiles that a window should have served; return those not failed before."""
        with self._lock:
            names = [tile.name for tile in asked.window.tiles]
            return [self._open.pop(name) for name in names if name in self._open]

    def _put(self, asked: AskedWindow, values: NDArray[np.float32]) -> list[_Open]:
        """Put a window's values into its tiles; return those that are whole now."""
        whole = []
        for tile in asked.window.tiles:
            with self._lock:
                one = self._open.get(tile.name)
                if one is None:
                    continue
                if asked.names not in one.given:
                    shape = (len(asked.names), *tile.shape)
                    one.given[asked.names] = np.full(shape, np.nan, np.float32)
                into = one.given[asked.names]
            _paste(values, asked, into, tile.window)
            with self._lock:
                one.to_come -= 1
                if not one.to_come and self._open.pop(tile.name, None) is not None:
                    whole.append(one)
        return whole

    def _write(self, plan: TilePlan, given: Given | None) -> _Ended:
        if plan.done:
            if plan.tile.name in self._failed_before:  # with settings that were taken back since
                self._journal.record(STEP, plan.tile.name, plan.key, [plan.file])
            return _Ended(plan, None, tag(plan.file, OUT_OF_RANGE))
        try:
            with self._writers:
                out_of_range = _write_tile(plan, self._stack, self._region, given)
        except WriteError:
            raise
        except (ExportError, RefusedError, TooLargeError) as error:
            return self._failed(plan, error)
        # At once, and not when the tiles before it are done: what it cost must not be lost.
        self._journal.record(STEP, plan.tile.name, plan.key, [plan.file])
        return _Ended(plan, None, out_of_range)

    def _failed(self, plan: TilePlan, error: ExportError | ServiceError) -> _Ended:
        # One of other inputs must not stand in for it; but bands that are still of use may have
        # cost hours. The file says what they are made from, so that nothing else takes it as new.
        if not plan.kept:
            plan.file.unlink(missing_ok=True)
        self._journal.record_failure(STEP, plan.tile.name, str(error), keep=bool(plan.kept))
        return _Ended(plan, error, {})


def _paste(
    values: NDArray[np.float32],
    asked: AskedWindow,
    into: NDArray[np.float32],
    window: tuple[int, int, int, int],
) -> None:
    """Copy the part of a window's values that lies in a tile's window."""
    theirs, ours = [], []
    for start, length, (first, beyond) in zip(
        window[:2], window[2:], (asked.window.rows, asked.window.cols), strict=True
    ):
        low, high = max(start, first), min(start + length, beyond)
        theirs.append(slice(low - first, high - first))
        ours.append(slice(low - start, high - start))
    into[:, ours[0], ours[1]] = values[:, theirs[0], theirs[1]]


def _write_tile(
    plan: TilePlan, stack: CovariateStack, region: Region, given: Given | None
) -> dict[str, int]:
    """Write one tile; return its counts of values out of range. `given` is emptied."""
    bands, out_of_range = _bands(plan, stack, region, given)
    if given is not None:
        given.clear()  # so that it is not held beside the bands while they are compressed
    tags = {
        STACK: plan.stack,
        MADE_FROM: json.dumps(dict(plan.made_from)),
        OUT_OF_RANGE: json.dumps(out_of_range),
    }
    write_covariate_tile(plan.file, plan.tile, bands, stack.covariates, tags)
    return out_of_range


def _bands(
    plan: TilePlan, stack: CovariateStack, region: Region, given: Given | None
) -> tuple[NDArray[np.float32], dict[str, int]]:
    """Return all bands of a tile, the region first, and counts of values out of range."""
    inside = read_region(region, plan.tile)
    values, out_of_range = _held(plan)
    if plan.asked:
        asked = stack.select(plan.asked).read(plan.tile, given)
        values |= dict(zip(plan.asked, asked.values, strict=True))
        out_of_range |= {
            name: int((outside & inside).sum()) for name, outside in asked.out_of_range.items()
        }
    bands = np.empty((1 + len(plan.made_from), *plan.tile.shape), np.float32)
    bands[0] = inside
    for band, name in zip(bands[1:], plan.made_from, strict=True):
        band[:] = values[name]
    bands[1:, ~inside] = np.nan
    return bands, {name: out_of_range[name] for name in plan.made_from if name in out_of_range}


def _held(plan: TilePlan) -> tuple[dict[str, NDArray[np.float32]], dict[str, int]]:
    """Return the bands that an earlier file holds already, and their counts."""
    if not plan.kept:
        return {}, {}
    bands, _ = read_bands(plan.file, plan.kept)
    counts = tag(plan.file, OUT_OF_RANGE)
    return bands, {name: counts[name] for name in plan.kept if name in counts}


def _refusals(windows: Sequence[AskedWindow]) -> int:
    """Return how many requests services have refused as too heavy so far."""
    asked = {(id(one.service), one.names): one for one in windows}.values()
    return sum(len(one.service.refusals(one.names)) for one in asked)


def _report(ended: Sequence[_Ended], divided: int) -> TilesReport:
    whole = [one for one in ended if one.error is None]
    out_of_range: Counter[str] = Counter()
    for one in whole:
        out_of_range.update(one.out_of_range)
    return TilesReport(
        {one.plan.tile.name: one.plan.file for one in whole},
        tuple(one.plan.tile.name for one in whole if not one.plan.done),
        tuple(one.plan.tile.name for one in whole if one.plan.done),
        {one.plan.tile.name: str(one.error) for one in ended if one.error is not None},
        dict(out_of_range),
        divided,
        frozenset(one.plan.tile.name for one in ended if isinstance(one.error, AwaitedFileError)),
    )
