"""The pipeline: finds a truth that is there, says what it leaves out, refuses what it can't do."""

import numpy as np
import pytest

from local_ml.domain import DomainSample
from local_ml.errors import PredictionError, SampleTableError, TrainingError
from local_ml.features import Feature
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

SETTINGS = LearningSettings(
    target=TargetSettings(minimum=None, maximum=None),
    selection=SelectionSettings(
        designs=("grouped",), trees=12, folds=3, drop_share=0.5, minimum_features=1
    ),
    ensemble=lighten(EnsembleSettings(), 30),
    fusion=FusionSettings(folds=3),
    validation=ValidationSettings(folds=3, workers=1),
)


def _table(n=120, p=4, seed=0, missing="nodata", truth=lambda X: np.where(X[:, 0] > 0, 2.0, 1.0)):
    X = np.random.default_rng(seed).normal(size=(n, p))
    features = [Feature(f"f{i}", "1", missing=missing) for i in range(p)]
    return SampleTable.in_memory(features, X, truth(X))


def test_a_step_is_learned_and_found_again_on_fresh_rows():
    fitted = MoisturePipeline(SETTINGS).fit(_table())
    fresh = _table(seed=1)
    assert "f0" in fitted.selection.chosen
    assert r2(fresh.target, fitted.predict(fresh)) > 0.9


def test_features_are_bound_by_name():
    # Fault: reordered covariates that give wrong numbers silently.
    fitted = MoisturePipeline(SETTINGS).fit(_table())
    fresh = _table(seed=1)
    shuffled = fresh.with_features(("f3", "f1", "f0", "f2"))
    np.testing.assert_array_equal(fitted.predict(shuffled), fitted.predict(fresh))
    np.testing.assert_array_equal(fitted.predict(fresh.values), fitted.predict(fresh))
    with pytest.raises(PredictionError, match="4 candidates"):
        fitted.predict(fresh.values[:, :3])
    with pytest.raises(SampleTableError, match="'f0'"):
        fitted.predict(fresh.with_features(("f1", "f2", "f3")))


def test_rows_without_a_value_in_a_kept_feature_are_left_out_and_get_no_prediction():
    table = _table()
    values = table.values.copy()
    values[:7, 0] = np.nan
    table = SampleTable.in_memory(table.features, values, table.target)
    fitted = MoisturePipeline(SETTINGS).fit(table)
    assert fitted.used_rows.tolist() == list(range(7, 120))
    assert len(np.unique(fitted.out_of_fold.rows)) == 113
    predicted = fitted.predict(table)
    assert np.isnan(predicted[:7]).all()
    assert np.isfinite(predicted[7:]).all()


@pytest.mark.parametrize("missing", ["native", "impute"])
def test_other_rules_for_missing_values_keep_the_rows(missing):
    table = _table(missing=missing)
    values = table.values.copy()
    values[:7, 0] = np.nan
    table = SampleTable.in_memory(table.features, values, table.target)
    fitted = MoisturePipeline(SETTINGS).fit(table)
    assert len(fitted.used_rows) == 120
    assert np.isfinite(fitted.predict(table)).all()


def test_a_logarithm_is_learned_and_its_mean_delivered():
    def truth(X):
        return np.exp(X[:, 0] + 0.5 * np.random.default_rng(9).normal(size=len(X)))

    target = TargetSettings(name="zinc", unit="mg/kg", minimum=0, maximum=None, transform="log")
    settings = SETTINGS.model_copy(update={"target": target})
    fitted = MoisturePipeline(settings).fit(_table(n=200, truth=truth))
    fresh = _table(n=200, seed=1, truth=truth)
    predicted = fitted.predict(fresh)
    assert fitted.rule.smearing > 1.05
    assert (predicted > 0).all()
    np.testing.assert_allclose(
        np.log(predicted / fitted.rule.smearing), fitted.predict_transformed(fresh), atol=1e-9
    )
    assert r2(np.log(fresh.target), fitted.predict_transformed(fresh)) > 0.6


