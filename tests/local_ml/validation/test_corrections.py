"""What correcting the tails costs, told beside the score; and how stable the selection is."""

import json

import numpy as np
import pytest

from local_ml.errors import TrainingError
from local_ml.features import Feature
from local_ml.learning.learners import lighten
from local_ml.learning.pipeline import MoisturePipeline
from local_ml.prediction.predictor import Predictor
from local_ml.samples import SampleTable
from local_ml.scores.metrics import rmse
from local_ml.settings import (
    EnsembleSettings,
    FusionSettings,
    LearningSettings,
    SelectionSettings,
    TargetSettings,
    ValidationSettings,
)
from local_ml.train import train
from local_ml.validation import ablation, nested
from local_ml.validation.ablation import ablate, count_fits
from local_ml.validation.nested import validate

SETTINGS = LearningSettings(
    target=TargetSettings(name="y", unit="1", minimum=None, maximum=None),
    selection=SelectionSettings(trees=10, folds=2, probes=1, designs=("grouped",), drop_share=0.5),
    ensemble=lighten(EnsembleSettings(), 15),
    fusion=FusionSettings(folds=3, products=("mean", "distribution")),
    validation=ValidationSettings(
        folds=3, designs=("random", "grouped"), ablation="grouped", workers=1
    ),
)
CORRECTIONS = ["none", "linear", "isotonic", "distribution", "residual", "variance_restored"]


