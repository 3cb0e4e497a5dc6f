"""The nested score: no row held out enters a fit, noise scores nothing, folds resume."""

import json
from dataclasses import replace

import numpy as np
import pytest

from local_ml.domain import DomainSample
from local_ml.errors import TrainingError
from local_ml.features import Feature
from local_ml.folds.designs import count_folds, designs_of
from local_ml.folds.distances import across_folds, on_sphere, to_nearest, wasserstein
from local_ml.learning import ensemble, selection
from local_ml.learning.learners import lighten
from local_ml.learning.pipeline import MoisturePipeline
from local_ml.samples import SampleTable
from local_ml.scores.metrics import r2
from local_ml.settings import (
    EnsembleSettings,
    FusionSettings,
    LearningSettings,
    SelectionSettings,
    TargetSettings,
    ValidationSettings,
)
from local_ml.validation import nested as validation
from local_ml.validation.nested import validate

SETTINGS = LearningSettings(
    target=TargetSettings(minimum=None, maximum=None),
    selection=SelectionSettings(
        designs=("grouped",), trees=10, folds=2, drop_share=0.5, probes=1, minimum_features=1
    ),
    ensemble=lighten(EnsembleSettings(), 10),
    fusion=FusionSettings(folds=2),
    validation=ValidationSettings(folds=3, workers=1),
)


@pytest.fixture(autouse=True)
def _small_baseline(monkeypatch):
    monkeypatch.setattr(validation, "BASELINE_TREES", 20)


