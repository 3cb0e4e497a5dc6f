"""The nested score: no row held out enters a fit, and noise scores nothing."""

import numpy as np
from nested_cases import SETTINGS, sample_table, with_validation

from local_ml.features import Feature
from local_ml.learning import ensemble, selection
from local_ml.learning.pipeline import MoisturePipeline
from local_ml.samples import SampleTable
from local_ml.scores.metrics import r2
from local_ml.validation import nested as validation
from local_ml.validation.nested import validate


def test_no_row_held_out_enters_any_fit(monkeypatch):
    # Instrumented members record each row that they learn from, in selection, fusion and the
    # final fit alike; rows are known by the value of their first feature.
    table = sample_table()
    learned = set()

    def watched(make):
        def make_watched(*arguments):
            member = make(*arguments)
            fit = member.fit

            def watched_fit(X, y, **keywords):
                learned.update(X.ravel().tolist())
                return fit(X, y, **keywords)

            member.fit = watched_fit
            return member

        return make_watched

    monkeypatch.setattr(selection, "make_light_member", watched(selection.make_light_member))
    monkeypatch.setattr(ensemble, "make_member", watched(ensemble.make_member))
    forest = validation._plain_forest
    monkeypatch.setattr(
        validation,
        "_plain_forest",
        lambda inside, *rest: (
            learned.update(inside.values.ravel().tolist()) or forest(inside, *rest)
        ),
    )
    fit_and_predict = validation.fit_and_predict
    folds = []

    def watched_fold(table, settings, design, fold, split, *domain):
        learned.clear()
        result = fit_and_predict(table, settings, design, fold, split, *domain)
        assert len(learned & set(table.values[split[0]].ravel().tolist())) >= len(split[0])
        assert not learned & set(table.values[split[1]].ravel().tolist())
        if design == "grouped":
            assert not set(table.group[split[0]]) & set(table.group[split[1]])
        folds.append((design, fold))
        return result

    monkeypatch.setattr(validation, "fit_and_predict", watched_fold)
    validate(table, SETTINGS)
    assert folds == [(d, f) for d in ("random", "grouped") for f in range(3)]


def test_targets_held_out_have_no_influence_on_their_prediction(finished):
    # Fault of any kind between table and prediction: permuting them would then change it.
    table = sample_table()
    settings = with_validation(SETTINGS, designs=("grouped",))
    before = validate(table, settings, cache=finished).designs["grouped"]
    held_out = before.rows[before.fold == 1]
    target = table.target.copy()
    target[held_out] = np.random.default_rng(3).permutation(target[held_out]) + 100
    permuted = SampleTable.in_memory(table.features, table.values, target, group=table.group)
    after = validate(permuted, settings).designs["grouped"]
    inside = before.fold == 1
    np.testing.assert_array_equal(after.predicted[inside], before.predicted[inside])
    np.testing.assert_array_equal(after.baseline[inside], before.baseline[inside])
    assert (after.predicted[~inside] != before.predicted[~inside]).any()


def test_test_sites_have_no_influence_on_anything_but_their_own_score():
    split = np.where(np.arange(72) % 6 == 0, "test", "train")
    table = sample_table(split=split)
    target = np.where(split == "test", -50.0, table.target)
    other = SampleTable.in_memory(
        table.features, table.values, target, group=table.group, split=split
    )
    first, second = (validate(t, SETTINGS) for t in (table, other))
    np.testing.assert_array_equal(first.test.predicted, second.test.predicted)
    assert first.test.rows.tolist() == np.flatnonzero(split == "test").tolist()
    for design in ("random", "grouped"):
        assert set(first.designs[design].rows) == set(np.flatnonzero(split == "train"))
        np.testing.assert_array_equal(
            first.designs[design].predicted, second.designs[design].predicted
        )


def test_pure_noise_scores_nothing_however_well_it_is_memorised():
    # A feature that numbers the rows lets the members learn each target by heart. One small
    # sample may score a little above zero by chance; their mean may not.
    n, nested = 120, []
    for seed in range(4):
        random = np.random.default_rng(seed)
        values = np.column_stack([np.arange(n), random.normal(size=(n, 4))])
        features = [Feature(f"f{i}", "1") for i in range(5)]
        table = SampleTable.in_memory(features, values, random.normal(size=n))
        design = ("random", "grouped")[seed % 2]
        result = validate(table, with_validation(SETTINGS, designs=(design,))).designs[design]
        nested.append(r2(result.observed, result.predicted))
    fitted = MoisturePipeline(SETTINGS).fit(table)
    known = table.with_features(fitted.selection.chosen).values
    forest = fitted.members["random_forest"]
    assert r2(table.target, forest.predict(fitted.encoding.encode(known))) > 0.3
    assert np.mean(nested) <= 0.02


def test_a_truth_that_is_there_scores_high():
    table = sample_table(n=120, noise=0.0)
    report = validate(table, with_validation(SETTINGS, designs=("random",))).to_json()
    assert report["designs"]["random"]["scores"]["r2"] > 0.8
