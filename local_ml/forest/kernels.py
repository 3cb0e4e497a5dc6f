"""The kernels: pixels in patches, trees pruned to them, 256 pixels asked at once.

They stand in one file because numba keeps compiled functions by the date of the file that holds
the function called from outside: from several files, an edit of one would leave the others stale.

**Patches.** A patch is 256 pixels, 32 patches are a block. In a raster a patch is a square of
16 x 16 pixels and a block 64 x 128, since neighbours are alike; of rows without a place, a patch
is 256 in a row. A column that holds NaN in a block is held twice, with NaN below and above all
numbers. Pixels beyond the edge or without a prediction repeat one that has one: they widen no
range.

**Pruning.** A split whose threshold lies outside the range that its column has in a block is
decided for all its pixels. What is left is a smaller tree, written depth first; for its nodes it
is then decided for all patches at once which of them a patch reaches and which it must ask.

**Asking.** The leaf of a pixel is found as QuickScorer does (Lucchese et al. 2015, SIGIR,
doi:10.1145/2766462.2767733): each leaf that a patch reaches, from left to right, is a bit; a
question answered with "right" clears the bits on its left; the lowest bit left is the leaf.

**What makes the loops fast.** Three things keep LLVM from vectorising them as numba writes them:
a signed index (it may count from the end), a slice of an array (its owner is counted up and down,
atomically), and a choice between two loads. So indices are unsigned, arrays come whole with an
offset and are taken out of their tuples once, and both values are loaded before one is chosen.
"""

from typing import Any, NamedTuple

import numba
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

# Up to so many leaves, choosing among them costs less than looking each pixel's up.
FEW_LEAVES = 5


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


class SmallTree(NamedTuple):
    """The tree left in a block, depth first: a left child follows its parent.

    Parameters
    ----------
    stripe, threshold, right : (nodes,) of splits: where the column is read, the right child
    value : (nodes,) of leaves
    splits, leaves : (nodes,) int32, which nodes are which, in order
    reached, asked : (nodes · PATCHES,) uint8: whether a patch has pixels that may come to the
        node, and whether such pixels may go either way there
    leaves_before : (nodes · PATCHES,) uint16: leaves that the patch reaches before this node
    leaves_reached : (PATCHES,) uint16
    """

    stripe: np.ndarray
    threshold: np.ndarray
    right: np.ndarray
    value: np.ndarray
    splits: np.ndarray
    leaves: np.ndarray
    reached: np.ndarray
    asked: np.ndarray
    leaves_before: np.ndarray
    leaves_reached: np.ndarray


