"""Attributions: additive, summed to features with their signs, larger for what matters."""

import numpy as np
import pytest

from local_ml.learning.importance import mean_absolute_shap, shap_values, sum_to_features
from local_ml.learning.learners import MEMBERS, lighten, make_member
from local_ml.settings import EnsembleSettings

SMALL = lighten(EnsembleSettings(), 20)


@pytest.fixture(scope="module")
def fitted():
    random = np.random.default_rng(0)
    X = random.normal(size=(90, 3)).astype(np.float32)
    X[:9, 2] = np.nan
    y = 3 * X[:, 0] + X[:, 1] + 0.1 * random.normal(size=90)
    members = {name: make_member(name, SMALL, 1).fit(X[:60], y[:60]) for name in MEMBERS}
    return members, X[60:]


@pytest.mark.parametrize("name", MEMBERS)
def test_attributions_tell_predictions_apart(name, fitted):
    # Fault: the bias column kept, or rows and columns swapped.
    members, X = fitted
    values = shap_values(name, members[name], X)
    assert values.shape == X.shape
    base = members[name].predict(X) - values.sum(axis=1)
    np.testing.assert_allclose(base, base[0], atol=1e-5)


@pytest.mark.parametrize("name", MEMBERS)
def test_what_matters_more_ranks_higher(name, fitted):
    members, X = fitted
    importance = mean_absolute_shap(name, members[name], X)
    assert importance[0] > importance[1] > importance[2] >= 0


def test_levels_that_pull_against_each_other_cancel():
    # Fault: sizes summed before signs are, which makes categorical features look larger.
    values = np.array([[1.0, -1.0, 5.0], [2.0, 1.0, -5.0]])
    np.testing.assert_array_equal(sum_to_features(values, (0, 0, 1)), [[0, 5], [3, -5]])


def test_an_unknown_member(fitted):
    with pytest.raises(ValueError, match="no member 'svm'"):
        shap_values("svm", None, fitted[1])
