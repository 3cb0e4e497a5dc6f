"""Weights: convex, the best there are, and no heavier for a scale or a stated error."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from local_ml.learning.fusion import (
    calibrated_weights,
    convex_weights,
    precision_weights,
)


@st.composite
def problems(draw):
    random = np.random.default_rng(draw(st.integers(0, 2**31)))
    n, n_members = draw(st.integers(4, 60)), draw(st.integers(1, 5))
    observed = random.normal(size=n) * draw(st.sampled_from([1e-3, 1.0, 1e3]))
    noise = random.normal(size=(n, n_members)) * random.uniform(0.05, 2, n_members)
    predictions = observed[:, None] + observed.std() * noise
    weight = random.uniform(0.2, 3, n)
    return predictions, observed, weight, draw(st.sampled_from([0.0, 0.1, 2.0]))


@given(problems())
@settings(max_examples=80, deadline=None)
def test_weights_are_convex_and_no_others_do_better(problem):
    # Oracle: SLSQP on the objective as written, sum constraint and all.
    predictions, observed, weight, shrinkage = problem
    found = convex_weights(predictions, observed, weight, shrinkage)
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(1, abs=1e-12)
    share = weight / weight.sum()
    least = (share @ (predictions - observed[:, None]) ** 2).min()

    def objective(w):
        penalty = shrinkage * ((w - 1 / len(w)) ** 2).sum()
        return share @ (observed - predictions @ w) ** 2 / least + penalty

    oracle = minimize(
        objective,
        np.full(len(found), 1 / len(found)),
        bounds=[(0, 1)] * len(found),
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        method="SLSQP",
    )
    # Both end within rounding of the least value, some 1e-9 of it where the errors differ widely.
    assert objective(found) <= objective(oracle.x) * (1 + 1e-7) + 1e-12


@given(st.integers(2, 6), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_equal_members_get_equal_weights(n_members, seed):
    random = np.random.default_rng(seed)
    observed = random.normal(size=30)
    same = observed + random.normal(size=30)
    found = convex_weights(np.tile(same[:, None], n_members), observed, np.ones(30), 0.1)
    np.testing.assert_allclose(found, 1 / n_members, atol=1e-9)


def test_perfect_members_get_equal_weights_and_one_perfect_member_gets_all():
    observed = np.arange(9.0)
    both = np.tile(observed[:, None], 2)
    assert convex_weights(both, observed, np.ones(9), 0.1).tolist() == [0.5, 0.5]
    wrong = np.column_stack([observed, observed[::-1]])
    np.testing.assert_allclose(convex_weights(wrong, observed, np.ones(9), 0.1), [1, 0], atol=1e-9)


def test_much_shrinkage_gives_equal_weights():
    random = np.random.default_rng(0)
    observed = random.normal(size=50)
    predictions = observed[:, None] + random.normal(size=(50, 3)) * [0.1, 1, 3]
    found = convex_weights(predictions, observed, np.ones(50), 1e9)
    np.testing.assert_allclose(found, 1 / 3, atol=1e-6)


def test_sites_measured_badly_weigh_less():
    weight = precision_weights(np.array([0.01, 0.1, np.nan]), 0.01)
    assert weight.mean() == pytest.approx(1)
    variance = np.array([0.01, 0.1, 0.055]) ** 2
    expected = 1 / (0.01 - variance.mean() + variance)
    np.testing.assert_allclose(weight, expected / expected.mean())
    assert (precision_weights(np.full(4, np.nan), 0.01) == 1).all()


def test_stated_errors_larger_than_the_whole_error_do_not_blow_up():
    # Fault: a negative variance of the model, and with it negative or infinite weights.
    weight = precision_weights(np.array([0.0, 1.0, 1.0]), 0.01)
    assert (weight > 0).all()
    assert np.isfinite(weight).all()


def test_a_member_that_varies_too_little_is_not_weighed_for_that():
    # Two members of equal skill, one on half the scale: after calibration they are alike. Fault:
    # weights of members as they come, which leave the timid one out.
    random = np.random.default_rng(0)
    truth = random.normal(size=4000)
    one, two = (truth + random.normal(size=4000) for _ in range(2))
    predictions = np.column_stack([0.5 * one, 0.25 * two])
    weight = np.ones(4000)
    raw = convex_weights(predictions, truth, weight, 0.1)
    found = calibrated_weights(predictions, truth, weight, 0.1)
    assert found.sum() == pytest.approx(1)
    assert raw[1] < 0.4
    # 1 : 2 as they come is 1 : 1 once calibrated.
    np.testing.assert_allclose(found, [1 / 3, 2 / 3], atol=0.02)


def test_members_of_pure_noise_still_get_weights():
    # Fault: a division by the sum of slopes that are all level.
    fused = np.linspace(0, 1, 20)
    found = calibrated_weights(np.column_stack([fused, fused]), -fused, np.ones(20), 0.1)
    np.testing.assert_allclose(found, 0.5)
