"""The kernels: pixels in patches, trees pruned to them, 256 pixels asked at once.

Numba keeps compiled functions by the date of the file that holds the function called from outside:
were one of these in another file, its edit would leave the others stale.

**Pruning.** A split whose threshold lies outside the range that its column has in a block is
decided for all its pixels. For the others, one bit a patch says which patches have pixels on the
left and which on the right; where only one side has any, the split is decided too. So one walk
through a tree writes for each patch the leaves that its pixels may reach and the questions that
they must be asked. A few trees are walked, then each patch is asked for all of them while its
pixels lie in the nearest cache.

**Asking.** The leaf of a pixel is found as QuickScorer does (Lucchese et al. 2015, SIGIR,
doi:10.1145/2766462.2767733): each leaf that a patch reaches, from left to right, is a bit; a
question answered with "right" clears the bits on its left; the lowest bit left is the leaf. Four
questions are asked at once, and the leaves of four trees are added in one loop, one after the
other: so what they change is read and written a fourth as often, and the bits of the sum are those
of one tree after the other.

**What makes the loops fast.** Three things keep LLVM from vectorising them as numba writes them:
a signed index (it may count from the end), a slice of an array (its owner is counted up and down,
atomically), and a choice between two loads. So indices are unsigned, arrays come whole with an
offset and are taken out of their tuples once, and both values are loaded before one is chosen.
"""

from typing import Any

import numba
import numpy as np

