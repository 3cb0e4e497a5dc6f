"""Distances from a tile of pixels to sites, written in LLVM's own vector types.

In: numpy arrays and numbers, inside the kernels of `distances`, whose `Room` says what they hold.
Out: what one pass over the pixels of a tile, or over the sites, gives. As in `forest.vectors`: the
types are of no processor, and each function is written into the kernel that calls it.
"""

# ruff: noqa: ARG001 - what takes part in the types is named, whether it is used or not

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from local_ml.forest.llvm import F32, I32, I64, data, halved, load, splat, store

# Pixels that are measured together: a square in a raster, as many in a row elsewhere.
TILE = 8
TILE_PIXELS = TILE * TILE
# Sites whose bounds are set at once.
SITES = 32
# Far more than what a square loses where numbers are too small for float32.
TINY = 1e-37


@intrinsic  # type: ignore[untyped-decorator]
def stretch(typing: Any, placed: Any, start: Any, centre: Any, factor: Any) -> Any:
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
def widen(
    typing: Any,
    bound: Any,
    before: Any,
    by_column: Any,
    order: Any,
    first: Any,
    last: Any,
    low: Any,
    high: Any,
) -> Any:
    """Set the bound of each site: what it was `before`, and the squares of how far it lies outside
    of the range of the columns from `first` to `last`, in their order."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bound, sites = _sites(context, builder, signature, arguments)
        before, by_column, order, low, high = (
            data(context, builder, signature, at, arguments[at]) for at in (1, 2, 3, 6, 7)
        )
        first, last = arguments[4:6]
        kind = ir.VectorType(F32, SITES)
        total = cgutils.alloca_once(builder, kind)
        with cgutils.for_range_slice(builder, I64(0), sites, I64(SITES), I64) as (site, _):
            builder.store(load(builder, before, site, F32, SITES), total)
            with cgutils.for_range_slice(builder, first, last, I64(1), I64) as (at, _):
                column = builder.load(builder.gep(order, [at]))
                start = builder.add(builder.mul(column, sites), site)
                there = load(builder, by_column, start, F32, SITES)
                least, most = (
                    splat(builder, builder.load(builder.gep(end, [column])), SITES)
                    for end in (low, high)
                )
                away = ir.Constant(kind, [0.0] * SITES)
                for out in (builder.fsub(least, there), builder.fsub(there, most)):
                    away = builder.select(builder.fcmp_ordered(">", out, away), out, away)
                builder.store(_plus_square(builder, builder.load(total), away), total)
            store(builder, builder.load(total), bound, site)
        return context.get_dummy_value()

    size = types.uint64
    return types.void(bound, before, by_column, order, size, size, low, high), generate


@intrinsic  # type: ignore[untyped-decorator]
def least_of(typing: Any, bound: Any) -> Any:
    """Return the lowest of the bounds, NaN left out; infinity where there is none."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bound, sites = _sites(context, builder, signature, arguments)
        kind = ir.VectorType(F32, SITES)
        least = cgutils.alloca_once(builder, kind)
        builder.store(ir.Constant(kind, [float("inf")] * SITES), least)
        with cgutils.for_range_slice(builder, I64(0), sites, I64(SITES), I64) as (site, _):
            here, before = load(builder, bound, site, F32, SITES), builder.load(least)
            below = builder.fcmp_ordered("<", here, before)
            builder.store(builder.select(below, here, before), least)
        return halved(builder, builder.load(least), "<")

    return types.float32(bound), generate


@intrinsic  # type: ignore[untyped-decorator]
def up_to(typing: Any, bound: Any, start: Any, limit: Any) -> Any:
    """Return a bit for each of SITES bounds, from `start`: whether it is a number up to `limit`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, start, limit = arguments
        vector = load(builder, data(context, builder, signature, 0, array), start, F32, SITES)
        within = builder.fcmp_ordered("<=", vector, splat(builder, limit, SITES))
        return builder.bitcast(within, I32)

    return types.uint32(bound, types.uint64, types.float32), generate


@intrinsic  # type: ignore[untyped-decorator]
def greatest(typing: Any, beyond: Any) -> Any:
    """Return the greatest of TILE_PIXELS numbers, none of them NaN."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = data(context, builder, signature, 0, arguments[0])
        return halved(builder, load(builder, array, I64(0), F32, TILE_PIXELS), ">")

    return types.float32(beyond), generate


