"""The compiled form of a forest, the same for all four members.

In: the trees of a fitted member as arrays. Out: one set of flat arrays over the nodes of all
trees, with which `evaluate` predicts without the library that fitted them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

# Every array of the compiled form, with the type in which it is kept and stored.
ARRAYS = {
    "feature": np.int32,
    "threshold": np.float32,
    "left": np.int32,
    "right": np.int32,
    "nan_left": np.uint8,
    "value": np.float64,
    "roots": np.int32,
}
SCALARS = ("base", "scale", "divisor", "accumulate")


class Tree(NamedTuple):
    """One tree, numbered from its root 0; children come after their parent.

    All are (nodes,) arrays; `left` and `right` hold node numbers within the tree.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    nan_left: np.ndarray
    value: np.ndarray


@dataclass(frozen=True, eq=False)
class CompiledForest:
    """Binary trees over float32 columns, and how their leaves add up.

    At a split, x <= threshold (both float32) goes left, anything greater right, and NaN where
    `nan_left` says. With `accumulate` "float64" the prediction is
    base + scale · (sum of the leaves) / divisor; with "float32" the sum starts at `base` and every
    addition is rounded to float32, as XGBoost does it. Leaves are added in the order of the trees.

    Parameters
    ----------
    feature : (nodes,) int32, column of the model matrix; -1 at a leaf
    threshold : (nodes,) float32, in the unit of the column; 0 at a leaf
    left, right : (nodes,) int32, nodes of the children, always after their parent; -1 at a leaf
    nan_left : (nodes,) uint8, 1 where NaN goes left
    value : (nodes,) float64, on the scale of the member; 0 at a split
    roots : (trees,) int32, nodes that are the roots of the trees
    base, scale, divisor : see above; scale = divisor = 1 under "float32"
    accumulate : "float32" or "float64"

    Raises
    ------
    ValueError
        The arrays are no forest: another type or shape, or a child that would lead outside the
        arrays or in a circle.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    nan_left: np.ndarray
    value: np.ndarray
    roots: np.ndarray
    base: float = 0.0
    scale: float = 1.0
    divisor: float = 1.0
    accumulate: Literal["float32", "float64"] = "float64"

    def __post_init__(self) -> None:
        nodes = self.feature.shape
        for name, dtype in ARRAYS.items():
            array = getattr(self, name)
            if array.dtype != dtype or array.ndim != 1:
                raise ValueError(
                    f"{name} is {array.dtype} {array.shape}, but must be one-dimensional "
                    f"{np.dtype(dtype)}"
                )
            if name != "roots" and array.shape != nodes:
                raise ValueError(f"{name} has {array.shape[0]} nodes, feature has {nodes[0]}")
        _require_trees(self)
        _require_sum(self)

    @property
    def columns(self) -> int:
        """Fewest columns that a model matrix must have for this forest."""
        return int(self.feature.max(initial=-1)) + 1

    @classmethod
    def join(
        cls,
        trees: Sequence[Tree],
        *,
        base: float = 0.0,
        scale: float = 1.0,
        divisor: float = 1.0,
        accumulate: Literal["float32", "float64"] = "float64",
    ) -> "CompiledForest":
        """Put trees behind one another in one set of arrays."""
        sizes = np.array([len(tree.feature) for tree in trees], dtype=np.int64)
        roots = np.cumsum(sizes) - sizes
        arrays: dict[str, Any] = {"roots": roots.astype(np.int32)}
        for name, dtype in ARRAYS.items():
            if name == "roots":
                continue
            parts = [np.asarray(getattr(tree, name)) for tree in trees]
            if name in ("left", "right"):
                parts = [
                    np.where(np.asarray(tree.feature) < 0, -1, part + root)
                    for tree, part, root in zip(trees, parts, roots, strict=True)
                ]
            arrays[name] = np.concatenate([*parts, np.empty(0, dtype)]).astype(dtype)
        return cls(**arrays, base=base, scale=scale, divisor=divisor, accumulate=accumulate)

    def to_arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """Return the arrays under ``prefix + name``, for one file that holds several forests."""
        return {prefix + name: getattr(self, name) for name in ARRAYS}

    def scalars(self) -> dict[str, Any]:
        """Return what is no array: `base`, `scale`, `divisor`, `accumulate`."""
        return {name: getattr(self, name) for name in SCALARS}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, np.ndarray], prefix: str, scalars: Mapping[str, Any]
    ) -> "CompiledForest":
        """Read what `to_arrays` and `scalars` gave; a missing name is a KeyError."""
        parts: dict[str, Any] = {name: arrays[prefix + name] for name in ARRAYS}
        return cls(**parts, **{name: scalars[name] for name in SCALARS})


def float32_at_or_below(threshold: np.ndarray) -> np.ndarray:
    """Return the largest float32 not above each float64 threshold.

    For any float32 x, x <= threshold holds exactly if x <= that float32.
    """
    threshold = np.asarray(threshold, dtype=np.float64)
    with np.errstate(over="ignore"):
        rounded = threshold.astype(np.float32)
        below = np.nextafter(rounded, np.float32(-np.inf))
    return np.where(rounded.astype(np.float64) > threshold, below, rounded)


def _require_trees(forest: CompiledForest) -> None:
    nodes = len(forest.feature)
    if nodes and forest.feature.min() < -1:
        raise ValueError("feature holds numbers below -1")
    split = np.flatnonzero(forest.feature >= 0)
    for name in ("left", "right"):
        child = getattr(forest, name)[split]
        # Children after their parent: no walk can leave the arrays or run in a circle.
        if (child <= split).any() or (child >= nodes).any():
            raise ValueError(f"{name} leads to a node outside the arrays or before its parent")
    if ((forest.roots < 0) | (forest.roots >= nodes)).any():
        raise ValueError("roots holds nodes that do not exist")
    if np.isnan(forest.threshold[split]).any():
        raise ValueError("threshold holds NaN")
    if (forest.nan_left > 1).any():
        raise ValueError("nan_left holds something else than 0 and 1")
    if not np.isfinite(forest.value).all():
        raise ValueError("value holds a number that is not finite")


def _require_sum(forest: CompiledForest) -> None:
    if forest.accumulate not in ("float32", "float64"):
        raise ValueError(f"accumulate={forest.accumulate!r} is neither 'float32' nor 'float64'")
    if not np.isfinite([forest.base, forest.scale, forest.divisor]).all() or forest.divisor == 0:
        raise ValueError("base and scale must be finite, divisor finite and not 0")
    if forest.accumulate == "float32" and (forest.scale, forest.divisor) != (1, 1):
        raise ValueError("accumulate='float32' goes with scale and divisor 1")
