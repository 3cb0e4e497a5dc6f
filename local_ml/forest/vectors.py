"""Vectors of pixels and of patches, written in LLVM's own vector types.

In: numpy arrays and numbers, inside kernels compiled by numba. Out: what one pass over the patches
of a block, or over the pixels of a patch, gives. A loop would say the same; but whether LLVM makes
vectors of a loop hangs on details such as arrays that might overlap, and most of the speed with it.
The types are LLVM's, of no processor: it cuts them to the vectors that there are.

Each function below is written into the kernel that calls it. Its first part says which types it
takes and gives, `generate` what it does; `arguments` are LLVM's values of what it was called with.
"""

# ruff: noqa: ARG001, ARG005 - what takes part in the types is named, whether it is used or not

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from local_ml.forest.llvm import (
    BIT,
    F32,
    I8,
    I16,
    I32,
    I64,
    data,
    gather,
    halved,
    load,
    splat,
    store,
)
from local_ml.forest.patches import PATCHES, PIXELS

# What is asked at once: eight registers of 512 bits would do for a whole patch, but sixteen of 256.
_LANES = 128


@intrinsic  # type: ignore[untyped-decorator]
def patches_above(typing: Any, numbers: Any, start: Any, limit: Any) -> Any:
    """Return a bit for each of PATCHES int16 numbers, from `start`: whether it is above `limit`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, start, limit = arguments
        vector = load(builder, data(context, builder, signature, 0, array), start, I16, PATCHES)
        above = builder.icmp_signed(">", vector, splat(builder, limit, PATCHES))
        return builder.bitcast(above, I32)

    return types.uint32(numbers, types.uint64, types.int16), generate


@intrinsic  # type: ignore[untyped-decorator]
def words_having(typing: Any, words: Any, start: Any, bit: Any) -> Any:
    """Return a bit for each of 64 uint32 words, from `start`: whether it has the bit."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, start, bit = arguments
        vector = load(builder, data(context, builder, signature, 0, array), start, I32, 64)
        masked = builder.and_(vector, splat(builder, bit, 64))
        having = builder.icmp_unsigned("!=", masked, ir.Constant(vector.type, [0] * 64))
        return builder.bitcast(having, I64)

    return types.uint64(words, types.uint64, types.uint32), generate


@intrinsic  # type: ignore[untyped-decorator]
def count_patches(typing: Any, counts: Any, start: Any, patches: Any) -> Any:
    """Add one to those of PATCHES int16 counts, from `start`, whose bit is set in `patches`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        counts, start, patches = arguments
        array = data(context, builder, signature, 0, counts)
        vector = load(builder, array, start, I16, PATCHES)
        bits = builder.bitcast(patches, ir.VectorType(BIT, PATCHES))
        store(builder, builder.sub(vector, builder.sext(bits, vector.type)), array, start)
        return context.get_dummy_value()

    return types.void(counts, types.uint64, types.uint32), generate


@intrinsic  # type: ignore[untyped-decorator]
def copy_patches(typing: Any, numbers: Any, start: Any, to: Any, at: Any) -> Any:
    """Copy PATCHES int16 numbers, from `start`, into `to`, from `at` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = data(context, builder, signature, 0, arguments[0])
        target = data(context, builder, signature, 2, arguments[2])
        vector = load(builder, source, arguments[1], I16, PATCHES)
        store(builder, vector, target, arguments[3])
        return context.get_dummy_value()

    return types.void(numbers, types.uint64, to, types.uint64), generate