@intrinsic  # type: ignore[untyped-decorator]
def is_beyond(
    typing: Any,
    placed: Any,
    by_site: Any,
    start: Any,
    widest: Any,
    columns: Any,
    rest: Any,
    beyond: Any,
) -> Any:
    """Return whether the site whose columns begin at `start` lies beyond what counts, for all
    pixels: by its distance in the first `columns` of `widest`, and by `rest` in the others."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        placed, by_site, widest, beyond = (
            data(context, builder, signature, at, arguments[at]) for at in (0, 1, 3, 6)
        )
        start, columns, rest = (arguments[at] for at in (2, 4, 5))
        total = cgutils.alloca_once(builder, ir.VectorType(F32, TILE_PIXELS))
        builder.store(splat(builder, rest, TILE_PIXELS), total)
        with cgutils.for_range(builder, columns, intp=I64) as loop:
            column = builder.load(builder.gep(widest, [loop.index]))
            away = _away(builder, placed, by_site, start, column)
            builder.store(_plus_square(builder, builder.load(total), away), total)
        limits = load(builder, beyond, I64(0), F32, TILE_PIXELS)
        bits = builder.bitcast(builder.fcmp_ordered(">", builder.load(total), limits), I64)
        return builder.icmp_unsigned("==", bits, I64(-1))

    size, number = types.uint64, types.float32
    return types.boolean(placed, by_site, size, widest, size, number, beyond), generate


@intrinsic  # type: ignore[untyped-decorator]
def measure(
    typing: Any,
    placed: Any,
    by_site: Any,
    start: Any,
    columns: Any,
    limit: Any,
    slack: Any,
    least: Any,
    count: Any,
    beyond: Any,
) -> Any:
    """Measure the squared distance of each pixel to the site whose columns begin at `start`.

    It is added up column after column; what was least, the number of sites within the limit, and
    the distance above which a site changes neither follow it.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        placed, by_site, least, count, beyond = (
            data(context, builder, signature, at, arguments[at]) for at in (0, 1, 6, 7, 8)
        )
        start, columns, limit, slack = arguments[2:6]
        kind = ir.VectorType(F32, TILE_PIXELS)
        total = cgutils.alloca_once(builder, kind)
        builder.store(ir.Constant(kind, [0.0] * TILE_PIXELS), total)
        with cgutils.for_range(builder, columns, intp=I64) as loop:
            away = _away(builder, placed, by_site, start, loop.index)
            square = builder.fmul(away, away)
            builder.store(builder.fadd(builder.load(total), square), total)
        found, limit = builder.load(total), splat(builder, limit, TILE_PIXELS)
        before = load(builder, count, I64(0), F32, TILE_PIXELS)
        more = builder.fadd(before, ir.Constant(kind, [1.0] * TILE_PIXELS))
        within = builder.fcmp_ordered("<=", found, limit)
        store(builder, builder.select(within, more, before), count, I64(0))
        before = load(builder, least, I64(0), F32, TILE_PIXELS)
        nearest = builder.select(builder.fcmp_ordered("<", found, before), found, before)
        store(builder, nearest, least, I64(0))
        most = builder.select(builder.fcmp_ordered(">", nearest, limit), nearest, limit)
        most = builder.fmul(most, splat(builder, slack, TILE_PIXELS))
        most = builder.fadd(most, ir.Constant(kind, [TINY] * TILE_PIXELS))
        store(builder, most, beyond, I64(0))
        return context.get_dummy_value()

    size, number = types.uint64, types.float32
    given = (placed, by_site, size, size, number, number, least, count, beyond)
    return types.void(*given), generate


def _sites(context: Any, builder: Any, signature: Any, arguments: Any) -> tuple[Any, Any]:
    """Return the bounds, the first of the arguments, and how many they are."""
    bound = context.make_array(signature.args[0])(context, builder, arguments[0])
    return bound.data, bound.nitems


def _away(builder: Any, placed: Any, by_site: Any, start: Any, column: Any) -> Any:
    """Return how far each pixel lies from a site in a column."""
    there = builder.load(builder.gep(by_site, [builder.add(start, column)]))
    pixels = builder.mul(column, I64(TILE_PIXELS))
    here = load(builder, placed, pixels, F32, TILE_PIXELS)
    return builder.fsub(here, splat(builder, there, TILE_PIXELS))


def _plus_square(builder: Any, total: Any, away: Any) -> Any:
    """Add the square, for a bound alone: its last bits are those of the processor."""
    square = builder.fmul(away, away, flags=("contract",))
    return builder.fadd(total, square, flags=("contract",))
