"""The calibration: a line that knows its own error."""

import numpy as np
import pytest
from held_out import UNBOUNDED, held_out

from local_ml.learning.fusion import (
    fit_fusion,
    linear_calibration,
)
from local_ml.settings import FusionSettings


def test_an_exact_line_is_found():
    fused = np.linspace(0, 1, 20)
    found = linear_calibration(fused, 0.2 + 1.7 * fused, np.ones(20))
    assert (found.slope, found.intercept) == pytest.approx((1.7, 0.2))


@pytest.mark.parametrize("unit", [1e-12, 1e-8, 1e12])
@pytest.mark.parametrize("dial", [0.0, 1.0])
def test_the_line_does_not_go_by_the_unit_of_the_target(unit, dial):
    # Fault: predictions in kg m-2 s-1 taken for constant, so that no line is fitted to them.
    random = np.random.default_rng(6)
    predictions = random.normal(size=(60, 2))
    observed = 1.8 * predictions.mean(axis=1) + 0.2 + 0.3 * random.normal(size=60)
    settings = FusionSettings(variance_dial=dial)
    one, other = (
        fit_fusion(held_out(factor * predictions), factor * observed, UNBOUNDED, settings)
        for factor in (1, unit)
    )
    assert one.slope > 1.5
    assert other.slope == pytest.approx(one.slope, rel=1e-9)
    assert other.intercept == pytest.approx(unit * one.intercept, rel=1e-9)
    assert other.weights == pytest.approx(one.weights, rel=1e-9)


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("centre", [0.0, 0.3])
def test_predictions_that_differ_by_rounding_alone_are_a_constant(unit, centre):
    # Fault: a slope of 1e16 through the last digits of four members that all say the mean.
    random = np.random.default_rng(7)
    fused = unit * (centre + 1e-17 * random.normal(size=30))
    observed = unit * (centre + random.normal(size=30))
    found = linear_calibration(fused, observed, np.ones(30))
    assert (found.slope, found.standard_error) == (1, 0)


def test_a_slope_within_its_error_of_one_is_taken_for_one():
    random = np.random.default_rng(5)
    fused = random.normal(size=60)
    observed = fused + 2 * random.normal(size=60)
    found = linear_calibration(fused, observed, np.ones(60))
    assert abs(found.raw_slope - 1) < found.standard_error
    assert found.slope == 1
    assert found.intercept == pytest.approx(observed.mean() - fused.mean())


def test_the_slope_and_its_error_equal_weighted_least_squares():
    # Oracle: the normal equations.
    random = np.random.default_rng(4)
    fused, weight = random.normal(size=80), random.uniform(0.2, 3, 80)
    observed = 2 * fused + random.normal(size=80) / np.sqrt(weight)
    design = np.column_stack([np.ones(80), fused])
    normal = np.linalg.inv(design.T @ (weight[:, None] * design))
    beta = normal @ design.T @ (weight * observed)
    variance = weight @ (observed - design @ beta) ** 2 / 78
    found = linear_calibration(fused, observed, weight)
    assert found.raw_slope == pytest.approx(beta[1])
    assert found.standard_error == pytest.approx(np.sqrt(variance * normal[1, 1]))
    kappa = 1 - (found.standard_error / (beta[1] - 1)) ** 2
    assert found.slope == pytest.approx(1 + kappa * (beta[1] - 1))


def test_a_second_prediction_of_the_same_sites_does_not_make_the_slope_surer():
    # Fault: twice the rows taken for twice the sites.
    random = np.random.default_rng(2)
    fused, site = random.normal(size=200), np.arange(200)
    observed = 1.5 * fused + random.normal(size=200)
    once = linear_calibration(fused, observed, np.ones(200), site)
    twice = linear_calibration(
        *(np.tile(part, 2) for part in (fused, observed, np.ones(200), site))
    )
    alone = linear_calibration(fused, observed, np.ones(200))
    assert twice.standard_error == pytest.approx(once.standard_error)
    assert once.standard_error == pytest.approx(alone.standard_error, rel=0.15)


def test_the_error_of_a_slope_counts_groups_whose_errors_hang_together():
    # Oracle: the scatter of the slope itself, over campaigns drawn anew.
    random = np.random.default_rng(6)
    group = np.repeat(np.arange(40), 8)
    slopes, told = [], []
    for _ in range(300):
        fused = random.normal(size=40)[group] + 0.5 * random.normal(size=320)
        observed = fused + random.normal(size=40)[group] + 0.3 * random.normal(size=320)
        found = linear_calibration(fused, observed, np.ones(320), group)
        slopes.append(found.raw_slope)
        told.append(found.standard_error)
        blind = linear_calibration(fused, observed, np.ones(320)).standard_error
        assert blind < found.standard_error
    assert np.mean(told) == pytest.approx(np.std(slopes), rel=0.15)


def test_predictions_that_run_backwards_are_levelled_not_turned():
    fused = np.linspace(0, 1, 20)
    found = linear_calibration(fused, -fused, np.ones(20))
    assert found.slope == 0
    assert found.intercept == pytest.approx(-0.5)


def test_constant_predictions_are_only_shifted():
    found = linear_calibration(np.full(9, 0.3), np.arange(9.0), np.ones(9))
    assert (found.slope, found.intercept) == pytest.approx((1, 4 - 0.3))


@pytest.mark.parametrize("members", [1, 4])
def test_calibration_hardly_ever_costs_more_than_a_hundredth_of_the_error(members):
    # Against a known truth: 95 % of draws of 342 sites lose at most 1 % of RMSE by calibrating.
    ratios = []
    for seed in range(200):
        random = np.random.default_rng(seed)
        truth = random.normal(size=342 + 4000)
        share = random.uniform(0.3, 0.9)  # R² of the members
        stretch = random.choice([0.85, 1.0])  # some are calibrated already
        best = share * truth + np.sqrt(share * (1 - share)) * random.normal(size=len(truth))
        P = stretch * (best[:, None] + 0.1 * random.normal(size=(len(truth), members)))
        sites, elsewhere = P[:342], P[342:]
        kept_out, errors = held_out(sites), {}
        for correction in ("none", "linear"):
            settings = FusionSettings(correction=correction)
            value, _ = fit_fusion(kept_out, truth[:342], UNBOUNDED, settings).deliver(elsewhere)
            errors[correction] = np.sqrt(np.mean((value - truth[342:]) ** 2))
        ratios.append(errors["linear"] / errors["none"])
    assert np.mean(np.array(ratios) <= 1.01) >= 0.95
