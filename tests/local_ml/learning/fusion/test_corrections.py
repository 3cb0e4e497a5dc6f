"""Other corrections than a line, and the second product."""

from dataclasses import replace

import numpy as np
import pytest
from held_out import UNBOUNDED, held_out, shrunk

from local_ml.learning.fusion import (
    fit_alternatives,
    fit_fusion,
)
from local_ml.settings import FusionSettings, TargetSettings


def test_each_correction_costs_what_theory_says_on_fresh_rows():
    # A calibrated predictor of R² 0.6: matching keeps 2ρ - 1 = 0.549 (the table of
    # docs/statistics.md), the others lose nothing that 400 rows could show.
    fit_on, scored_on = shrunk(), shrunk(seed=1, n=20_000)
    rules = fit_alternatives(
        held_out(fit_on[0]), fit_on[1], UNBOUNDED, FusionSettings(shrinkage=1.0)
    )
    score = {}
    for name, rule in rules.items():
        if rule.residual:
            continue  # it needs covariates: test_residual_model.py
        value, _ = rule.deliver(scored_on[0])
        score[name] = 1 - np.mean((value - scored_on[1]) ** 2) / scored_on[1].var()
    assert score["none"] == pytest.approx(0.6, abs=0.02)
    assert score["linear"] == pytest.approx(0.6, abs=0.02)
    assert score["isotonic"] == pytest.approx(0.6, abs=0.03)
    assert score["distribution"] == pytest.approx(0.549, abs=0.03)
    assert score["variance_restored"] == pytest.approx(0.549, abs=0.03)


def test_matching_gives_the_distribution_of_the_observations():
    predictions, observed = shrunk()
    settings = FusionSettings(products=("mean", "distribution"))
    rule = fit_fusion(held_out(predictions), observed, UNBOUNDED, settings)
    matched, _ = rule.deliver_distribution(predictions)
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    np.testing.assert_allclose(
        np.quantile(matched, levels), np.quantile(observed, levels), atol=0.06
    )
    value, _ = rule.deliver(predictions)
    assert value.std() < 0.85 * matched.std()
    # The first product is what it is without the second.
    alone = fit_fusion(held_out(predictions), observed, UNBOUNDED, FusionSettings())
    assert alone == replace(rule, distribution=None)


def test_matching_a_logarithm_matches_the_values_too():
    # Fault: smearing, which lifts a mean, applied to quantiles.
    predictions, log_observed = shrunk(n=2000)
    target = TargetSettings(minimum=None, maximum=None, transform="log")
    settings = FusionSettings(correction="distribution")
    rule = fit_fusion(held_out(predictions), log_observed, target, settings)
    value, _ = rule.deliver(predictions)
    assert np.median(value) == pytest.approx(np.median(np.exp(log_observed)), rel=0.03)


def test_the_isotonic_curve_follows_a_bend_and_equals_the_library():
    # Oracle: scikit-learn's own prediction at the rows.
    from sklearn.isotonic import IsotonicRegression

    random = np.random.default_rng(3)
    fused = random.uniform(-1, 1, 300)
    observed = np.where(fused > 0, 2 * fused, 0.2 * fused) + 0.2 * random.normal(size=300)
    kept_out = held_out(fused[:, None])
    bent = fit_fusion(kept_out, observed, UNBOUNDED, FusionSettings(correction="isotonic"))
    line = fit_fusion(kept_out, observed, UNBOUNDED, FusionSettings())
    expected = IsotonicRegression().fit(fused, observed).predict(fused)
    np.testing.assert_allclose(bent.calibrate(fused), expected, atol=1e-12)
    truth = np.where(fused > 0, 2 * fused, 0.2 * fused)
    assert np.mean((bent.calibrate(fused) - truth) ** 2) < np.mean(
        (line.calibrate(fused) - truth) ** 2
    )
    # Beyond the range seen it goes on with slope 1.
    np.testing.assert_allclose(np.diff(bent.calibrate(np.array([1.5, 2.5]))), 1)


def test_weighted_rows_move_the_quantiles():
    # Fault: weights dropped. Two thirds of the weight lie on the upper values.
    from local_ml.learning.correction_curves import distribution_curve

    observed = np.r_[np.zeros(100), np.ones(100)]
    fused = np.linspace(0, 1, 200)
    weight = np.r_[np.ones(100), np.full(100, 2.0)]
    curve = np.array(distribution_curve(fused, observed, weight))
    # A third of the weight lies below fused = 0.5, and so do a third of the observations.
    at = np.interp([0.45, 0.55], curve[:, 0], curve[:, 1])
    np.testing.assert_allclose(at, [0, 1], atol=1e-9)


def test_constant_predictions_are_matched_to_the_mean():
    rule = fit_fusion(
        held_out(np.full((50, 2), 0.3)),
        np.arange(50.0),
        UNBOUNDED,
        FusionSettings(correction="distribution"),
    )
    assert rule.calibrate(np.array([0.3])) == pytest.approx(24.5)
