"""Intervals: exact quantiles, MAPIE's numbers, coverage as a guarantee, scores that are honest."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_ml.errors import TrainingError
from local_ml.prediction.interval_rule import IntervalRule, members_spread
from local_ml.prediction.target_transform import TargetTransform
from local_ml.settings import IntervalSettings, TargetSettings
from local_ml.validation.held_out import HeldOut
from local_ml.validation.intervals import (
    LEVELS,
    Residuals,
    calibrate,
    calibrate_with_floor,
    fit_interval_rule,
    interval_report,
)

NO_BOUNDS = TargetSettings(minimum=None, maximum=None)
ONE_WIDTH = IntervalSettings(floor_quantile=1.0)
NONE = TargetTransform("none")


def held_out(observed, predicted, spread, design="grouped", folds=5, **columns):
    n = len(observed)
    fields = {"fold": np.arange(n) % folds, "rows": np.arange(n)} | columns
    return HeldOut(
        design=design,
        observed=np.asarray(observed, dtype=float),
        predicted=np.asarray(predicted, dtype=float),
        transformed=np.asarray(predicted, dtype=float),
        baseline=np.asarray(predicted, dtype=float),
        selected=((),) * folds,
        spread=np.asarray(spread, dtype=float),
        **fields,
    )


def sites(n, seed=0, **columns):
    """Errors in proportion to the spread, which is known."""
    random = np.random.default_rng(seed)
    spread = random.uniform(0.5, 2, n)
    predicted = random.normal(size=n)
    return held_out(predicted + spread * random.normal(size=n), predicted, spread, **columns)


def residuals(score, weight=None, rows=None):
    n = len(score)
    rows = np.arange(n) if rows is None else np.asarray(rows)
    weight = np.ones(n) if weight is None else np.asarray(weight, dtype=float)
    score = np.asarray(score, dtype=float)
    return Residuals(rows, rows, rows, score, np.zeros(n), np.ones(n), weight, np.full(n, np.nan))


# ---- the rule


def test_the_spread_is_the_standard_deviation_of_the_members():
    predictions = np.random.default_rng(0).normal(size=(50, 4))
    np.testing.assert_allclose(members_spread(predictions), predictions.std(axis=1), rtol=1e-12)
    assert members_spread(np.ones((3, 4))).tolist() == [0, 0, 0]


def test_a_row_has_the_same_spread_whatever_the_rows_beside_it():
    """Last digits that vary with the size of a tile, and with them the bytes of the map."""
    predictions = np.random.default_rng(1).normal(size=(1001, 4))
    alone = [members_spread(predictions[row : row + 1])[0] for row in range(1001)]
    np.testing.assert_array_equal(members_spread(predictions), alone)


RULE = IntervalRule(0.9, 2.0, 0.1, "none", 0.0, 0.5, "grouped")


def test_bounds_worked_by_hand():
    lower, upper = RULE.bounds(np.array([0.3, 0.3, 0.05, 0.45]), np.array([0.1, 0.01, 0.1, 0.2]))
    # The second spread is below the floor; the others reach a physical bound.
    np.testing.assert_allclose(lower, [0.1, 0.1, 0.0, 0.05])
    np.testing.assert_allclose(upper, [0.5, 0.5, 0.25, 0.5])


def test_under_the_logarithm_bounds_are_quantiles_of_the_target():
    rule = replace(RULE, transform="log", minimum=None, maximum=None)
    lower, upper = rule.bounds(np.log([2.0]), np.array([0.1]))
    np.testing.assert_allclose([lower[0], upper[0]], [2 / np.exp(0.2), 2 * np.exp(0.2)])


def test_the_rule_survives_json_and_refuses_what_is_not_one():
    assert IntervalRule.from_json(RULE.to_json()) == RULE
    with pytest.raises(ValueError, match="has the keys"):
        IntervalRule.from_json({**RULE.to_json(), "width": 1})
    for change in ({"level": 1.0}, {"quantile": np.inf}, {"floor": 0.0}, {"transform": "sqrt"}):
        with pytest.raises(ValueError, match=next(iter(change))):
            replace(RULE, **change)


# ---- quantiles


@pytest.mark.parametrize(
    ("n", "level", "rank"),
    [(9, 0.9, 9), (19, 0.9, 18), (19, 0.95, 19), (100, 0.9, 91), (3, 0.5, 2)],
)
def test_the_quantile_has_the_rank_of_split_conformal_prediction(n, level, rank):
    """⌈(n + 1) · level⌉, which rounding of 0.9 · 10 must not push up."""
    score = np.arange(1.0, n + 1)
    assert calibrate_with_floor(residuals(score), 1.0).quantile(level) == rank


def test_too_few_sites_give_no_finite_interval():
    assert calibrate_with_floor(residuals(np.arange(8.0)), 1.0).quantile(0.9) == np.inf
    few = sites(8, folds=2)
    with pytest.raises(TrainingError, match=r"8 residuals of the grouped folds.*hold 90%"):
        fit_interval_rule(few, NO_BOUNDS, IntervalSettings())


def test_weights_worked_by_hand():
    # Weights 1, 1, 2: a new site weighs (1 + 1 + 4) / 4 = 1.5 in the mean, so the shares up to
    # each score are 1, 2 and 4 parts of 5.5.
    calibration = calibrate_with_floor(residuals([1, 2, 3], weight=[1, 1, 2]), 1.0)
    np.testing.assert_allclose(calibration.cumulative, np.array([1, 2, 4]) / 5.5)
    assert [calibration.quantile(level) for level in (0.18, 0.36, 0.37, 0.72)] == [1, 2, 3, 3]
    assert calibration.quantile(0.74) == np.inf


def test_a_site_that_is_there_once_a_repeat_counts_once():
    """Four repeats of ten sites that pass for forty, and promise what ten cannot."""
    score = np.arange(1.0, 9.0)
    once = calibrate_with_floor(residuals(score), 1.0)
    often = calibrate_with_floor(residuals(np.tile(score, 4), rows=np.tile(np.arange(8), 4)), 1.0)
    for level in (0.1, 0.5, 0.8, 0.88, 0.9):
        assert often.quantile(level) == once.quantile(level)


def test_the_scale_of_the_weights_has_no_influence():
    random = np.random.default_rng(3)
    score, weight = random.exponential(size=50), random.uniform(0.2, 3, 50)
    one = calibrate_with_floor(residuals(score, weight), 1.0)
    np.testing.assert_allclose(
        one.cumulative, calibrate_with_floor(residuals(score, 7 * weight), 1.0).cumulative
    )


def test_mapie_finds_the_same_intervals():
    """An independent implementation, in the unweighted case that it knows."""
    from mapie.regression import SplitConformalRegressor
    from sklearn.base import BaseEstimator, RegressorMixin

    class Known(RegressorMixin, BaseEstimator):
        """Predicts its first column: what it is told."""

        fitted_ = True

        def fit(self, X, y):
            return self

        def predict(self, X):
            return X[:, 0]

    part = sites(137, seed=4)
    # On observations divided by the spread, plain absolute residuals are the normalised ones.
    X, y = (part.predicted / part.spread)[:, None], part.observed / part.spread
    oracle = SplitConformalRegressor(Known(), confidence_level=list(LEVELS), prefit=True)
    _, theirs = oracle.conformalize(X, y).predict_interval(X)
    for number, level in enumerate(LEVELS):
        settings = IntervalSettings(level=level, floor_quantile=0.0)
        rule = fit_interval_rule(part, NO_BOUNDS, settings)
        lower, upper = rule.bounds(part.transformed, part.spread)
        np.testing.assert_allclose(lower, theirs[:, 0, number] * part.spread, rtol=1e-9)
        np.testing.assert_allclose(upper, theirs[:, 1, number] * part.spread, rtol=1e-9)


@given(st.integers(0, 10_000), st.sampled_from(LEVELS))
def test_intervals_are_nested_and_hold_their_own_prediction(seed, level):
    part = sites(60, seed=seed)
    narrow = fit_interval_rule(part, NO_BOUNDS, IntervalSettings(level=level, floor_quantile=0.5))
    wide = fit_interval_rule(part, NO_BOUNDS, IntervalSettings(level=0.97, floor_quantile=0.5))
    inner, outer = (rule.bounds(part.transformed, part.spread) for rule in (narrow, wide))
    assert (outer[0] <= inner[0]).all()
    assert (inner[0] <= part.predicted).all()
    assert (inner[1] <= outer[1]).all()


# ---- the floor


def test_a_spread_that_tells_nothing_is_not_followed():
    """Intervals that are wide and narrow at random, and too wide in the mean."""
    random = np.random.default_rng(5)
    n = 400
    spread = random.lognormal(0, 1, n)
    blind = held_out(random.normal(size=n), np.zeros(n), spread)
    part = Residuals.of(blind, NONE)
    assert calibrate(part, IntervalSettings()).floor == spread.max()


def test_a_spread_that_tells_the_error_is_followed():
    random = np.random.default_rng(6)
    n = 400
    spread = random.lognormal(0, 1, n)
    seeing = held_out(spread * random.normal(size=n), np.zeros(n), spread)
    part = Residuals.of(seeing, NONE)
    assert calibrate(part, IntervalSettings()).floor < np.quantile(spread, 0.51)


def test_members_that_all_agree_leave_one_width():
    part = held_out(np.arange(20.0), np.zeros(20), np.zeros(20))
    rule = fit_interval_rule(part, NO_BOUNDS, IntervalSettings())
    lower, upper = rule.bounds(np.zeros(1), np.zeros(1))
    assert (lower[0], upper[0]) == (-18, 18)


# ---- coverage


def test_coverage_holds_as_a_guarantee_over_many_draws():
    """Mean coverage of a new site over 3,000 draws: at least the level, and 1/(n + 1) more at most.

    The scores are continuous and exchangeable, so the mean is ⌈(n + 1) · level⌉ / (n + 1).
    """
    random = np.random.default_rng(7)
    n, draws = 60, 3000
    inside = dict.fromkeys(LEVELS, 0)
    for _ in range(draws):
        spread = random.uniform(0.5, 2, n + 1)
        error = random.standard_t(3, n + 1) * spread
        part = Residuals(
            *[np.arange(n)] * 3, error[:n], np.zeros(n), spread[:n], np.ones(n), np.full(n, np.nan)
        )
        calibration = calibrate_with_floor(part, 0.0)
        score = abs(error[n]) / max(spread[n], calibration.floor)
        for level in LEVELS:
            inside[level] += score <= calibration.quantile(level)
    for level in LEVELS:
        exact = np.ceil((n + 1) * level - 1e-9) / (n + 1)
        error = 4 * np.sqrt(level * (1 - level) / draws)
        assert inside[level] / draws == pytest.approx(exact, abs=error), level


def test_weights_carry_the_coverage_to_the_population_that_is_mapped():
    """Sites crowd where errors are small. Unweighted intervals hold too few of the map's pixels."""
    random = np.random.default_rng(8)
    n, draws = 200, 400
    inside = np.zeros(2)
    for _ in range(draws):
        rough = random.random(n) < 0.2  # half of the map
        error = random.normal(size=n) * np.where(rough, 3, 1)
        weight = np.where(rough, 0.5 / 0.2, 0.5 / 0.8)
        new = np.abs(random.normal(size=50) * np.where(np.arange(50) % 2, 3, 1))
        for number, weights in enumerate((np.ones(n), weight)):
            part = residuals(error, weights)
            part = replace(part, spread=np.ones(n))
            inside[number] += (new <= calibrate_with_floor(part, 1.0).quantile(0.9)).mean()
    unweighted, weighted = inside / draws
    assert unweighted < 0.86
    assert weighted == pytest.approx(0.9, abs=0.01)


