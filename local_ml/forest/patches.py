"""Patches and blocks of pixels, and the room that the kernels work in.

A patch is 256 pixels, 32 patches are a block. In a raster a patch is a square of 16 x 16 pixels
and a block 64 x 128, since neighbours are alike; of rows without a place, a patch is 256 in a row.
A column that holds NaN in a block is held twice, with NaN below and above all numbers. Pixels
beyond the edge or without a prediction repeat one that has one: they widen no range.

The numbers below are built into the compiled kernels, which numba keeps by the date of the file
that they stand in: whoever changes one must delete what was kept (`*.nbi`, `*.nbc`).
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

WORD = 32
ALL = np.uint32(0xFFFFFFFF)
ZERO = np.uint32(0)
# A de Bruijn sequence: multiplied by each power of two it shows other five bits on top.
SEQUENCE = np.uint32(0x077CB531)
TOP_FIVE = np.uint32(27)
SLOT_OF_BIT = np.array(
    [((0x077CB531 << bit) & 0xFFFFFFFF) >> 27 for bit in range(WORD)], dtype=np.uint64
)

ONE = np.uint32(1)
BIT_OF_SLOT = np.argsort(SLOT_OF_BIT).astype(np.uint64)

# Trees that are walked before any is asked, and questions that are asked at once; the loops below
# are written for these numbers.
TREES = 4
AT_ONCE = 4


class Block(NamedTuple):
    """One block of pixels; made once, filled anew for each block.

    Parameters
    ----------
    values : (2 columns · PATCHES · PIXELS,) float32: a stripe of PATCHES · PIXELS a stripe number
    stripe : (2 columns,) int64, for each version of a column its stripe
    low, high : (2 columns · PATCHES,) float32, range of a stripe in each patch
    lowest, highest : (2 columns,) float32, range of a stripe in the block
    """

    values: np.ndarray
    stripe: np.ndarray
    low: np.ndarray
    high: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray


def empty_block(columns: int) -> Block:
    """Return the room for a block of so many columns."""
    return Block(
        values=np.empty(2 * columns * BLOCK_PIXELS, np.float32),
        stripe=np.empty(2 * columns, np.int64),
        low=np.empty(2 * columns * PATCHES, np.float32),
        high=np.empty(2 * columns * PATCHES, np.float32),
        lowest=np.empty(2 * columns, np.float32),
        highest=np.empty(2 * columns, np.float32),
    )


class Programs(NamedTuple):
    """What a few trees ask of each patch; made once, written anew for each few trees.

    The questions and leaves of a patch and tree begin at (tree · PATCHES + patch) times the room
    for one; behind all of them is room for those of one word of leaves.

    Parameters
    ----------
    read : int32, of each question where the patch's values of the column begin
    threshold : float32
    start, stop : int32, the leaves on the left of the question, counted within the patch
    kept : uint32, the bits that the answer "right" keeps of the first word of leaves
    questions, leaves : (TREES · PATCHES,) int32, how many there are
    value : of each leaf, where the slot of its bit says, word by word
    left_of : (levels · PATCHES,) int32, for each question on the way down the leaves before it
    waiting, reached, asked, stripe, limit : (levels,), the right children to walk yet: node, a bit
        for each patch that reaches it and that asks its parent, and what its parent reads
    alive : (PIXELS,) uint32, bits of the leaves that a pixel may have
    slot : (TREES · PIXELS,) uint32, the slot of its leaf
    room, table_room : for the questions and for the leaves of a patch and tree
    """

    read: np.ndarray
    threshold: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    kept: np.ndarray
    questions: np.ndarray
    leaves: np.ndarray
    value: np.ndarray
    left_of: np.ndarray
    waiting: np.ndarray
    stripe: np.ndarray
    limit: np.ndarray
    reached: np.ndarray
    asked: np.ndarray
    alive: np.ndarray
    slot: np.ndarray
    room: int
    table_room: int


def empty_programs(largest_tree: int, deepest: int, dtype: Any) -> Programs:
    """Return the room for trees of so many nodes and levels, with values of a type."""
    leaves = (largest_tree + 1) // 2
    room = leaves + AT_ONCE
    table_room = -(-leaves // WORD) * WORD
    questions = (TREES * PATCHES + 1) * room
    levels = deepest + 1
    return Programs(
        read=np.empty(questions, np.int32),
        threshold=np.empty(questions, np.float32),
        start=np.empty(questions, np.int32),
        stop=np.empty(questions, np.int32),
        kept=np.empty(questions, np.uint32),
        questions=np.empty(TREES * PATCHES, np.int32),
        leaves=np.empty(TREES * PATCHES, np.int32),
        value=np.zeros(TREES * PATCHES * table_room, dtype),
        left_of=np.empty(levels * PATCHES, np.int32),
        waiting=np.empty(levels, np.int32),
        stripe=np.empty(levels, np.int32),
        limit=np.empty(levels, np.float32),
        reached=np.empty(levels, np.uint32),
        asked=np.empty(levels, np.uint32),
        alive=np.empty(PIXELS, np.uint32),
        slot=np.empty(TREES * PIXELS, np.uint32),
        room=room,
        table_room=table_room,
    )
