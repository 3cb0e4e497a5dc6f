"""The whole rule: what it delivers, beyond the range seen, after a logarithm, within bounds."""

import numpy as np
import pytest
from held_out import UNBOUNDED, held_out, shrunk

from local_ml.learning.fusion import (
    fit_fusion,
)
from local_ml.settings import FusionSettings, TargetSettings


def test_the_dial_restores_the_variance_at_the_price_that_theory_says():
    predictions, observed = shrunk()
    rules = {
        dial: fit_fusion(
            held_out(predictions), observed, UNBOUNDED, FusionSettings(variance_dial=dial)
        )
        for dial in (0.0, 0.5, 1.0)
    }
    delivered = {dial: rule.deliver(predictions)[0] for dial, rule in rules.items()}
    assert delivered[1.0].std() == pytest.approx(observed.std(), rel=1e-9)
    assert delivered[0.0].std() < delivered[0.5].std() < delivered[1.0].std()
    for value in delivered.values():
        assert value.mean() == pytest.approx(observed.mean(), abs=1e-9)
    correlation = np.corrcoef(rules[1.0].fuse(predictions), observed)[0, 1]
    error = np.mean((delivered[1.0] - observed) ** 2) / observed.var()
    assert 1 - error == pytest.approx(2 * correlation - 1, abs=1e-6)


def test_beyond_the_range_seen_the_correction_is_a_constant():
    predictions, observed = shrunk()
    rule = fit_fusion(held_out(1.5 * predictions), observed, UNBOUNDED, FusionSettings())
    assert rule.slope < 0.8
    fused = np.array([rule.fused_maximum, rule.fused_maximum + 2])
    np.testing.assert_allclose(np.diff(rule.calibrate(fused)), 2)


def test_without_calibration_the_rule_only_fuses():
    predictions, observed = shrunk()
    rule = fit_fusion(
        held_out(1.5 * predictions), observed, UNBOUNDED, FusionSettings(correction="none")
    )
    assert (rule.intercept, rule.slope) == (0, 1)


def test_smearing_gives_the_mean_back_after_a_logarithm():
    # Fault: exp of a mean of logarithms delivered as if it were a mean.
    predictions, log_observed = shrunk(n=2000)
    target = TargetSettings(minimum=None, maximum=None, transform="log")
    rule = fit_fusion(held_out(predictions), log_observed, target, FusionSettings())
    delivered, _ = rule.deliver(predictions)
    assert rule.smearing > 1.2
    naive = (delivered / rule.smearing).mean()
    truth = np.exp(log_observed).mean()
    assert delivered.mean() == pytest.approx(truth, rel=0.08)
    assert naive < 0.8 * truth


def test_delivered_values_keep_to_the_bounds():
    predictions, observed = shrunk()
    target = TargetSettings(minimum=-0.5, maximum=0.5)
    value, clipped = fit_fusion(held_out(predictions), observed, target, FusionSettings()).deliver(
        predictions
    )
    assert (value.min(), value.max()) == (-0.5, 0.5)
    assert 0 < clipped.mean() < 1


def test_settings_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match="variance_dial turns a line"):
        FusionSettings(correction="isotonic", variance_dial=0.5)
    with pytest.raises(ValueError, match="products must name 'mean'"):
        FusionSettings(products=("distribution",))
