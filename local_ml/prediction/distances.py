"""Distances from pixels to training sites: to the nearest, and how many are near.

In: columns of the model matrix, float32, and where the sites lie in the space that
`applicability_rule` places pixels in. Out: the distance to the nearest site, and the number of
sites up to a limit. numpy and numba alone.

Neighbours are alike: from the box around a tile of pixels, most sites lie farther than any site
that counts, and are not looked at pixel by pixel. Where the box is wide it says little; so a site
that it does not leave out is first measured in the widest columns alone, by the box in the others.
What is left out could change nothing, so that a pixel's bits are those of looking at all sites,
wherever it lies.
"""

from typing import Any, NamedTuple

import numpy as np

from local_ml.forest.kept import kernel
from local_ml.forest.patches import aligned
from local_ml.forest.vectors import lowest_set
from local_ml.prediction.distance_vectors import (
    SITES,
    TILE_PIXELS,
    greatest,
    is_beyond,
    least_of,
    measure,
    stretch,
    up_to,
    widen,
)

# Sites that are measured before any is left out: those nearest to the box.
FIRST_SITES = 4
# The widest columns of a tile, with this share of the sum of all squared widths, are those in which
# a site is measured before it is measured in all.
WIDE = 0.9
# So many sites of a tile are tried that way; then more only while half of them are left out.
TRIALS = 8
# What rounding may add to a sum of squares for each column, and far more, as a share of it.
SLACK = 2.0**-21


class Sites(NamedTuple):
    """Where the sites lie, with some infinitely far away up to a multiple of SITES.

    Parameters
    ----------
    by_site, by_column : (sites · columns,) float32, site after site and column after column
    """

    by_site: np.ndarray
    by_column: np.ndarray