def test_no_residual_takes_part_in_the_interval_that_it_is_held_against():
    """One site is far off: were its residual among the quantiles, 95 % would hold it too."""
    observed = np.zeros(20)
    observed[0] = 100.0
    part = held_out(observed, np.zeros(20), np.ones(20), folds=20, fold=np.arange(20))
    report = told(part)
    assert report["levels"][4]["picp"] == pytest.approx(19 / 20)
    # Another design that holds site 0 out in another fold must leave its residual out too.
    other = replace(part, design="random", fold=np.arange(20)[::-1])
    report = interval_report(
        {"grouped": part, "random": other}, None, rule_of(part), NO_BOUNDS, ONE_WIDTH
    )
    assert report["designs"]["random"]["levels"][4]["picp"] == pytest.approx(19 / 20)
    assert report["promised_under"] == "grouped"


def rule_of(part):
    return fit_interval_rule(part, NO_BOUNDS, ONE_WIDTH)


def told(part, settings=ONE_WIDTH, target=NO_BOUNDS):
    rule = fit_interval_rule(part, target, settings)
    return interval_report({part.design: part}, None, rule, target, settings)["designs"][
        part.design
    ]


def test_reported_coverage_is_within_two_points_of_nominal():
    report = told(sites(4000, seed=9), IntervalSettings())
    for entry in report["levels"]:
        assert entry["picp"] == pytest.approx(entry["level"], abs=0.02)
        assert entry["standard_error"] < 0.01
    np.testing.assert_allclose(report["pit_histogram"], 0.1, atol=0.02)


