"""SHAP of forests against the general explainer, and against its own axioms."""

import warnings

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

from local_ml.learning.forest_shap import forest_shap_values

with warnings.catch_warnings():
    # On import, shap calls a part of matplotlib that will go.
    warnings.simplefilter("ignore")
    import shap


def _rows(n, n_columns, missing, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, n_columns)).astype(np.float32)
    y = X[:, 0] + 2 * (X[:, 1] > 0) * X[:, 2 % n_columns] + 0.3 * random.normal(size=n)
    X[random.random(X.shape) < missing] = np.nan
    return X, y


def _base(model):
    return np.mean([estimator.tree_.value[0, 0, 0] for estimator in model.estimators_])


@pytest.mark.parametrize("missing", [0.0, 0.15])
@pytest.mark.parametrize("kind", [RandomForestRegressor, ExtraTreesRegressor])
def test_equals_the_general_explainer(kind, missing):
    # Faults: a wrong share, NaN sent the wrong way, a wrong quadrature.
    X, y = _rows(80, 5, missing)
    model = kind(12, random_state=3).fit(X[:60], y[:60])
    oracle = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    expected = oracle.shap_values(X, check_additivity=False)
    assert np.abs(forest_shap_values(model, X) - expected).max() <= 1e-12 * np.ptp(y)


def test_a_feature_that_splits_again_on_its_path():
    # Fault: the factors of two turns on one feature taken for two players. With two columns,
    # deep trees must split on the same one again.
    X, y = _rows(120, 2, 0.1)
    model = RandomForestRegressor(8, random_state=1).fit(X, y)
    assert max(estimator.tree_.max_depth for estimator in model.estimators_) > 5
    expected = shap.TreeExplainer(model).shap_values(X, check_additivity=False)
    assert np.abs(forest_shap_values(model, X) - expected).max() <= 1e-12 * np.ptp(y)


def test_weights_change_the_shares():
    # Fault: shares counted by rows where the forest was fitted with weights.
    X, y = _rows(70, 4, 0.0)
    weight = np.linspace(0.1, 3, len(y))
    model = ExtraTreesRegressor(6, random_state=0).fit(X, y, sample_weight=weight)
    expected = shap.TreeExplainer(model).shap_values(X, check_additivity=False)
    assert np.abs(forest_shap_values(model, X) - expected).max() <= 1e-12 * np.ptp(y)


@pytest.mark.parametrize("n", [1, 15, 16, 17, 33])
def test_attributions_add_up_to_the_prediction(n):
    # Fault: rows of a partial block lost, or written twice.
    X, y = _rows(90, 6, 0.1)
    model = RandomForestRegressor(10, min_samples_leaf=3, random_state=5).fit(X, y)
    total = forest_shap_values(model, X[:n]).sum(axis=1) + _base(model)
    np.testing.assert_allclose(total, model.predict(X[:n]), rtol=0, atol=1e-12 * np.ptp(y))


def test_trees_grown_best_first_are_put_in_order():
    # Fault: node numbers taken for depth-first order, which max_leaf_nodes breaks.
    X, y = _rows(90, 4, 0.0)
    model = RandomForestRegressor(5, max_leaf_nodes=9, random_state=5).fit(X, y)
    expected = shap.TreeExplainer(model).shap_values(X, check_additivity=False)
    assert np.abs(forest_shap_values(model, X) - expected).max() <= 1e-12 * np.ptp(y)


def test_an_unused_column_gets_exactly_nothing():
    X, y = _rows(60, 3, 0.0)
    X = np.column_stack([X, np.zeros(60, np.float32)])
    model = ExtraTreesRegressor(5, random_state=0).fit(X, y)
    assert (forest_shap_values(model, X)[:, 3] == 0).all()


def test_a_forest_of_stumps_that_never_split_attributes_nothing():
    X, _ = _rows(20, 3, 0.0)
    model = RandomForestRegressor(3, random_state=0).fit(X, np.full(20, 7.0))
    assert (forest_shap_values(model, X) == 0).all()


def test_two_players_worked_by_hand():
    # A tree of two splits: x0 <= 0 ? (x1 <= 0 ? 0 : 4) : 8 with shares 1/2 everywhere.
    X = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], dtype=np.float32)
    y = np.array([0.0, 4.0, 8.0, 8.0])
    model = ExtraTreesRegressor(1, max_features=None, random_state=0)
    for seed in range(50):
        model.set_params(random_state=seed).fit(X, y)
        if model.estimators_[0].tree_.feature[0] == 0:
            break
    # At (-1, -1): v() = 5, v({0}) = 2, v({1}) = 4, v({0, 1}) = 0.
    expected = [((2 - 5) + (0 - 4)) / 2, ((4 - 5) + (0 - 2)) / 2]
    np.testing.assert_allclose(forest_shap_values(model, X[:1])[0], expected, atol=1e-14)
