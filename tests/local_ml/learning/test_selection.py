"""Elimination: signal survives, noise falls, each drop has its reason."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from local_ml.errors import TrainingError
from local_ml.features import Feature
from local_ml.learning import selection as module
from local_ml.learning.selection import (
    clustered_standard_error,
    select_features,
    smallest_within_one_standard_error,
)
from local_ml.samples import SampleTable
from local_ml.settings import EnsembleSettings, SelectionSettings

QUICK = SelectionSettings(
    trees=12, folds=3, drop_share=0.34, designs=("grouped",), rule="one_standard_error"
)
ENSEMBLE = EnsembleSettings()


def _table(values, target, missing="nodata", **columns):
    features = [Feature(f"f{i}", "1", missing=missing) for i in range(values.shape[1])]
    return SampleTable.in_memory(features, values, target, **columns)


def _signal(n=150, p=8, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, p))
    return X, 2 * X[:, 1] + X[:, 4] + 0.3 * random.normal(size=n)


def _select(table, settings=QUICK, seed=1):
    return select_features(table, table.target, settings, ENSEMBLE, seed)


def test_what_matters_is_kept_and_noise_is_not():
    X, y = _signal()
    result = _select(_table(X, y))
    assert {"f1", "f4"} <= set(result.chosen)
    assert len(result.chosen) <= 4
    assert result.importance["f1"] > result.importance["f4"]
    assert {d.name for d in result.dropped} == set(result.candidates) - set(result.chosen)
    assert result.note == ""


def test_the_path_goes_down_by_the_share_and_stops_at_the_least():
    X, y = _signal()
    settings = SelectionSettings(trees=10, folds=3, drop_share=0.25, probes=0, minimum_features=2)
    path = _select(_table(X, y), settings).path
    assert [step.n for step in path] == [8, 6, 4, 3, 2]
    for larger, smaller in pairwise(path):
        assert set(smaller.features) < set(larger.features)
    assert path[-1].features == ("f1", "f4")


def test_unusable_candidates_are_dropped_with_reasons():
    X, y = _signal()
    X[:, 0] = 3.5
    X[:60, 2] = np.nan
    X[:, 3] = np.nan
    X[:, 5] = np.exp(X[:, 1] / 4)
    reasons = {d.name: d.reason for d in _select(_table(X, y)).dropped}
    assert reasons["f0"] == "constant (3.5 at every site)"
    assert reasons["f2"] == "missing at 40% of the sites"
    assert reasons["f3"] == "missing at every site"
    assert reasons["f5"].startswith("correlates with f1, which stands for both")


def test_the_first_of_a_cluster_stands_for_it():
    # Fault: SHAP split between twins, so that both fall.
    X, y = _signal()
    X[:, 0] = -X[:, 1]
    result = _select(_table(X, y))
    assert "f0" in result.chosen
    assert "f1" not in result.chosen


def test_codes_are_not_correlated():
    random = np.random.default_rng(0)
    code = np.resize([1, 2, 3], 120)
    X = np.column_stack([code, code * 1.0, random.normal(size=120)])
    features = [Feature("soil", "1", levels=(1, 2, 3)), Feature("a", "1"), Feature("b", "1")]
    table = SampleTable.in_memory(features, X, (code == 2) + 0.1 * random.normal(size=120))
    result = _select(table)
    assert not any("correlates" in dropped.reason for dropped in result.dropped)
    assert "soil" in result.chosen


def test_pure_noise_falls_below_the_probes_and_what_must_stay_is_named():
    random = np.random.default_rng(2)
    table = _table(random.normal(size=(90, 8)), random.normal(size=90))
    settings = QUICK.model_copy(update={"probes": 9, "minimum_features": 2})
    assert any("probes of noise" in dropped.reason for dropped in _select(table, settings).dropped)
    all_must_stay = settings.model_copy(update={"minimum_features": 8})
    result = _select(table, all_must_stay)
    assert result.chosen == result.candidates
    told, _, named = result.note.partition(
        " of the 8 covariates kept rank below the probes of noise: "
    )
    assert 0 < int(told) < 8
    assert len(named.split(", ")) == int(told)


@pytest.mark.parametrize(
    ("shares", "told"),
    [
        ((1.0, 0.6, 0.4), "1 of the 3 covariates kept rank below the probes of noise: f2"),
        ((0.4, 0.3, 0.2), "no more than noise: no covariate kept ranks above the probes of noise"),
        ((1.0, 0.8, 0.6), ""),
    ],
)
def test_noise_is_said_of_those_alone_that_rank_below_the_probes(monkeypatch, shares, told):
    # Fault: one weak covariate among ten that makes the report call all of them noise.
    X, y = _signal(n=60, p=5)
    X = X[:, [1, 4, 0]]

    def ranked(name, model, held_out, column_feature):
        return np.array([*shares, *[0.5] * QUICK.probes])[: len(column_feature)]

    monkeypatch.setattr(module, "mean_absolute_shap", ranked)
    settings = QUICK.model_copy(update={"minimum_features": 3})
    assert _select(_table(X, y), settings).note == told


@pytest.mark.parametrize("enabled", [True, False])
def test_sites_that_are_all_alike_are_told(enabled):
    # Fault: CatBoost's own exception, which no exit code is for.
    X = np.zeros((60, 1))
    X[:2] = 1
    table = _table(X, np.arange(60.0), group=np.repeat(np.arange(20), 3))
    settings = QUICK.model_copy(update={"enabled": enabled, "probes": 0})
    with pytest.raises(TrainingError, match=r"covariates are the same at all 39 sites of a fold"):
        _select(table, settings)


def test_both_designs_score_each_site_once():
    # Fault: sites counted twice, so that errors of one design weigh more.
    X, y = _signal(n=60)
    table = _table(X, y, group=np.repeat(np.arange(15), 4))
    off = {"enabled": False}
    near, away, both = (
        _select(table, QUICK.model_copy(update=off | {"designs": designs})).rmse
        for designs in (("random",), ("grouped",), ("random", "grouped"))
    )
    assert both == pytest.approx((near + away) / 2, rel=0.1)
    assert len({near, away, both}) == 3


def test_nothing_ranked_below_the_probes_is_kept(monkeypatch):
    # Instrumented importance: f0 best, then the probes, then all the rest.
    X, y = _signal(n=60)

    def ranked(name, model, held_out, column_feature):
        importance = np.full(len(column_feature), 0.1)
        importance[0] = 1
        if len(column_feature) in (8 + QUICK.probes, 1 + QUICK.probes):
            importance[-QUICK.probes :] = 0.5
        return importance

    monkeypatch.setattr(module, "mean_absolute_shap", ranked)
    settings = QUICK.model_copy(update={"minimum_features": 1})
    assert _select(_table(X, y), settings).chosen == ("f0",)


def test_importance_is_taken_on_rows_held_out(monkeypatch):
    # Fault: features ranked by rows that the member learned, which shows what it made of noise.
    X, y = _signal(n=60)
    table = _table(X, y, group=np.repeat(np.arange(20), 3))
    group_of = {np.float32(row[1]): group for row, group in zip(X, table.group, strict=True)}
    learned = {}
    checked = []
    make, importance = module.make_light_member, module.mean_absolute_shap

    def watched(name, *settings):
        member = make(name, *settings)
        fit = member.fit

        def watched_fit(rows, response):
            learned[id(member)] = {group_of[value] for value in rows[:, 1]}
            alive.append(member)
            return fit(rows, response)

        member.fit = watched_fit
        return member

    def watched_importance(name, member, rows, column_feature):
        assert not {group_of[value] for value in rows[:, 1]} & learned[id(member)]
        checked.append(len(rows))
        return importance(name, member, rows, column_feature)

    alive = []
    monkeypatch.setattr(module, "make_light_member", watched)
    monkeypatch.setattr(module, "mean_absolute_shap", watched_importance)
    _select(table, QUICK.model_copy(update={"enabled": False}))
    assert sum(checked) == 4 * table.n


def test_switched_off_keeps_all():
    X, y = _signal()
    X[:, 0] = 1
    result = _select(_table(X, y), QUICK.model_copy(update={"enabled": False}))
    assert result.chosen == result.candidates
    assert result.dropped == ()
    assert result.rmse > 0


def test_missing_values_do_not_change_the_rows_compared():
    # Fault: a smaller set scored on more rows, so that errors cannot be compared.
    X, y = _signal()
    X[::10, 6] = np.nan
    result = _select(_table(X, y))
    assert {"f1", "f4"} <= set(result.chosen)


def test_same_seed_same_result():
    X, y = _signal(n=80)
    assert _select(_table(X, y)) == _select(_table(X, y))
    assert _select(_table(X, y)).path != _select(_table(X, y), seed=2).path


def test_nothing_to_learn_from():
    X, y = _signal()
    with pytest.raises(TrainingError, match=r"no covariate can be learned from \(f0: constant"):
        _select(_table(np.ones_like(X), y))


def _round(n, squared_errors):
    names = tuple(f"f{i}" for i in range(n))
    return module._Round(names, np.array(squared_errors, dtype=float), {}, ())


def test_the_smallest_set_within_one_standard_error_by_hand():
    # Squared errors of four sites, each its own group; the best set is the one of six.
    group = np.arange(4)
    best = _round(6, [1, 9, 1, 9])
    slightly_worse = _round(3, [3, 9, 0, 9])  # excess 2, 0, -1, 0: mean 0.25, error 0.629
    much_worse = _round(2, [2, 10, 2, 10.5])  # excess 1, 1, 1, 1.5: mean 1.125, error 0.125
    path = [_round(9, [1, 9, 1, 9.5]), best, slightly_worse, much_worse]
    assert smallest_within_one_standard_error(path, group) == 2
    assert smallest_within_one_standard_error([path[0], best, much_worse], group) == 1
    # Fault: a spread that all sets share (here that of easy and hard sites) taken for doubt.
    assert clustered_standard_error(best.squared_errors, group) > 1.125


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=30))
@hypothesis_settings(max_examples=50, deadline=None)
def test_the_clustered_error_is_the_plain_one_where_every_site_stands_alone(values):
    values = np.array(values)
    plain = values.std(ddof=1) / np.sqrt(len(values))
    found = clustered_standard_error(values, np.arange(len(values)))
    assert found == pytest.approx(plain, abs=1e-12)


def test_sites_that_repeat_each_other_bring_no_certainty():
    values = np.random.default_rng(0).normal(size=20)
    alone = clustered_standard_error(values, np.arange(20))
    repeated = clustered_standard_error(np.repeat(values, 5), np.repeat(np.arange(20), 5))
    assert repeated == pytest.approx(alone)


def test_each_rule_picks_its_own_set_from_one_path():
    # Fault: a rule that is read and not followed, or a path that depends on the rule.
    X, y = _signal(n=90)
    y = y + 0.3 * X[:, 2]
    results = {
        rule: _select(_table(X, y), QUICK.model_copy(update={"rule": rule}))
        for rule in ("one_standard_error", "least_error", "probes")
    }
    firsts = [result.path[0] for result in results.values()]
    assert len({(first.features, first.rmse) for first in firsts}) == 1
    least = min(results["least_error"].path, key=lambda step: step.rmse)
    assert results["least_error"].chosen == least.features
    assert len(results["one_standard_error"].chosen) <= len(least.features)
    # Without elimination there is one set, of all that rank above the probes.
    assert [step.n for step in results["probes"].path] == [len(results["probes"].chosen)]
    reasons = {dropped.reason for dropped in results["probes"].dropped}
    assert all("probes of noise" in reason for reason in reasons)


def test_a_single_group_has_the_standard_error_of_independent_rows():
    """One chain of neighbours is one group, and must end in a message, not in a division by 0."""
    values = np.random.default_rng(5).normal(size=40)
    expected = values.std(ddof=1) / np.sqrt(40)
    assert clustered_standard_error(values, np.repeat("g0", 40)) == pytest.approx(expected)
