"""Prediction from compiled forests, of rows or of a raster.

In: forests and the columns of the model matrix, float32, NaN where missing. Out: the predictions of
the members, float64, on the scale that they learned: bit for bit those of the libraries which
trained them. Leaves are added in the order of the trees whatever lies beside a pixel, so that the
same values give the same bits, in a row or in a raster.
"""

from typing import Any, NamedTuple

import numpy as np

from local_ml.errors import PredictionError
from local_ml.forest.compiled import CompiledForest
from local_ml.forest.kernels import (
    add_trees,
    fill,
    places_in_raster,
    places_in_rows,
)
from local_ml.forest.layout import Layout, SymmetricLayout, layout_of, symmetric_layout_of
from local_ml.forest.patches import (
    BLOCK_COLS,
    BLOCK_PIXELS,
    BLOCK_ROWS,
    PATCHES_ACROSS,
    PATCHES_DOWN,
    SIDE,
    empty_block,
    empty_programs,
)
from local_ml.forest.symmetric import add_symmetric_trees


class _Member(NamedTuple):
    forest: CompiledForest
    layout: Layout
    symmetric: SymmetricLayout | None


class Evaluator:
    """Forests laid out once, for any number of rows, tiles and threads."""

    def __init__(self, *forests: CompiledForest) -> None:
        layouts = [layout_of(forest) for forest in forests]
        self._members = tuple(
            _Member(forest, layout, symmetric_layout_of(layout))
            for forest, layout in zip(forests, layouts, strict=True)
        )
        self.columns = max((forest.columns for forest in forests), default=0)

    def rows(self, X: np.ndarray) -> np.ndarray:
        """Return the predictions of rows that have no place.

        Parameters
        ----------
        X : (n, columns) float32; NaN is a missing value, infinities compare as numbers do

        Returns
        -------
        predictions : (n, members) float64; those of a member with "float32" accumulation are
            float32 numbers

        Raises
        ------
        PredictionError
            The matrix has fewer columns than a forest asks for.
        """
        X = np.asarray(X, dtype=np.float32)
        if X.ndim != 2 or X.shape[1] < self.columns:
            raise PredictionError(
                f"a model matrix of shape {X.shape} does not fit a forest that reads "
                f"{self.columns} columns"
            )
        columns = np.ascontiguousarray(X.T)
        predictions = np.empty((len(X), len(self._members)))
        work = _Work(self._members, len(columns))
        for first in range(0, len(X), BLOCK_PIXELS):
            part = predictions[first : first + BLOCK_PIXELS]
            places_in_rows(first, len(X), work.place)
            for member, total in enumerate(work.totals(columns)):
                part[:, member] = total[: len(part)]
        return predictions

    def raster(self, columns: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Return the predictions of the pixels of a raster.

        Parameters
        ----------
        columns : (columns, rows, cols) float32; NaN is a missing value
        valid : (rows, cols) bool, the pixels to predict

        Returns
        -------
        predictions : (members, rows, cols) float64, NaN where not valid

        Raises
        ------
        PredictionError
            There are fewer columns than a forest asks for, or `valid` has another shape.
        """
        if columns.ndim != 3 or len(columns) < self.columns or columns.shape[1:] != valid.shape:
            raise PredictionError(
                f"columns of shape {columns.shape} and valid pixels of shape {valid.shape} do not "
                f"fit forests that read {self.columns} columns"
            )
        rows, cols = valid.shape
        flat = np.ascontiguousarray(columns, dtype=np.float32).reshape(len(columns), rows * cols)
        predictions = np.full((len(self._members), rows, cols), np.nan)
        work = _Work(self._members, len(columns))
        for row in range(0, rows, BLOCK_ROWS):
            for col in range(0, cols, BLOCK_COLS):
                if not places_in_raster(row, col, valid, work.place):
                    continue
                window = slice(row, row + BLOCK_ROWS), slice(col, col + BLOCK_COLS)
                wanted = valid[window]
                height, width = wanted.shape
                for member, total in enumerate(work.totals(flat)):
                    found = _as_raster(total)[:height, :width]
                    predictions[member][window][wanted] = found[wanted]
        return predictions


def evaluate(forest: CompiledForest, X: np.ndarray) -> np.ndarray:
    """Return the predictions of one forest for rows, (n,) float64; see `Evaluator.rows`."""
    predictions: np.ndarray = Evaluator(forest).rows(X)[:, 0]
    return predictions


class _Work:
    """Room for one block after the other; each thread has its own."""

    def __init__(self, members: tuple[_Member, ...], columns: int) -> None:
        self.place = np.empty(BLOCK_PIXELS, np.int64)
        self._members = members
        self._block = empty_block(columns)
        self._programs = [
            empty_programs(
                member.layout.largest_tree, member.layout.deepest, member.layout.value.dtype
            )
            for member in members
        ]

    def totals(self, columns: np.ndarray) -> list[np.ndarray]:
        """Return for each member the predictions at `place`, (BLOCK_PIXELS,), patch by patch."""
        fill(self._block, columns, self.place)
        return [
            self._total(member, programs)
            for member, programs in zip(self._members, self._programs, strict=True)
        ]

    def _total(self, member: _Member, programs: Any) -> np.ndarray:
        forest = member.forest
        in_float32 = forest.accumulate == "float32"
        total = np.full(BLOCK_PIXELS, forest.base if in_float32 else 0.0, forest.accumulate)
        if member.symmetric is not None:
            add_symmetric_trees(member.symmetric, self._block, total)
        else:
            add_trees(member.layout, programs, self._block, total)
        if in_float32:
            return total
        total *= forest.scale
        total /= forest.divisor
        total += forest.base
        return total


def _as_raster(total: np.ndarray) -> np.ndarray:
    """Return the pixels of a block, patch by patch, as (BLOCK_ROWS, BLOCK_COLS)."""
    patches = total.reshape(PATCHES_DOWN, PATCHES_ACROSS, SIDE, SIDE)
    return patches.transpose(0, 2, 1, 3).reshape(BLOCK_ROWS, BLOCK_COLS)
