"""Which windows of the grid a service is asked for, so that few requests serve many tiles.

In: tiles, each with where the region lies in it, and how many pixels one request may hold. Out:
windows that hold every pixel of the region in these tiles, each with the tiles that it serves.

Tiles lie in strips. A strip is walked from the west to the east, and a window takes as many columns
as it may hold, cropped to the rows and columns that count: so no sequence of windows along a strip
is shorter. A window ends before a tile that needs nothing. Strips are one row of tiles high, or
several where requests may hold many pixels, or a part of one where they may hold few: so that
windows are few, and about square.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.covariates.region import Extent
from gee.grid import Tile

MAXIMUM_SIDE_PX = 32_768
SHAPE_FOR = 1.02
"""How many times the fewest windows there may be for squarer ones: what looks at neighbours, such
as slopes, is computed beyond a window's edges as well."""

Span = tuple[int, int]
"""First, and one beyond the last."""


@dataclass(frozen=True)
class Window:
    """A part of the grid that one request, or a few by bands, holds.

    Parameters
    ----------
    rows, cols : of the grid, first and one beyond the last
    tiles : those that it serves
    """

    rows: Span
    cols: Span
    tiles: tuple[Tile, ...]

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows[1] - self.rows[0], self.cols[1] - self.cols[0]

    @property
    def pixels(self) -> int:
        rows, cols = self.shape
        return rows * cols


def windows_of(extents: Sequence[Extent], most_px: int) -> list[Window]:
    """Return windows that hold all that counts in some tiles, as few as strips allow.

    Parameters
    ----------
    extents : tiles of one grid, in any order
    most_px : how many pixels a window may hold, at least one

    Returns
    -------
    list of Window
        row by row of tiles from the north, or several at once, each from the west, so that tiles
        are whole soon after they are begun; none overlap. The same for the same tiles.
    """
    if not extents:
        return []
    tile_px = max(max(extent.tile.shape) for extent in extents)
    plans = [_planned(extents, *heights, most_px) for heights in _heights(tile_px, most_px)]
    fewest = min(len(plan) for plan in plans)
    return next(plan for plan in plans if len(plan) <= SHAPE_FOR * fewest)


def _heights(tile_px: int, most_px: int) -> list[tuple[int, int]]:
    """Return how high strips may be, as rows of tiles and parts of a row, the squarest first.

    Between half and twice a square window's side; a row of tiles is divided into at most one part
    a pixel.
    """
    side = math.sqrt(most_px)
    highest = min(2 * side, most_px)  # a column at least must fit
    several = [(rows, 1) for rows in range(1, math.floor(highest / tile_px) + 1)]
    parts = [
        (1, part)
        for part in range(1, min(tile_px, math.ceil(2 * tile_px / side)) + 1)
        if math.ceil(tile_px / part) <= highest
    ]
    heights = dict.fromkeys([*several, *parts])
    return sorted(heights, key=lambda height: abs(math.log(tile_px * height[0] / height[1] / side)))


def _planned(extents: Sequence[Extent], tile_rows: int, parts: int, most_px: int) -> list[Window]:
    """Return the windows of strips of some rows of tiles, or of parts of a row."""
    windows = []
    ordered = sorted(extents, key=lambda extent: (extent.tile.row, extent.tile.col))
    for _, found in itertools.groupby(ordered, lambda extent: extent.tile.row // tile_rows):
        tiles = list(found)
        top = min(extent.tile.window[0] for extent in tiles)
        bottom = max(extent.tile.window[0] + extent.tile.window[2] for extent in tiles)
        edges = [top + (bottom - top) * part // parts for part in range(parts + 1)]
        strips = (_walked(tiles, span, most_px) for span in itertools.pairwise(edges))
        # The strips of one row side by side: else its tiles would all be open till the last strip.
        windows += sorted(itertools.chain(*strips), key=lambda window: (window.cols, window.rows))
    return windows


def _walked(tiles: Sequence[Extent], span: Span, most_px: int) -> Iterator[Window]:
    """Yield the windows of a strip, which spans some rows of the grid, from the west."""
    for run in _runs(tiles):
        west = min(extent.tile.window[1] for extent in run)
        first, beyond = _rows_that_count(run, west, span)
        for rows, (start, stop) in _cover(first, beyond, most_px):
            cols = (west + start, west + stop)
            served = tuple(extent.tile for extent in run if _overlap(extent.tile, rows, cols))
            yield Window(rows, cols, served)


def _runs(tiles: Sequence[Extent]) -> Iterator[list[Extent]]:
    """Yield tiles in groups that lie beside each other without a gap."""
    ordered = sorted(tiles, key=lambda extent: extent.tile.col)
    run: list[Extent] = []
    for extent in ordered:
        if run and extent.tile.col > run[-1].tile.col + 1:
            yield run
            run = []
        run.append(extent)
    yield run


def _rows_that_count(
    run: Sequence[Extent], west: int, span: Span
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each column of a run the first row that counts, and the one after the last."""
    east = max(extent.tile.window[1] + extent.tile.window[3] for extent in run)
    first = np.full(east - west, span[1], np.int64)
    beyond = np.full(east - west, span[0], np.int64)
    for extent in run:
        _, col_start, _, width = extent.tile.window
        cols = slice(col_start - west, col_start - west + width)
        some = extent.first < extent.beyond
        np.minimum(first[cols], extent.first, out=first[cols], where=some)
        np.maximum(beyond[cols], extent.beyond, out=beyond[cols], where=some)
    return np.maximum(first, span[0]), np.minimum(beyond, span[1])


def _cover(
    first: NDArray[np.int64], beyond: NDArray[np.int64], most_px: int
) -> Iterator[tuple[Span, Span]]:
    """Yield rows and columns of rectangles that hold all that counts, as few as there can be."""
    cols = np.flatnonzero(first < beyond)
    at = 0
    while at < len(cols):
        ahead = cols[at : at + min(MAXIMUM_SIDE_PX, most_px)]
        top, bottom = np.minimum.accumulate(first[ahead]), np.maximum.accumulate(beyond[ahead])
        width = ahead - ahead[0] + 1
        fits = ((bottom - top) * width <= most_px) & (width <= MAXIMUM_SIDE_PX)
        count = max(1, int(fits.sum()))  # all three only grow from column to column
        last = count - 1
        yield (int(top[last]), int(bottom[last])), (int(ahead[0]), int(ahead[last]) + 1)
        at += count


def _overlap(tile: Tile, rows: Span, cols: Span) -> bool:
    row_start, col_start, height, width = tile.window
    return (
        rows[0] < row_start + height
        and rows[1] > row_start
        and cols[0] < col_start + width
        and cols[1] > col_start
    )
