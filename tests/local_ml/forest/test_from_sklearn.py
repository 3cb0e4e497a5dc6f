"""What is particular to scikit-learn's forests."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor

from local_ml.errors import BundleError
from local_ml.forest.compile import compile_forest
from local_ml.forest.evaluate import evaluate


def test_float64_thresholds_between_two_float32_numbers():
    """Thresholds rounded to nearest, which puts one of two neighbours on the wrong side."""
    below = np.float32(1000.1)
    above = np.nextafter(below, np.float32(2000))
    X = np.array([[below], [above]] * 20, dtype=np.float32)
    member = RandomForestRegressor(n_estimators=5, random_state=0).fit(X, np.tile([0.0, 1.0], 20))
    threshold = member.estimators_[0].tree_.threshold[0]
    assert np.float64(below) < threshold < np.float64(above)
    np.testing.assert_array_equal(evaluate(compile_forest(member), X[:2]), [0.0, 1.0])


def test_a_split_of_missing_from_present():
    """The infinite threshold of such a split taken for an error, or for NaN."""
    X = np.tile(np.array([[np.nan], [1.0], [2.0], [3.0]], dtype=np.float32), (10, 1))
    y = np.tile([5.0, 0.0, 0.0, 0.0], 10)
    member = RandomForestRegressor(n_estimators=5, random_state=0).fit(X, y)
    assert any(np.isinf(tree.tree_.threshold[0]) for tree in member.estimators_)
    forest = compile_forest(member)
    np.testing.assert_array_equal(evaluate(forest, X), member.predict(X))
    assert evaluate(forest, X[:1])[0] == 5.0


@pytest.mark.parametrize("criterion", ["absolute_error", "poisson"])
def test_other_criteria(complete, criterion):
    """Leaves that are medians, or kept on another scale."""
    y = complete.y - complete.y.min() + 1
    member = RandomForestRegressor(
        n_estimators=5, criterion=criterion, max_leaf_nodes=12, random_state=0
    ).fit(complete.X, y)
    np.testing.assert_array_equal(
        evaluate(compile_forest(member), complete.X), member.predict(complete.X)
    )


def test_several_targets_are_refused(complete):
    """The first target delivered without a word."""
    member = RandomForestRegressor(n_estimators=2).fit(complete.X, np.ones((180, 2)))
    with pytest.raises(BundleError, match="predicts 2 targets"):
        compile_forest(member)
