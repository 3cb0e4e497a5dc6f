"""The order of a forest's nodes that suits evaluation by patches.

In: a `CompiledForest`. Out: its nodes tree by tree, each followed by all that lies on its left,
then by all on its right: a walk through a tree never turns back, and the memory that it will read
is fetched ahead. Thresholds are kept as their ranks among those of the column (`patches`). Missing
values need no question of their own: a column is read in two versions, one in which NaN stands
below every threshold and one in which it stands above.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from local_ml.forest.compiled import CompiledForest
from local_ml.forest.patches import DEEPEST_SYMMETRIC, LEAF, LEAST_RANK


class Scale(NamedTuple):
    """The thresholds that values are ranked among.

    Parameters
    ----------
    column : (used,) int64, the columns of the model matrix that some tree reads
    first : (used + 1,) int64, where the thresholds of each begin
    threshold : float32, ascending in each column, without repeats
    """

    column: np.ndarray
    first: np.ndarray
    threshold: np.ndarray


class Layout(NamedTuple):
    """Nodes as the kernels read them.

    Parameters
    ----------
    node : (nodes,) uint64. Of a split, from the lowest bit: 16 bits of the version of the column
        that it reads (twice the column, plus 1 where NaN goes right), 16 of the rank of the
        threshold, 32 of the number of its right child; the left one follows it. Of a leaf: LEAF,
        and 32 of the number of its value
    value : (leaves,) float32 or float64, from left to right in each tree
    root : (trees,) int64, node
    most_leaves : of a tree
    deepest : splits on the longest way from a root to a leaf
    """

    node: np.ndarray
    value: np.ndarray
    root: np.ndarray
    most_leaves: int
    deepest: int


class SymmetricLayout(NamedTuple):
    """Trees that ask one question a level, as CatBoost's do.

    Parameters
    ----------
    depth : (trees,) int64, levels of each tree
    version : (trees, levels) int32, as in `Layout`
    threshold : (trees, levels) int16, ranks
    table : (trees, 2**levels) float32 or float64; the answer "right" at the first level clears the
        highest bit of a leaf's number
    """

    depth: np.ndarray
    version: np.ndarray
    threshold: np.ndarray
    table: np.ndarray


def scale_of(forests: Sequence[CompiledForest]) -> Scale:
    """Return the thresholds of all forests, for the columns that they read."""
    nodes = [_nodes_of(forest) for forest in forests]
    pairs = list(zip(forests, nodes, strict=True))
    feature = np.concatenate([forest.feature[of] for forest, of in pairs])
    threshold = np.concatenate([forest.threshold[of] for forest, of in pairs])
    column = np.unique(feature[feature >= 0]).astype(np.int64)
    found = [np.unique(threshold[feature == number]) for number in column]
    first = np.cumsum([0, *map(len, found)])
    return Scale(column, first, np.concatenate([np.empty(0, np.float32), *found]))


def _ranked(forest: CompiledForest, scale: Scale) -> tuple[np.ndarray, np.ndarray]:
    """Return for each node the version of the column and the rank of the threshold, int16."""
    version = 2 * np.searchsorted(scale.column, forest.feature) + (forest.nan_left == 0)
    rank = np.zeros(len(forest.feature), np.int16)
    for used, column in enumerate(scale.column):
        of_column = np.flatnonzero(forest.feature == column)
        known = scale.threshold[scale.first[used] : scale.first[used + 1]]
        rank[of_column] = np.searchsorted(known, forest.threshold[of_column]) + LEAST_RANK
    return version, rank


def layout_of(forest: CompiledForest, scale: Scale) -> Layout:
    """Return the nodes of a forest, what lies on the left of a split before what lies right."""
    levels = _levels_of(forest)
    split = forest.feature >= 0
    left, right = forest.left, forest.right
    size = np.ones(len(split), np.int64)
    for nodes, _ in reversed(levels):
        parents = nodes[split[nodes]]
        size[parents] += size[left[parents]] + size[right[parents]]
    sizes = size[forest.roots]
    place = np.full(len(split), -1)
    place[forest.roots] = np.cumsum(sizes) - sizes
    for nodes, _ in levels:
        parents = nodes[split[nodes]]
        place[left[parents]] = place[parents] + 1
        place[right[parents]] = place[parents] + 1 + size[left[parents]]
    version, rank = _ranked(forest, scale)
    order = np.full(sizes.sum(), -1)
    reached = np.flatnonzero(place >= 0)
    order[place[reached]] = reached
    splits, leaves = order[split[order]], order[~split[order]]
    node = np.empty(len(order), np.uint64)
    node[place[splits]] = _packed(version[splits], rank[splits], place[right[splits]])
    node[place[leaves]] = _packed(LEAF, np.zeros(1, np.int16), np.arange(len(leaves)))
    return Layout(
        node=node,
        value=forest.value[leaves].astype(forest.accumulate),
        root=place[forest.roots],
        most_leaves=int(sizes.max(initial=1) + 1) // 2,
        deepest=len(levels),
    )


def _packed(version: np.ndarray | int, rank: np.ndarray, number: np.ndarray) -> np.ndarray:
    middle = rank.view(np.uint16).astype(np.uint64) << np.uint64(16)
    high = number.astype(np.uint64) << np.uint64(32)
    packed: np.ndarray = np.asarray(version, np.uint64) | middle | high
    return packed


def symmetric_layout_of(forest: CompiledForest, scale: Scale) -> SymmetricLayout | None:
    """Return the same trees a question a level, or None where some tree asks more."""
    levels = _levels_of(forest)
    if len(levels) > DEEPEST_SYMMETRIC + 1:
        return None
    version_of, rank_of = _ranked(forest, scale)
    trees = len(forest.roots)
    depth = np.zeros(trees, np.int64)
    version = np.zeros((trees, max(len(levels) - 1, 1)), np.int32)
    threshold = np.zeros(version.shape, np.int16)
    table = np.zeros((trees, 2 ** version.shape[1]), forest.accumulate)
    for level, (nodes, tree) in enumerate(levels):
        number, split = np.bincount(tree, minlength=trees), forest.feature[nodes] >= 0
        splits = np.bincount(tree[split], minlength=trees)
        # All of a level are splits with the same question, or all are leaves.
        if not (((splits == 0) | (splits == number)) & (number <= 2**level)).all():
            return None
        first = np.zeros(trees, np.int64)
        first[tree[::-1]] = nodes[::-1]  # the last one written is the first one of the tree
        for part in (version_of, rank_of):
            if (part[nodes] != part[first[tree]])[split].any():
                return None
        deeper = splits > 0
        depth[deeper] += 1
        if level < version.shape[1]:
            version[deeper, level] = version_of[first[deeper]]
            threshold[deeper, level] = rank_of[first[deeper]]
        begin = np.cumsum(number) - number
        within = np.arange(len(nodes)) - begin[tree]
        ends = ~split
        table[tree[ends], 2**level - 1 - within[ends]] = forest.value[nodes[ends]]
    return SymmetricLayout(depth, version, threshold, table)


def _nodes_of(forest: CompiledForest) -> np.ndarray:
    """Return the nodes that its roots lead to."""
    return np.concatenate([np.empty(0, np.int64), *(nodes for nodes, _ in _levels_of(forest))])


def _levels_of(forest: CompiledForest) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the nodes of each level, from left to right in each tree, and their trees."""
    nodes, trees = forest.roots.astype(np.int64), np.arange(len(forest.roots))
    levels = []
    while nodes.size:
        levels.append((nodes, trees))
        split = forest.feature[nodes] >= 0
        parents, trees = nodes[split], np.repeat(trees[split], 2)
        nodes = np.column_stack([forest.left[parents], forest.right[parents]]).ravel()
        nodes = nodes.astype(np.int64)
    return levels