def sites_at(reference: np.ndarray) -> Sites:
    """Lay out sites, (sites, columns) float32."""
    sites, columns = reference.shape
    number = -(-sites // SITES) * SITES
    by_site, by_column = (aligned(number * columns, np.float32) for _ in range(2))
    by_site[:] = np.inf
    by_site[: reference.size] = reference.ravel()
    by_column[:] = by_site.reshape(number, columns).T.ravel()
    return Sites(by_site, by_column)


class Room(NamedTuple):
    """Room for one tile after the other.

    Parameters
    ----------
    place : (TILE_PIXELS,) uint64, where each pixel lies in the raster
    placed : (columns · TILE_PIXELS,) float32, where it lies in the space of the sites
    low, high, width : (columns,) float32, the box around them
    widest : (columns,) uint64, the columns, about those first in which the box is widest
    bound, rest : (sites,) float32, what the squared distance of no pixel falls below: in all
        columns (NaN for a site that has been measured), and in those that are not wide
    least, near : (TILE_PIXELS,) float32, squared distance to the nearest site, and sites near
    beyond : (TILE_PIXELS,) float32, the squared distance above which a site changes neither
    """

    place: np.ndarray
    placed: np.ndarray
    low: np.ndarray
    high: np.ndarray
    width: np.ndarray
    widest: np.ndarray
    bound: np.ndarray
    rest: np.ndarray
    least: np.ndarray
    near: np.ndarray
    beyond: np.ndarray


def empty_room(columns: int, sites: Sites) -> Room:
    number = sites.by_site.size // columns
    sizes = (columns * TILE_PIXELS, *[columns] * 3, *[number] * 2, *[TILE_PIXELS] * 3)
    placed, low, high, width, bound, rest, least, near, beyond = (
        aligned(size, np.float32) for size in sizes
    )
    return Room(
        place=np.empty(TILE_PIXELS, np.uint64),
        placed=placed,
        low=low,
        high=high,
        width=width,
        widest=np.arange(columns, dtype=np.uint64),
        bound=bound,
        rest=rest,
        least=least,
        near=near,
        beyond=beyond,
    )


@kernel
def measure_tiles(
    columns: Any,
    valid: Any,
    tile: Any,
    scale: Any,
    sites: Any,
    limit: Any,
    room: Any,
    index: Any,
    near: Any,
) -> None:
    """Measure the valid pixels tile by tile.

    Parameters
    ----------
    columns : (columns, rows · cols) float32
    valid : (rows, cols) bool
    tile : its rows and cols, TILE_PIXELS in all
    scale : centre and factor of the columns, float32
    sites : from `sites_at`
    limit : square of the distance up to which a site is near, float32
    room : from `empty_room`
    index, near : (rows · cols,) float32, filled where valid
    """
    rows, cols = valid.shape
    for row in range(0, rows, tile[0]):
        for col in range(0, cols, tile[1]):
            if _find(valid, row, col, tile, room.place):
                _place(columns, scale, room)
                wide = _find_widest(room.width, room.widest)
                _bound(len(columns), wide, sites, room)
                _measure_sites(len(columns), wide, sites, limit, room)
                for pixel in range(TILE_PIXELS):
                    index[room.place[pixel]] = np.sqrt(room.least[pixel])
                    near[room.place[pixel]] = room.near[pixel]


@kernel
def _find(valid: Any, row: Any, col: Any, tile: Any, place: Any) -> Any:
    """Find the valid pixels of a tile; repeat one of them for the others. False: there is none."""
    rows, cols = valid.shape
    found = 0
    for at_row in range(row, min(row + tile[0], rows)):
        for at_col in range(col, min(col + tile[1], cols)):
            if valid[at_row, at_col]:
                place[found] = at_row * cols + at_col
                found += 1
    place[found:] = place[0]
    return found > 0


@kernel
def _place(columns: Any, scale: Any, room: Any) -> None:
    """Place a tile's pixels and the box around them."""
    for number in range(len(columns)):
        column, start = columns[number], np.uint64(number) * np.uint64(TILE_PIXELS)
        for index in range(TILE_PIXELS):
            pixel = np.uint64(index)
            room.placed[start + pixel] = column[room.place[pixel]]
    for number in range(len(columns)):
        start = np.uint64(number) * np.uint64(TILE_PIXELS)
        low, high = stretch(room.placed, start, scale[0][number], scale[1][number])
        room.low[number], room.high[number], room.width[number] = low, high, high - low


@kernel
def _find_widest(width: Any, widest: Any) -> Any:
    """Bring wide columns forward; return how many are wide.

    One step of sorting is enough: neighbours are alike, and no order is a wrong one.
    """
    for at in range(len(widest) - 1, 0, -1):
        if width[widest[at]] > width[widest[at - 1]]:
            widest[at], widest[at - 1] = widest[at - 1], widest[at]
    wide, missing = 0, np.float32(WIDE) * np.sum(width * width)
    while wide < len(widest) and missing > 0:
        missing -= width[widest[wide]] ** 2
        wide += 1
    return np.uint64(wide)


@kernel
def _bound(columns: Any, wide: Any, sites: Any, room: Any) -> None:
    """Set for each site what its squared distance to no pixel of the tile falls below."""
    none, every = np.uint64(0), np.uint64(columns)
    room.rest[:] = 0
    widen(room.rest, room.rest, sites.by_column, room.widest, wide, every, room.low, room.high)
    widen(room.bound, room.rest, sites.by_column, room.widest, none, wide, room.low, room.high)


@kernel
def _measure_sites(columns: Any, wide: Any, sites: Any, limit: Any, room: Any) -> None:
    """Fill `least` and `near` of a tile from all sites that can change them."""
    number = np.uint64(columns)
    slack = np.float32(1 + SLACK * (columns + 2))
    least, near, beyond, bound = room.least, room.near, room.beyond, room.bound
    least[:], near[:] = np.inf, 0
    for _ in range(FIRST_SITES):
        nearest = _lowest(bound)
        if nearest < 0:
            break
        bound[nearest] = np.nan
        start = np.uint64(nearest) * number
        measure(room.placed, sites.by_site, start, number, limit, slack, least, near, beyond)
    trials = left_out = 0
    for first in range(0, len(bound), SITES):
        left = up_to(bound, np.uint64(first), greatest(beyond))
        while left:
            site = np.uint64(first) + lowest_set(np.uint64(left))
            left &= left - np.uint32(1)
            start = site * number
            if trials < TRIALS + 2 * left_out:
                trials += 1
                if is_beyond(
                    room.placed, sites.by_site, start, room.widest, wide, room.rest[site], beyond
                ):
                    left_out += 1
                    continue
            measure(room.placed, sites.by_site, start, number, limit, slack, least, near, beyond)


@kernel
def _lowest(bound: Any) -> Any:
    """Return the first site of the lowest bound; -1 where all have been measured."""
    lowest = least_of(bound)
    for first in range(0, len(bound), SITES):
        found = up_to(bound, np.uint64(first), lowest)
        if found:
            return first + np.int64(lowest_set(np.uint64(found)))
    return -1