@intrinsic  # type: ignore[untyped-decorator]
def range_of(typing: Any, values: Any, start: Any) -> Any:
    """Return the least and the greatest of PIXELS float32 values, from `start`, and a bit if one
    is NaN. Where all are: infinity and minus infinity."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = data(context, builder, signature, 0, arguments[0])
        vector = load(builder, array, arguments[1], F32, PIXELS)
        missing = builder.fcmp_unordered("uno", vector, vector)
        ends = []
        for sign, end in (("<", "inf"), (">", "-inf")):
            none = ir.Constant(vector.type, [float(end)] * PIXELS)
            rest = builder.select(missing, none, vector)
            ends.append(halved(builder, rest, sign))
        bits = builder.bitcast(missing, ir.IntType(PIXELS))
        some = builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))
        return context.make_tuple(builder, signature.return_type, [*ends, builder.zext(some, I8)])

    number = types.float32
    given = types.Tuple((number, number, types.uint8))  # type: ignore[attr-defined]
    return given(values, types.uint64), generate


@intrinsic  # type: ignore[untyped-decorator]
def rank_pixels(
    typing: Any,
    values: Any,
    start: Any,
    thresholds: Any,
    first: Any,
    number: Any,
    shift: Any,
    of_nan: Any,
    ranks: Any,
    at: Any,
) -> Any:
    """Find how many of the thresholds from `first`, an ascending `number`, lie below each value.

    That number, and `first` less `shift`, is the rank of PIXELS float32 values, from `start`, put
    into `ranks`, int16, from `at` on; that of NaN is `of_nan`.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, thresholds, ranks = (
            data(context, builder, signature, index, arguments[index]) for index in (0, 2, 7)
        )
        start, first, number, shift, of_nan, at = (arguments[i] for i in (1, 3, 4, 5, 6, 8))
        lanes = 64
        found = cgutils.alloca_once(builder, ir.VectorType(I32, lanes))
        length = cgutils.alloca_once(builder, I32)
        for part in range(0, PIXELS, lanes):
            here = load(builder, values, builder.add(start, I64(part)), F32, lanes)
            builder.store(splat(builder, first, lanes), found)
            builder.store(number, length)
            look, step, done = (builder.append_basic_block() for _ in range(3))
            builder.branch(look)
            builder.position_at_end(look)
            left = builder.load(length)
            builder.cbranch(builder.icmp_unsigned("==", left, I32(0)), done, step)
            builder.position_at_end(step)
            rest = builder.lshr(left, I32(1))
            half = builder.sub(left, rest)
            before = builder.load(found)
            probe = builder.add(before, splat(builder, builder.sub(half, I32(1)), lanes))
            seen = gather(builder, thresholds, probe, F32)
            below = builder.fcmp_ordered("<", seen, here)
            after = builder.add(before, splat(builder, half, lanes))
            builder.store(builder.select(below, after, before), found)
            builder.store(rest, length)
            builder.branch(look)
            builder.position_at_end(done)
            rank = builder.sub(builder.load(found), splat(builder, shift, lanes))
            rank = builder.trunc(rank, ir.VectorType(I16, lanes))
            missing = builder.fcmp_unordered("uno", here, here)
            rank = builder.select(missing, splat(builder, of_nan, lanes), rank)
            store(builder, rank, ranks, builder.add(at, I64(part)))
        return context.get_dummy_value()

    size, whole = types.uint64, types.int32
    return (
        types.void(values, size, thresholds, whole, whole, whole, types.int16, ranks, size),
        generate,
    )


@intrinsic  # type: ignore[untyped-decorator]
def lowest_set(typing: Any, word: Any) -> Any:
    """Return the number of the lowest bit that is set in a uint64, which must not be 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(BIT, 1))

    return types.uint64(types.uint64), generate


@intrinsic  # type: ignore[untyped-decorator]
def highest_set(typing: Any, word: Any) -> Any:
    """Return the number of the highest bit that is set in a uint64, which must not be 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.xor(builder.ctlz(arguments[0], ir.Constant(BIT, 1)), I64(63))

    return types.uint64(types.uint64), generate


def _asking(finish: Any) -> Any:
    """Return a kernel that asks a patch some questions, and ends with `finish`."""

    @intrinsic  # type: ignore[untyped-decorator]
    def ask(
        typing: Any,
        ranks: Any,
        program: Any,
        number: Any,
        bits: Any,
        slots: Any,
        at: Any,
        base: Any,
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            ranks, program, slots = (
                data(context, builder, signature, index, arguments[index]) for index in (0, 1, 4)
            )
            number, bits, at, base = (arguments[index] for index in (2, 3, 5, 6))
            alive = cgutils.alloca_once(builder, ir.VectorType(I16, _LANES))
            for part in range(0, PIXELS, _LANES):
                part = ir.Constant(I64, part)
                builder.store(splat(builder, bits, _LANES), alive)
                with cgutils.for_range(builder, number, intp=I64) as loop:
                    question = builder.gep(program, [loop.index])
                    start = builder.load(builder.bitcast(question, I32.as_pointer()))
                    halves = builder.bitcast(question, I16.as_pointer())
                    limit, kept = (
                        splat(builder, builder.load(builder.gep(halves, [I32(half)])), _LANES)
                        for half in (2, 3)
                    )
                    start = builder.add(builder.zext(start, I64), part)
                    right = builder.icmp_signed(
                        ">", load(builder, ranks, start, I16, _LANES), limit
                    )
                    before = builder.load(alive)
                    after = builder.select(right, builder.and_(before, kept), before)
                    builder.store(after, alive)
                place = builder.add(at, part)
                store(builder, finish(builder, alive, slots, place, base), slots, place)
            return context.get_dummy_value()

        size = types.uint64
        return types.void(ranks, program, size, types.int16, slots, size, types.int16), generate

    return ask


def _lowest(builder: Any, alive: Any, slots: Any, place: Any, base: Any) -> Any:
    bits = builder.load(alive)
    count = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(bits.type, [bits.type, BIT]), f"llvm.cttz.v{_LANES}i16"
    )
    lowest = builder.add(builder.call(count, [bits, BIT(0)]), splat(builder, base, _LANES))
    some = builder.icmp_signed("!=", bits, ir.Constant(bits.type, [0] * _LANES))
    return builder.select(some, lowest, load(builder, slots, place, I16, _LANES))


ask_for_leaves = _asking(_lowest)
ask_for_bits = _asking(lambda builder, alive, slots, place, base: builder.load(alive))
