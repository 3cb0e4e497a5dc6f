"""A compiled forest predicts what its library predicts, bit for bit.

The contract is 1e-6 relative; the docstrings claim equal bits, so equal bits are tested.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from local_ml.forest.compile import compile_forest
from local_ml.forest.evaluate import evaluate


def assert_equal_bits(member, X):
    expected = np.asarray(member.predict(X), dtype=np.float64)
    np.testing.assert_array_equal(evaluate(compile_forest(member), X), expected)


def test_on_rows_like_those_of_training(fitted, table):
    """Trees in another order, a wrong child, leaves without base or learning rate."""
    rng = np.random.default_rng(8)
    other = table.X[rng.permutation(len(table.X))] + rng.normal(0, 0.1, table.X.shape)
    assert_equal_bits(fitted, table.X)
    assert_equal_bits(fitted, other.astype(np.float32))


def test_at_thresholds_and_one_step_to_either_side(fitted, table, around_rows):
    """< for <=, or a float64 threshold rounded the wrong way to float32."""
    assert_equal_bits(fitted, around_rows(fitted, table.X.shape[1]))


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 5), st.just(8)),
        elements=st.floats(-1e3, 1e3, width=32) | st.sampled_from([0.0, -0.0, 1.0, 3.5, 1e-45]),
    )
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_on_any_finite_rows(fitted, X):
    """Denormals flushed to zero, -0 apart from 0, or values far outside of training."""
    assert_equal_bits(fitted, X)


@pytest.mark.parametrize("rows", [1, 2, 127, 128, 129, 300])
def test_whatever_the_number_of_rows(fitted, table, rows):
    """The last block of rows skipped or read beyond its end."""
    assert_equal_bits(fitted, np.resize(table.X, (rows, table.X.shape[1])))


def test_without_rows(fitted):
    """An empty block of pixels that fails."""
    empty = np.empty((0, 8), dtype=np.float32)
    assert evaluate(compile_forest(fitted), empty).shape == (0,)


def test_nan_where_training_had_nan(make, gaps):
    """NaN sent by a default direction of another node, or always to one side."""
    member = make().fit(*gaps)
    rng = np.random.default_rng(9)
    X = gaps.X.copy()
    X[:, :3][rng.random((len(X), 3)) < 0.5] = np.nan
    assert_equal_bits(member, X)


def test_nan_where_training_had_none(make, complete):
    """NaN in a column that was complete in training: the boosters predict all the same."""
    member = make().fit(*complete)
    X = complete.X.copy()
    X[::2, 0] = np.nan
    X[::3, 4:] = np.nan
    if make.__name__ in ("xgboost", "catboost"):
        assert_equal_bits(member, X)
    else:
        # scikit-learn refuses such rows up front, but each of its trees takes them.
        expected = np.zeros(len(X))
        for tree in member.estimators_:
            expected += tree.tree_.predict(X)[:, 0]
        np.testing.assert_array_equal(
            evaluate(compile_forest(member), X), expected / len(member.estimators_)
        )


def test_infinities(make, gaps):
    """An infinity taken for NaN."""
    member = make().fit(*gaps)
    X = gaps.X.copy()
    X[::2, 0] = np.inf
    X[1::2, 1] = -np.inf
    if make.__name__ in ("xgboost", "catboost"):
        assert_equal_bits(member, X)
    else:
        # scikit-learn refuses infinities; very large numbers fall on the same sides.
        largest = np.clip(X, -1e30, 1e30)
        np.testing.assert_array_equal(evaluate(compile_forest(member), X), member.predict(largest))


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_one_tree_of_any_scale(make, complete, scale):
    """An offset or rounding that hides behind the average of many trees."""
    size = "iterations" if make.__name__ == "catboost" else "n_estimators"
    member = make(**{size: 1}).fit(complete.X * np.float32(scale), complete.y)
    assert_equal_bits(member, complete.X * np.float32(scale))


# CatBoost grows no tree without a split, but reads one: see test_from_catboost.py.
@pytest.mark.parametrize("make", ["random_forest", "extra_trees", "xgboost"], indirect=True)
def test_trees_that_are_a_single_leaf(make, complete):
    """Depth 0, which has no split to start from."""
    settings = {"gamma": 1e9} if make.__name__ == "xgboost" else {"min_samples_leaf": 180}
    member = make(**settings).fit(*complete)
    assert (compile_forest(member).feature == -1).all()
    assert_equal_bits(member, complete.X)


def test_the_order_of_memory_does_not_matter(make, complete):
    """A column-wise or strided matrix read as if it were row-wise."""
    member = make().fit(*complete)
    forest = compile_forest(member)
    expected = member.predict(complete.X)
    np.testing.assert_array_equal(evaluate(forest, np.asfortranarray(complete.X)), expected)
    doubled = np.repeat(complete.X, 2, axis=1)
    np.testing.assert_array_equal(evaluate(forest, doubled[:, ::2]), expected)