def _table(n=72, p=3, seed=0, noise=0.1, **columns):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, p))
    features = [Feature(f"f{i}", "1", missing="native") for i in range(p)]
    target = X[:, 0] + noise * random.normal(size=n)
    columns = {"group": np.repeat(np.arange(n // 4), 4).astype(str)} | columns
    return SampleTable.in_memory(features, X, target, **columns)


def _with(settings, **validation_settings):
    changed = settings.validation.model_copy(update=validation_settings)
    return settings.model_copy(update={"validation": changed})


class Memory:
    """A cache of folds in memory, through JSON as one on disk would."""

    def __init__(self):
        self.folds = {}

    def get(self, key):
        text = self.folds.get(key)
        return None if text is None else json.loads(text)

    def put(self, key, fold):
        self.folds[key] = json.dumps(fold)


# ---- leakage


def test_no_row_held_out_enters_any_fit(monkeypatch):
    # Instrumented members record each row that they learn from, in selection, fusion and the
    # final fit alike; rows are known by the value of their first feature.
    table = _table()
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


def test_targets_held_out_have_no_influence_on_their_prediction():
    # Fault of any kind between table and prediction: permuting them would then change it.
    table = _table()
    settings = _with(SETTINGS, designs=("grouped",))
    before = validate(table, settings).designs["grouped"]
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
    table = _table(split=split)
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
        result = validate(table, _with(SETTINGS, designs=(design,))).designs[design]
        nested.append(r2(result.observed, result.predicted))
    fitted = MoisturePipeline(SETTINGS).fit(table)
    known = table.with_features(fitted.selection.chosen).values
    forest = fitted.members["random_forest"]
    assert r2(table.target, forest.predict(fitted.encoding.encode(known))) > 0.3
    assert np.mean(nested) <= 0.02


def test_a_truth_that_is_there_scores_high():
    table = _table(n=120, noise=0.0)
    report = validate(table, _with(SETTINGS, designs=("random",))).to_json()
    assert report["designs"]["random"]["scores"]["r2"] > 0.8


# ---- the same result, however it came about


def test_one_worker_and_two_give_the_same(monkeypatch):
    # Other processes don't see the smaller baseline of these tests.
    monkeypatch.setattr(validation, "BASELINE_TREES", 500)
    table = _table()
    one, two = (validate(table, _with(SETTINGS, workers=workers)) for workers in (1, 2))
    assert json.dumps(one.to_json()) == json.dumps(two.to_json())
    for design in ("random", "grouped"):
        assert one.designs[design].predicted.tobytes() == two.designs[design].predicted.tobytes()


def test_a_second_run_takes_all_folds_from_the_cache(monkeypatch):
    table, cache, told = _table(), Memory(), []
    first = validate(table, SETTINGS, cache=cache)
    assert len(cache.folds) == 6

    def never(*arguments):
        raise AssertionError("a finished fold was fitted again")

    monkeypatch.setattr(validation, "fit_and_predict", never)
    again = validate(table, SETTINGS, cache=cache, progress=lambda *a: told.append(a))
    assert again.to_json() == first.to_json()
    assert [entry[1:] for entry in told] == [(done, 6) for done in range(1, 7)]


def test_an_interrupted_run_does_only_what_is_left(monkeypatch):
    table, cache = _table(), Memory()
    whole = validate(table, SETTINGS)
    fit_and_predict, done = validation.fit_and_predict, []

    def interrupted(*arguments):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(arguments[2:4])
        return fit_and_predict(*arguments)

    monkeypatch.setattr(validation, "fit_and_predict", interrupted)
    with pytest.raises(KeyboardInterrupt):
        validate(table, SETTINGS, cache=cache)
    assert len(cache.folds) == 2
    done.clear()
    monkeypatch.setattr(
        validation, "fit_and_predict", lambda *a: done.append(a[2:4]) or fit_and_predict(*a)
    )
    assert validate(table, SETTINGS, cache=cache).to_json() == whole.to_json()
    assert len(done) == 4


def test_another_table_or_setting_is_another_fold():
    # Fault: a fold kept for other data or settings taken for this one's.
    def keys(table, settings):
        cache = Memory()
        designs, _ = designs_of(settings, None)
        jobs = validation._jobs(table, np.arange(table.n), settings, designs, None)
        return {job.key for job in jobs} | set(cache.folds)

    table = _table()
    reference = keys(table, SETTINGS)
    assert len(reference) == 6
    assert keys(table, _with(SETTINGS, workers=2)) == reference
    assert keys(table, _with(SETTINGS, designs=("random",))) < reference
    assert not keys(_table(noise=0.2), SETTINGS) & reference
    assert not keys(table, SETTINGS.model_copy(update={"seed": 1})) & reference
    assert not keys(table, SETTINGS.model_copy(update={"fusion": FusionSettings()})) & reference
    assert not keys(table, _with(SETTINGS, folds=4)) & reference


# ---- designs that need the domain


def _scattered(n_places=18, size=4):
    """Clusters of four sites, each a group of its own, and a domain that surrounds them."""
    random = np.random.default_rng(5)
    n = n_places * size
    table = _table(
        n=n,
        longitude=np.repeat(random.uniform(80, 95, n_places), size) + random.normal(0, 0.01, n),
        latitude=np.repeat(random.uniform(30, 36, n_places), size) + random.normal(0, 0.01, n),
    )
    values = random.normal(size=(300, 3)).astype(np.float32)
    domain = DomainSample(
        table.names, values, random.uniform(80, 95, 300), random.uniform(30, 36, 300)
    )
    return table, domain


def test_four_designs_side_by_side_of_which_the_weighted_one_fits_nothing(monkeypatch):
    table, domain = _scattered()
    fit_and_predict, fitted = validation.fit_and_predict, []
    monkeypatch.setattr(
        validation, "fit_and_predict", lambda *a: fitted.append(a[2]) or fit_and_predict(*a)
    )
    result = validate(table, SETTINGS, domain=domain)
    assert list(result.designs) == ["random", "random_weighted", "grouped", "knndm"]
    assert sorted(fitted) == ["grouped"] * 3 + ["knndm"] * 3 + ["random"] * 3
    assert len(fitted) == count_folds(SETTINGS, domain)
    random, weighted = result.designs["random"], result.designs["random_weighted"]
    np.testing.assert_array_equal(random.predicted, weighted.predicted)
    document = json.loads(json.dumps(result.to_json(), allow_nan=False))
    told = document["designs"]["random_weighted"]
    assert told["borrowed_from"] == "random"
    expected = r2(random.observed, random.predicted, weighted.weight)
    assert told["scores"]["r2"] == pytest.approx(expected)
    assert told["scores"]["r2"] != document["designs"]["random"]["scores"]["r2"]
    assert "random_weighted" not in result.frequency()
    assert result.notes == ()


def test_distances_show_which_design_asks_what_the_map_asks():
    table, domain = _scattered()
    result = validate(table, SETTINGS, domain=domain)
    told = json.loads(json.dumps(result.to_json(), allow_nan=False))["distances"]
    assert (told["unit"], told["clustered"]) == ("km", True)
    assert set(told["designs"]) == {"random", "grouped", "knndm"}
    places = on_sphere(table.longitude, table.latitude)
    region = on_sphere(domain.longitude, domain.latitude)
    wanted = to_nearest(region, places)
    assert told["domain_to_sample"]["mean"] == pytest.approx(wanted.mean())
    assert told["sample_to_sample"]["mean"] < 3 < told["domain_to_sample"]["mean"]
    for name, part in told["designs"].items():
        held_out = result.designs[name]
        folds = [
            (np.setdiff1d(np.arange(table.n), rows), rows)
            for rows in (held_out.rows[held_out.fold == f] for f in range(3))
        ]
        reached = across_folds(places, folds)
        assert part["n"] == table.n
        assert part["wasserstein"] == pytest.approx(wasserstein(reached, wanted))
    assert told["designs"]["knndm"]["wasserstein"] < told["designs"]["random"]["wasserstein"]


def test_without_a_domain_its_designs_are_left_out_aloud():
    result = validate(_table(), SETTINGS)
    assert list(result.designs) == ["random", "grouped"]
    assert "no score under knndm and random_weighted" in result.notes[0]
    document = result.to_json()
    assert document["notes"] == list(result.notes)
    assert document["distances"]["domain_to_sample"] is None
    with pytest.raises(TrainingError, match=r"name another design in validation\.designs"):
        validate(_table(), _with(SETTINGS, designs=("knndm",)))
    inner = SETTINGS.selection.model_copy(update={"designs": ("knndm",)})
    with pytest.raises(TrainingError, match="need points of the domain"):
        validate(_table(), SETTINGS.model_copy(update={"selection": inner}))


def test_the_domain_is_part_of_a_fold_only_where_folds_within_it_depend_on_it():
    # Fault: folds kept from another domain taken for this one's, or refitted without need.
    table, domain = _scattered()
    other = replace(domain, longitude=domain.longitude + 0.5)

    def keys(settings, domain):
        jobs = validation._jobs(table, np.arange(table.n), settings, ("random",), domain)
        return {job.key for job in jobs}

    assert keys(SETTINGS, domain) == keys(SETTINGS, other) == keys(SETTINGS, None)
    inner = SETTINGS.selection.model_copy(update={"designs": ("knndm",)})
    matched = SETTINGS.model_copy(update={"selection": inner})
    assert not keys(matched, domain) & keys(matched, other)
    features = _with(matched, space="features")
    assert not keys(matched, domain) & keys(features, domain)


def test_inner_folds_matched_to_the_domain_run_the_pipeline():
    table, domain = _scattered()
    inner = SETTINGS.selection.model_copy(update={"designs": ("knndm",)})
    settings = _with(SETTINGS.model_copy(update={"selection": inner}), designs=("grouped",))
    assert validate(table, settings, domain=domain).to_json()["designs"]["grouped"]["n"] == table.n


def test_repeats_redraw_random_folds_and_keep_those_that_are_done():
    table, cache = _table(), Memory()
    once = validate(table, _with(SETTINGS, designs=("random",)), cache=cache)
    thrice = validate(table, _with(SETTINGS, designs=("random",), repeats=3), cache=cache)
    assert len(cache.folds) == 9
    first, all_of_them = once.designs["random"], thrice.designs["random"]
    np.testing.assert_array_equal(all_of_them.predicted[: table.n], first.predicted)
    assert np.bincount(all_of_them.rows).tolist() == [3] * table.n
    told = thrice.to_json()["designs"]["random"]
    assert (told["n"], told["folds"]) == (table.n, 9)
    each = [
        r2(first.observed, first.predicted)
        for first in (
            replace(
                all_of_them,
                observed=all_of_them.observed[part],
                predicted=all_of_them.predicted[part],
            )
            for part in np.split(np.arange(3 * table.n), 3)
        )
    ]
    assert told["scores"]["r2"] == pytest.approx(np.mean(each))
    assert len(set(each)) == 3


# ---- the report


def test_the_report_has_all_scores_and_the_baseline_beside_them():
    split = np.where(np.arange(72) % 6 == 0, "test", "train")
    report = validate(_table(split=split), SETTINGS).to_json()
    assert set(report["designs"]) == {"random", "grouped"}
    for part in (*report["designs"].values(), report["test"]):
        for scores in (part["scores"], part["baseline"]["scores"]):
            assert set(scores) == {
                "r2", "rmse", "mae", "bias", "concordance", "slope_observed_on_predicted",
            }  # fmt: skip
        assert [fifth["by"] for fifth in part["bias_by_fifth_of_observation"]] == [
            "observation"
        ] * 5
        assert part["transformed_scores"] is None
    assert [report["designs"]["random"][key] for key in ("n", "folds")] == [60, 3]
    assert report["test"]["n"] == 12
    json.dumps(report, allow_nan=False)
    assert validate(_table(), SETTINGS).to_json()["test"] is None


def test_sites_without_a_prediction_are_counted_not_scored():
    table = _table(noise=0.0)
    values = table.values.copy()
    values[:5, 0] = np.nan
    features = [Feature(f"f{i}", "1") for i in range(3)]
    table = SampleTable.in_memory(features, values, table.target, group=table.group)
    result = validate(table, _with(SETTINGS, designs=("grouped",)))
    report = result.to_json()["designs"]["grouped"]
    assert (report["n"], report["no_prediction"]) == (67, 5)
    assert result.designs["grouped"].rows[~result.designs["grouped"].scored].tolist() == [
        0,
        1,
        2,
        3,
        4,
    ]


def test_scores_on_the_transformed_scale_beside_those_of_the_target():
    table = _table(noise=0.3)
    target = np.exp(table.target)
    table = SampleTable.in_memory(table.features, table.values, target, group=table.group)
    settings = SETTINGS.model_copy(
        update={"target": TargetSettings(minimum=0, maximum=None, transform="log")}
    )
    result = validate(table, _with(settings, designs=("random",)))
    part = result.to_json()["designs"]["random"]
    held_out = result.designs["random"]
    expected = r2(np.log(held_out.observed), held_out.transformed)
    assert part["transformed_scores"]["r2"] == pytest.approx(expected)
    assert part["transformed_scores"]["rmse"] != part["scores"]["rmse"]


def test_selection_frequency_is_a_share_of_the_folds():
    frequency = validate(_table(), SETTINGS).frequency()
    assert frequency["grouped"]["f0"] == 1
    assert all(0 < share <= 1 for shares in frequency.values() for share in shares.values())


def test_no_training_site_or_too_few_groups():
    with pytest.raises(TrainingError, match="no site has split 'train'"):
        validate(_table(split=np.full(72, "test")), SETTINGS)
    with pytest.raises(TrainingError, match=r"set validation.folds to 2 or less"):
        validate(_table(group=np.resize(["a", "b"], 72)), SETTINGS)


def test_sites_without_signal_end_in_the_plain_sentence():
    noise = _table(n=36, noise=0.0)
    noise = replace(noise, target=np.random.default_rng(1).normal(size=36))
    settings = _with(SETTINGS, designs=("grouped",))
    assert "no skill is shown" in validate(noise, settings).to_json()["no_skill"]
    assert validate(_table(), settings).to_json()["no_skill"] is None
