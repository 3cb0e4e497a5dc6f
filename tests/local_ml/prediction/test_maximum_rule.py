"""A bound of the place: never above the pores, the constant one where these are not known."""

import numpy as np
import pytest

from local_ml.bounds import maximum_rule
from local_ml.errors import SampleTableError
from local_ml.features import Feature
from local_ml.prediction.maximum_rule import MaximumRule, clip_to_bounds
from local_ml.settings import TargetSettings

POROSITY = Feature("porosity", "%", group="soil")
RULE = MaximumRule(POROSITY, 0.01, 0.05)


def test_worked_by_hand():
    # Porosities of 40 and 90 %, one missing; the constant bound is 0.85.
    bound = RULE.bound(np.array([40, 90, np.nan], np.float32))
    np.testing.assert_allclose(bound, [0.45, 0.95, np.nan], atol=1e-7)
    value, clipped = clip_to_bounds(np.full(3, 0.9), 0.0, 0.85, bound)
    np.testing.assert_allclose(value, [0.45, 0.85, 0.85], atol=1e-7)
    assert clipped.all()
    value, clipped = clip_to_bounds(np.array([0.44, 0.86, -0.1]), 0.0, 0.85, bound)
    np.testing.assert_allclose(value, [0.44, 0.85, 0.0])
    np.testing.assert_array_equal(clipped, [False, True, True])


def test_without_a_constant_bound_a_missing_covariate_bounds_nothing():
    value, clipped = clip_to_bounds(np.array([3.0, 3.0]), None, None, np.array([1.0, np.nan]))
    np.testing.assert_array_equal(value, [1.0, 3.0])
    np.testing.assert_array_equal(clipped, [True, False])


def test_a_bound_below_the_least_value_leaves_the_least_value():
    # Fault: np.clip with its ends the wrong way round returns the upper one, here below 0.
    value, _ = clip_to_bounds(np.array([0.3]), 0.0, 0.85, np.array([-0.2]))
    assert value == [0.0]


def test_the_unit_of_the_covariate_is_that_of_its_band():
    # Fault: 40 % taken for 40 m3 m-3, a bound that never binds.
    rule = maximum_rule([POROSITY], TargetSettings(maximum_covariate="porosity"))
    assert rule == RULE
    assert MaximumRule.from_json(rule.to_json()) == rule
    assert maximum_rule([POROSITY], TargetSettings()) is None


@pytest.mark.parametrize(
    ("features", "told"),
    [
        ([Feature("porosity_0_30", "1")], "nearest is 'porosity_0_30'"),
        ([Feature("porosity", "kg m-3")], "bounds nothing in 'm3 m-3'"),
        ([Feature("porosity", "1", levels=(1, 2))], "holds codes"),
    ],
)
def test_what_bounds_nothing_is_refused(features, told):
    with pytest.raises(SampleTableError, match=told):
        maximum_rule(features, TargetSettings(maximum_covariate="porosity"))


def test_contradictions_are_refused():
    for changes in (
        {"scale": 0.0},
        {"margin": -0.1},
        {"covariate": Feature("a", "1", levels=(1,))},
    ):
        with pytest.raises(ValueError, match=r"scale|margin|codes"):
            MaximumRule(**{"covariate": POROSITY, "scale": 1.0, "margin": 0.0} | changes)
    with pytest.raises(ValueError, match="has covariate, scale and margin"):
        MaximumRule.from_json({"scale": 1.0})
