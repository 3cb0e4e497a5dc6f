"""The kernels of trees: pruned to patches, then asked for all pixels of a patch at once.

**Walking.** A split whose threshold lies outside the range that its column has in a patch is
decided for all its pixels. One bit a patch says which patches have pixels on the left of a split
and which on the right; where all are on one side, the walk goes there alone. So one walk through a
tree finds for each patch the leaves that its pixels may reach and the questions that they must be
asked. They are noted once for all patches: with a bit for each patch that they concern, and with
the number of leaves that each patch has had by then. A few trees are walked, then each patch is
asked for all of them while its pixels lie in the nearest cache.

**Asking.** The leaf of a pixel is found as QuickScorer does (Lucchese et al. 2015, SIGIR,
doi:10.1145/2766462.2767733): each leaf that a patch reaches, from left to right, is a bit; a
question answered with "right" clears the bits on its left; the lowest bit left is the leaf. The
leaves are dealt with in words of WORD bits, the last word first. Questions are noted as their left
side ends, so that from the last to the first they come word by word; one that clears leaves of
earlier words too is carried on to those. The leaves of four trees are added in one loop, one after
the other, so that the bits of the sum are those of one tree after the other.

Indices are unsigned: of a signed one numba asks whether it counts from the end.
"""

from typing import Any

import numpy as np

from local_ml.forest.adding import add_leaves
from local_ml.forest.kept import inlined, kernel
from local_ml.forest.patches import (
    AT_ONCE,
    LEAF,
    N_PATCHES,
    N_PIXELS,
    PATCHES,
    TREES,
    WORD,
)
from local_ml.forest.vectors import (
    ask_for_leaves,
    copy_patches,
    count_patches,
    highest_set,
    lowest_set,
    patches_above,
    words_having,
)


@kernel
def add_trees(layout: Any, programs: Any, block: Any, total: Any, present: Any) -> None:
    """Add to `total`, (BLOCK_PIXELS,), what every tree of a layout gives."""
    slot, table, room = programs.slot, programs.table, np.uint64(programs.room)
    for first_tree in range(0, len(layout.root), TREES):
        trees = min(TREES, len(layout.root) - first_tree)
        for tree in range(trees):
            walk(programs, layout, first_tree + tree, block, np.uint64(tree), present)
        patches = np.uint64(present)
        while patches:
            patch = lowest_set(patches)
            patches &= patches - np.uint64(1)
            for tree in range(trees):
                gather(programs, np.uint64(tree), patch)
                ask(programs, block, np.uint64(tree), patch)
            add_leaves(total, patch * N_PIXELS, slot, table, np.uint64(0), room, trees)


@kernel
def walk(programs: Any, layout: Any, number: Any, block: Any, tree: Any, present: Any) -> None:
    """Note what a tree asks of each patch, and the leaves that the patch may reach.

    Parameters
    ----------
    number : of the tree in the layout
    tree : its number among the few that are walked before any is asked
    present : uint32, a bit for each patch that is looked at
    """
    nodes, value = layout.node, layout.value
    stripe, low, high = block.stripe, block.low, block.high
    questions, asked, left_of = programs.question, programs.asked, programs.left_of
    values, all_reached, count = programs.value, programs.reached, programs.leaves_of
    waiting, waiting_left = programs.waiting, programs.waiting_left
    waiting_reached, waiting_asked = programs.waiting_reached, programs.waiting_asked
    first, counted = tree * np.uint64(programs.room), tree * N_PATCHES
    for index in range(PATCHES):
        count[counted + np.uint64(index)] = 0
    question, leaf, depth = first, first, np.uint64(0)
    node, reached = np.uint64(layout.root[number]), np.uint32(present)
    while True:
        word = nodes[node]
        version = word & np.uint64(0xFFFF)
        while version != np.uint64(LEAF):
            column = version * N_PATCHES
            limit = np.int16(word >> np.uint64(16))
            on_left = np.uint32(reached & ~patches_above(low, column, limit))
            on_right = np.uint32(reached & patches_above(high, column, limit))
            if on_left == 0:
                node = word >> np.uint64(32)
            else:
                node += np.uint64(1)
                if on_right != 0:
                    waiting[depth] = word
                    waiting_reached[depth], waiting_asked[depth] = on_right, on_left & on_right
                    copy_patches(count, counted, waiting_left, depth * N_PATCHES)
                    reached = on_left
                    depth += np.uint64(1)
            word = nodes[node]
            version = word & np.uint64(0xFFFF)
        values[leaf], all_reached[leaf] = value[word >> np.uint64(32)], reached
        leaf += np.uint64(1)
        count_patches(count, counted, reached)
        if depth == 0:
            break
        depth -= np.uint64(1)
        word, reached = waiting[depth], waiting_reached[depth]
        node = word >> np.uint64(32)
        if waiting_asked[depth]:
            own = np.uint64(stripe[word & np.uint64(0xFFFF)]) * N_PATCHES * N_PIXELS
            questions[question] = own | (word & np.uint64(0xFFFF0000)) << np.uint64(16)
            asked[question] = waiting_asked[depth]
            at = question * N_PATCHES * np.uint64(2)
            copy_patches(waiting_left, depth * N_PATCHES, left_of, at)
            copy_patches(count, counted, left_of, at + N_PATCHES)
            question += np.uint64(1)
    programs.leaves[tree], programs.questions[tree] = leaf - first, question - first
    while leaf % np.uint64(AT_ONCE):
        all_reached[leaf] = 0
        leaf += np.uint64(1)
    while question % np.uint64(AT_ONCE):
        asked[question] = 0
        question += np.uint64(1)


