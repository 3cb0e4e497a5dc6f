"""The kernels for trees that ask one question a level: no walk, the answers are the leaf's number.

In: a `SymmetricLayout` and a block of pixels. Out: sums of leaves. Written as `kernels` is, and in
one file for the same reason.
"""

from typing import Any

import numba
import numpy as np

from local_ml.forest.patches import N_PATCHES, N_PIXELS, PATCHES, PIXELS


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def add_symmetric_trees(symmetric: Any, block: Any, total: Any) -> None:
    """Add to `total`, (BLOCK_PIXELS,), what every tree of a symmetric layout gives."""
    version, threshold, depth = symmetric.version, symmetric.threshold, symmetric.depth
    table, size = symmetric.table.ravel(), np.uint64(symmetric.table.shape[1])
    values, low, high, stripe = block.values, block.low, block.high, block.stripe
    sure, unsure = np.empty(PATCHES, np.uint16), np.empty(PATCHES, np.uint16)
    slot = np.empty(PIXELS, np.uint16)
    for tree in range(len(depth)):
        first = np.uint64(tree) * size
        sure[:], unsure[:] = 0, 0
        for level in range(depth[tree]):
            column = np.uint64(stripe[version[tree, level]]) * N_PATCHES
            bit = np.uint16(1 << (depth[tree] - 1 - level))
            _answer(sure, unsure, low, high, column, threshold[tree, level], bit)
        for patch in range(PATCHES):
            lane = np.uint64(patch)
            start = lane * N_PIXELS
            if unsure[lane] == 0:
                add_number(total, start, table[first + np.uint64(sure[lane])])
                continue
            set_all(slot, sure[lane])
            for level in range(depth[tree]):
                bit = np.uint16(1 << (depth[tree] - 1 - level))
                if unsure[lane] & bit:
                    read = np.uint64(stripe[version[tree, level]]) * N_PATCHES + lane
                    set_bit(slot, values, read * N_PIXELS, threshold[tree, level], bit)
            add_from_table(total, start, slot, table, first)


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _answer(
    sure: Any, unsure: Any, low: Any, high: Any, column: Any, threshold: Any, bit: Any
) -> None:
    """Set a bit of `sure` where all of a patch is greater, of `unsure` where some of it is."""
    for index in range(PATCHES):
        patch = np.uint64(index)
        left, right = low[column + patch] <= threshold, high[column + patch] > threshold
        sure[patch] |= np.uint16(bit * np.uint16(right and not left))
        unsure[patch] |= np.uint16(bit * np.uint16(right and left))


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def set_bit(slot: Any, values: Any, start: Any, threshold: Any, bit: Any) -> None:
    """Set a bit of `slot`, (PIXELS,) uint16, where a value is greater than the threshold."""
    for index in range(PIXELS):
        pixel = np.uint64(index)
        before = slot[pixel]
        after = np.uint16(before | bit)
        slot[pixel] = before if values[start + pixel] <= threshold else after


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def set_all(array: Any, number: Any) -> None:
    """Set every pixel to one number."""
    for index in range(PIXELS):
        array[np.uint64(index)] = number


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def add_from_table(total: Any, start: Any, slot: Any, table: Any, first: Any) -> None:
    """Add to the total of each pixel what the table holds in its slot, counted from `first`."""
    for index in range(PIXELS):
        pixel = np.uint64(index)
        total[start + pixel] += table[first + np.uint64(slot[pixel])]


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def add_number(total: Any, start: Any, number: Any) -> None:
    """Add one number to the total of each pixel."""
    for index in range(PIXELS):
        total[start + np.uint64(index)] += number