def test_a_bias_to_one_side_shows_in_the_histogram_where_coverage_hides_it():
    part = sites(2000, seed=10)
    biased = replace(part, observed=part.observed + 1.0)
    report = told(biased)
    assert report["levels"][3]["picp"] == pytest.approx(0.9, abs=0.02)
    histogram = np.array(report["pit_histogram"])
    assert histogram[5:].sum() > 0.7


def test_scores_worked_by_hand():
    # 19 sites that are off by 1 and one by 3, each held against the 90 % interval ± 1 of the
    # others: coverage 19/20, width 2, interval score 2 + (2 / 0.1) · (3 − 1) / 20.
    observed = np.append(np.ones(19), 3.0)
    part = held_out(observed, np.zeros(20), np.ones(20), folds=20, fold=np.arange(20))
    entry = told(part)["levels"][3]
    assert entry["level"] == 0.9
    assert entry["picp"] == pytest.approx(0.95)
    assert entry["mean_width"] == pytest.approx((19 * 2 + 2) / 20)
    assert entry["interval_score"] == pytest.approx(2 + 20 * 2 / 20)
    assert entry["standard_error"] == pytest.approx(np.sqrt(0.95 * 0.05 / 20))


def test_sites_of_one_group_make_the_coverage_less_sure():
    """An error of coverage as if 400 sites at 20 places had been chosen one by one."""
    random = np.random.default_rng(11)
    group = np.repeat(np.arange(20), 20)
    error = random.normal(size=20)[group] + 0.1 * random.normal(size=400)
    part = held_out(error, np.zeros(400), np.ones(400), fold=group % 5, group=group)
    alone = replace(part, group=None)
    assert (
        told(part)["levels"][2]["standard_error"] > 3 * told(alone)["levels"][2]["standard_error"]
    )


