"""Scores, against scikit-learn and numpy as independent oracles, and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from local_ml.scores import metrics


@pytest.fixture(params=[False, True], ids=["unweighted", "weighted"])
def rows(request):
    rng = np.random.default_rng(3)
    observed = rng.normal(0.3, 0.1, 60)
    predicted = 0.1 + 0.6 * observed + rng.normal(0, 0.03, 60)
    return observed, predicted, rng.integers(0, 4, 60).astype(float) if request.param else None


def test_scores_equal_those_of_scikit_learn_and_numpy(rows):
    """Weights forgotten in one of the scores, or in the mean behind R²."""
    observed, predicted, weight = rows
    got = metrics.scores(observed, predicted, weight)
    assert list(got) == ["r2", "rmse", "mae", "bias", "concordance", "slope_observed_on_predicted"]
    expected = {
        "r2": r2_score(observed, predicted, sample_weight=weight),
        "rmse": root_mean_squared_error(observed, predicted, sample_weight=weight),
        "mae": mean_absolute_error(observed, predicted, sample_weight=weight),
        "bias": np.average(predicted - observed, weights=weight),
    }
    root = None if weight is None else np.sqrt(weight)
    expected["slope_observed_on_predicted"] = np.polyfit(predicted, observed, 1, w=root)[0]
    covariance = np.cov(observed, predicted, aweights=weight, ddof=0)
    shift = np.average(observed, weights=weight) - np.average(predicted, weights=weight)
    expected["concordance"] = 2 * covariance[0, 1] / (np.trace(covariance) + shift**2)
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, rel=1e-10), name


def test_a_weight_of_two_is_the_row_twice():
    """Weights that enter a moment as their square."""
    rng = np.random.default_rng(4)
    observed, predicted = rng.normal(size=(2, 12))
    weight = rng.integers(1, 4, 12)
    repeated = np.repeat(np.arange(12), weight)
    one = metrics.scores(observed, predicted, weight)
    other = metrics.scores(observed[repeated], predicted[repeated])
    assert one == pytest.approx(other, rel=1e-10)


def test_concordance_of_a_worked_example():
    """Moments that divide by n − 1, or a shift that does not count."""
    # Means 2 and 3, variances 2/3 each, covariance 2/3: (4/3) / (4/3 + 1).
    got = metrics.concordance(np.array([1.0, 2, 3]), np.array([2.0, 3, 4]))
    assert got == pytest.approx(4 / 7, rel=1e-14)


def test_a_perfect_prediction_scores_perfectly():
    """An offset anywhere."""
    values = np.array([0.1, 0.2, 0.4])
    assert metrics.scores(values, values) == {
        "r2": 1.0,
        "rmse": 0.0,
        "mae": 0.0,
        "bias": 0.0,
        "concordance": pytest.approx(1.0),
        "slope_observed_on_predicted": pytest.approx(1.0),
    }


def test_bias_is_predicted_minus_observed():
    """The sign the other way round."""
    assert metrics.bias(np.array([1.0, 2.0]), np.array([2.0, 4.0])) == 1.5


def test_shrunken_predictions_have_a_slope_above_one():
    """Predicted regressed on observed instead."""
    observed = np.linspace(0, 1, 11)
    got = metrics.slope_observed_on_predicted(observed, 0.25 + observed / 2)
    assert got == pytest.approx(2.0)


def test_what_a_constant_does_not_define_is_nan():
    """R² of a constant as 0, as 1, or as minus infinity from the rounding of its mean."""
    constant = np.full(5, 0.1)  # whose mean, five times a fifth of 0.1, is not 0.1
    spread = np.linspace(0, 1, 5)
    assert np.isnan(metrics.r2(constant, spread))
    assert np.isnan(metrics.slope_observed_on_predicted(spread, constant))
    assert np.isnan(metrics.concordance(constant, constant))
    assert np.isnan(metrics.r2(np.array([0.3]), np.array([0.2])))


def test_fifths_by_prediction_and_by_observation_of_a_calibrated_prediction():
    """The two orderings confused: by observation even a calibrated prediction seems biased."""
    rng = np.random.default_rng(5)
    predicted = rng.normal(0.3, 0.1, 5000)
    observed = predicted + rng.normal(0, 0.1, 5000)
    by_prediction = metrics.bias_by_fifths(observed, predicted, by="prediction")
    by_observation = metrics.bias_by_fifths(observed, predicted, by="observation")
    assert {fifth["by"] for fifth in by_prediction} == {"prediction"}
    assert {fifth["by"] for fifth in by_observation} == {"observation"}
    assert max(abs(fifth["bias"]) for fifth in by_prediction) < 0.02
    assert by_observation[0]["bias"] > 0.05
    assert by_observation[4]["bias"] < -0.05
    assert [fifth["n"] for fifth in by_prediction] == [1000] * 5


def test_fifths_by_hand():
    """Rows in the wrong fifth, or the range of the other variable."""
    observed = np.array([9.0, 0, 1, 2, 3, 4, 5, 6, 7, 8])
    predicted = observed + np.where(observed < 2, 1.0, 0.0)
    fifths = metrics.bias_by_fifths(observed, predicted, by="observation")
    assert [(f["lower"], f["upper"]) for f in fifths] == [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9)]
    assert [f["bias"] for f in fifths] == [1, 0, 0, 0, 0]


def test_a_fifth_holds_a_fifth_of_the_weight():
    """Weighted rows in fifths of their count."""
    values = np.arange(6.0)
    fifths = metrics.bias_by_fifths(values, values, by="prediction", weight=[4, 4, 4, 4, 2, 2])
    assert [fifth["n"] for fifth in fifths] == [1, 1, 1, 1, 2]


@pytest.mark.parametrize("pairs", [7, 12, 22, 37])
def test_ties_on_the_edge_of_a_fifth_go_by_exact_arithmetic(pairs):
    """The rounding of a sum of weights deciding in which fifth a value falls."""
    # One row, then pairs of equal rows: pair i has its middle at (2 i + 2) / (2 pairs + 1).
    values = np.concatenate([[-1], np.repeat(np.arange(pairs), 2)]).astype(float)
    expected = np.bincount([0] + [5 * (2 * i + 2) // (2 * pairs + 1) for i in range(pairs)])
    expected = 2 * expected - np.eye(5, dtype=int)[0]
    fifths = metrics.bias_by_fifths(values, values, by="prediction")
    assert [fifth["n"] for fifth in fifths] == expected.tolist()


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(-9, 9)), min_size=1, max_size=40),
    st.randoms(use_true_random=False),
)
def test_fifths_hold_every_row_once_whatever_the_order(rows, random):
    """Ties split by row order, so that a reordered table reports another bias."""
    shuffled = random.sample(rows, len(rows))
    results = []
    for table in (rows, shuffled):
        predicted, observed = np.array(table, dtype=float).T
        results.append(metrics.bias_by_fifths(observed, predicted, by="prediction"))
    assert sum(fifth["n"] for fifth in results[0]) == len(rows)
    for one, other in zip(*results, strict=True):
        assert one == pytest.approx(other, nan_ok=True)


@pytest.mark.parametrize(
    ("observed", "predicted", "weight", "says"),
    [
        ([], [], None, "no rows"),
        ([1.0], [1.0, 2.0], None, "equal length"),
        ([[1.0]], [[1.0]], None, "one-dimensional"),
        ([1.0], [np.nan], None, "finite values"),
        ([np.inf], [1.0], None, "finite values"),
        ([1.0, 2.0], [1.0, 2.0], [1.0], "equal length"),
        ([1.0], [1.0], [-1.0], "not negative"),
        ([1.0], [1.0], [0.0], "not all zero"),
    ],
)
def test_rows_that_cannot_be_scored_are_refused(observed, predicted, weight, says):
    """Rows dropped or broadcast silently, which flatters the score."""
    with pytest.raises(ValueError, match=says):
        metrics.scores(observed, predicted, weight)


def test_an_unknown_ordering_is_refused():
    """Fifths by something else under a label that a reader trusts."""
    with pytest.raises(ValueError, match="'predicted' is unknown"):
        metrics.bias_by_fifths(np.ones(2), np.ones(2), by="predicted")
