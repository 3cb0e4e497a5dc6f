"""The order of a forest's nodes that suits evaluation by patches.

In: a `CompiledForest`. Out: its nodes tree by tree, level by level, the two children of a split
side by side, so that one number leads to both. Missing values need no question of their own: a
column is read in two versions, one in which NaN stands below every threshold and one in which it
stands above.
"""

from typing import NamedTuple

import numpy as np

from local_ml.forest.compiled import CompiledForest

LARGEST = np.finfo(np.float32).max
DEEPEST_SYMMETRIC = 8


class Layout(NamedTuple):
    """Nodes as the kernels read them.

    Parameters
    ----------
    version : (nodes,) int32, twice the column, plus 1 where NaN goes right; -1 at a leaf
    threshold : (nodes,) float32, below infinity
    child : (nodes,) int32, the left child; the right one follows it; -1 at a leaf
    value : (nodes,) float32 or float64, of the leaves
    roots : (trees,) int32
    largest_tree : nodes of the largest tree
    deepest : splits on the longest way from a root to a leaf
    """

    version: np.ndarray
    threshold: np.ndarray
    child: np.ndarray
    value: np.ndarray
    roots: np.ndarray
    largest_tree: int
    deepest: int


class SymmetricLayout(NamedTuple):
    """Trees that ask one question a level, as CatBoost's do.

    Parameters
    ----------
    depth : (trees,) int64, levels of each tree
    version : (trees, levels) int32, as in `Layout`
    threshold : (trees, levels) float32
    table : (trees, 2**levels) float32 or float64; the answer "right" at the first level is the
        highest bit of a leaf's number
    """

    depth: np.ndarray
    version: np.ndarray
    threshold: np.ndarray
    table: np.ndarray


def layout_of(forest: CompiledForest) -> Layout:
    """Return the nodes of a forest level by level within each tree."""
    order, child, sizes, levels = _level_by_level(forest)
    split = forest.feature[order] >= 0
    version = 2 * forest.feature[order] + (forest.nan_left[order] == 0)
    roots = np.cumsum(sizes) - sizes
    return Layout(
        version=np.where(split, version, -1).astype(np.int32),
        # Nothing is greater than infinity, not even what stands for a NaN that goes right.
        threshold=np.minimum(forest.threshold[order], LARGEST),
        child=child.astype(np.int32),
        value=forest.value[order].astype(forest.accumulate),
        roots=roots.astype(np.int32),
        largest_tree=int(sizes.max(initial=1)),
        deepest=levels,
    )


def symmetric_layout_of(layout: Layout) -> SymmetricLayout | None:
    """Return the same trees a question a level, or None where some tree asks more."""
    ends = np.append(layout.roots, len(layout.version))[1:]
    levels = [_levels(layout, start, end) for start, end in zip(layout.roots, ends, strict=True)]
    depth = np.array([-1 if number is None else number for number in levels], np.int64)
    if (depth < 0).any():
        return None
    deepest = int(depth.max(initial=1))
    version = np.zeros((len(depth), deepest), np.int32)
    threshold = np.zeros((len(depth), deepest), np.float32)
    table = np.zeros((len(depth), 2**deepest), layout.value.dtype)
    for tree, (root, number) in enumerate(zip(layout.roots, depth, strict=True)):
        first_of_level = root + 2 ** np.arange(number) - 1
        version[tree, :number] = layout.version[first_of_level]
        threshold[tree, :number] = layout.threshold[first_of_level]
        leaves = root + 2**number - 1
        table[tree, : 2**number] = layout.value[leaves : leaves + 2**number]
    return SymmetricLayout(depth, version, threshold, table)


def _levels(layout: Layout, start: int, end: int) -> int | None:
    """Return how many levels of splits a tree has if each asks one question, else None."""
    depth = int(end - start).bit_length() - 1
    if end - start != 2 ** (depth + 1) - 1 or depth > DEEPEST_SYMMETRIC:
        return None
    for level in range(depth):
        nodes = slice(start + 2**level - 1, start + 2 ** (level + 1) - 1)
        for array in (layout.version, layout.threshold):
            if (array[nodes] != array[start + 2**level - 1]).any():
                return None
        if layout.version[start + 2**level - 1] < 0:
            return None
    return depth


def _level_by_level(
    forest: CompiledForest,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return the nodes in their new order, the new number of each left child, the sizes of the
    trees, and the number of levels."""
    trees = np.arange(len(forest.roots))
    nodes = forest.roots.astype(np.int64)
    found_nodes, found_trees, found_levels = [nodes], [trees], [np.zeros(len(nodes), np.int64)]
    while nodes.size:
        split = forest.feature[nodes] >= 0
        parents, trees = nodes[split], trees[split]
        nodes = np.column_stack([forest.left[parents], forest.right[parents]]).ravel()
        trees = np.repeat(trees, 2)
        found_nodes.append(nodes.astype(np.int64))
        found_trees.append(trees)
        found_levels.append(np.full(len(nodes), len(found_levels)))
    old, tree = np.concatenate(found_nodes), np.concatenate(found_trees)
    # Stable: within a level the order in which the nodes were found keeps siblings together.
    place = np.lexsort((np.concatenate(found_levels), tree))
    order = old[place]
    number = np.full(len(forest.feature), -1, np.int64)
    number[order] = np.arange(len(order))
    split = forest.feature[order] >= 0
    child = np.where(split, number[np.where(split, forest.left[order], 0)], -1)
    sizes = np.bincount(tree, minlength=len(forest.roots))
    return order, child, sizes, len(found_levels)
