"""The kernel for trees that ask one question a level: no walk, the answers are the leaf's number.

In: a `SymmetricLayout` and a block of pixels. Out: sums of leaves. Written as `kernels` is, and in
one file for the same reason.
"""

from typing import Any

import numba
import numpy as np

from local_ml.forest.patches import DEEPEST_SYMMETRIC, N_PATCHES, N_PIXELS, PIXELS
from local_ml.forest.vectors import ask_for_bits, lowest_set, patches_above

_compile = numba.njit(nogil=True, cache=True, error_model="numpy")


@_compile  # type: ignore[untyped-decorator]
def add_symmetric_trees(symmetric: Any, block: Any, total: Any, present: Any) -> None:
    """Add to `total`, (BLOCK_PIXELS,), what every tree of a symmetric layout gives."""
    table, size = symmetric.table.ravel(), np.uint64(symmetric.table.shape[1])
    left, right = np.empty((2, DEEPEST_SYMMETRIC), np.uint32)
    question, program = np.empty((2, DEEPEST_SYMMETRIC), np.uint64)
    slot, ranks = np.empty(PIXELS, np.int16), block.ranks
    for tree in range(len(symmetric.depth)):
        levels, first = symmetric.depth[tree], np.uint64(tree) * size
        _decide(symmetric, tree, block, left, right, question)
        patches = np.uint64(present)
        while patches:
            patch = lowest_set(patches)
            patches &= patches - np.uint64(1)
            number, bits = _program(question, left, right, levels, patch, program)
            start = patch * N_PIXELS
            if number == 0:
                add_number(total, start, table[first + np.uint64(bits)])
            else:
                ask_for_bits(ranks, program, number, bits, slot, np.uint64(0), np.int16(0))
                add_from_table(total, start, slot, table, first)


@_compile  # type: ignore[untyped-decorator]
def _decide(symmetric: Any, tree: Any, block: Any, left: Any, right: Any, question: Any) -> None:
    """Find the patches that have pixels left and right of each level, and what it asks."""
    levels = symmetric.depth[tree]
    for level in range(levels):
        version, limit = symmetric.version[tree, level], symmetric.threshold[tree, level]
        column = np.uint64(version) * N_PATCHES
        left[level] = ~patches_above(block.low, column, limit)
        right[level] = patches_above(block.high, column, limit)
        read = np.uint64(block.stripe[version]) * N_PATCHES * N_PIXELS
        kept = np.uint64(0xFFFF ^ (1 << (levels - 1 - level)))
        question[level] = (
            read | np.uint64(np.uint16(limit)) << np.uint64(32) | kept << np.uint64(48)
        )


@_compile  # type: ignore[untyped-decorator]
def _program(question: Any, left: Any, right: Any, levels: Any, patch: Any, program: Any) -> Any:
    """Write what a patch is asked; return how much, and the bits of a pixel that is always left."""
    number, bits = np.uint64(0), np.uint64(0xFFFF) >> np.uint64(16 - levels)
    for level in range(levels):
        on_left = np.uint64(left[level]) >> patch & np.uint64(1)
        on_right = np.uint64(right[level]) >> patch & np.uint64(1)
        program[number] = question[level] + patch * N_PIXELS
        number += on_left & on_right
        if on_right and not on_left:
            bits &= question[level] >> np.uint64(48)
    return number, np.int16(bits)


@_compile  # type: ignore[untyped-decorator]
def add_from_table(total: Any, start: Any, slot: Any, table: Any, first: Any) -> None:
    """Add to the total of each pixel what the table holds in its slot, counted from `first`."""
    for index in range(PIXELS):
        pixel = np.uint64(index)
        total[start + pixel] += table[first + np.uint64(slot[pixel])]


@_compile  # type: ignore[untyped-decorator]
def add_number(total: Any, start: Any, number: Any) -> None:
    """Add one number to the total of each pixel."""
    for index in range(PIXELS):
        total[start + np.uint64(index)] += number
