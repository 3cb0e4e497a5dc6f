"""From the members' predictions to the delivered value."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_ml.errors import PredictionError
from local_ml.prediction.fusion_rule import FusionRule, with_fused


def rule(**changes: object) -> FusionRule:
    parameters: dict[str, object] = {
        "members": ("random_forest", "xgboost"),
        "weights": (0.25, 0.75),
        "intercept": -0.02,
        "slope": 1.2,
        "fused_minimum": 0.1,
        "fused_maximum": 0.4,
        "minimum": 0.0,
        "maximum": 0.85,
    }
    return FusionRule(**{**parameters, **changes})  # type: ignore[arg-type]


def test_a_worked_example():
    """Weights on the wrong members, or the calibration before the fusion."""
    value, clipped = rule().deliver(np.array([[0.2, 0.4]]))
    np.testing.assert_allclose(value, -0.02 + 1.2 * (0.25 * 0.2 + 0.75 * 0.4), rtol=1e-15)
    assert clipped.tolist() == [False]


def test_equal_weights_are_the_mean():
    """Weights that are not normalised."""
    predictions = np.random.default_rng(1).normal(size=(50, 4))
    four = rule(members=("a", "b", "c", "d"), weights=(0.25,) * 4)
    np.testing.assert_allclose(four.fuse(predictions), predictions.mean(axis=1), rtol=1e-14)


def test_outside_the_fitted_range_the_slope_is_one():
    """A fitted slope extrapolated to where no out-of-fold prediction ever was."""
    calibrated = rule().calibrate(np.array([0.0, 0.1, 0.4, 0.6]))
    at_ends = -0.02 + 1.2 * np.array([0.1, 0.4])
    np.testing.assert_allclose(
        calibrated, [at_ends[0] - 0.1, *at_ends, at_ends[1] + 0.2], rtol=1e-14
    )


@given(st.lists(st.floats(-1, 2), min_size=2, max_size=20), st.floats(0.1, 3))
def test_calibration_keeps_the_order(fused, slope):
    """A jump at the end of the fitted range that turns wetter into drier."""
    ordered = np.sort(fused)
    assert (np.diff(rule(slope=slope).calibrate(ordered)) >= -1e-12).all()


def test_bounds_clip_and_say_where():
    """Impossible moisture delivered, or a clipped share that is not reported."""
    value, clipped = rule(intercept=0.0, slope=1.0).deliver(
        np.array([[-1.0, -1.0], [0.3, 0.3], [0.85, 0.85], [2.0, 2.0]])
    )
    np.testing.assert_allclose(value, [0.0, 0.3, 0.85, 0.85])
    assert value.min() == 0.0
    assert value.max() == 0.85
    assert clipped.tolist() == [True, False, False, True]


def test_without_bounds_nothing_is_clipped():
    """Bounds of moisture imposed on another soil property."""
    value, clipped = rule(minimum=None, maximum=None, slope=1.0, intercept=0.0).deliver(
        np.array([[-7.0, -7.0], [90.0, 90.0]])
    )
    np.testing.assert_allclose(value, [-7, 90])
    assert not clipped.any()


def test_the_logarithm_is_left_with_smearing():
    """The biased-low median delivered where the mean was asked for."""
    logarithmic = rule(
        transform="log", smearing=1.1, slope=1.0, intercept=0.0, minimum=None, maximum=None
    )
    value, _ = logarithmic.deliver(np.log([[2.0, 2.0]]))
    np.testing.assert_allclose(value, 2.2, rtol=1e-14)


@given(st.integers(1, 40))
def test_a_value_does_not_depend_on_the_rows_beside_it(cut):
    """Seams between blocks: a matrix product rounds differently with the number of rows."""
    predictions = np.random.default_rng(2).normal(size=(41, 2))
    whole, _ = rule().deliver(predictions)
    parts = [rule().deliver(part)[0] for part in (predictions[:cut], predictions[cut:])]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_json_and_back_loses_no_digit():
    """A weight rounded on its way through the bundle."""
    exact = rule(weights=(1 / 3, 1 - 1 / 3), intercept=-0.1 / 3)
    assert FusionRule.from_json(json.loads(json.dumps(exact.to_json()))) == exact


def test_an_unknown_key_in_json_is_refused():
    """A misspelt key that leaves its default in force."""
    document = rule().to_json()
    document["smear"] = document.pop("smearing")
    with pytest.raises(ValueError, match="smear"):
        FusionRule.from_json(document)


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 3)])
def test_predictions_of_other_members_are_refused(shape):
    """A member's column missing, so that weights act on the wrong columns."""
    with pytest.raises(PredictionError, match="random_forest, xgboost"):
        rule().fuse(np.zeros(shape))


