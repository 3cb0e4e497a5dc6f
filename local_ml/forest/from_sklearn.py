"""Random forests and extra trees of scikit-learn, compiled.

Equality: bit for bit with ``predict`` of a forest with one job. scikit-learn compares float32
values with float64 thresholds, which becomes a comparison of float32 exactly; it adds the leaves
in float64 in the order of the trees and divides by their number, and so do we. With more jobs
scikit-learn adds in the order in which threads finish, and its own last digit varies.
"""

from typing import Any

import numpy as np

from local_ml.errors import BundleError
from local_ml.forest.compiled import CompiledForest, Tree, float32_at_or_below


def from_sklearn(member: Any) -> CompiledForest:
    """Compile a fitted RandomForestRegressor or ExtraTreesRegressor.

    Where training saw no NaN in a split's column, NaN goes where scikit-learn noted it would go:
    to the child with more rows.
    """
    name = type(member).__name__
    if not hasattr(member, "estimators_"):
        raise BundleError(f"this {name} is not fitted; fit it before it is saved")
    if member.n_outputs_ != 1:
        raise BundleError(f"this {name} predicts {member.n_outputs_} targets; fit one target each")
    trees = [_tree(estimator.tree_) for estimator in member.estimators_]
    return CompiledForest.join(trees, divisor=float(len(trees)))


def _tree(tree: Any) -> Tree:
    leaf = tree.children_left < 0
    return Tree(
        feature=np.where(leaf, -1, tree.feature),
        threshold=np.where(leaf, 0, float32_at_or_below(tree.threshold)),
        left=tree.children_left,
        right=tree.children_right,
        nan_left=np.where(leaf, 0, tree.missing_go_to_left),
        value=np.where(leaf, tree.value[:, 0, 0], 0),
    )
