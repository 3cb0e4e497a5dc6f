"""Trees of XGBoost, compiled.

Equality: bit for bit with ``XGBRegressor.predict``. XGBoost sends x < t left, which for float32 is
x <= the next number below t; it starts from base_score and adds the leaves as float32 in the order
of the trees, and so do we. Read from the model's JSON, whose shortest decimals give every float32
back.
"""

import json
from typing import Any

import numpy as np

from local_ml.errors import BundleError
from local_ml.forest.compiled import CompiledForest, Tree

# Objectives whose prediction is the plain sum of base_score and leaves.
IDENTITY_OBJECTIVES = ("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror")


def from_xgboost(member: Any) -> CompiledForest:
    """Compile a fitted XGBRegressor of one target, with numeric splits and booster gbtree.

    After early stopping the trees behind the best iteration are left out, as ``predict`` does.

    Raises
    ------
    BundleError
        The member is not fitted, or uses dart, gblinear, several targets, categorical splits, a
        `missing` other than NaN, or an objective whose prediction is no plain sum.
    """
    if not member.__sklearn_is_fitted__():
        raise BundleError("this XGBRegressor is not fitted; fit it before it is saved")
    if not np.isnan(member.missing):
        raise BundleError(
            f"this XGBRegressor takes {member.missing} for missing; set missing=nan, which is what "
            "the other members take"
        )
    learner = json.loads(bytes(member.get_booster().save_raw("json")))["learner"]
    base = _require_plain_sum(learner)
    model = learner["gradient_booster"]["model"]
    trees = model["trees"]
    best = learner["attributes"].get("best_iteration")
    if best is not None:
        ends = model["iteration_indptr"]
        trees = trees[: ends[min(int(best) + 1, len(ends) - 1)]]
    return CompiledForest.join(
        [_tree(number, tree) for number, tree in enumerate(trees)],
        base=base,
        accumulate="float32",
    )


def _require_plain_sum(learner: dict[str, Any]) -> float:
    """Return base_score, or say what keeps this model from being base_score plus leaves."""
    booster = learner["gradient_booster"]["name"]
    if booster != "gbtree":
        raise BundleError(f"XGBoost's booster {booster!r} cannot be compiled; set booster='gbtree'")
    objective = learner["objective"]["name"]
    if objective not in IDENTITY_OBJECTIVES:
        raise BundleError(
            f"XGBoost's objective {objective!r} cannot be compiled; "
            f"set one of {', '.join(IDENTITY_OBJECTIVES)}"
        )
    parameters = learner["learner_model_param"]
    # A list of one number since XGBoost 3.1, a plain number before.
    base = np.atleast_1d(json.loads(parameters["base_score"]))
    if int(parameters["num_target"]) > 1 or int(parameters["num_class"]) > 0 or len(base) > 1:
        raise BundleError("XGBoost with several targets cannot be compiled; fit one target each")
    return float(np.float32(base[0]))


def _tree(number: int, document: dict[str, Any]) -> Tree:
    if any(document["split_type"]):
        raise BundleError(
            f"tree {number} of XGBoost splits by category; encode categorical features as one-hot "
            "columns and leave enable_categorical off"
        )
    left = np.array(document["left_children"])
    right = np.array(document["right_children"])
    order = _from_the_root(left, right)
    position = np.full(len(left), -1)
    position[order] = np.arange(len(order))
    left, right = left[order], right[order]
    leaf = left < 0
    # At a leaf, the condition is its value.
    condition = np.array(document["split_conditions"], dtype=np.float32)[order]
    if not (condition[~leaf] > -np.inf).all():
        raise BundleError(f"tree {number} of XGBoost splits at NaN or minus infinity")
    with np.errstate(over="ignore"):
        largest_below = np.nextafter(condition, np.float32(-np.inf))
    return Tree(
        feature=np.where(leaf, -1, np.array(document["split_indices"])[order]),
        threshold=np.where(leaf, 0, largest_below),
        left=np.where(leaf, -1, position[left]),
        right=np.where(leaf, -1, position[right]),
        nan_left=np.where(leaf, 0, np.array(document["default_left"])[order]),
        value=np.where(leaf, condition, 0),
    )


def _from_the_root(left: np.ndarray, right: np.ndarray) -> list[int]:
    """Number the nodes breadth first, which leaves out those that pruning cut off."""
    order = [0]
    for node in order:
        if left[node] >= 0:
            order += [int(left[node]), int(right[node])]
    return order