def _table(n=120, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, 4))
    y = X[:, 0] + 0.5 * X[:, 1] + 0.9 * random.normal(size=n)
    features = [Feature(name, "1", group=name * 2) for name in "abcd"]
    return SampleTable.in_memory(features, X, y, group=np.repeat(np.arange(n // 3), 3))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corrections")
    return train(_table(), SETTINGS, folder), folder


def test_each_correction_is_scored_on_the_rows_held_out(trained):
    # Fault: a correction scored where it was fitted, which flatters it (science: +0.12 in R²).
    result, folder = trained
    told = json.loads((folder / "validation.json").read_text(encoding="utf-8"))
    for name, design in told["designs"].items():
        assert list(design["corrections"]) == CORRECTIONS
        assert design["corrections"]["linear"]["scores"] == design["scores"]
        part = result.validation.designs[name]
        assert part.alternatives is not None
        assert design["corrections"]["isotonic"]["scores"]["rmse"] == pytest.approx(
            rmse(part.observed, part.alternatives["isotonic"])
        )


def test_restoring_the_variance_costs_accuracy_and_both_are_told(trained):
    _, folder = trained
    told = json.loads((folder / "validation.json").read_text(encoding="utf-8"))
    corrections = told["designs"]["random"]["corrections"]
    ratio = {name: found["standard_deviation_ratio"] for name, found in corrections.items()}
    error = {name: found["scores"]["rmse"] for name, found in corrections.items()}
    assert ratio["linear"] < 0.9
    for name in ("distribution", "variance_restored"):
        assert ratio[name] == pytest.approx(1, abs=0.15)
        assert error[name] > error["linear"]


def test_alternatives_are_fitted_beside_the_rule_and_do_not_touch_it():
    table = _table(60)
    fitted = MoisturePipeline(SETTINGS).fit(table)
    assert fitted.alternatives["linear"] == fitted.rule
    np.testing.assert_array_equal(
        fitted.predict_alternatives(table)["linear"], fitted.predict(table)
    )
    matched = SETTINGS.model_copy(update={"fusion": FusionSettings(correction="distribution")})
    other = MoisturePipeline(matched).fit(table).predict(table)
    settings = SETTINGS.model_copy(update={"fusion": FusionSettings()})
    plain = MoisturePipeline(settings).fit(table)
    np.testing.assert_allclose(other, plain.predict_alternatives(table)["distribution"])
    assert plain.rule.distribution is None


def test_the_second_product_is_stored_with_the_model(trained):
    # Fault: a product that exists while training and not in the saved model.
    result, folder = trained
    predictor = Predictor.load(folder)
    assert predictor.rule == result.fitted.rule
    table = _table()
    bands = {name: table.values[:, i].reshape(10, -1) for i, name in enumerate(table.names)}
    bands["a"] = np.where(np.arange(120).reshape(10, -1) == 7, np.nan, bands["a"])
    prediction = predictor.predict(bands)
    expected = result.fitted.predict_alternatives(table)["distribution"]
    assert prediction.distribution is not None
    found = prediction.distribution.ravel()
    assert np.isnan(found[7])
    np.testing.assert_allclose(np.delete(found, 7), np.delete(expected, 7), rtol=1e-5, atol=1e-6)
    assert np.nanstd(found) > 1.05 * np.nanstd(prediction.value)


def test_stability_is_told_for_each_design_that_was_fitted(trained):
    _, folder = trained
    told = json.loads((folder / "selection.json").read_text(encoding="utf-8"))
    assert set(told["stability"]) == {"random", "grouped"}
    for found in told["stability"].values():
        assert found["sets"] == 3
        assert found["estimate"] is None or found["estimate"] <= 1


def test_on_pure_noise_no_correction_scores_above_nothing(trained):
    # Fault: any leak. Folds of 40 rows leave the mean itself some chance: 0.02 (science 6.7).
    table = _table(150, seed=5)
    noise = SampleTable.in_memory(
        table.features, table.values, np.random.default_rng(9).normal(size=150), group=table.group
    )
    grouped = SETTINGS.model_copy(
        update={"validation": ValidationSettings(folds=3, designs=("grouped",), workers=1)}
    )
    report = validate(noise, grouped).to_json()["designs"]["grouped"]
    for name, found in report["corrections"].items():
        assert found["scores"]["r2"] <= 0.02, name


# ---- what each group of covariates is worth


def test_the_group_that_matters_is_missed_and_noise_is_not(trained):
    _, folder = trained
    told = json.loads((folder / "selection.json").read_text(encoding="utf-8"))["ablation"]
    assert told["design"] == "grouped"
    without = told["without"]
    assert {name: part["features"] for name, part in without.items()} == {
        "aa": ["a"],
        "bb": ["b"],
        "cc": ["c"],
        "dd": ["d"],
    }
    assert without["aa"]["rmse_change"] > 3 * without["aa"]["standard_error"]
    for noise in ("cc", "dd"):
        assert abs(without[noise]["rmse_change"]) < 3 * without[noise]["standard_error"] + 0.01


def test_a_pipeline_without_a_group_never_sees_it():
    # Fault: a group left out after the selection, whose members already chose it.
    table = _table(60)
    seen = []
    genuine = MoisturePipeline.fit

    def watched(self, part, **kind):
        seen.append((part.names, frozenset(part.group)))
        return genuine(self, part, **kind)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MoisturePipeline, "fit", watched)
        settings = SETTINGS.model_copy(
            update={
                "validation": ValidationSettings(
                    folds=2, designs=("grouped",), ablation="grouped", workers=1
                )
            }
        )
        result = validate(table, settings)
        whole = [groups for _, groups in seen]
        del seen[:]
        kept = {}
        cache = type(
            "Memory",
            (),
            {"get": lambda _, key: kept.get(key), "put": lambda _, k, v: kept.update({k: v})},
        )()
        report = ablate(table, settings, result, cache=cache)
        assert [names for names, _ in seen] == [
            tuple(name for name in "abcd" if name != left) for left in "abcd" for _ in range(2)
        ]
        # The same outer folds, training rows alone.
        assert [groups for _, groups in seen] == whole * 4
        # A second time nothing is fitted, and the report is the same.
        del seen[:]
        assert ablate(table, settings, result, cache=cache) == report
        assert not seen


def test_a_group_without_which_nothing_can_be_learned_is_told_and_ends_nothing(tmp_path):
    # Fault: a training of hours that ends without a file, since slope alone says nothing.
    table = _table(60)
    values = table.values.copy()
    values[:, 3] = 7
    features = [
        Feature(name, "1", group="signal" if name in "abc" else "constant") for name in "abcd"
    ]
    part = SampleTable.in_memory(features, values, table.target, group=table.group)
    result = train(part, SETTINGS, tmp_path)
    assert {path.name for path in result.files} >= {"manifest.json", "selection.json"}
    told = json.loads((tmp_path / "selection.json").read_text(encoding="utf-8"))["ablation"]
    lost, spared = told["without"]["signal"], told["without"]["constant"]
    assert lost["features"] == ["a", "b", "c"]
    assert lost["reason"].startswith("fold 1: no covariate can be learned from (d: constant (7 at")
    for name in ("n", "rmse", "r2", "rmse_change", "standard_error"):
        assert lost[name] is None
        assert spared[name] is not None
    assert spared["reason"] is None


def test_a_site_counts_once_however_often_it_is_held_out():
    # Fault: an n that counts repeats here, and sites in validation.json.
    table = _table(60)
    settings = SETTINGS.model_copy(
        update={
            "validation": ValidationSettings(
                folds=2, repeats=2, designs=("random",), ablation="random", workers=1
            )
        }
    )
    result = validate(table, settings)
    report = ablate(table, settings, result)
    n = result.to_json()["designs"]["random"]["n"]
    assert n == 60
    assert report["n"] == n
    assert {part["n"] for part in report["without"].values()} == {n}


def test_folds_of_an_ablation_are_kept_as_those_of_the_validation_are(monkeypatch):
    # Fault: folds of another version of a library taken for this one's.
    table = _table(60)
    fold = np.arange(60) % 2

    def keys(settings=SETTINGS, table=table):
        fits = ablation._fits(table, settings, fold, np.arange(60), None)
        return {fit.key for fit in fits}

    reference = keys()
    assert len(reference) == 8
    changed = SETTINGS.validation.model_copy(update={"workers": 2, "ablation": "random"})
    assert keys(SETTINGS.model_copy(update={"validation": changed})) == reference
    assert not keys(SETTINGS.model_copy(update={"seed": 1})) & reference
    assert not keys(table=_table(60, seed=1)) & reference
    split = np.arange(0, 60, 2), np.arange(1, 60, 2)
    assert nested.fold_key(table, SETTINGS, split, None, design="grouped", fold=0) not in reference
    monkeypatch.setattr(nested, "library_versions", lambda: {"numpy": "99.0"})
    assert not keys() & reference


def test_an_ablation_under_a_design_that_was_not_validated_is_refused():
    table = _table(60)
    validated = ValidationSettings(folds=2, designs=("random",), workers=1)
    result = validate(table, SETTINGS.model_copy(update={"validation": validated}))
    with pytest.raises(TrainingError, match=r"'grouped', which is not validated"):
        ablate(table, SETTINGS, result)


def test_without_groups_to_compare_nothing_is_fitted():
    table = _table(60)
    one = [Feature(feature.name, "1", group="terrain") for feature in table.features]
    assert count_fits(SampleTable.in_memory(one, table.values, table.target), SETTINGS) == 0
    off = SETTINGS.model_copy(update={"validation": ValidationSettings()})
    assert count_fits(table, off) == 0
    assert count_fits(table, SETTINGS) == 4 * 3