@inlined
def gather(programs: Any, tree: Any, patch: Any) -> None:
    """Put the values of the leaves that a patch reaches into the table of the tree."""
    reached, value, table = programs.reached, programs.value, programs.table
    first = tree * np.uint64(programs.room)
    bit = np.uint32(np.uint64(1) << patch)
    at = first
    for start in range(0, programs.leaves[tree], AT_ONCE):
        leaf = first + np.uint64(start)
        bits = words_having(reached, leaf, bit)
        while bits:
            table[at] = value[leaf + lowest_set(bits)]
            at += np.uint64(1)
            bits &= bits - np.uint64(1)


@inlined
def ask(programs: Any, block: Any, tree: Any, patch: Any) -> None:
    """Put the number of each pixel's leaf, among those that its patch reaches, into `slot`."""
    asked, questions, left_of = programs.asked, programs.question, programs.left_of
    ranks, slot, program, carried = block.ranks, programs.slot, programs.program, programs.carried
    first, slots = tree * np.uint64(programs.room), tree * N_PIXELS
    bit = np.uint32(np.uint64(1) << patch)
    base = (np.int64(programs.leaves_of[tree * N_PATCHES + patch]) - 1) // WORD * WORD
    number, number_carried = np.uint64(0), np.uint64(0)
    for start in range((programs.questions[tree] - 1) // AT_ONCE * AT_ONCE, -1, -AT_ONCE):
        word = first + np.uint64(start)
        bits = words_having(asked, word, bit)
        while bits:
            index = highest_set(bits)
            bits ^= np.uint64(1) << index
            question = word + index
            at = question * N_PATCHES * np.uint64(2) + patch
            before, after = np.int64(left_of[at]), np.int64(left_of[at + N_PATCHES])
            while after <= base:
                ask_for_leaves(ranks, program, number, np.int16(-1), slot, slots, np.int16(base))
                base -= WORD
                number, number_carried = take_over(programs, number_carried, base, patch)
            program[number] = program_of(questions[question], patch, before - base, after - base)
            number += np.uint64(1)
            if before < base:
                carried[number_carried] = question
                number_carried += np.uint64(1)
    while base >= 0:
        ask_for_leaves(ranks, program, number, np.int16(-1), slot, slots, np.int16(base))
        base -= WORD
        if base >= 0:
            number, number_carried = take_over(programs, number_carried, base, patch)


@kernel
def take_over(programs: Any, number: Any, base: Any, patch: Any) -> Any:
    """Begin the program of the word from `base` on with the questions that are carried to it.

    Returns how many those are, and how many of them are carried on to earlier words.
    """
    carried, questions, left_of = programs.carried, programs.question, programs.left_of
    left = np.uint64(0)
    for index in range(number):
        at = np.uint64(index)
        question = np.uint64(carried[at])
        before = left_of[question * N_PATCHES * np.uint64(2) + patch]
        programs.program[at] = program_of(questions[question], patch, before - base, WORD)
        if before < base:
            carried[left] = question
            left += np.uint64(1)
    return number, left


@inlined
def program_of(question: Any, patch: Any, start: Any, stop: Any) -> Any:
    """Return what a patch is asked, when "right" clears the bits from `start`, which may be less
    than 0, to before `stop`."""
    first = np.uint64(max(start, 0))
    cleared = (np.uint64(1) << np.uint64(stop)) - (np.uint64(1) << first)
    return question + patch * N_PIXELS | ~cleared << np.uint64(48)
