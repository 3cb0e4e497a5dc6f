"""What is particular to CatBoost."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from catboost import CatBoostRegressor

from local_ml.errors import BundleError
from local_ml.forest.compile import compile_forest
from local_ml.forest.evaluate import evaluate

SETTINGS: dict[str, Any] = {
    "iterations": 10,
    "depth": 3,
    "thread_count": 1,
    "verbose": 0,
    "allow_writing_files": False,
    "bootstrap_type": "No",
}


def assert_equal_bits(member, X):
    np.testing.assert_array_equal(evaluate(compile_forest(member), X), member.predict(X))


def document_of(member: CatBoostRegressor, folder: Any) -> dict[str, Any]:
    path = folder / "model.json"
    member.save_model(str(path), format="json")
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def changed(member: CatBoostRegressor, folder: Any, change: Any) -> CatBoostRegressor:
    """Return the member with its JSON changed by `change`, read back by CatBoost itself."""
    document = document_of(member, folder)
    change(document)
    path = folder / "changed.json"
    path.write_text(json.dumps(document))
    again = CatBoostRegressor()
    again.load_model(str(path), format="json")
    return again


@pytest.mark.parametrize("mode", ["Min", "Max"])
def test_nan_is_least_or_greatest_as_the_column_was_trained(gaps, mode):
    """The side of NaN taken from the default where the model says the other."""
    member = CatBoostRegressor(**SETTINGS, nan_mode=mode).fit(*gaps)
    X = gaps.X.copy()
    X[::2, :3] = np.nan
    assert_equal_bits(member, X)
    forest = compile_forest(member)
    assert set(forest.nan_left[(forest.feature >= 0) & (forest.feature < 3)]) == {mode == "Min"}


@pytest.mark.parametrize("border", [0.0, 1e-45, -1e-45, 1.0, 3.4028234663852886e38])
def test_greater_than_at_borders_of_every_kind(tmp_path, border):
    """x > border put as x >= border, or a denormal flushed to zero."""
    X = np.array([[0.0], [1.0]] * 10, dtype=np.float32)
    stump = CatBoostRegressor(**SETTINGS | {"iterations": 1, "depth": 1}).fit(X, X[:, 0])

    def set_border(document: dict[str, Any]) -> None:
        document["features_info"]["float_features"][0]["borders"] = [border]
        document["oblivious_trees"][0]["splits"][0]["border"] = border

    member = changed(stump, tmp_path, set_border)
    t = np.float32(border)
    with np.errstate(over="ignore"):
        rows = [np.nextafter(t, np.float32(-np.inf)), t, np.nextafter(t, np.float32(np.inf))]
    rows = np.array([*rows, 0.0, -0.0, -np.inf, np.inf], dtype=np.float32)[:, None]
    assert len(set(member.predict(rows))) == 2
    assert_equal_bits(member, rows)


def test_trees_that_are_a_single_leaf(complete, tmp_path):
    """Depth 0: CatBoost grows none, but reads them."""

    def cut(document: dict[str, Any]) -> None:
        for number, tree in enumerate(document["oblivious_trees"][:2]):
            tree.update(leaf_values=[number + 0.1], leaf_weights=[1], splits=[])

    member = changed(CatBoostRegressor(**SETTINGS).fit(*complete), tmp_path, cut)
    assert_equal_bits(member, complete.X)


def test_scale_and_bias(complete):
    """The bias scaled too, or either forgotten."""
    member = CatBoostRegressor(**SETTINGS).fit(*complete)
    member.set_scale_and_bias(0.3, 7.7)
    assert_equal_bits(member, complete.X)


@pytest.mark.parametrize(
    "settings",
    [
        {"loss_function": "MAE"},
        {"loss_function": "Huber:delta=0.5"},
        {"boost_from_average": False},
        {"depth": 1},
        {"depth": 8},
        {"border_count": 254},
    ],
    ids=str,
)
def test_other_settings(gaps, settings):
    """Bits of a leaf's number in the wrong order, or another start of the sum."""
    assert_equal_bits(CatBoostRegressor(**SETTINGS | settings).fit(*gaps), gaps.X)


def test_the_best_model_alone_is_kept(complete):
    """Trees behind the best iteration summed too."""
    member = CatBoostRegressor(**SETTINGS | {"iterations": 200}, early_stopping_rounds=3)
    member.fit(complete.X[:90], complete.y[:90], eval_set=(complete.X[90:], complete.y[90:]))
    assert member.tree_count_ < 200
    assert len(compile_forest(member).roots) == member.tree_count_
    assert_equal_bits(member, complete.X)


def test_leaves_and_borders_are_read_digit_for_digit(complete, tmp_path):
    """Borders that are no float32 numbers, so that rounding would move them."""
    member = CatBoostRegressor(**SETTINGS).fit(*complete)
    forest = compile_forest(member)
    document = document_of(member, tmp_path)
    borders = [split["border"] for tree in document["oblivious_trees"] for split in tree["splits"]]
    assert np.array_equal(np.float32(borders).astype(np.float64), borders)
    np.testing.assert_array_equal(forest.value[forest.feature < 0], member.get_leaf_values())


@pytest.mark.parametrize("policy", ["Depthwise", "Lossguide"])
def test_trees_that_are_not_symmetric_are_refused(complete, policy):
    """Another layout of trees read as if it were this one."""
    member = CatBoostRegressor(**SETTINGS, grow_policy=policy).fit(*complete)
    with pytest.raises(BundleError, match="set grow_policy='SymmetricTree'"):
        compile_forest(member)


@pytest.mark.parametrize("loss", ["Poisson", "Tweedie:variance_power=1.5", "RMSEWithUncertainty"])
def test_losses_with_a_link_are_refused(complete, loss):
    """The exponential of the sum forgotten."""
    member = CatBoostRegressor(**SETTINGS, loss_function=loss)
    member.fit(complete.X, complete.y - complete.y.min() + 1)
    with pytest.raises(BundleError, match=f"loss '{loss.partition(':')[0]}' cannot be compiled"):
        compile_forest(member)


def test_categorical_columns_are_refused(complete):
    """Hashes of categories and target statistics ignored."""
    frame = pd.DataFrame(complete.X[:, :2])
    frame["soil"] = complete.X[:, 4].astype(int).astype(str)
    member = CatBoostRegressor(**SETTINGS, cat_features=["soil"]).fit(frame, complete.y)
    with pytest.raises(BundleError, match="categorical_features"):
        compile_forest(member)
