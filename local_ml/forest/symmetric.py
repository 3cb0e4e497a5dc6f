"""The kernel for trees that ask one question a level: no walk, the answers are the leaf's number.

In: a `SymmetricLayout` and a block of pixels. Out: sums of leaves.
"""

from typing import Any

import numpy as np

from local_ml.forest.adding import add_leaves
from local_ml.forest.kept import kernel
from local_ml.forest.patches import DEEPEST_SYMMETRIC, N_PATCHES, N_PIXELS, PIXELS, TREES
from local_ml.forest.vectors import ask_for_bits, lowest_set, patches_above


@kernel
def add_symmetric_trees(symmetric: Any, block: Any, total: Any, present: Any) -> None:
    """Add to `total`, (BLOCK_PIXELS,), what every tree of a symmetric layout gives."""
    depth, table = symmetric.depth, symmetric.table.ravel()
    size, ranks = np.uint64(symmetric.table.shape[1]), block.ranks
    left, right = np.empty((2, TREES, DEEPEST_SYMMETRIC), np.uint32)
    question = np.empty((TREES, DEEPEST_SYMMETRIC), np.uint64)
    program, slot = np.empty(DEEPEST_SYMMETRIC, np.uint64), np.empty(TREES * PIXELS, np.int16)
    for first_tree in range(0, len(depth), TREES):
        trees = min(TREES, len(depth) - first_tree)
        for tree in range(trees):
            _decide(symmetric, first_tree + tree, block, left[tree], right[tree], question[tree])
        patches = np.uint64(present)
        while patches:
            patch = lowest_set(patches)
            patches &= patches - np.uint64(1)
            for tree in range(trees):
                number, bits = _program(
                    question[tree],
                    left[tree],
                    right[tree],
                    depth[first_tree + tree],
                    patch,
                    program,
                )
                own = np.uint64(tree) * N_PIXELS
                ask_for_bits(ranks, program, number, bits, slot, own, np.int16(0))
            first = np.uint64(first_tree) * size
            add_leaves(total, patch * N_PIXELS, slot, table, first, size, trees)


@kernel
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


@kernel
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
