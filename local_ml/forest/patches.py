"""Patches and blocks of pixels, and the room that the kernels work in.

A patch is 256 pixels, 32 patches are a block. In a raster a patch is a square of 16 x 16 pixels
and a block 64 x 128, since neighbours are alike; of rows without a place, a patch is 256 in a row.

A pixel is kept as its ranks: for each column, how many of the thresholds of all trees lie below
its value. x <= threshold holds exactly where the rank of x is not above that of the threshold; and
ranks are 16 bits wide, so that twice as many are compared at once. A column that holds NaN in a
block is held twice, with NaN ranked below and above all numbers. Pixels beyond the edge or without
a prediction repeat one that has one: they widen no range. A patch without any is not looked at.
"""

from typing import Any, NamedTuple

import numpy as np

SIDE = 16
PIXELS = SIDE * SIDE
PATCHES_DOWN, PATCHES_ACROSS = 4, 8
PATCHES = PATCHES_DOWN * PATCHES_ACROSS
BLOCK_ROWS, BLOCK_COLS = SIDE * PATCHES_DOWN, SIDE * PATCHES_ACROSS
BLOCK_PIXELS = PATCHES * PIXELS

N_PIXELS = np.uint64(PIXELS)
N_PATCHES = np.uint64(PATCHES)

WORD = 16
DEEPEST_SYMMETRIC = 8
# Trees that are walked before any is asked; the loop that adds their leaves is written for it.
TREES = 4
# Questions or leaves whose patches are looked through at once.
AT_ONCE = 64
# Ranks of NaN, and what is subtracted from others: so that 65,536 of them are signed numbers.
LEAST_RANK, GREATEST_RANK = -(2**15), 2**15 - 1
MOST_THRESHOLDS = GREATEST_RANK - LEAST_RANK
MOST_LEAVES = 2**15 - 1
ALIGNMENT = 64
# What stands in the place of a leaf among the nodes: no version of a column.
LEAF = 2**16 - 1
MOST_COLUMNS = LEAF // 2


class Block(NamedTuple):
    """One block of pixels; made once, filled anew for each block.

    Parameters
    ----------
    ranks : (2 columns · PATCHES · PIXELS,) int16: a stripe of PATCHES · PIXELS a stripe number
    stripe : (2 columns,) int64, for each version of a column its stripe
    low, high : (2 columns · PATCHES,) int16, range of a version of a column in each patch
    values : (PATCHES · PIXELS,) float32, one column before its values are ranked
    """

    ranks: np.ndarray
    stripe: np.ndarray
    low: np.ndarray
    high: np.ndarray
    values: np.ndarray


def empty_block(columns: int) -> Block:
    """Return the room for a block of so many columns."""
    versions = 2 * columns
    return Block(
        ranks=aligned(versions * BLOCK_PIXELS, np.int16),
        stripe=np.empty(versions, np.int64),
        low=aligned(versions * PATCHES, np.int16),
        high=aligned(versions * PATCHES, np.int16),
        values=aligned(BLOCK_PIXELS, np.float32),
    )


class Programs(NamedTuple):
    """What a few trees ask of a block; made once, written anew for each few trees.

    Parameters
    ----------
    questions, leaves : (TREES,) int64, how many a tree has that are not decided for the block
    question : (TREES · room,) uint64. From the lowest bit: 32 bits of where the ranks that it
        reads begin in the block, 16 of the rank of its threshold
    asked : (TREES · room,) uint32, a bit for each patch that must be asked
    left_of : (TREES · room · 2 · PATCHES,) int16: for each question how many leaves of each patch
        lie before those on its left, then how many before those on its right
    value : (TREES · room,) of each leaf
    reached : (TREES · room,) uint32, a bit for each patch that reaches the leaf
    leaves_of : (TREES · PATCHES,) int16, how many leaves each patch reaches
    waiting : (levels,) uint64, splits whose right children are to be walked yet
    waiting_reached, waiting_asked : (levels,) uint32, the patches that reach the child, and that
        ask the split
    waiting_left : (levels · PATCHES,) int16, leaves of each patch before those of the split
    program : (room,) uint64, what a patch is asked about a word of leaves: as `question`, but for
        its own ranks, and in the highest 16 bits those that the answer "right" keeps
    carried : (room,) int64, the questions that clear leaves of earlier words too
    table : (TREES · room,) values of a patch's leaves
    slot : (TREES · PIXELS,) int16, the leaf of each pixel
    room : for the questions and for the leaves of a tree
    """

    questions: np.ndarray
    leaves: np.ndarray
    question: np.ndarray
    asked: np.ndarray
    left_of: np.ndarray
    value: np.ndarray
    reached: np.ndarray
    leaves_of: np.ndarray
    waiting: np.ndarray
    waiting_reached: np.ndarray
    waiting_asked: np.ndarray
    waiting_left: np.ndarray
    program: np.ndarray
    carried: np.ndarray
    table: np.ndarray
    slot: np.ndarray
    room: int


def empty_programs(most_leaves: int, deepest: int, dtype: Any) -> Programs:
    """Return the room for trees of so many leaves and levels, with values of a type."""
    room = -(-most_leaves // AT_ONCE) * AT_ONCE
    return Programs(
        questions=np.empty(TREES, np.int64),
        leaves=np.empty(TREES, np.int64),
        question=aligned(TREES * room, np.uint64),
        asked=aligned(TREES * room, np.uint32),
        left_of=aligned(TREES * room * 2 * PATCHES, np.int16),
        value=aligned(TREES * room, dtype),
        reached=aligned(TREES * room, np.uint32),
        leaves_of=aligned(TREES * PATCHES, np.int16),
        waiting=np.empty(deepest, np.uint64),
        waiting_reached=np.empty(deepest, np.uint32),
        waiting_asked=np.empty(deepest, np.uint32),
        waiting_left=aligned(deepest * PATCHES, np.int16),
        program=aligned(room, np.uint64),
        carried=np.empty(room, np.int64),
        table=aligned(TREES * room, dtype),
        slot=aligned(TREES * PIXELS, np.int16),
        room=room,
    )


def aligned(size: int, dtype: Any) -> np.ndarray:
    """Return an empty array that begins where a line of the cache does."""
    number = size * np.dtype(dtype).itemsize
    room = np.empty(number + ALIGNMENT, np.uint8)
    first = -room.ctypes.data % ALIGNMENT
    return room[first : first + number].view(dtype)