def test_sites_measured_badly_count_less():
    # Fault: measurement errors read and never used.
    table = _table()
    wrong = np.arange(120) % 4 == 0
    target = np.where(wrong, table.target + 3, table.target)
    sd = np.where(wrong, 5.0, 0.01)
    doubtful = SampleTable.in_memory(table.features, table.values, target, target_sd=sd)
    trusting = SampleTable.in_memory(table.features, table.values, target)
    fresh = _table(seed=1)
    errors = [
        np.abs(MoisturePipeline(SETTINGS).fit(t).predict(fresh) - fresh.target).mean()
        for t in (doubtful, trusting)
    ]
    assert errors[0] < 0.7 * errors[1]


def test_the_same_table_gives_the_same_bytes():
    first, again = (MoisturePipeline(SETTINGS).fit(_table()) for _ in range(2))
    assert first.rule == again.rule
    assert first.selection == again.selection
    assert first.predict(_table(seed=1)).tobytes() == again.predict(_table(seed=1)).tobytes()


def test_what_cannot_be_learned_is_refused():
    pipeline = MoisturePipeline(SETTINGS)
    with pytest.raises(TrainingError, match=r"^1 training site: at least 10"):
        pipeline.fit(_table(n=1))
    with pytest.raises(TrainingError, match="the target is 5 at all 30"):
        pipeline.fit(_table(n=30, truth=lambda X: np.full(len(X), 5.0)))
    few_groups = SampleTable.in_memory(
        _table().features, _table().values, _table().target, group=np.resize(["a", "b"], 120)
    )
    with pytest.raises(TrainingError, match=r"selection.folds to 2 or less"):
        pipeline.fit(few_groups)


def test_a_logarithm_of_nothing_is_refused():
    target = TargetSettings(minimum=0, transform="log")
    pipeline = MoisturePipeline(SETTINGS.model_copy(update={"target": target}))
    with pytest.raises(TrainingError, match="log"):
        pipeline.fit(_table(truth=lambda X: X[:, 0]))


def test_a_crowd_of_sites_counts_no_more_than_its_ground_where_that_is_asked():
    """Fault: forty sites in one valley that decide on the calibration of the whole region."""
    random = np.random.default_rng(9)
    crowd = np.arange(80) < 60
    longitude = np.where(crowd, 90 + 0.01 * random.random(80), 90 + 4 * random.random(80))
    latitude = np.where(crowd, 35 + 0.01 * random.random(80), 35 + 4 * random.random(80))
    X = random.normal(size=(80, 2))
    # In the crowd the observations rise half as much as elsewhere.
    target = np.where(crowd, 0.5, 1.5) * X[:, 0] + 0.1 * random.normal(size=80)
    features = [Feature("f0", "1"), Feature("f1", "1")]
    table = SampleTable.in_memory(
        features, X, target, longitude=longitude, latitude=latitude,
        group=np.array([str(n % 20) for n in range(80)]),
    )  # fmt: skip
    place = 4 * random.random((300, 2))
    domain = DomainSample(
        tuple(features), random.normal(size=(300, 2)).astype(np.float32), 90 + place[:, 0],
        35 + place[:, 1],
    )  # fmt: skip

    def fitted(site_weights, with_domain=domain):
        fusion = SETTINGS.fusion.model_copy(update={"site_weights": site_weights})
        settings = SETTINGS.model_copy(update={"fusion": fusion})
        return MoisturePipeline(settings).fit(table, domain=with_domain)

    plain, rare = fitted("measurement"), fitted("measurement_and_intensity")
    assert rare.rule.slope > plain.rule.slope + 0.1
    np.testing.assert_array_equal(rare.weight, plain.weight)
    # The members are the same: no site is made worse by being one of many.
    np.testing.assert_array_equal(rare.predict_spread(table), plain.predict_spread(table))
    with pytest.raises(TrainingError, match=r"fusion\.site_weights.*domain\.csv"):
        fitted("measurement_and_intensity", None)
