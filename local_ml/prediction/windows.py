"""The parts in which rows or a raster are predicted.

In: the shape of the bands. Out: slices. A pixel gets the same wherever the parts are cut.
"""

import itertools
from collections.abc import Iterator

from local_ml.forest.patches import BLOCK_COLS, BLOCK_ROWS

# Whole blocks of the evaluator, as many pixels in a raster as in rows: some 100 columns of them
# take 13 MB.
WINDOW_ROWS, WINDOW_COLS = BLOCK_ROWS, 4 * BLOCK_COLS
WINDOW_PIXELS = WINDOW_ROWS * WINDOW_COLS


def windows_of(shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Cut rows or a raster; yield for each window its slices."""
    sizes = (WINDOW_PIXELS,) if len(shape) == 1 else (WINDOW_ROWS, WINDOW_COLS)
    starts = (range(0, length, size) for length, size in zip(shape, sizes, strict=True))
    for corner in itertools.product(*starts):
        yield tuple(
            slice(start, min(start + size, length))
            for start, size, length in zip(corner, sizes, shape, strict=True)
        )