@pytest.mark.parametrize(
    "changes",
    [
        {"weights": (0.5, 0.6)},
        {"weights": (-0.5, 1.5)},
        {"weights": (1.0,)},
        {"weights": (np.nan, 1.0)},
        {"members": ("a", "a")},
        {"members": (), "weights": ()},
        {"fused_minimum": 0.5},
        {"slope": np.inf},
        {"transform": "sqrt"},
        {"smearing": 1.1},
        {"smearing": 0.0, "transform": "log"},
        {"minimum": 0.9},
    ],
)
def test_contradictions_are_refused(changes):
    """A rule put together from parts of different models."""
    with pytest.raises(ValueError, match=r"weight|member|fused|finite|transform|smearing|minimum"):
        rule(**changes)


CURVE = ((0.1, 0.05), (0.3, 0.3), (0.4, 0.5))


def test_a_curve_takes_the_place_of_the_line():
    """A curve that is stored and not used, or one extrapolated with the slope at its end."""
    curved = rule(curve=CURVE)
    fused = np.array([0.0, 0.1, 0.2, 0.35, 0.4, 0.6])
    expected = [-0.05, 0.05, 0.175, 0.4, 0.5, 0.7]
    np.testing.assert_allclose(curved.calibrate(fused), expected, atol=1e-15)


def test_the_second_product_is_delivered_beside_the_first():
    """A second product that changes the first, is not clipped, or is smeared."""
    predictions = np.array([[0.3, 0.3], [0.9, 0.9]])
    both = rule(distribution=CURVE)
    np.testing.assert_array_equal(both.deliver(predictions)[0], rule().deliver(predictions)[0])
    value, clipped = both.deliver_distribution(predictions)
    np.testing.assert_allclose(value, [0.3, 0.85])
    assert clipped.tolist() == [False, True]
    logarithmic = rule(distribution=CURVE, transform="log", smearing=1.3, maximum=None)
    np.testing.assert_allclose(logarithmic.deliver_distribution(predictions)[0][0], np.exp(0.3))


def test_a_product_that_was_not_asked_for_is_refused_with_what_to_do():
    """The first product delivered in the second one's place."""
    with pytest.raises(PredictionError, match=r"add it to fusion\.products and train again"):
        rule().deliver_distribution(np.zeros((1, 2)))


def test_curves_survive_json():
    """Tuples that come back as lists, so that two equal rules differ."""
    both = rule(curve=CURVE, distribution=CURVE)
    assert FusionRule.from_json(json.loads(json.dumps(both.to_json()))) == both


@pytest.mark.parametrize(
    "curve", [((0.1, 0.2), (0.1, 0.3)), ((0.1, 0.2), (0.2, 0.1)), ((0.1, float("nan")),), ()]
)
def test_a_curve_that_does_not_rise_is_refused(curve):
    """A map in which wetter predictions become drier values."""
    with pytest.raises(ValueError, match="curve must"):
        rule(curve=curve)


def test_a_residual_model_is_added_and_never_forgotten():
    """Fault: a rule made for a residual model that delivers the fused prediction alone."""
    corrected = rule(intercept=0.0, slope=1.0, residual=True, minimum=None, maximum=None)
    predictions = np.array([[0.2, 0.4], [0.6, 0.6]])
    value, _ = corrected.deliver(predictions, residual=np.array([0.1, -0.2]))
    np.testing.assert_allclose(value, corrected.fuse(predictions) + np.array([0.1, -0.2]))
    with pytest.raises(PredictionError, match="residual model are needed"):
        corrected.deliver(predictions)
    with pytest.raises(ValueError, match="takes the place of line and curve"):
        rule(intercept=0.1, slope=1.0, residual=True)
    matrix = with_fused(np.zeros((2, 3), np.float32), np.array([0.25, 0.5]))
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix[:, 3], [0.25, 0.5])
