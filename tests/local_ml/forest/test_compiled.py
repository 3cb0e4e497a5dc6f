"""The compiled form itself: thresholds, sums, and what it refuses to hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_ml.errors import BundleError, PredictionError
from local_ml.forest.compile import compile_forest, member_kind
from local_ml.forest.compiled import ARRAYS, CompiledForest, Tree, float32_at_or_below
from local_ml.forest.evaluate import evaluate

STUMP = Tree(
    feature=np.array([1, -1, -1]),
    threshold=np.array([0.5, 0, 0]),
    left=np.array([1, -1, -1]),
    right=np.array([2, -1, -1]),
    nan_left=np.array([1, 0, 0]),
    value=np.array([0, 10, 20]),
)


@given(st.floats(allow_nan=False), st.floats(width=32, allow_nan=False))
def test_a_float64_threshold_becomes_the_same_question_in_float32(threshold, x):
    """A threshold rounded up, which sends the float32 number above it to the wrong side."""
    rounded = float32_at_or_below(np.array([threshold]))
    assert rounded.dtype == np.float32
    near = np.float32(rounded[0])
    with np.errstate(over="ignore"):
        candidates = [np.float32(x), near, np.nextafter(near, np.float32(np.inf))]
    for candidate in candidates:
        assert (candidate <= near) == (float(candidate) <= threshold)


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (0.1, np.nextafter(np.float32(0.1), np.float32(0))),
        (1e300, np.finfo(np.float32).max),
        (-1e300, -np.inf),
        (-3.40282346638529e38, -np.inf),
        (np.inf, np.inf),
        (1e-60, 0.0),
        (-1e-60, -1e-45),
    ],
)
def test_thresholds_that_float32_cannot_hold(threshold, expected):
    """Overflow to infinity, or underflow to the wrong side of zero."""
    assert float32_at_or_below(np.array([threshold]))[0] == np.float32(expected)


def test_a_stump_by_hand():
    """Left and right exchanged, the wrong column, or NaN on the wrong side."""
    forest = CompiledForest.join([STUMP])
    X = np.array([[9, 0.5], [9, 0.6], [0, np.nan], [0, np.inf], [9, -np.inf]], dtype=np.float32)
    assert evaluate(forest, X).tolist() == [10, 20, 10, 20, 10]


def test_the_sum_over_trees_by_hand():
    """Base scaled with the leaves, or the divisor applied to the base."""
    X = np.array([[0, 0]], dtype=np.float32)
    forest = CompiledForest.join([STUMP] * 3, base=1.0, scale=2.0, divisor=3.0)
    assert evaluate(forest, X).tolist() == [21.0]
    assert forest.roots.tolist() == [0, 3, 6]


def test_float32_sums_round_at_every_tree_and_start_from_the_base():
    """Leaves summed first and the base added last, or a sum in float64."""
    leaf = Tree(*(np.array([part]) for part in (-1, 0, -1, -1, 0, 1.0)))
    forest = CompiledForest.join([leaf, leaf], base=2.0**24, accumulate="float32")
    X = np.zeros((1, 1), dtype=np.float32)
    assert evaluate(forest, X).tolist() == [2.0**24]
    in_float64 = CompiledForest.join([leaf, leaf], base=2.0**24)
    assert evaluate(in_float64, X).tolist() == [2.0**24 + 2]


def test_no_trees_predict_the_base():
    """An empty array that gets the wrong type and is refused."""
    forest = CompiledForest.join([], base=0.25)
    assert forest.columns == 0
    assert evaluate(forest, np.zeros((2, 1), dtype=np.float32)).tolist() == [0.25, 0.25]


def test_a_matrix_with_too_few_columns_is_refused():
    """A read beyond the row, which gives the next row's value."""
    with pytest.raises(PredictionError, match=r"\(4, 1\) does not fit .* 2 columns"):
        evaluate(CompiledForest.join([STUMP]), np.zeros((4, 1), dtype=np.float32))


def test_arrays_and_back_predict_the_same():
    """A part of the forest forgotten in what is saved."""
    forest = CompiledForest.join([STUMP, STUMP], base=0.1, scale=0.3, divisor=7.0)
    arrays = forest.to_arrays("a.")
    assert set(arrays) == {f"a.{name}" for name in ARRAYS}
    again = CompiledForest.from_arrays(arrays, "a.", forest.scalars())
    X = np.random.default_rng(0).normal(size=(9, 2)).astype(np.float32)
    np.testing.assert_array_equal(evaluate(again, X), evaluate(forest, X))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("feature", np.array([1, -1, -1], dtype=np.int64)),
        ("feature", np.array([1, -2, -1], dtype=np.int32)),
        ("threshold", np.array([0.5, 0, 0])),
        ("threshold", np.array([0.5, 0], dtype=np.float32)),
        ("threshold", np.array([np.nan, 0, 0], dtype=np.float32)),
        ("left", np.array([0, -1, -1], dtype=np.int32)),
        ("left", np.array([-1, -1, -1], dtype=np.int32)),
        ("right", np.array([3, -1, -1], dtype=np.int32)),
        ("right", np.array([[2, -1, -1]], dtype=np.int32)),
        ("nan_left", np.array([2, 0, 0], dtype=np.uint8)),
        ("value", np.array([0, np.inf, 1])),
        ("roots", np.array([3], dtype=np.int32)),
        ("roots", np.array([-1], dtype=np.int32)),
    ],
)
def test_arrays_that_are_no_forest_are_refused(name, wrong):
    """A walk that leaves the arrays or never ends, inside compiled code that does not check."""
    forest = CompiledForest.join([STUMP])
    arrays = forest.to_arrays("") | {name: wrong}
    with pytest.raises(ValueError, match=name):
        CompiledForest.from_arrays(arrays, "", forest.scalars())


@pytest.mark.parametrize(
    "wrong",
    [
        {"accumulate": "float16"},
        {"base": np.nan},
        {"divisor": 0.0},
        {"accumulate": "float32", "scale": 2.0},
    ],
)
def test_sums_that_mean_nothing_are_refused(wrong):
    """A scale that float32 accumulation would silently ignore."""
    forest = CompiledForest.join([STUMP])
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CompiledForest.from_arrays(forest.to_arrays(""), "", forest.scalars() | wrong)


def test_kinds_of_members(fitted):
    """A member recorded under the wrong library."""
    library = type(fitted).__module__.partition(".")[0]
    assert member_kind(fitted) == f"{library}.{type(fitted).__name__}"


def test_an_unknown_member_is_refused():
    """Another model compiled as if it were one of the four."""
    from sklearn.linear_model import Ridge

    with pytest.raises(BundleError, match=r"Ridge cannot be compiled.*xgboost\.XGBRegressor"):
        compile_forest(Ridge())


def test_a_member_that_is_not_fitted_is_refused(make):
    """A failure deep inside a library instead of a sentence."""
    with pytest.raises(BundleError, match="is not fitted"):
        compile_forest(make())
