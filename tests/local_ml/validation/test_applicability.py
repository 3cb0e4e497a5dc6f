"""Area of applicability: worked by hand, scaled as the paper says, the same at training and map."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from local_ml.errors import TrainingError
from local_ml.prediction.applicability_rule import ApplicabilityRule
from local_ml.validation.applicability import fit_applicability


def fit(X, importance=None, column_feature=None, folds=None):
    X = np.asarray(X, dtype=np.float32)
    if X.ndim == 1:
        X = X[:, None]
    column_feature = range(X.shape[1]) if column_feature is None else column_feature
    importance = np.ones(max(column_feature) + 1) if importance is None else importance
    label = np.arange(len(X)) if folds is None else np.asarray(folds)
    together = [label == fold for fold in np.unique(label)]
    return fit_applicability(X, column_feature, np.asarray(importance, float), together, "grouped")


def sites(n=60, p=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, p)).astype(np.float32)


def test_four_points_on_a_line_worked_by_hand():
    # Distances of pairs: 1, 1, 3, 2, 4, 5 → mean 16/6. Nearest others: 1, 1, 1, 3.
    found = fit([0, 1, 2, 5])
    unit = 16 / 6
    np.testing.assert_allclose(found.dissimilarity_index, np.array([1, 1, 1, 3]) / unit, rtol=1e-6)
    # Quartiles of 1, 1, 1, 3: 1 and 1.5; 1.5 + 1.5 · 0.5 = 2.25, less than the largest.
    assert found.rule.threshold == pytest.approx(2.25 / unit, rel=1e-6)
    index, density = found.rule.evaluate(np.float32([[2], [3.5], [7.2], [7.3], [-1]]))
    np.testing.assert_allclose(index, np.array([0, 1.5, 2.2, 2.3, 1]) / unit, atol=1e-6)
    assert density.tolist() == [3, 2, 1, 0, 2]


def test_the_threshold_is_at_most_the_largest_dissimilarity_of_a_site():
    found = fit([0, 1, 2, 3, 4])
    assert found.rule.threshold == pytest.approx(found.dissimilarity_index.max(), rel=1e-6)


def test_sites_held_out_together_are_no_neighbours_of_each_other():
    """A threshold from sites 20 m apart, which shrinks the area to their doorsteps."""
    found = fit([0, 0.1, 5, 5.1], folds=[0, 0, 1, 1])
    apart = fit([0, 0.1, 5, 5.1])
    ratio = found.dissimilarity_index / apart.dissimilarity_index
    np.testing.assert_allclose(ratio, [50, 49, 49, 50], rtol=1e-4)


def test_a_fold_of_all_sites_tells_no_distance():
    """A training that ends with numpy's words on a zero-size array."""
    with pytest.raises(
        TrainingError, match=r"all 4 sites .* one fold of the design 'grouped'.*set"
    ):
        fit([0, 0.1, 5, 5.1], folds=[2, 2, 2, 2])


def test_one_entry_a_repeat():
    X = sites(20)
    label = np.arange(20) % 4
    once = [label == fold for fold in range(4)]
    twice = [*once, *(np.roll(label, 3) == fold for fold in range(4))]
    found = fit_applicability(X, range(3), np.ones(3), twice, "random")
    assert len(found.dissimilarity_index) == 40


@given(st.integers(0, 1000), st.floats(0.01, 1000), st.floats(-1000, 1000))
def test_units_have_no_influence(seed, scale, shift):
    """Metres against kilometres deciding what counts as far."""
    X = sites(seed=seed).astype(np.float64)
    changed = X.copy()
    changed[:, 1] = scale * X[:, 1] + shift * scale
    one, other = fit(X), fit(changed)
    np.testing.assert_allclose(other.dissimilarity_index, one.dissimilarity_index, rtol=5e-3)
    assert other.rule.threshold == pytest.approx(one.rule.threshold, rel=5e-3)


def test_the_scale_of_the_importance_has_no_influence_but_its_shares_have():
    X = sites()
    one, other = fit(X, [3, 1, 0.5]), fit(X, [30, 10, 5])
    np.testing.assert_allclose(one.dissimilarity_index, other.dissimilarity_index, rtol=1e-5)
    new = np.float32([[0, 40, 0]])
    heavy = fit(X, [1, 10, 1]).rule.evaluate(new)[0][0]
    light = fit(X, [10, 1, 10]).rule.evaluate(new)[0][0]
    assert heavy > 5 * light
    # A feature that moves no prediction may be as strange as it likes.
    assert fit(X, [1, 0, 1]).rule.evaluate(new)[0] == fit(X, [1, 0, 1]).rule.evaluate(0 * new)[0]