def test_what_too_few_sites_do_not_define_is_null():
    part = sites(12, seed=12, folds=4)
    entries = {entry["level"]: entry for entry in told(part, IntervalSettings(level=0.5))["levels"]}
    assert entries[0.5]["picp"] is not None
    assert entries[0.95] == {
        "level": 0.95,
        **dict.fromkeys(("picp", "standard_error", "mean_width", "interval_score")),
    }


def test_sites_without_a_prediction_are_left_out():
    part = sites(40, seed=13)
    gaps = part.predicted.copy()
    gaps[:5] = np.nan
    report = told(replace(part, predicted=gaps, transformed=gaps))
    assert report["n"] == 35


def test_the_test_sites_are_held_against_the_intervals_of_the_map():
    part = sites(100, seed=14)
    test = replace(sites(50, seed=15), design="test", rows=np.arange(100, 150), fold=np.zeros(50))
    rule = fit_interval_rule(part, NO_BOUNDS, ONE_WIDTH)
    report = interval_report({"grouped": part}, test, rule, NO_BOUNDS, ONE_WIDTH)
    lower, upper = rule.bounds(test.transformed, test.spread)
    inside = (lower <= test.observed) & (test.observed <= upper)
    assert report["test"]["levels"][3]["picp"] == pytest.approx(inside.mean())
