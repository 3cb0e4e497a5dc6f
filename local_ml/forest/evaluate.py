"""Prediction from compiled forests, of rows or of a raster.

In: forests and the columns of the model matrix, float32, NaN where missing. Out: the predictions of
the members, float64, on the scale that they learned: bit for bit those of the libraries which
trained them. Leaves are added in the order of the trees whatever lies beside a pixel, so that the
same values give the same bits, in a row or in a raster.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from local_ml.errors import PredictionError
from local_ml.forest.compiled import CompiledForest
from local_ml.forest.kernels import add_trees
from local_ml.forest.layout import (
    Layout,
    Scale,
    SymmetricLayout,
    layout_of,
    scale_of,
    symmetric_layout_of,
)
from local_ml.forest.patches import (
    BLOCK_COLS,
    BLOCK_PIXELS,
    BLOCK_ROWS,
    MOST_COLUMNS,
    MOST_LEAVES,
    MOST_THRESHOLDS,
    PATCHES_ACROSS,
    PATCHES_DOWN,
    SIDE,
    empty_block,
    empty_programs,
)
from local_ml.forest.ranks import fill, places_in_raster, places_in_rows
from local_ml.forest.symmetric import add_symmetric_trees


class _Piece(NamedTuple):
    """Trees of a member that follow one another."""

    member: int
    forest: CompiledForest


class _Part(NamedTuple):
    """Trees whose thresholds can be told apart by ranks, and the member that each belongs to."""

    scale: Scale
    layouts: list[tuple[int, Layout | SymmetricLayout]]


class Evaluator:
    """Forests laid out once, for any number of rows, tiles and threads.

    Raises
    ------
    PredictionError
        There are more columns, or a tree has more leaves or asks more about one column, than 16
        bits can tell apart.
    """

    def __init__(self, *forests: CompiledForest) -> None:
        self._forests = forests
        self._parts = _parts([_Piece(member, forest) for member, forest in enumerate(forests)])
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
        return self.raster(np.ascontiguousarray(X.T), np.ones(len(X), bool)).T

    def raster(self, columns: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Return the predictions of the pixels of a raster; or of rows, column by column.

        Parameters
        ----------
        columns : (columns, rows, cols) float32, or (columns, n); NaN is a missing value
        valid : (rows, cols) or (n,) bool, the pixels to predict

        Returns
        -------
        predictions : (members, rows, cols) or (members, n) float64, NaN where not valid

        Raises
        ------
        PredictionError
            There are fewer columns than a forest asks for, or `valid` has another shape.
        """
        if len(columns) < self.columns or columns.shape[1:] != valid.shape or valid.ndim > 2:
            raise PredictionError(
                f"columns of shape {columns.shape} and valid pixels of shape {valid.shape} do not "
                f"fit forests that read {self.columns} columns"
            )
        flat = np.ascontiguousarray(columns, dtype=np.float32).reshape(len(columns), valid.size)
        predictions = np.full((len(self._forests), *valid.shape), np.nan)
        work = _Work(self._forests, self._parts)
        if valid.ndim == 1:
            self._add_rows(flat, np.flatnonzero(valid), work, predictions)
            return predictions
        rows, cols = valid.shape
        for row in range(0, rows, BLOCK_ROWS):
            for col in range(0, cols, BLOCK_COLS):
                present = places_in_raster(row, col, valid, work.place)
                if not present:
                    continue
                window = slice(row, row + BLOCK_ROWS), slice(col, col + BLOCK_COLS)
                wanted = valid[window]
                height, width = wanted.shape
                for member, total in enumerate(work.totals(flat, present)):
                    found = _as_raster(total)[:height, :width]
                    np.copyto(predictions[member][window], found, where=wanted)
        return predictions

    def _add_rows(
        self, columns: np.ndarray, wanted: np.ndarray, work: "_Work", predictions: np.ndarray
    ) -> None:
        """Predict the rows of which the numbers are given."""
        for first in range(0, len(wanted), BLOCK_PIXELS):
            rows = wanted[first : first + BLOCK_PIXELS]
            present = places_in_rows(rows, work.place)
            for member, total in enumerate(work.totals(columns, present)):
                predictions[member, rows] = total[: len(rows)]


