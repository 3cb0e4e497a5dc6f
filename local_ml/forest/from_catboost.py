"""Symmetric trees of CatBoost, compiled.

Equality: bit for bit with ``CatBoostRegressor.predict``. CatBoost compares float32 values with
float32 borders and sends x > border to the bit 1, here right; it adds the leaves in float64 in the
order of the trees, then scales and adds the bias, and so do we. The shape of the trees comes from
the model's JSON; leaves, scale and bias come from the model itself, digit for digit.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from local_ml.errors import BundleError
from local_ml.forest.compiled import CompiledForest, Tree

# Losses whose prediction is the plain scaled sum of leaves and bias.
IDENTITY_LOSSES = ("RMSE", "MAE", "Huber")


def from_catboost(member: Any) -> CompiledForest:
    """Compile a fitted CatBoostRegressor of symmetric (oblivious) trees over numeric columns.

    NaN compares as smaller than every border, or as greater where the column was trained with
    nan_mode='Max'.

    Raises
    ------
    BundleError
        The member is not fitted, or uses trees that are not symmetric, categorical, text or
        embedding columns, several targets, or a loss whose prediction is no plain sum.
    """
    if not member.is_fitted():
        raise BundleError("this CatBoostRegressor is not fitted; fit it before it is saved")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        member.save_model(str(path), format="json")
        document = json.loads(path.read_bytes())
    _require_supported(document)
    scale, bias = member.get_scale_and_bias()
    if np.size(bias) != 1:
        raise BundleError("CatBoost with several targets cannot be compiled; fit one target each")
    leaves = np.asarray(member.get_leaf_values(), dtype=np.float64)
    columns = document["features_info"]["float_features"]
    trees = []
    start = 0
    for tree in document["oblivious_trees"]:
        splits = tree["splits"] or []
        stop = start + 2 ** len(splits)
        trees.append(_tree(splits, leaves[start:stop], columns))
        start = stop
    return CompiledForest.join(trees, base=float(np.ravel(bias)[0]), scale=float(scale))


def _require_supported(document: dict[str, Any]) -> None:
    if "oblivious_trees" not in document:
        raise BundleError(
            "CatBoost's trees are not symmetric and cannot be compiled; "
            "set grow_policy='SymmetricTree'"
        )
    others = set(document["features_info"]) - {"float_features"}
    if others:
        raise BundleError(
            f"CatBoost uses {', '.join(sorted(others))}, which cannot be compiled; encode "
            "categorical features as one-hot columns"
        )
    loss = document["model_info"]["params"]["loss_function"]["type"]
    if loss not in IDENTITY_LOSSES:
        raise BundleError(
            f"CatBoost's loss {loss!r} cannot be compiled; set one of {', '.join(IDENTITY_LOSSES)}"
        )


def _tree(splits: list[dict[str, Any]], leaves: np.ndarray, columns: list[dict[str, Any]]) -> Tree:
    """Expand a symmetric tree: every node of a level asks the same question.

    The last split is asked at the root, so that the leaves stand in order of their number, in
    which the first split is the lowest bit. The children of node i are 2 i + 1 and 2 i + 2.
    """
    feature, threshold, nan_left = [], [], []
    for level, split in enumerate(reversed(splits)):
        column = columns[split["float_feature_index"]]
        feature += [column["flat_feature_index"]] * 2**level
        threshold += [split["border"]] * 2**level
        nan_left += [column["nan_value_treatment"] != "AsTrue"] * 2**level
    inner = np.arange(len(feature))
    none = np.full(len(leaves), -1)
    return Tree(
        feature=np.concatenate([feature, none]),
        threshold=np.concatenate([threshold, np.zeros(len(leaves))]),
        left=np.concatenate([2 * inner + 1, none]),
        right=np.concatenate([2 * inner + 2, none]),
        nan_left=np.concatenate([nan_left, np.zeros(len(leaves))]),
        value=np.concatenate([np.zeros(len(inner)), leaves]),
    )
