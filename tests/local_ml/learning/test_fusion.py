"""The fusion: convex weights, a calibration that knows its own error, honest inputs only."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from local_ml.errors import TrainingError
from local_ml.features import Feature
from local_ml.learning import ensemble
from local_ml.learning.ensemble import OutOfFoldPredictions, out_of_fold
from local_ml.learning.fusion import (
    calibrated_weights,
    convex_weights,
    fit_alternatives,
    fit_fusion,
    linear_calibration,
    precision_weights,
)
from local_ml.learning.learners import lighten
from local_ml.samples import SampleTable
from local_ml.settings import EnsembleSettings, FusionSettings, TargetSettings

SMALL = lighten(EnsembleSettings(), 10)
UNBOUNDED = TargetSettings(minimum=None, maximum=None)


def _table(n=60, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, 3))
    y = X[:, 0] + 0.3 * random.normal(size=n)
    features = [Feature(name, "1") for name in "abc"]
    return SampleTable.in_memory(features, X, y, group=np.repeat(np.arange(n // 3), 3))


@cache
def _real():
    return out_of_fold(_table(12), _table(12).target, SMALL, FusionSettings(folds=2), 0)


def _held_out(predictions):
    """Predictions as if out of fold, for a fusion whose truth is known."""
    real = _real()
    names = tuple(f"m{i}" for i in range(predictions.shape[1]))
    rows = np.arange(len(predictions))
    return replace(real, members=names, predictions=predictions, rows=rows, group=rows)


# ---- out-of-fold predictions


@pytest.mark.parametrize("design", ["grouped", "random"])
def test_no_row_is_predicted_by_a_member_that_saw_it_or_its_group(monkeypatch, design):
    # Fault: inner folds that divide a group, or that index rows of another table.
    table = _table()
    unit = table.group if design == "grouped" else table.site_id
    group_of = {row.tobytes(): group for row, group in zip(table.values, unit, strict=True)}
    learned: dict[int, set[str]] = {}
    genuine = ensemble.make_member

    def watched(name, settings, seed):
        member = genuine(name, settings, seed)
        fit, predict = member.fit, member.predict

        def watched_fit(X, y, sample_weight=None):
            learned[id(member)] = {group_of[row.tobytes()] for row in X}
            fit(X, y, sample_weight=sample_weight)
            return member

        def watched_predict(X):
            seen = {group_of[row.tobytes()] for row in X}
            assert not seen & learned[id(member)]
            checked.append(len(X))
            return predict(X)

        member.fit, member.predict = watched_fit, watched_predict
        kept.append(member)
        return member

    kept, checked = [], []
    monkeypatch.setattr(ensemble, "make_member", watched)
    settings = FusionSettings(folds=3, repeats=2, designs=(design,))
    result = out_of_fold(table, table.target, SMALL, settings, 1)
    assert sum(checked) == table.n * 4 * 2
    assert (result.predictions != 0).all()


def test_repeats_are_averaged_over_other_folds():
    table, once = _table(), FusionSettings(folds=3, designs=("grouped",))
    single = out_of_fold(table, table.target, SMALL, once, 1)
    twice = once.model_copy(update={"repeats": 2})
    double = out_of_fold(table, table.target, SMALL, twice, 1)
    assert len(double.folds) == 2
    assert double.folds[0][0][1].tolist() == single.folds[0][0][1].tolist()
    assert double.folds[1][0][1].tolist() != single.folds[0][0][1].tolist()
    assert (double.predictions != single.predictions).any()


def test_each_design_predicts_every_row_and_neither_moves_the_other():
    # Fault: the second design written over the first, or rows of one scored with another's target.
    table = _table()
    one, two, both = (
        out_of_fold(table, table.target, SMALL, FusionSettings(folds=3, designs=designs), 1)
        for designs in (("random",), ("grouped",), ("random", "grouped"))
    )
    assert (both.predictions == np.vstack([one.predictions, two.predictions])).all()
    assert both.rows.tolist() == [*range(table.n)] * 2
    assert (both.group == table.group[both.rows]).all()
    assert (both.predictions[: table.n] != both.predictions[table.n :]).any()
    # Observations are told by row of the table, however often it was predicted.
    rule = fit_fusion(both, table.target, UNBOUNDED, FusionSettings())
    error = rule.deliver(both.predictions)[0] - table.target[both.rows]
    assert np.mean(error**2) < 0.5 * table.target.var()


def test_attributions_of_held_out_rows_add_up():
    table = _table()
    result = out_of_fold(table, table.target, SMALL, FusionSettings(folds=3), 1, explain=True)
    assert len(result.shap) == 2 * table.n
    for _, test in result.folds[0]:
        base = result.predictions[test] - result.shap[test].sum(axis=1)
        np.testing.assert_allclose(base, base[:1].repeat(len(test), axis=0), atol=1e-5)


def test_in_sample_predictions_are_refused():
    # Fault: weights that trust the member that overfits most.
    predictions, observed = np.zeros((9, 2)), np.zeros(9)
    with pytest.raises(TrainingError, match=r"out-of-fold predictions alone.*ndarray"):
        fit_fusion(predictions, observed, UNBOUNDED, FusionSettings())
    with pytest.raises(TrainingError, match=r"only come from ensemble.out_of_fold"):
        OutOfFoldPredictions(("a", "b"), predictions, np.arange(9), np.arange(9), ())


def test_rows_that_do_not_match_are_refused():
    with pytest.raises(TrainingError, match="predictions of 12 sites for 9 observations"):
        fit_fusion(_held_out(np.zeros((12, 2))), np.zeros(9), UNBOUNDED, FusionSettings())


# ---- weights


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


# ---- calibration


def test_an_exact_line_is_found():
    fused = np.linspace(0, 1, 20)
    found = linear_calibration(fused, 0.2 + 1.7 * fused, np.ones(20))
    assert (found.slope, found.intercept) == pytest.approx((1.7, 0.2))


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


# ---- the whole rule


def _shrunk(seed=0, n=400):
    """A calibrated predictor of R² 0.6 from two equal members."""
    random = np.random.default_rng(seed)
    fused = random.normal(size=n)
    observed = fused + np.sqrt(2 / 3) * random.normal(size=n)
    jitter = 0.05 * random.normal(size=n)
    return np.column_stack([fused + jitter, fused - jitter]), observed


def test_the_dial_restores_the_variance_at_the_price_that_theory_says():
    predictions, observed = _shrunk()
    rules = {
        dial: fit_fusion(
            _held_out(predictions), observed, UNBOUNDED, FusionSettings(variance_dial=dial)
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
    predictions, observed = _shrunk()
    rule = fit_fusion(_held_out(1.5 * predictions), observed, UNBOUNDED, FusionSettings())
    assert rule.slope < 0.8
    fused = np.array([rule.fused_maximum, rule.fused_maximum + 2])
    np.testing.assert_allclose(np.diff(rule.calibrate(fused)), 2)


def test_without_calibration_the_rule_only_fuses():
    predictions, observed = _shrunk()
    rule = fit_fusion(
        _held_out(1.5 * predictions), observed, UNBOUNDED, FusionSettings(correction="none")
    )
    assert (rule.intercept, rule.slope) == (0, 1)


def test_smearing_gives_the_mean_back_after_a_logarithm():
    # Fault: exp of a mean of logarithms delivered as if it were a mean.
    predictions, log_observed = _shrunk(n=2000)
    target = TargetSettings(minimum=None, maximum=None, transform="log")
    rule = fit_fusion(_held_out(predictions), log_observed, target, FusionSettings())
    delivered, _ = rule.deliver(predictions)
    assert rule.smearing > 1.2
    naive = (delivered / rule.smearing).mean()
    truth = np.exp(log_observed).mean()
    assert delivered.mean() == pytest.approx(truth, rel=0.08)
    assert naive < 0.8 * truth


def test_delivered_values_keep_to_the_bounds():
    predictions, observed = _shrunk()
    target = TargetSettings(minimum=-0.5, maximum=0.5)
    value, clipped = fit_fusion(_held_out(predictions), observed, target, FusionSettings()).deliver(
        predictions
    )
    assert (value.min(), value.max()) == (-0.5, 0.5)
    assert 0 < clipped.mean() < 1


# ---- other corrections, and the second product


def test_each_correction_costs_what_theory_says_on_fresh_rows():
    # A calibrated predictor of R² 0.6: matching keeps 2ρ - 1 = 0.549 (the table of
    # docs/statistics.md), the others lose nothing that 400 rows could show.
    fit_on, scored_on = _shrunk(), _shrunk(seed=1, n=20_000)
    rules = fit_alternatives(
        _held_out(fit_on[0]), fit_on[1], UNBOUNDED, FusionSettings(shrinkage=1.0)
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
    predictions, observed = _shrunk()
    settings = FusionSettings(products=("mean", "distribution"))
    rule = fit_fusion(_held_out(predictions), observed, UNBOUNDED, settings)
    matched, _ = rule.deliver_distribution(predictions)
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    np.testing.assert_allclose(
        np.quantile(matched, levels), np.quantile(observed, levels), atol=0.06
    )
    value, _ = rule.deliver(predictions)
    assert value.std() < 0.85 * matched.std()
    # The first product is what it is without the second.
    alone = fit_fusion(_held_out(predictions), observed, UNBOUNDED, FusionSettings())
    assert alone == replace(rule, distribution=None)


def test_matching_a_logarithm_matches_the_values_too():
    # Fault: smearing, which lifts a mean, applied to quantiles.
    predictions, log_observed = _shrunk(n=2000)
    target = TargetSettings(minimum=None, maximum=None, transform="log")
    settings = FusionSettings(correction="distribution")
    rule = fit_fusion(_held_out(predictions), log_observed, target, settings)
    value, _ = rule.deliver(predictions)
    assert np.median(value) == pytest.approx(np.median(np.exp(log_observed)), rel=0.03)


def test_the_isotonic_curve_follows_a_bend_and_equals_the_library():
    # Oracle: scikit-learn's own prediction at the rows.
    from sklearn.isotonic import IsotonicRegression

    random = np.random.default_rng(3)
    fused = random.uniform(-1, 1, 300)
    observed = np.where(fused > 0, 2 * fused, 0.2 * fused) + 0.2 * random.normal(size=300)
    held_out = _held_out(fused[:, None])
    bent = fit_fusion(held_out, observed, UNBOUNDED, FusionSettings(correction="isotonic"))
    line = fit_fusion(held_out, observed, UNBOUNDED, FusionSettings())
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
        _held_out(np.full((50, 2), 0.3)),
        np.arange(50.0),
        UNBOUNDED,
        FusionSettings(correction="distribution"),
    )
    assert rule.calibrate(np.array([0.3])) == pytest.approx(24.5)


def test_settings_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match="variance_dial turns a line"):
        FusionSettings(correction="isotonic", variance_dial=0.5)
    with pytest.raises(ValueError, match="products must name 'mean'"):
        FusionSettings(products=("distribution",))


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
        held_out, errors = _held_out(sites), {}
        for correction in ("none", "linear"):
            settings = FusionSettings(correction=correction)
            value, _ = fit_fusion(held_out, truth[:342], UNBOUNDED, settings).deliver(elsewhere)
            errors[correction] = np.sqrt(np.mean((value - truth[342:]) ** 2))
        ratios.append(errors["linear"] / errors["none"])
    assert np.mean(np.array(ratios) <= 1.01) >= 0.95
