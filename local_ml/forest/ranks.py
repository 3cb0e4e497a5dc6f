"""From the columns of a raster, or of rows, to the ranks of a block's pixels.

In: columns of the model matrix, float32, NaN where missing, and which pixels are wanted. Out: the
ranks of a block's pixels (`patches`), patch by patch, and their range in each patch.
"""

from typing import Any

import numpy as np

from local_ml.forest.kept import kernel
from local_ml.forest.patches import (
    BLOCK_PIXELS,
    GREATEST_RANK,
    LEAST_RANK,
    N_PATCHES,
    N_PIXELS,
    PATCHES,
    PATCHES_ACROSS,
    PIXELS,
    SIDE,
)
from local_ml.forest.vectors import copy_patches, lowest_set, range_of, rank_pixels


@kernel
def places_in_raster(row: Any, col: Any, valid: Any, place: Any) -> Any:
    """Find the pixels of the block whose first pixel is (row, col).

    Parameters
    ----------
    valid : (rows, cols) bool
    place : (BLOCK_PIXELS,) int64, filled: for each pixel of the block, patch by patch, the flat
        index of the pixel of the raster to read; nothing in a patch without a valid pixel

    Returns
    -------
    present : uint32, a bit for each patch that has a valid pixel
    """
    rows, cols = valid.shape
    present = np.uint32(0)
    for patch in range(PATCHES):
        top = row + patch // PATCHES_ACROSS * SIDE
        left = col + patch % PATCHES_ACROSS * SIDE
        own = -1
        for pixel in range(PIXELS):
            at_row, at_col = top + pixel // SIDE, left + pixel % SIDE
            found = at_row < rows and at_col < cols and valid[at_row, at_col]
            if found:
                own = at_row * cols + at_col
            place[patch * PIXELS + pixel] = own if found else -1
        if own >= 0:
            present |= np.uint32(np.uint32(1) << np.uint32(patch))
            for pixel in range(PIXELS):
                if place[patch * PIXELS + pixel] < 0:
                    place[patch * PIXELS + pixel] = own
    return present


@kernel
def places_in_rows(wanted: Any, place: Any) -> Any:
    """Fill `place`, (BLOCK_PIXELS,) int64, with the numbers of some rows, then the last of them.

    Returns the patches that have a row, as `places_in_raster` does.
    """
    present = np.uint32(0)
    for pixel in range(BLOCK_PIXELS):
        place[pixel] = wanted[min(pixel, len(wanted) - 1)]
        if pixel < len(wanted):
            present |= np.uint32(np.uint32(1) << np.uint32(pixel // PIXELS))
    return present


@kernel
def fill(block: Any, scale: Any, columns: Any, place: Any, present: Any) -> None:
    """Read the pixels at `place` of every column, (columns, pixels) float32, into the block."""
    for used in range(len(scale.column)):
        left, right = np.int64(2 * used), np.int64(2 * used + 1)
        _read(block.values, columns[scale.column[used]], place, present)
        missing = _rank(block, scale, used, left, np.int16(LEAST_RANK), present)
        block.stripe[left] = block.stripe[right] = left
        if missing:
            block.stripe[right] = right
            _rank(block, scale, used, right, np.int16(GREATEST_RANK), present)
        else:
            at, to = np.uint64(left) * N_PATCHES, np.uint64(right) * N_PATCHES
            copy_patches(block.low, at, block.low, to)
            copy_patches(block.high, at, block.high, to)


@kernel
def _read(values: Any, column: Any, place: Any, present: Any) -> None:
    patches = np.uint64(present)
    while patches:
        start = lowest_set(patches) * N_PIXELS
        patches &= patches - np.uint64(1)
        for index in range(PIXELS):
            pixel = start + np.uint64(index)
            values[pixel] = column[np.uint64(place[pixel])]


@kernel
def _rank(block: Any, scale: Any, used: Any, version: Any, of_nan: Any, present: Any) -> Any:
    """Rank what was read of a column, NaN as `of_nan`; return whether there is any."""
    thresholds, begin, end = scale.threshold, scale.first[used], scale.first[used + 1]
    shift = begin - LEAST_RANK
    any_missing = False
    patches = np.uint64(present)
    while patches:
        patch = lowest_set(patches)
        patches &= patches - np.uint64(1)
        start = patch * N_PIXELS
        least, most, missing = range_of(block.values, start)
        first = last = begin
        if least <= most:
            first = _below(thresholds, begin, end, least)
            last = _below(thresholds, first, end, most)
        at = np.uint64(version) * N_PATCHES + patch
        rank_pixels(
            block.values,
            start,
            thresholds,
            np.int32(first),
            np.int32(last - first),
            np.int32(shift),
            of_nan,
            block.ranks,
            at * N_PIXELS,
        )
        low, high = np.int16(first - shift), np.int16(last - shift)
        if missing:
            any_missing = True
            low = min(low, of_nan) if least <= most else of_nan
            high = max(high, of_nan) if least <= most else of_nan
        block.low[at], block.high[at] = low, high
    return any_missing


@kernel
def _below(thresholds: Any, first: Any, last: Any, value: Any) -> Any:
    """Return where the thresholds from `first` to before `last` stop to be below a value."""
    while first < last:
        middle = (first + last) // 2
        if thresholds[middle] < value:
            first = middle + 1
        else:
            last = middle
    return first
