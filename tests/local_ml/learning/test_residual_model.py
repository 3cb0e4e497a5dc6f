"""The residual model mends what hangs on a covariate, invents nothing, is saved as fitted."""

import numpy as np
import pytest

from local_ml.features import Feature
from local_ml.learning.ensemble import out_of_fold
from local_ml.learning.learners import lighten
from local_ml.learning.pipeline import MoisturePipeline
from local_ml.learning.residual_model import cross_fitted, fit_residual_model
from local_ml.prediction.fusion_rule import with_fused
from local_ml.prediction.predictor import Predictor
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
from local_ml.train import train
from local_ml.validation.nested import validate

ENSEMBLE = lighten(EnsembleSettings(), 20)


def settings_of(**changes):
    return LearningSettings(
        **{
            "target": TargetSettings(minimum=None, maximum=None),
            "selection": SelectionSettings(enabled=False),
            "ensemble": ENSEMBLE,
            "fusion": FusionSettings(folds=3, correction="residual"),
            "validation": ValidationSettings(folds=3, designs=("grouped",), workers=1),
        }
        | changes
    )


def table_of(target, X):
    features = [Feature(f"f{number}", "1") for number in range(X.shape[1])]
    return SampleTable.in_memory(features, X, target)


@pytest.fixture(scope="module")
def noise():
    random = np.random.default_rng(4)
    return table_of(random.normal(size=120), random.normal(size=(120, 5)))


def test_what_it_adds_to_a_row_it_did_not_learn_from_that_row(noise):
    """Fault: the worst trap of this method, residuals explained where they were fitted."""
    held_out = out_of_fold(noise, noise.target, ENSEMBLE, FusionSettings(folds=3), 1)
    fused = held_out.predictions.mean(axis=1)
    observed = noise.target[held_out.rows]
    X, weight = noise.values[held_out.rows], np.ones(len(fused))
    parts = (X, fused, observed - fused)
    known = fit_residual_model(*parts, ENSEMBLE, 1, weight).predict(with_fused(X, fused))
    unknown = cross_fitted(*parts, held_out, ENSEMBLE, 1, weight)
    assert r2(observed, fused + known) > 0.5
    assert r2(observed, fused + unknown) < 0.02


def test_the_score_of_noise_is_not_lifted_by_it(noise):
    document = validate(noise, settings_of()).to_json()["designs"]["grouped"]
    assert document["scores"]["r2"] < 0.02
    assert document["corrections"]["residual"]["scores"] == document["scores"]
    assert document["corrections"]["none"]["scores"] != document["scores"]


def test_a_bias_that_hangs_on_a_covariate_is_mended():
    """Members that were told too little: what they miss is there in their residuals."""
    random = np.random.default_rng(2)
    fused = random.normal(size=400)
    X = random.normal(size=(400, 3)).astype(np.float32)
    residual = np.where(X[:, 1] > 0, 0.5, -0.5) + 0.1 * random.normal(size=400)
    forest = fit_residual_model(X[:300], fused[:300], residual[:300], ENSEMBLE, 1, np.ones(300))
    found = forest.predict(with_fused(X[300:], fused[300:]))
    assert r2(residual[300:], found) > 0.85


@pytest.mark.parametrize("transform", ["none", "log"])
def test_the_saved_model_adds_what_the_pipeline_adds(tmp_path, transform):
    random = np.random.default_rng(6)
    X = random.normal(size=(90, 3))
    target = np.exp(0.4 * X[:, 0] - 1 + 0.2 * random.normal(size=90))
    table = table_of(target, X)
    bounds = TargetSettings(minimum=0.0, maximum=3.0, transform=transform)
    few = ValidationSettings(folds=2, designs=("grouped",), workers=1)
    result = train(table, settings_of(target=bounds, validation=few), tmp_path / "model")
    assert result.fitted.rule.residual
    predictor = Predictor.load(tmp_path / "model")
    got = predictor.predict(dict(zip(table.names, table.values.T, strict=True)))
    np.testing.assert_allclose(got.value, result.fitted.predict(table), rtol=1e-6)
    plain = result.fitted.predict_alternatives(table)["none"]
    assert np.abs(got.value - plain).max() > 0.01
    assert (got.lower <= got.upper).all()


def test_smearing_takes_residuals_that_the_forest_did_not_know():
    """Fault: residuals explained away leave a factor of 1, and a mean that is too low."""
    random = np.random.default_rng(7)
    X = random.normal(size=(200, 3))
    target = np.exp(0.5 * X[:, 0] + 0.6 * random.normal(size=200))
    settings = settings_of(target=TargetSettings(minimum=None, maximum=None, transform="log"))
    fitted = MoisturePipeline(settings).fit(table_of(target, X))
    assert 1.1 < fitted.rule.smearing < 1.35  # exp(0.36 / 2) = 1.20
