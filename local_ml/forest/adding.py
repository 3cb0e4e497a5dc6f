"""The leaves of a few trees, added to the totals of a patch's pixels, one tree after the other."""

from typing import Any

import numpy as np

from local_ml.forest.kept import kernel
from local_ml.forest.patches import N_PIXELS, PIXELS, TREES


@kernel
def add_leaves(
    total: Any, start: Any, slot: Any, table: Any, first: Any, step: Any, trees: Any
) -> None:
    """Add to PIXELS of `total`, from `start`, the leaves of up to TREES trees.

    The leaf of a tree's pixel is at its `slot`, in the table that begins `step` after that of the
    tree before, those of the first tree at `first`.
    """
    if trees < TREES:
        for tree in range(trees):
            own = np.uint64(tree)
            _add_one(total, start, slot, own * N_PIXELS, table, first + own * step)
        return
    second, third, fourth = first + step, first + step + step, first + step + step + step
    slots = N_PIXELS, N_PIXELS + N_PIXELS, N_PIXELS + N_PIXELS + N_PIXELS
    for index in range(PIXELS):
        pixel = np.uint64(index)
        number = total[start + pixel]
        number += table[first + np.uint64(slot[pixel])]
        number += table[second + np.uint64(slot[slots[0] + pixel])]
        number += table[third + np.uint64(slot[slots[1] + pixel])]
        number += table[fourth + np.uint64(slot[slots[2] + pixel])]
        total[start + pixel] = number


@kernel
def _add_one(total: Any, start: Any, slot: Any, slots: Any, table: Any, first: Any) -> None:
    for index in range(PIXELS):
        pixel = np.uint64(index)
        total[start + pixel] += table[first + np.uint64(slot[slots + pixel])]
