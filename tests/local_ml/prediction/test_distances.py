"""Sites left out change nothing: the same bits as looking at every site for every pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_ml.prediction.applicability_rule import ApplicabilityRule, largest_square


def make_rule(sites, columns, threshold, seed=0):
    rng = np.random.default_rng(seed)
    factor = (rng.random(columns) * 0.3).astype(np.float32)
    factor[rng.random(columns) < 0.1] = 0
    reference = (rng.normal(size=(sites, columns)) * factor).astype(np.float32)
    centre = rng.normal(size=columns).astype(np.float32)
    return ApplicabilityRule(centre, factor, reference, threshold, "grouped")


def by_looking_at_all(rule, columns):
    """Return index and density of (columns, n), column after column in float32."""
    with np.errstate(all="ignore"):
        placed = (columns.T - rule.centre) * rule.factor
        placed[np.isnan(placed)] = 0
        squared = np.zeros((len(placed), len(rule.reference)), np.float32)
        for column in range(placed.shape[1]):
            squared += (placed[:, column, None] - rule.reference[:, column]) ** 2
    distance = np.sqrt(squared)
    return distance.min(axis=1), (distance <= np.float32(rule.threshold)).sum(axis=1)


def landscape(columns, shape, seed=1):
    """Return a raster in which neighbours are alike, some columns more than others."""
    rng = np.random.default_rng(seed)
    rows, cols = np.indices(shape)
    slope = rng.normal(size=(3, columns, 1, 1)) / 20
    noise = rng.normal(size=(columns, *shape)) * rng.choice([0, 0.05, 1], (columns, 1, 1))
    return (slope[0] * rows + slope[1] * cols + noise + slope[2]).astype(np.float32)


def assert_same(rule, columns, valid):
    index, near = rule.measure(columns, valid)
    assert (index.dtype, near.dtype) == (np.float32, np.float32)
    assert np.isnan(index[~valid]).all()
    assert np.isnan(near[~valid]).all()
    expected = by_looking_at_all(rule, columns[:, valid])
    np.testing.assert_array_equal(index[valid], expected[0])
    np.testing.assert_array_equal(near[valid], expected[1])


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5, 1.0, 100.0])
def test_whatever_the_threshold(threshold):
    """A site near some pixels of a tile alone that is not counted, or the nearest left out."""
    rule = make_rule(90, 12, threshold)
    columns = landscape(12, (40, 53))
    assert_same(rule, columns, np.ones((40, 53), bool))


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (200, 1), (8, 8), (9, 17), (64, 65)])
@pytest.mark.parametrize("sites", [1, 31, 32, 33, 100])
def test_whatever_the_shape(shape, sites):
    """Pixels beyond the edge written, or sites that there are not."""
    rule = make_rule(sites, 5, 0.3, seed=sites)
    assert_same(rule, landscape(5, shape), np.ones(shape, bool))


def test_gaps_holes_and_values_out_of_all_bounds():
    """NaN in a range, a hole that is measured, or a site read that there is not."""
    rng = np.random.default_rng(3)
    rule = make_rule(70, 9, 0.4)
    columns = landscape(9, (50, 60))
    columns[2, 10:30, 5:40] = np.nan
    columns[4][rng.random((50, 60)) < 0.05] = np.nan
    columns[5, 40, ::7], columns[6, 41:44, 3] = 1e30, -3e38
    valid = rng.random((50, 60)) < 0.7
    valid[:17, 20:] = False
    assert_same(rule, columns, valid)
    assert_same(rule, columns.reshape(9, -1), valid.reshape(-1))


def test_a_training_site_is_at_distance_zero():
    rule = make_rule(40, 6, 0.1)
    X = rule.reference / np.where(rule.factor > 0, rule.factor, 1) + rule.centre
    again = ApplicabilityRule(rule.centre, rule.factor, rule.place(X), 0.1, "grouped")
    index, near = again.evaluate(X)
    assert (index == 0).all()
    assert (near >= 1).all()


def test_wherever_a_pixel_lies():
    """Bits that depend on the neighbours."""
    rule = make_rule(80, 10, 0.35)
    columns = landscape(10, (40, 48))
    index, near = rule.measure(columns, np.ones((40, 48), bool))
    order = np.random.default_rng(5).permutation(40 * 48)
    again = rule.evaluate(columns.reshape(10, -1)[:, order].T)
    np.testing.assert_array_equal(again[0], index.ravel()[order])
    np.testing.assert_array_equal(again[1], near.ravel()[order])


@given(
    columns=st.sampled_from([1, 2, 7, 8, 9, 24, 130]),
    sites=st.integers(1, 70),
    scale=st.sampled_from([1e-22, 1e-3, 1.0, 1e18]),
    threshold=st.sampled_from([0.0, 0.3, 1.0, 1e15]),
    width=st.lists(st.sampled_from([0.0, 0.01, 0.1, 1.0, 10.0]), min_size=3, max_size=8),
    odd=st.lists(st.sampled_from([np.nan, np.inf, -np.inf, 3e38, -3e38, 0.0]), max_size=6),
    at_sites=st.integers(0, 9),
    seed=st.integers(0, 99),
)
@settings(max_examples=250, deadline=None)
def test_whatever_is_wide_and_wherever_the_pixels_lie(
    columns, sites, scale, threshold, width, odd, at_sites, seed
):
    """A site left out by the bound of the wrong column, by rounding, or by what is no number."""
    rng = np.random.default_rng(seed)
    reference = (rng.normal(size=(sites, columns)) * scale / np.sqrt(columns)).astype(np.float32)
    nought, one = np.zeros(columns, np.float32), np.ones(columns, np.float32)
    rule = ApplicabilityRule(nought, one, reference, threshold * scale, "grouped")
    pixels = np.repeat(reference[rng.integers(0, sites, 3)], 64, axis=0)
    noise = rng.choice(width, (3, columns)).repeat(64, axis=0) * rng.normal(size=pixels.shape)
    pixels += (noise * scale / np.sqrt(columns)).astype(np.float32)
    exact = rng.integers(0, len(pixels), at_sites)
    pixels[exact] = reference[rng.integers(0, sites, at_sites)]
    for value in odd:
        pixels[rng.integers(len(pixels)), rng.integers(columns)] = value
    assert_same(rule, np.ascontiguousarray(pixels.T), np.ones(len(pixels), bool))


def test_sites_as_far_as_each_other():
    """A second nearest site, or one just at the threshold, left out as beyond what counts."""
    columns = 24
    reference = np.zeros((48, columns), np.float32)
    reference[np.arange(48), np.arange(48) % columns] = np.repeat([0.7, -0.7], columns)
    nought, one = np.zeros(columns, np.float32), np.ones(columns, np.float32)
    rule = ApplicabilityRule(nought, one, reference, float(np.float32(0.7)), "grouped")
    raster = np.zeros((columns, 16, 16), np.float32)
    index, near = rule.measure(raster, np.ones((16, 16), bool))
    assert (index == np.float32(0.7)).all()
    assert (near == 48).all()


@given(st.floats(0, 2.0**60, width=32) | st.sampled_from([0.0, 1e-45, 1e-22, 1.0]))
def test_the_largest_square(threshold):
    """A distance equal to the threshold that is not near, or one a step above that is."""
    threshold = np.float32(threshold)
    square = largest_square(threshold)
    assert np.sqrt(square) <= threshold
    assert np.sqrt(np.nextafter(square, np.float32(np.inf))) > threshold
