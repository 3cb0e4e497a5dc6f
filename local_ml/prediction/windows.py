"""The parts in which rows or a raster are predicted.

In: the shape of the bands; then the model matrix of a part. Out: slices, and the predictions of
the members, the same wherever the parts are cut.
"""

import itertools
from collections.abc import Iterator

import numpy as np

from local_ml.forest.evaluate import Evaluator
from local_ml.forest.patches import BLOCK_COLS, BLOCK_ROWS

# Whole blocks of the evaluator, as many pixels in a raster as in rows: some 100 columns of them
# take 25 MB.
WINDOW_ROWS, WINDOW_COLS = 2 * BLOCK_ROWS, 4 * BLOCK_COLS
WINDOW_PIXELS = WINDOW_ROWS * WINDOW_COLS


def windows_of(shape: tuple[int, ...]) -> Iterator[tuple[tuple[slice, ...], np.ndarray]]:
    """Cut rows or a raster; yield for each window its slices and its pixels' flat indices."""
    sizes = (WINDOW_PIXELS,) if len(shape) == 1 else (WINDOW_ROWS, WINDOW_COLS)
    starts = (range(0, length, size) for length, size in zip(shape, sizes, strict=True))
    for corner in itertools.product(*starts):
        window = tuple(
            slice(start, min(start + size, length))
            for start, size, length in zip(corner, sizes, shape, strict=True)
        )
        place = np.arange(window[-1].start, window[-1].stop)
        if len(shape) == 2:
            place = np.arange(window[0].start, window[0].stop)[:, None] * shape[1] + place
        yield window, place


def evaluate_window(evaluator: Evaluator, matrix: np.ndarray, here: np.ndarray) -> np.ndarray:
    """Predict rows of the model matrix, which are the pixels of a window that are valid.

    Returns
    -------
    predictions : (rows, members) float64, the same whether the window is of a raster or not
    """
    if here.ndim == 1:
        return evaluator.rows(matrix)
    planes = np.empty((matrix.shape[1], *here.shape), np.float32)
    planes[:, here] = matrix.T
    return np.ascontiguousarray(evaluator.raster(planes, here)[:, here].T)