def empty_tree(nodes: int, dtype: Any) -> SmallTree:
    """Return the room for a tree of so many nodes, with values of a type."""
    return SmallTree(
        stripe=np.empty(nodes, np.int32),
        threshold=np.empty(nodes, np.float32),
        right=np.empty(nodes, np.int32),
        value=np.empty(nodes, dtype),
        splits=np.empty(nodes, np.int32),
        leaves=np.empty(nodes, np.int32),
        reached=np.empty((nodes + 1) * PATCHES, np.uint8),
        asked=np.empty(nodes * PATCHES, np.uint8),
        leaves_before=np.empty(nodes * PATCHES, np.uint16),
        leaves_reached=np.empty(PATCHES, np.uint16),
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
def prune(small: Any, layout: Any, root: Any, block: Any) -> Any:
    """Write what a block leaves of a tree.

    Returns
    -------
    nodes, splits, leaves : their numbers
    """
    version, threshold, child = layout.version, layout.threshold, layout.child
    stripe, lowest, highest = block.stripe, block.lowest, block.highest
    small_stripe, small_threshold, right = small.stripe, small.threshold, small.right
    value, small_value, split, leaf = layout.value, small.value, small.splits, small.leaves
    waiting = np.empty(layout.deepest, np.int32)
    parent = np.empty(layout.deepest, np.int32)
    nodes = splits = leaves = depth = 0
    node = root
    while True:
        while version[node] >= 0:
            read = stripe[version[node]]
            limit = threshold[node]
            left = child[node]
            if lowest[read] > limit:
                node = left + 1
            elif highest[read] <= limit:
                node = left
            else:
                small_stripe[nodes], small_threshold[nodes] = read, limit
                split[splits] = nodes
                waiting[depth], parent[depth] = left + 1, nodes
                depth += 1
                splits += 1
                nodes += 1
                node = left
        small_stripe[nodes] = -1
        small_value[nodes] = value[node]
        leaf[leaves] = nodes
        leaves += 1
        nodes += 1
        if depth == 0:
            return nodes, splits, leaves
        depth -= 1
        node = waiting[depth]
        right[parent[depth]] = nodes


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def spread(small: Any, nodes: Any, low: Any, high: Any, goes_left: Any, goes_right: Any) -> None:
    """Decide for each node and patch whether it is reached and asked, and count leaves.

    low, high : those of the block
    goes_left, goes_right : (PATCHES,) uint8, room to work in
    """
    stripe, threshold, right = small.stripe, small.threshold, small.right
    reached, asked = small.reached, small.asked
    before, count = small.leaves_before, small.leaves_reached
    for patch in range(PATCHES):
        reached[patch] = 1
        count[patch] = 0
    for node in range(nodes):
        start = np.uint64(node) * N_PATCHES
        _copy(count, before, start)
        if stripe[node] < 0:
            _count(count, reached, start)
            continue
        column = np.uint64(stripe[node]) * N_PATCHES
        _decide(reached, asked, start, low, high, column, threshold[node], goes_left, goes_right)
        _copy(goes_left, reached, start + N_PATCHES)
        _copy(goes_right, reached, np.uint64(right[node]) * N_PATCHES)


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _decide(
    reached: Any,
    asked: Any,
    start: Any,
    low: Any,
    high: Any,
    column: Any,
    threshold: Any,
    goes_left: Any,
    goes_right: Any,
) -> None:
    for index in range(PATCHES):
        patch = np.uint64(index)
        here = reached[start + patch]
        left = np.uint8(here & np.uint8(low[column + patch] <= threshold))
        right = np.uint8(here & np.uint8(high[column + patch] > threshold))
        goes_left[patch] = left
        goes_right[patch] = right
        asked[start + patch] = left & right


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _copy(source: Any, target: Any, start: Any) -> None:
    for index in range(PATCHES):
        patch = np.uint64(index)
        target[start + patch] = source[patch]


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _count(count: Any, reached: Any, start: Any) -> None:
    for index in range(PATCHES):
        patch = np.uint64(index)
        count[patch] = np.uint16(count[patch] + np.uint16(reached[start + patch]))


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def add_trees(layout: Any, small: Any, block: Any, total: Any) -> None:
    """Add to `total`, (BLOCK_PIXELS,), what every tree of a layout gives."""
    # Taken out of their tuples once: each time costs a count of references.
    values, low, high = block.values, block.low, block.high
    value, leaf, split = small.value, small.leaves, small.splits
    stripe, threshold, right = small.stripe, small.threshold, small.right
    reached, asked, before = small.reached, small.asked, small.leaves_before
    goes_left, goes_right = np.empty(PATCHES, np.uint8), np.empty(PATCHES, np.uint8)
    alive, slot = np.empty(PIXELS, np.uint32), np.empty(PIXELS, np.uint16)
    chosen = np.empty(PIXELS, value.dtype)
    table = np.empty(layout.largest_tree + WORD, value.dtype)
    question = np.empty(layout.largest_tree, np.int32)
    for root in layout.roots:
        nodes, splits, leaves = prune(small, layout, root, block)
        if nodes == 1:
            for patch in range(PATCHES):
                add_number(total, np.uint64(patch) * N_PIXELS, value[0])
            continue
        spread(small, nodes, low, high, goes_left, goes_right)
        for patch in range(PATCHES):
            lane = np.uint64(patch)
            start = lane * N_PIXELS
            found = _list_leaves(leaf, leaves, value, reached, lane, table)
            if found == 1:
                add_number(total, start, table[0])
                continue
            questions = _list_questions(split, splits, asked, lane, question)
            last = (found - 1) // WORD
            for word in range(last, -1, -1):
                first_leaf = word * WORD
                unasked = True
                for index in range(questions):
                    node = np.uint64(question[np.uint64(index)])
                    kept = _kept(before, right, node, lane, first_leaf)
                    if kept == ALL:
                        continue
                    read = (np.uint64(stripe[node]) * N_PATCHES + lane) * N_PIXELS
                    if unasked:
                        ask_first(alive, values, read, threshold[node], kept)
                    else:
                        ask(alive, values, read, threshold[node], kept)
                    unasked = False
                if unasked:
                    set_all(alive, ALL)
                if found <= FEW_LEAVES:
                    # From right to left, so that the leftmost leaf that is left wins.
                    set_all(chosen, table[SLOT_OF_BIT[np.uint64(found - 1)]])
                    for leaf_left in range(found - 2, -1, -1):
                        number = table[SLOT_OF_BIT[np.uint64(leaf_left)]]
                        choose(chosen, alive, np.uint32(1) << np.uint32(leaf_left), number)
                elif word == last:
                    lowest_bit(alive, slot, np.uint16(first_leaf))
                else:
                    lowest_bit_if_any(alive, slot, np.uint16(first_leaf))
            if found <= FEW_LEAVES:
                add_chosen(total, start, chosen)
            else:
                add_from_table(total, start, slot, table, np.uint64(0))


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _kept(before: Any, right: Any, node: Any, lane: Any, first_leaf: Any) -> Any:
    """Return the bits that the answer "right" keeps: all but those of the leaves on the left."""
    start = np.int64(before[node * N_PATCHES + lane]) - first_leaf
    stop = np.int64(before[np.uint64(right[node]) * N_PATCHES + lane]) - first_leaf
    start, stop = max(start, 0), min(stop, WORD)
    if stop <= start:
        return ALL
    cleared = (np.uint64(1) << np.uint64(stop)) - (np.uint64(1) << np.uint64(start))
    return np.uint32(~np.uint32(cleared))


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _list_leaves(leaf: Any, leaves: Any, value: Any, reached: Any, lane: Any, table: Any) -> Any:
    """Put the values of the leaves that a patch reaches where their bits will be looked up."""
    found = np.uint64(0)
    for index in range(leaves):
        node = np.uint64(leaf[np.uint64(index)])
        word = found & ~np.uint64(31)
        table[word + SLOT_OF_BIT[found & np.uint64(31)]] = value[node]
        found += np.uint64(reached[node * N_PATCHES + lane])
    return np.int64(found)


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _list_questions(split: Any, splits: Any, asked: Any, lane: Any, question: Any) -> Any:
    found = np.uint64(0)
    for index in range(splits):
        node = np.uint64(split[np.uint64(index)])
        question[found] = node
        found += np.uint64(asked[node * N_PATCHES + lane])
    return np.int64(found)


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def add_symmetric_trees(symmetric: Any, block: Any, total: Any) -> None:
    """Add to `total`, (BLOCK_PIXELS,), what every tree of a symmetric layout gives."""
    version, threshold, depth = symmetric.version, symmetric.threshold, symmetric.depth
    table, size = symmetric.table.ravel(), np.uint64(symmetric.table.shape[1])
    values, low, high, stripe = block.values, block.low, block.high, block.stripe
    sure, unsure = np.empty(PATCHES, np.uint16), np.empty(PATCHES, np.uint16)
    slot = np.empty(PIXELS, np.uint16)
    for tree in range(len(depth)):
        first = np.uint64(tree) * size
        sure[:], unsure[:] = 0, 0
        for level in range(depth[tree]):
            column = np.uint64(stripe[version[tree, level]]) * N_PATCHES
            bit = np.uint16(1 << (depth[tree] - 1 - level))
            _answer(sure, unsure, low, high, column, threshold[tree, level], bit)
        for patch in range(PATCHES):
            lane = np.uint64(patch)
            start = lane * N_PIXELS
            if unsure[lane] == 0:
                add_number(total, start, table[first + np.uint64(sure[lane])])
                continue
            set_all(slot, sure[lane])
            for level in range(depth[tree]):
                bit = np.uint16(1 << (depth[tree] - 1 - level))
                if unsure[lane] & bit:
                    read = np.uint64(stripe[version[tree, level]]) * N_PATCHES + lane
                    set_bit(slot, values, read * N_PIXELS, threshold[tree, level], bit)
            add_from_table(total, start, slot, table, first)


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _answer(
    sure: Any, unsure: Any, low: Any, high: Any, column: Any, threshold: Any, bit: Any
) -> None:
    """Set a bit of `sure` where all of a patch is greater, of `unsure` where some of it is."""
    for index in range(PATCHES):
        patch = np.uint64(index)
        left, right = low[column + patch] <= threshold, high[column + patch] > threshold
        sure[patch] |= np.uint16(bit * np.uint16(right and not left))
        unsure[patch] |= np.uint16(bit * np.uint16(right and left))


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def ask_first(alive: Any, values: Any, start: Any, threshold: Any, kept: Any) -> None:
    """Set `alive`, (PIXELS,) uint32, to all leaves, or to `kept` where a value is greater."""
    for index in range(PIXELS):
        pixel = np.uint64(index)
        alive[pixel] = ALL if values[start + pixel] <= threshold else kept


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def ask(alive: Any, values: Any, start: Any, threshold: Any, kept: Any) -> None:
    """Clear all bits but those of `kept` where a value is greater than the threshold."""
    for index in range(PIXELS):
        pixel = np.uint64(index)
        before = alive[pixel]
        after = np.uint32(before & kept)
        alive[pixel] = before if values[start + pixel] <= threshold else after


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def lowest_bit(alive: Any, slot: Any, first_slot: Any) -> None:
    """Set `slot`, (PIXELS,) uint16, to `first_slot` plus that of the lowest bit of `alive`."""
    for index in range(PIXELS):
        pixel = np.uint64(index)
        bits = alive[pixel]
        lowest = np.uint32(bits & np.uint32(ZERO - bits))
        slot[pixel] = np.uint16(first_slot + np.uint16(np.uint32(lowest * SEQUENCE) >> TOP_FIVE))


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def lowest_bit_if_any(alive: Any, slot: Any, first_slot: Any) -> None:
    """Set `slot` to `first_slot` plus that of the lowest bit of `alive`, where there is a bit."""
    for index in range(PIXELS):
        pixel = np.uint64(index)
        bits = alive[pixel]
        before = slot[pixel]
        lowest = np.uint32(bits & np.uint32(ZERO - bits))
        found = np.uint16(first_slot + np.uint16(np.uint32(lowest * SEQUENCE) >> TOP_FIVE))
        slot[pixel] = before if bits == ZERO else found


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def choose(chosen: Any, alive: Any, bit: Any, number: Any) -> None:
    """Set `chosen`, (PIXELS,), to a number where a bit of `alive` is set."""
    for index in range(PIXELS):
        pixel = np.uint64(index)
        before = chosen[pixel]
        chosen[pixel] = number if alive[pixel] & bit else before


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def add_chosen(total: Any, start: Any, chosen: Any) -> None:
    """Add to the total of each pixel what was chosen for it."""
    for index in range(PIXELS):
        pixel = np.uint64(index)
        total[start + pixel] += chosen[pixel]


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def set_bit(slot: Any, values: Any, start: Any, threshold: Any, bit: Any) -> None:
    """Set a bit of `slot`, (PIXELS,) uint16, where a value is greater than the threshold."""
    for index in range(PIXELS):
        pixel = np.uint64(index)
        before = slot[pixel]
        after = np.uint16(before | bit)
        slot[pixel] = before if values[start + pixel] <= threshold else after


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def set_all(array: Any, number: Any) -> None:
    """Set every pixel to one number."""
    for index in range(PIXELS):
        array[np.uint64(index)] = number


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def add_from_table(total: Any, start: Any, slot: Any, table: Any, first: Any) -> None:
    """Add to the total of each pixel what the table holds in its slot, counted from `first`."""
    for index in range(PIXELS):
        pixel = np.uint64(index)
        total[start + pixel] += table[first + np.uint64(slot[pixel])]


@numba.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def add_number(total: Any, start: Any, number: Any) -> None:
    """Add one number to the total of each pixel."""
    for index in range(PIXELS):
        total[start + np.uint64(index)] += number