def test_features_of_one_importance_count_alike_whether_continuous_or_categorical():
    """A rare soil class, divided by its tiny standard deviation, that outweighs all else."""
    random = np.random.default_rng(1)
    soil = random.choice(3, 4000, p=[0.9, 0.08, 0.02])
    X = np.column_stack([random.normal(size=4000), *(soil == level for level in range(3))])
    rule = fit(X[:300], column_feature=(0, 1, 1, 1)).rule
    placed = rule.place(X[1000:])
    squared = (placed[::2] - placed[1::2]) ** 2
    continuous, categorical = squared[:, 0].mean(), squared[:, 1:].sum(axis=1).mean()
    assert categorical == pytest.approx(continuous, rel=0.25)
    assert len(set(rule.factor[1:].tolist())) == 1


def test_a_missing_value_is_placed_at_the_mean():
    X = sites()
    X[::7, 1] = np.nan
    rule = fit(X).rule
    assert rule.centre[1] == pytest.approx(np.nanmean(X[:, 1]), rel=1e-5)
    with_gap, at_mean = np.float32([[0.3, np.nan, 0.1]]), np.float32([[0.3, rule.centre[1], 0.1]])
    np.testing.assert_array_equal(rule.evaluate(with_gap)[0], rule.evaluate(at_mean)[0])


def test_a_model_that_predicts_one_value_applies_everywhere():
    rule = fit(sites(), np.zeros(3)).rule
    index, density = rule.evaluate(1000 * sites(5))
    assert index.tolist() == [0] * 5
    assert density.tolist() == [60] * 5


def test_a_constant_column_is_left_out_and_not_divided_by_zero():
    X = sites()
    X[:, 2] = 7
    rule = fit(X).rule
    assert rule.factor[2] == 0
    assert np.isfinite(rule.evaluate(X)[0]).all()


def test_a_tree_of_scipy_finds_the_same_neighbours():
    found = fit(sites(300, 8, 2), np.arange(1, 9))
    new = 2 * sites(500, 8, 3)
    index, density = found.rule.evaluate(new)
    tree = cKDTree(found.rule.reference)
    placed = found.rule.place(new)
    np.testing.assert_allclose(index, tree.query(placed)[0], rtol=1e-5)
    counts = tree.query_ball_point(placed, found.rule.threshold, return_length=True)
    # A site within rounding of the threshold may fall on either side.
    assert (density != counts).mean() < 0.01
    assert 0 < (density == 0).mean() < 1


def test_inside_the_area_means_that_a_site_is_near():
    """Two bands of one map that contradict each other."""
    found = fit(sites(100, 4, 4))
    index, density = found.rule.evaluate(2 * sites(2000, 4, 5))
    np.testing.assert_array_equal(index <= np.float32(found.rule.threshold), density >= 1)


def test_a_pixel_equal_to_a_site_is_at_distance_zero():
    X = sites(50, 6, 6)
    np.testing.assert_array_equal(fit(X).rule.evaluate(X)[0], np.zeros(50, np.float32))


def test_a_row_has_the_same_bits_whatever_the_rows_beside_it():
    rule = fit(sites(70, 5, 7)).rule
    new = sites(333, 5, 8)
    together = rule.evaluate(new)[0]
    alone = np.concatenate([rule.evaluate(new[row : row + 1])[0] for row in range(333)])
    np.testing.assert_array_equal(together, alone)


def test_arrays_and_scalars_make_the_rule_again_and_others_are_refused():
    rule = fit(sites()).rule
    arrays, scalars = rule.to_arrays("a."), rule.scalars()
    again = ApplicabilityRule.from_arrays(arrays, "a.", scalars)
    new = sites(9, seed=9)
    np.testing.assert_array_equal(again.evaluate(new)[0], rule.evaluate(new)[0])
    with pytest.raises(ValueError, match="stated is"):
        ApplicabilityRule.from_arrays(arrays, "a.", {**scalars, "sites": 61})
    for change, says in [
        ({"centre": rule.centre[:2]}, "same columns"),
        ({"reference": rule.reference[:0]}, "no training site"),
        ({"factor": rule.factor.astype(float)}, "finite float32"),
        ({"factor": -rule.factor}, "negative"),
        ({"threshold": float("nan")}, "threshold"),
    ]:
        with pytest.raises(ValueError, match=says):
            replace(rule, **change)


def test_what_is_told():
    document = fit(sites()).to_json()
    assert document["design"] == "grouped"
    assert document["n"] == 60
    quantiles = list(document["dissimilarity_index_quantiles"].values())
    assert quantiles == sorted(quantiles)
    assert document["threshold"] <= quantiles[-1] * 1.0001
