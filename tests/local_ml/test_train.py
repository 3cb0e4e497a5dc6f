"""Training as a whole: every file is written, twice the same, and the bundle predicts alike."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from local_ml.errors import TrainingError
from local_ml.features import Feature
from local_ml.learning.learners import lighten
from local_ml.prediction.predictor import Predictor
from local_ml.samples import SampleTable
from local_ml.settings import (
    EnsembleSettings,
    FusionSettings,
    LearningSettings,
    SelectionSettings,
    ValidationSettings,
)
from local_ml.train import FINAL_MODEL, train

SETTINGS = LearningSettings(
    selection=SelectionSettings(
        designs=("grouped",), trees=10, folds=2, drop_share=0.5, probes=1, minimum_features=2
    ),
    ensemble=lighten(EnsembleSettings(), 10),
    fusion=FusionSettings(folds=2),
    validation=ValidationSettings(folds=2, workers=1),
)
NAMES = ("validation.json", "selection.json", "out_of_fold.csv", "importance.csv",
         "manifest.json", "arrays.npz")  # fmt: skip


@pytest.fixture(scope="module")
def table():
    random = np.random.default_rng(0)
    X = random.normal(size=(70, 4))
    X[:, 3] = np.resize([1, 2, 3], 70)
    features = [Feature("twi", "1", group="terrain"), Feature("vv", "dB"), Feature("ndvi", "1"),
                Feature("soil", "1", levels=(1, 2, 3))]  # fmt: skip
    target = 0.3 + 0.05 * X[:, 0] + 0.1 * (X[:, 3] == 2)
    split = np.where(np.arange(70) < 10, "test", "train")
    return SampleTable.in_memory(features, X, target, split=split)


@pytest.fixture(scope="module")
def trained(table, tmp_path_factory):
    return train(table, SETTINGS, tmp_path_factory.mktemp("a") / "model")


def test_all_files_are_there_and_the_same_when_trained_again(table, trained, tmp_path):
    again = train(table, SETTINGS, tmp_path / "model")
    assert sorted(path.name for path in again.files) == sorted(NAMES)
    for first, second in zip(trained.files, again.files, strict=True):
        assert first.read_bytes() == second.read_bytes()
    assert not list(tmp_path.rglob("*.part"))


def test_the_bundle_predicts_what_the_pipeline_predicts(table, trained):
    predictor = Predictor.load(trained.files[0].parent)
    bands = dict(zip(table.names, table.values.T, strict=True))
    expected = trained.fitted.predict(table)
    np.testing.assert_allclose(predictor.predict(bands).value, expected, rtol=1e-6)


def test_the_out_of_fold_table_holds_each_site_once_a_design(table, trained):
    frame = pd.read_csv(trained.files[0].parent / "out_of_fold.csv")
    assert list(frame.columns) == [
        "design", "fold", "site_id", "method", "group", "observed", "predicted",
    ]  # fmt: skip
    assert frame.groupby("design").size().to_dict() == {"grouped": 60, "random": 60, "test": 10}
    assert not frame.duplicated(["design", "site_id"]).any()
    observed = dict(zip(table.site_id, table.target, strict=True))
    np.testing.assert_array_equal(frame["observed"], [observed[site] for site in frame["site_id"]])


def test_importance_is_that_of_the_fused_prediction(trained):
    frame = pd.read_csv(trained.files[0].parent / "importance.csv")
    assert set(frame["feature"]) == set(trained.fitted.selection.chosen)
    assert frame["share"].sum() == pytest.approx(1)
    assert frame["mean_absolute_shap"].is_monotonic_decreasing
    assert set(frame["feature"][:2]) == {"twi", "soil"}


def test_the_selection_is_told_in_full(table, trained):
    document = json.loads((trained.files[0].parent / "selection.json").read_text())
    assert document["candidates"] == list(table.names)
    told = [entry["name"] for entry in document["dropped"]] + document["chosen"]
    assert sorted(told) == sorted(table.names)
    assert all(entry["reason"] for entry in document["dropped"])
    assert set(document["frequency"]) == {"random", "grouped"}
    assert all(len(step["features"]) == step["n"] for step in document["path"])


@pytest.mark.parametrize(
    ("part", "design", "told"),
    [
        ("intervals", {"design": "groupd"}, r"intervals\.design is 'groupd'.*nearest is 'grouped'"),
        ("applicability", {"design": "knndm"}, r"applicability\.design is 'knndm'"),
        ("validation", {"ablation": "block"}, r"validation\.ablation is 'block'"),
    ],
)
def test_a_design_that_is_not_validated_is_refused_before_anything_is_fitted(
    table, tmp_path, monkeypatch, part, design, told
):
    # Fault: hours of training, and then a word misspelt. Without a domain there is no knndm.
    def fitted(*_, **__):
        raise AssertionError("the pipeline was fitted first")

    monkeypatch.setattr("local_ml.train.MoisturePipeline.fit", fitted)
    changed = getattr(SETTINGS, part).model_copy(update=design)
    with pytest.raises(TrainingError, match=told):
        train(table, SETTINGS.model_copy(update={part: changed}), tmp_path / "model")


def test_the_final_fit_tells_how_far_it_is(table, tmp_path):
    told = []
    train(table, SETTINGS, tmp_path / "model", progress=lambda *what: told.append(what))
    assert told[:3] == [(FINAL_MODEL, part, 3) for part in (1, 2, 3)]
    assert [done for _, done, _ in told[3:]] == [1, 2, 3, 4]


def test_the_verdict_goes_with_the_model(table, trained, tmp_path):
    assert Predictor.load(trained.files[0].parent).no_skill is None
    lots = np.random.default_rng(3).uniform(0.1, 0.5, table.n)
    noise = train(replace(table, target=lots), SETTINGS, tmp_path / "model")
    said = noise.validation.to_json()["no_skill"]
    assert said.startswith("no skill is shown: R² under grouped folds (knndm ones were not")
    assert Predictor.load(tmp_path / "model").no_skill == said


def test_a_covariate_bounds_what_is_scored_and_what_is_mapped(table, tmp_path):
    """Fault: scores of values that nobody delivers, or a bound lost where it is no feature."""
    # A bound that holds 0.3 at every second site and is of no use as a feature.
    holds = np.where(np.arange(70) % 2, 0.25, np.nan)
    bounding = Feature("porosity", "1", group="soil")
    values = np.column_stack([table.values, holds])
    wide = SampleTable.in_memory((*table.features, bounding), values, table.target)
    target = SETTINGS.target.model_copy(update={"maximum_covariate": "porosity"})
    settings = SETTINGS.model_copy(update={"target": target})
    with pytest.raises(TrainingError, match="known at none of the training sites"):
        train(wide, settings, tmp_path / "model")
    result = train(wide.bounded(target), settings, tmp_path / "model")
    assert "porosity" not in result.fitted.selection.chosen
    for part in result.validation.designs.values():
        above = part.predicted > 0.3 + 1e-12
        assert not above[part.rows % 2 == 1].any()
        assert above.any()
        assert part.clipped.any()
    told = json.loads((tmp_path / "model/validation.json").read_text())
    assert 0.1 < told["designs"]["grouped"]["clipped_share"] < 0.6
    (note,) = [note for note in told["notes"] if "porosity" in note]
    above = int((table.target > 0.3)[1::2].sum())
    assert f"{above} of 70 training sites hold more" in note
    assert "at 35 it is missing" in note
    predictor = Predictor.load(tmp_path / "model")
    bands = dict(zip(wide.names, wide.values.T, strict=True))
    got = predictor.predict(bands)
    np.testing.assert_allclose(got.value, result.fitted.predict(wide.bounded(target)), rtol=1e-6)
    assert got.without_maximum == 35
