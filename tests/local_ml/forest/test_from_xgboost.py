"""What is particular to XGBoost."""

import json
from typing import Any

import numpy as np
import pytest
from xgboost import XGBRegressor

from local_ml.errors import BundleError
from local_ml.forest.compile import compile_forest
from local_ml.forest.evaluate import evaluate

SETTINGS: dict[str, Any] = {"n_estimators": 12, "max_depth": 3, "n_jobs": 1, "random_state": 2}
F32 = np.float32


def assert_equal_bits(member, X):
    np.testing.assert_array_equal(evaluate(compile_forest(member), X), member.predict(X))


def changed(member: XGBRegressor, change: Any) -> XGBRegressor:
    """Return the member with its JSON changed by `change`, read back by XGBoost itself."""
    document = json.loads(bytes(member.get_booster().save_raw("json")))
    change(document["learner"])
    again = XGBRegressor(**SETTINGS)
    again.load_model(bytearray(json.dumps(document).encode()))
    return again


@pytest.mark.parametrize(
    "threshold", [0.0, -0.0, 1e-45, -1e-45, 1.1754944e-38, 1.0, -1.0, 3.4028235e38, -3.4028235e38]
)
def test_less_than_at_thresholds_of_every_kind(threshold):
    """x < t put as x <= t; the step below zero, a denormal or the largest number taken wrongly."""
    X = np.array([[0.0], [1.0]] * 10, dtype=F32)
    stump = XGBRegressor(**SETTINGS | {"n_estimators": 1, "max_depth": 1}).fit(X, X[:, 0])

    def set_threshold(learner: dict[str, Any]) -> None:
        tree = learner["gradient_booster"]["model"]["trees"][0]
        tree["split_conditions"][0] = threshold

    member = changed(stump, set_threshold)
    t = F32(threshold)
    with np.errstate(over="ignore"):
        rows = [np.nextafter(t, F32(-np.inf)), t, np.nextafter(t, F32(np.inf)), 0.0, -0.0]
    rows = np.array([*rows, -np.inf, np.inf, np.nan], dtype=F32)[:, None]
    expected = member.predict(rows[:-1])
    assert len(set(expected)) == 2
    np.testing.assert_array_equal(evaluate(compile_forest(member), rows[:-1]), expected)
    assert_equal_bits(member, rows[-1:])


@pytest.mark.parametrize("best", [3, 8])
def test_early_stopping_leaves_out_the_trees_behind_the_best(complete, best):
    """All trees summed where `predict` stops at the best iteration."""
    member = changed(
        XGBRegressor(**SETTINGS).fit(*complete),
        lambda learner: learner["attributes"].update(best_iteration=str(best)),
    )
    assert len(compile_forest(member).roots) == best + 1
    assert_equal_bits(member, complete.X)


def test_early_stopping_in_earnest(complete):
    """The best iteration noted elsewhere than where the compiler reads it."""
    member = XGBRegressor(**SETTINGS | {"n_estimators": 300}, early_stopping_rounds=3)
    half = len(complete.X) // 2
    rows = complete.X[half:], complete.y[half:]
    member.fit(complete.X[:half], complete.y[:half], eval_set=[rows], verbose=False)
    assert member.best_iteration + 1 < member.get_booster().num_boosted_rounds()
    assert_equal_bits(member, complete.X)


@pytest.mark.parametrize(
    "settings",
    [
        {"objective": "reg:absoluteerror"},
        {"objective": "reg:pseudohubererror"},
        {"base_score": 7.25},
        {"num_parallel_tree": 3, "subsample": 0.5},
        {"grow_policy": "lossguide", "max_leaves": 9, "max_depth": 0},
        {"tree_method": "exact", "gamma": 2.0, "max_depth": 6},
        {"monotone_constraints": (1, 0, 0, 0, 0, 0, 0, 0)},
    ],
    ids=str,
)
def test_other_settings(gaps, settings):
    """Leaves of cut-off branches, several trees a round, another start of the sum."""
    assert_equal_bits(XGBRegressor(**SETTINGS | settings).fit(*gaps), gaps.X)


def test_pruning_leaves_holes_that_are_left_out(complete):
    """Nodes that pruning cut off kept, or their numbers taken for their position."""
    settings = SETTINGS | {"tree_method": "exact", "gamma": 2.0, "max_depth": 6}
    member = XGBRegressor(**settings).fit(*complete)
    document = json.loads(bytes(member.get_booster().save_raw("json")))
    trees = document["learner"]["gradient_booster"]["model"]["trees"]
    assert any(int(tree["tree_param"]["num_deleted"]) for tree in trees)
    assert len(compile_forest(member).feature) < sum(len(tree["left_children"]) for tree in trees)


def test_the_json_gives_every_float32_back(complete):
    """Digits lost on the way through decimals; the binary format is the oracle."""
    member = XGBRegressor(**SETTINGS | {"n_estimators": 60}).fit(*complete)
    raw = bytes(member.get_booster().save_raw("ubj"))
    forest = compile_forest(member)
    # In UBJSON the arrays of float32 stand whole and big-endian behind their name.
    binary: list[np.ndarray] = []
    start = 0
    while (start := raw.find(b"split_conditions[$d#L", start)) >= 0:
        start += len(b"split_conditions[$d#L")
        count = int.from_bytes(raw[start : start + 8], "big")
        binary.append(np.frombuffer(raw, ">f4", count, start + 8))
    assert len(binary) == 60
    leaves = set(np.concatenate(binary).astype(np.float64))
    assert set(forest.value[forest.feature < 0]) <= leaves
    thresholds = np.nextafter(forest.threshold[forest.feature >= 0], F32(np.inf))
    assert set(thresholds.astype(np.float64)) <= leaves


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"booster": "dart"}, "'dart' cannot be compiled; set booster='gbtree'"),
        ({"booster": "gblinear"}, "'gblinear'"),
        ({"objective": "reg:gamma"}, "'reg:gamma'"),
        ({"objective": "count:poisson"}, "'count:poisson'"),
        ({"missing": -9999.0}, "-9999.0 for missing"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_is_no_plain_sum_is_refused(complete, settings, says):
    """Dropout weights, a link function or a missing code that the compiled form ignores."""
    settings = {"n_estimators": 3, "n_jobs": 1} | settings
    member = XGBRegressor(**settings).fit(complete.X, complete.y - complete.y.min() + 1)
    with pytest.raises(BundleError, match=says):
        compile_forest(member)


@pytest.mark.parametrize("strategy", ["one_output_per_tree", "multi_output_tree"])
def test_several_targets_are_refused(complete, strategy):
    """Trees of different targets added up."""
    two = np.column_stack([complete.y, -complete.y])
    member = XGBRegressor(**SETTINGS, multi_strategy=strategy).fit(complete.X, two)
    with pytest.raises(BundleError, match="several targets"):
        compile_forest(member)


def test_splits_by_category_are_refused(complete):
    """A set of categories read as a threshold."""
    types = ["q"] * 4 + ["c"] + ["q"] * 3
    member = XGBRegressor(**SETTINGS, enable_categorical=True, feature_types=types)
    member.fit(complete.X, complete.X[:, 4] == 2)
    with pytest.raises(BundleError, match="splits by category"):
        compile_forest(member)
