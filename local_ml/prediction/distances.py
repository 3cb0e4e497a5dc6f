"""Distances from pixels to training sites: to the nearest, and how many are near.

In: columns of the model matrix, float32, and where the sites lie in the space that
`applicability_rule` places pixels in. Out: the distance to the nearest site, and the number of
sites up to a limit. numpy and numba alone.

Neighbours are alike: from the box around a tile of pixels, most sites lie farther than any site
that counts, and are not looked at pixel by pixel. What is left out could change nothing, so that a
pixel's bits are those of looking at all sites, wherever it lies.
"""

# ruff: noqa: ARG001 - what takes part in the types is named, whether it is used or not

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from local_ml.forest.kept import kernel
from local_ml.forest.llvm import F32, I64, data, halved, load, splat, store

# Pixels that are measured together: a square in a raster, as many in a row elsewhere.
TILE = 8
TILE_PIXELS = TILE * TILE
# Sites whose bounds are set at once.
SITES = 32
# What rounding may add to a sum of squares, and far more.
SLACK = 1e-5


def columns_of_sites(reference: np.ndarray) -> np.ndarray:
    """Return (columns, sites) float32, with sites infinitely far away up to a multiple of SITES."""
    sites, columns = reference.shape
    padded = np.full((columns, -(-sites // SITES) * SITES), np.inf, np.float32)
    padded[:, :sites] = reference.T
    return padded


@kernel
def measure_tiles(
    columns: Any,
    valid: Any,
    tile: Any,
    scale: Any,
    reference: Any,
    by_column: Any,
    limit: Any,
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
    reference, by_column : (sites · columns,) float32, and `columns_of_sites`
    limit : square of the distance up to which a site is near, float32
    index, near : (rows, cols) float32, filled where valid
    """
    rows, cols = valid.shape
    number, sites = np.uint64(len(columns)), len(reference) // len(columns)
    place = np.empty(TILE_PIXELS, np.int64)
    placed = np.empty(len(columns) * TILE_PIXELS, np.float32)
    bound = np.empty(by_column.shape[1], np.float32)
    least, count = np.empty((2, TILE_PIXELS), np.float32)
    for row in range(0, rows, tile[0]):
        for col in range(0, cols, tile[1]):
            if not _find(valid, row, col, tile, place):
                continue
            _place(columns, place, scale, by_column, placed, bound)
            least[:], count[:] = np.inf, 0
            nearest = bound[:sites].argmin()
            start = np.uint64(nearest) * number
            most = _measure(placed, reference, start, number, limit, least, count)
            for site in range(sites):
                # A bound that is no number, since a value is out of all bounds, excludes nothing.
                if not bound[site] > max(limit, most) and site != nearest:
                    start = np.uint64(site) * number
                    most = _measure(placed, reference, start, number, limit, least, count)
            for pixel in range(TILE_PIXELS):
                at_row, at_col = place[pixel] // cols, place[pixel] % cols
                index[at_row, at_col] = np.sqrt(least[pixel])
                near[at_row, at_col] = count[pixel]


@kernel
def _find(valid: Any, row: Any, col: Any, tile: Any, place: Any) -> Any:
    """Find the valid pixels of a tile; repeat one of them for the others. False: there is none."""
    rows, cols = valid.shape
    some = -1
    for pixel in range(TILE_PIXELS):
        at_row, at_col = row + pixel // tile[1], col + pixel % tile[1]
        found = at_row < rows and at_col < cols and valid[at_row, at_col]
        place[pixel] = at_row * cols + at_col if found else -1
        some = place[pixel] if found else some
    for pixel in range(TILE_PIXELS):
        place[pixel] = place[pixel] if place[pixel] >= 0 else some
    return some >= 0


@kernel
def _place(columns: Any, place: Any, scale: Any, by_column: Any, placed: Any, bound: Any) -> None:
    """Place a tile's pixels; set for each site what its squared distance to none falls below.

    Parameters
    ----------
    placed : (columns · TILE_PIXELS,) float32, filled
    bound : (sites,) float32, filled; less by SLACK
    """
    bound[:] = 0
    flat, sites = by_column.ravel(), np.uint64(len(bound))
    for number in range(len(columns)):
        column, start = columns[number], np.uint64(number) * np.uint64(TILE_PIXELS)
        for index in range(TILE_PIXELS):
            pixel = np.uint64(index)
            placed[start + pixel] = column[np.uint64(place[pixel])]
        low, high = _stretch(placed, start, scale[0][number], scale[1][number])
        _widen(bound, flat, np.uint64(number) * sites, sites, low, high)
    for index in range(len(bound)):
        bound[np.uint64(index)] *= np.float32(1 - SLACK)


@intrinsic  # type: ignore[untyped-decorator]
def _stretch(typing: Any, placed: Any, start: Any, centre: Any, factor: Any) -> Any:
    """Place a column's TILE_PIXELS values, from `start`, NaN at 0; return their range."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = data(context, builder, signature, 0, arguments[0])
        _, start, centre, factor = arguments
        vector = load(builder, array, start, F32, TILE_PIXELS)
        vector = builder.fsub(vector, splat(builder, centre, TILE_PIXELS))
        vector = builder.fmul(vector, splat(builder, factor, TILE_PIXELS))
        missing = builder.fcmp_unordered("uno", vector, vector)
        vector = builder.select(missing, ir.Constant(vector.type, [0.0] * TILE_PIXELS), vector)
        store(builder, vector, array, start)
        ends = [halved(builder, vector, sign) for sign in ("<", ">")]
        return context.make_tuple(builder, signature.return_type, ends)

    number = types.float32
    ends = types.Tuple((number, number))  # type: ignore[attr-defined]
    return ends(placed, types.uint64, number, number), generate


@intrinsic  # type: ignore[untyped-decorator]
def _widen(
    typing: Any, bound: Any, column: Any, start: Any, sites: Any, low: Any, high: Any
) -> Any:
    """Add to the bound of each site the square of how far it lies outside of a column's range."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bound, column = (data(context, builder, signature, at, arguments[at]) for at in (0, 1))
        start, sites = arguments[2:4]
        low, high = (splat(builder, end, SITES) for end in arguments[4:6])
        inside = ir.Constant(low.type, [0.0] * SITES)
        with cgutils.for_range_slice(builder, I64(0), sites, I64(SITES), I64) as (site, _):
            there = load(builder, column, builder.add(start, site), F32, SITES)
            away = inside
            for out in (builder.fsub(low, there), builder.fsub(there, high)):
                away = builder.select(builder.fcmp_ordered(">", out, away), out, away)
            before = load(builder, bound, site, F32, SITES)
            store(builder, builder.fadd(before, builder.fmul(away, away)), bound, site)
        return context.get_dummy_value()

    size, number = types.uint64, types.float32
    return types.void(bound, column, size, size, number, number), generate


@intrinsic  # type: ignore[untyped-decorator]
def _measure(
    typing: Any,
    placed: Any,
    reference: Any,
    start: Any,
    columns: Any,
    limit: Any,
    least: Any,
    count: Any,
) -> Any:
    """Measure the squared distance of each pixel to the site whose columns begin at `start`.

    It is added up column after column; what was least, and the number of sites within the limit,
    follow it. Returns the greatest of what is least.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        placed, reference, least, count = (
            data(context, builder, signature, at, arguments[at]) for at in (0, 1, 5, 6)
        )
        start, columns, limit = arguments[2:5]
        kind = ir.VectorType(F32, TILE_PIXELS)
        total = cgutils.alloca_once(builder, kind)
        builder.store(ir.Constant(kind, [0.0] * TILE_PIXELS), total)
        with cgutils.for_range(builder, columns, intp=I64) as loop:
            there = builder.load(builder.gep(reference, [builder.add(start, loop.index)]))
            pixels = builder.mul(loop.index, I64(TILE_PIXELS))
            here = load(builder, placed, pixels, F32, TILE_PIXELS)
            away = builder.fsub(here, splat(builder, there, TILE_PIXELS))
            builder.store(builder.fadd(builder.load(total), builder.fmul(away, away)), total)
        found = builder.load(total)
        within = builder.fcmp_ordered("<=", found, splat(builder, limit, TILE_PIXELS))
        before = load(builder, count, I64(0), F32, TILE_PIXELS)
        one = ir.Constant(kind, [1.0] * TILE_PIXELS)
        more = builder.select(within, builder.fadd(before, one), before)
        store(builder, more, count, I64(0))
        before = load(builder, least, I64(0), F32, TILE_PIXELS)
        nearest = builder.select(builder.fcmp_ordered("<", found, before), found, before)
        store(builder, nearest, least, I64(0))
        return halved(builder, nearest, ">")

    size, number = types.uint64, types.float32
    return number(placed, reference, size, size, number, least, count), generate
