"""The members: same bytes again, weights used, NaN taken, nothing written."""

import numpy as np
import pytest

from local_ml.learning.learners import MEMBERS, lighten, make_light_member, make_member
from local_ml.settings import EnsembleSettings, SelectionSettings

SMALL = lighten(EnsembleSettings(), 15)


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    X = random.normal(size=(80, 4)).astype(np.float32)
    y = X[:, 0] + 0.1 * random.normal(size=80)
    return X, y


@pytest.mark.parametrize("name", MEMBERS)
def test_same_seed_same_bytes_other_seed_others(name, rows):
    X, y = rows
    first, again, other = (
        make_member(name, SMALL, seed).fit(X, y).predict(X).tobytes() for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize("name", MEMBERS)
def test_weights_reach_the_learner(name, rows):
    # Fault: weights accepted and dropped.
    X, y = rows
    y = np.where(np.arange(80) % 2, y + 5, y)
    weight = np.where(np.arange(80) % 2, 10.0, 0.1)
    plain = make_member(name, SMALL, 1).fit(X, y).predict(X).mean()
    weighted = make_member(name, SMALL, 1).fit(X, y, sample_weight=weight).predict(X).mean()
    assert weighted > plain + 0.5


@pytest.mark.parametrize("name", MEMBERS)
def test_missing_values_are_learned_from(name, rows):
    X, y = rows
    X = X.copy()
    X[:20, 0] = np.nan
    y = np.where(np.isnan(X[:, 0]), 9.0, y)
    predicted = make_member(name, SMALL, 1).fit(X, y).predict(X)
    assert predicted[:20].mean() > predicted[20:].mean() + 2


@pytest.mark.parametrize("name", MEMBERS)
def test_nothing_is_written_or_said(name, rows, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    make_member(name, SMALL, 1).fit(*rows)
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", MEMBERS)
def test_one_thread(name):
    parameters = make_member(name, SMALL, 1).get_params()
    assert parameters.get("n_jobs", parameters.get("thread_count")) == 1


def test_light_members_have_fewer_trees_and_no_longer_path():
    full, light = EnsembleSettings(), lighten(EnsembleSettings(), 100)
    for name in MEMBERS:
        assert getattr(light, name).trees == 100
    for name in ("xgboost", "catboost"):
        before, after = getattr(full, name), getattr(light, name)
        assert before.learning_rate < after.learning_rate
        assert after.learning_rate * after.trees <= before.learning_rate * before.trees + 1e-9
    assert lighten(SMALL, 400) == SMALL
    member = make_light_member("random_forest", SelectionSettings(trees=12), full, 0)
    assert member.get_params()["n_estimators"] == 12


def test_an_unknown_member():
    with pytest.raises(ValueError, match="no member 'svm'"):
        make_member("svm", SMALL, 0)