def evaluate(forest: CompiledForest, X: np.ndarray) -> np.ndarray:
    """Return the predictions of one forest for rows, (n,) float64; see `Evaluator.rows`."""
    predictions: np.ndarray = Evaluator(forest).rows(X)[:, 0]
    return predictions


def _parts(pieces: list[_Piece]) -> list[_Part]:
    """Lay trees out, in as few parts as their thresholds need: nearly always in one."""
    scale = scale_of([piece.forest for piece in pieces])
    if len(scale.column) > MOST_COLUMNS:
        raise PredictionError(
            f"the forests read {len(scale.column)} columns, more than {MOST_COLUMNS}; train them "
            "on fewer"
        )
    if np.diff(scale.first).max(initial=0) <= MOST_THRESHOLDS:
        return [_Part(scale, [(member, _layout(forest, scale)) for member, forest in pieces])]
    trees = [len(piece.forest.roots) for piece in pieces]
    if sum(trees) == 1:
        raise PredictionError(
            f"a tree asks more than {MOST_THRESHOLDS} different questions about one column; train "
            "it with more sites a leaf"
        )
    half, halves = sum(trees) // 2, (list[_Piece](), list[_Piece]())
    for (member, forest), last in zip(pieces, np.cumsum(trees), strict=True):
        cut = np.clip(half - (last - len(forest.roots)), 0, len(forest.roots))
        for side, roots in zip(halves, np.split(forest.roots, [cut]), strict=True):
            if roots.size:
                side.append(_Piece(member, replace(forest, roots=roots)))
    return [part for side in halves for part in _parts(side)]


def _layout(forest: CompiledForest, scale: Scale) -> Layout | SymmetricLayout:
    symmetric = symmetric_layout_of(forest, scale)
    if symmetric is not None:
        return symmetric
    layout = layout_of(forest, scale)
    if layout.most_leaves > MOST_LEAVES:
        raise PredictionError(
            f"a tree has {layout.most_leaves} leaves, more than {MOST_LEAVES}; train it with more "
            "sites a leaf"
        )
    return layout


class _Work:
    """Room for one block after the other; each thread has its own."""

    def __init__(self, forests: Sequence[CompiledForest], parts: list[_Part]) -> None:
        self.place = np.empty(BLOCK_PIXELS, np.int64)
        self._forests = forests
        self._parts = parts
        self._block = empty_block(max(len(part.scale.column) for part in parts))
        self._programs: list[Any] = [
            [
                empty_programs(layout.most_leaves, layout.deepest, layout.value.dtype)
                if isinstance(layout, Layout)
                else None
                for _, layout in part.layouts
            ]
            for part in parts
        ]

    def totals(self, columns: np.ndarray, present: int) -> list[np.ndarray]:
        """Return for each member the predictions at `place`, (BLOCK_PIXELS,), patch by patch.

        They mean something in the patches that are present.
        """
        totals = [
            np.full(BLOCK_PIXELS, forest.base if _in_float32(forest) else 0.0, forest.accumulate)
            for forest in self._forests
        ]
        for part, programs in zip(self._parts, self._programs, strict=True):
            fill(self._block, part.scale, columns, self.place, present)
            for (member, layout), program in zip(part.layouts, programs, strict=True):
                if isinstance(layout, SymmetricLayout):
                    add_symmetric_trees(layout, self._block, totals[member], present)
                else:
                    add_trees(layout, program, self._block, totals[member], present)
        for forest, total in zip(self._forests, totals, strict=True):
            if not _in_float32(forest):
                total *= forest.scale
                total /= forest.divisor
                total += forest.base
        return totals


def _in_float32(forest: CompiledForest) -> bool:
    return forest.accumulate == "float32"


def _as_raster(total: np.ndarray) -> np.ndarray:
    """Return the pixels of a block, patch by patch, as (BLOCK_ROWS, BLOCK_COLS)."""
    patches = total.reshape(PATCHES_DOWN, PATCHES_ACROSS, SIDE, SIDE)
    return patches.transpose(0, 2, 1, 3).reshape(BLOCK_ROWS, BLOCK_COLS)