from local_ml.forest.patches import (
    ALL,
    AT_ONCE,
    BIT_OF_SLOT,
    BLOCK_PIXELS,
    N_PATCHES,
    N_PIXELS,
    ONE,
    PATCHES,
    PATCHES_ACROSS,
    PIXELS,
    SEQUENCE,
    SIDE,
    SLOT_OF_BIT,
    TOP_FIVE,
    TREES,
    WORD,
    ZERO,
)


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def places_in_raster(row: Any, col: Any, valid: Any, place: Any) -> Any:
    """Find the pixels of the block whose first pixel is (row, col).

    Parameters
    ----------
    valid : (rows, cols) bool
    place : (BLOCK_PIXELS,) int64, filled: for each pixel of the block, patch by patch, the flat
        index of the pixel of the raster to read

    Returns
    -------
    any_valid : bool; if False, `place` means nothing
    """
    rows, cols = valid.shape
    spare = -1
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
            spare = own
            for pixel in range(PIXELS):
                if place[patch * PIXELS + pixel] < 0:
                    place[patch * PIXELS + pixel] = own
    if spare < 0:
        return False
    for pixel in range(BLOCK_PIXELS):
        if place[pixel] < 0:
            place[pixel] = spare
    return True


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def places_in_rows(first: Any, rows: Any, place: Any) -> None:
    """Fill `place`, (BLOCK_PIXELS,) int64, with rows first, first + 1, ...; then the last one."""
    for pixel in range(BLOCK_PIXELS):
        place[pixel] = min(first + pixel, rows - 1)


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def fill(block: Any, columns: Any, place: Any) -> None:
    """Read the pixels at `place` of every column, (columns, pixels) float32, into the block."""
    for column in range(columns.shape[0]):
        left, right = 2 * column, 2 * column + 1
        block.stripe[left] = left
        missing = _read(block.values, left * BLOCK_PIXELS, columns[column], place, -np.inf)
        _measure(block, left)
        if missing:
            block.stripe[right] = right
            _read(block.values, right * BLOCK_PIXELS, columns[column], place, np.inf)
            _measure(block, right)
        else:
            block.stripe[right] = left


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _read(values: Any, start: Any, column: Any, place: Any, instead_of_nan: Any) -> Any:
    missing = False
    other = np.float32(instead_of_nan)
    for pixel in range(BLOCK_PIXELS):
        value = column[place[pixel]]
        nan = value != value
        missing |= nan
        values[start + pixel] = other if nan else value
    return missing


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _measure(block: Any, stripe: Any) -> None:
    lowest, highest = np.float32(np.inf), np.float32(-np.inf)
    values = block.values
    for patch in range(PATCHES):
        low, high = np.float32(np.inf), np.float32(-np.inf)
        start = (stripe * PATCHES + patch) * PIXELS
        for pixel in range(start, start + PIXELS):
            low = min(low, values[pixel])
            high = max(high, values[pixel])
        block.low[stripe * PATCHES + patch] = low
        block.high[stripe * PATCHES + patch] = high
        lowest, highest = min(lowest, low), max(highest, high)
    block.lowest[stripe], block.highest[stripe] = lowest, highest


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def add_trees(layout: Any, programs: Any, block: Any, total: Any) -> None:
    """Add to `total`, (BLOCK_PIXELS,), what every tree of a layout gives."""
    # Taken out of their tuples once: each time costs a count of references.
    values = block.values
    read, threshold, kept = programs.read, programs.threshold, programs.kept
    questions, leaves, value = programs.questions, programs.leaves, programs.value
    alive, slot = programs.alive, programs.slot
    room, table_room = np.uint64(programs.room), np.uint64(programs.table_room)
    spare = np.uint64(TREES) * N_PATCHES * room
    roots = layout.roots
    for first_tree in range(0, len(roots), TREES):
        trees = min(TREES, len(roots) - first_tree)
        for tree in range(trees):
            write(programs, layout, roots[first_tree + tree], block, np.uint64(tree) * N_PATCHES)
        for patch in range(PATCHES):
            for tree in range(trees):
                own = np.uint64(tree) * N_PATCHES + np.uint64(patch)
                slots = np.uint64(tree) * N_PIXELS
                last = (leaves[own] - 1) // WORD
                for word in range(last, -1, -1):
                    at, number = own * room, np.int64(questions[own])
                    if last > 0:
                        number = _of_word(programs, at, number, word * WORD, spare)
                        at = spare
                    # What is asked beyond the last question keeps everything.
                    for index in range(number, number + AT_ONCE):
                        a = at + np.uint64(index)
                        read[a], threshold[a], kept[a] = 0, 0, ALL
                    for index in range(0, max(int(number), 1), AT_ONCE):
                        a = at + np.uint64(index)
                        b, c, d = a + np.uint64(1), a + np.uint64(2), a + np.uint64(3)
                        reads = (
                            np.uint64(read[a]),
                            np.uint64(read[b]),
                            np.uint64(read[c]),
                            np.uint64(read[d]),
                        )
                        limits = threshold[a], threshold[b], threshold[c], threshold[d]
                        keeps = kept[a], kept[b], kept[c], kept[d]
                        if index == 0:
                            ask_first(alive, values, reads, limits, keeps)
                        else:
                            ask(alive, values, reads, limits, keeps)
                    if word == last:
                        lowest_bit(alive, slot, slots, np.uint32(word * WORD))
                    else:
                        lowest_bit_if_any(alive, slot, slots, np.uint32(word * WORD))
            start, table = np.uint64(patch) * N_PIXELS, np.uint64(patch) * table_room
            step = N_PATCHES * table_room
            if trees == TREES:
                add_four(total, start, slot, value, table, step)
            else:
                for tree in range(trees):
                    first_slot = np.uint64(tree) * N_PIXELS
                    add_one(total, start, slot, first_slot, value, table + np.uint64(tree) * step)


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def write(programs: Any, layout: Any, root: Any, block: Any, first: Any) -> None:
    """Write the program of a tree for each patch, the first of them at number `first`."""
    version, threshold, child = layout.version, layout.threshold, layout.child
    stripe, low, high = block.stripe, block.low, block.high
    lowest, highest, value, table = block.lowest, block.highest, layout.value, programs.value
    read, limits, kept = programs.read, programs.threshold, programs.kept
    starts, stops, left_of = programs.start, programs.stop, programs.left_of
    questions, leaves = programs.questions, programs.leaves
    waiting, waiting_stripe, waiting_limit = programs.waiting, programs.stripe, programs.limit
    waiting_reached, waiting_asked = programs.reached, programs.asked
    room, table_room = np.uint64(programs.room), np.uint64(programs.table_room)
    for index in range(PATCHES):
        questions[first + np.uint64(index)] = leaves[first + np.uint64(index)] = 0
    node, reached, depth = root, ALL, 0
    while True:
        while version[node] >= 0:
            own, limit, left = stripe[version[node]], threshold[node], child[node]
            if lowest[own] > limit:
                node = left + 1
                continue
            if highest[own] <= limit:
                node = left
                continue
            on_left, on_right = sides(low, high, np.uint64(own) * N_PATCHES, limit)
            on_left, on_right = np.uint32(on_left & reached), np.uint32(on_right & reached)
            if on_left == 0:
                node = left + 1
                continue
            node = left
            if on_right == 0:
                continue
            level = np.uint64(depth)
            waiting[level], waiting_stripe[level], waiting_limit[level] = left + 1, own, limit
            waiting_reached[level], waiting_asked[level] = on_right, on_left & on_right
            for index in range(PATCHES):
                patch = np.uint64(index)
                left_of[level * N_PATCHES + patch] = leaves[first + patch]
            reached = on_left
            depth += 1
        leaf, patches = value[node], reached
        while patches:
            at = first + lowest_set(patches)
            patches = np.uint32(patches & np.uint32(patches - ONE))
            found = np.uint64(leaves[at])
            leaves[at] = found + np.uint64(1)
            table[
                at * table_room + (found & ~np.uint64(31)) + SLOT_OF_BIT[found & np.uint64(31)]
            ] = leaf
        if depth == 0:
            return
        depth -= 1
        level = np.uint64(depth)
        node, reached, patches = waiting[level], waiting_reached[level], waiting_asked[level]
        column, limit = np.uint64(waiting_stripe[level]) * N_PATCHES, waiting_limit[level]
        while patches:
            patch = lowest_set(patches)
            patches = np.uint32(patches & np.uint32(patches - ONE))
            at = first + patch
            number = np.uint64(questions[at])
            questions[at] = number + np.uint64(1)
            place = at * room + number
            start, stop = left_of[level * N_PATCHES + patch], leaves[at]
            read[place], limits[place] = (column + patch) * N_PIXELS, limit
            starts[place], stops[place] = start, stop
            kept[place] = all_but(start, stop)


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def sides(low: Any, high: Any, column: Any, threshold: Any) -> Any:
    """Return a bit for each patch that has pixels on the left of a split, and on its right."""
    left, right = ZERO, ZERO
    for index in range(PATCHES):
        patch = np.uint64(index)
        below, above = low[column + patch] <= threshold, high[column + patch] > threshold
        left |= np.uint32(np.uint32(below) << np.uint32(index))
        right |= np.uint32(np.uint32(above) << np.uint32(index))
    return left, right


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def lowest_set(bits: Any) -> Any:
    """Return the number of the lowest bit that is set."""
    lowest = np.uint32(bits & np.uint32(ZERO - bits))
    return BIT_OF_SLOT[np.uint64(np.uint32(lowest * SEQUENCE) >> TOP_FIVE)]


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def all_but(start: Any, stop: Any) -> Any:
    """Return a word without its bits from `start` to before `stop`, either of which may be more."""
    first, end = min(np.uint64(start), np.uint64(WORD)), min(np.uint64(stop), np.uint64(WORD))
    return np.uint32(~np.uint32((np.uint64(1) << end) - (np.uint64(1) << first)))


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _of_word(programs: Any, at: Any, number: Any, first_leaf: Any, spare: Any) -> Any:
    """Copy those questions of a patch that clear leaves of a word; return how many there are."""
    read, threshold, kept = programs.read, programs.threshold, programs.kept
    starts, stops = programs.start, programs.stop
    found = 0
    for index in range(number):
        place = at + np.uint64(index)
        start, stop = max(starts[place] - first_leaf, 0), min(stops[place] - first_leaf, WORD)
        if stop > start:
            copy = spare + np.uint64(found)
            read[copy], threshold[copy] = read[place], threshold[place]
            kept[copy] = all_but(start, stop)
            found += 1
    return found


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def ask_first(alive: Any, values: Any, read: Any, threshold: Any, kept: Any) -> None:
    """Set `alive`, (PIXELS,) uint32, to all leaves but those that four questions clear.

    A question clears all bits but those of `kept` where the value is greater than the threshold.
    """
    for index in range(PIXELS):
        pixel = np.uint64(index)
        a, b = values[read[0] + pixel], values[read[1] + pixel]
        c, d = values[read[2] + pixel], values[read[3] + pixel]
        bits = ALL if a <= threshold[0] else kept[0]
        after = np.uint32(bits & kept[1])
        bits = bits if b <= threshold[1] else after
        after = np.uint32(bits & kept[2])
        bits = bits if c <= threshold[2] else after
        after = np.uint32(bits & kept[3])
        alive[pixel] = bits if d <= threshold[3] else after


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def ask(alive: Any, values: Any, read: Any, threshold: Any, kept: Any) -> None:
    """Clear in `alive` what four more questions clear."""
    for index in range(PIXELS):
        pixel = np.uint64(index)
        a, b = values[read[0] + pixel], values[read[1] + pixel]
        c, d = values[read[2] + pixel], values[read[3] + pixel]
        bits = alive[pixel]
        after = np.uint32(bits & kept[0])
        bits = bits if a <= threshold[0] else after
        after = np.uint32(bits & kept[1])
        bits = bits if b <= threshold[1] else after
        after = np.uint32(bits & kept[2])
        bits = bits if c <= threshold[2] else after
        after = np.uint32(bits & kept[3])
        alive[pixel] = bits if d <= threshold[3] else after


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def lowest_bit(alive: Any, slot: Any, start: Any, first_slot: Any) -> None:
    """Set PIXELS of `slot`, from `start`, to `first_slot` plus that of the lowest bit."""
    for index in range(PIXELS):
        pixel = np.uint64(index)
        bits = alive[pixel]
        lowest = np.uint32(bits & np.uint32(ZERO - bits))
        slot[start + pixel] = first_slot + np.uint32(np.uint32(lowest * SEQUENCE) >> TOP_FIVE)


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def lowest_bit_if_any(alive: Any, slot: Any, start: Any, first_slot: Any) -> None:
    """Do as `lowest_bit` where there is a bit."""
    for index in range(PIXELS):
        pixel = np.uint64(index)
        bits, before = alive[pixel], slot[start + pixel]
        lowest = np.uint32(bits & np.uint32(ZERO - bits))
        found = np.uint32(first_slot + np.uint32(np.uint32(lowest * SEQUENCE) >> TOP_FIVE))
        slot[start + pixel] = before if bits == ZERO else found


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def add_four(total: Any, start: Any, slot: Any, value: Any, table: Any, step: Any) -> None:
    """Add to the total of each pixel the leaves of four trees, one after the other."""
    tables = table, table + step, table + step + step, table + step + step + step
    slots = N_PIXELS, N_PIXELS + N_PIXELS, N_PIXELS + N_PIXELS + N_PIXELS
    for index in range(PIXELS):
        pixel = np.uint64(index)
        number = total[start + pixel]
        number += value[tables[0] + np.uint64(slot[pixel])]
        number += value[tables[1] + np.uint64(slot[slots[0] + pixel])]
        number += value[tables[2] + np.uint64(slot[slots[1] + pixel])]
        number += value[tables[3] + np.uint64(slot[slots[2] + pixel])]
        total[start + pixel] = number


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def add_one(total: Any, start: Any, slot: Any, first: Any, value: Any, table: Any) -> None:
    """Add to the total of each pixel the leaf of one tree."""
    for index in range(PIXELS):
        pixel = np.uint64(index)
        total[start + pixel] += value[table + np.uint64(slot[first + pixel])]
