"""Distances by hand, on the ground and between covariates; the weight of a lonely site."""

import numpy as np
import pytest
from pyproj import Geod
from scipy.spatial.distance import cdist

from local_ml.features import Feature
from local_ml.folds.distances import (
    EARTH_RADIUS_KM,
    Points,
    across_folds,
    closer_than,
    in_features,
    inverse_intensity_weights,
    on_projection,
    on_sphere,
    to_nearest,
    to_nearest_other,
    wasserstein,
)


def _plane(*rows):
    return Points(np.array(rows, dtype=float), "projected")


def test_nearest_neighbours_by_hand():
    points = _plane([0, 0], [3, 4], [3, 5])
    np.testing.assert_allclose(to_nearest_other(points), [5, 1, 1])
    np.testing.assert_allclose(to_nearest(_plane([0, 1], [10, 5]), points), [1, 7])
    # Fault: the nearest of all rows, not of those learned from.
    folds = [(np.array([0]), np.array([1, 2])), (np.array([1, 2]), np.array([0]))]
    np.testing.assert_allclose(across_folds(points, folds), [5, np.hypot(3, 5), 5])


def test_great_circle_distances_agree_with_a_geodesic_of_the_sphere():
    # Fault: degrees taken for kilometres, or the chord for the arc (4000 km apart: 66 km less).
    random = np.random.default_rng(0)
    longitude, latitude = random.uniform(60, 110, 30), random.uniform(25, 45, 30)
    points = on_sphere(longitude, latitude)
    sphere = Geod(a=EARTH_RADIUS_KM * 1000, b=EARTH_RADIUS_KM * 1000)
    first, others = points.rows(np.arange(1)), points.rows(np.arange(1, 30))
    straight = cdist(first.position, others.position)[0]
    expected = sphere.inv(
        np.full(29, longitude[0]), np.full(29, latitude[0]), longitude[1:], latitude[1:]
    )[2]
    np.testing.assert_allclose(points.distance(straight), np.array(expected) / 1000, rtol=1e-9)
    # Across the antimeridian and at the pole neighbours stay neighbours.
    pair = on_sphere(np.array([179.9, -179.9]), np.array([0.0, 0.0]))
    assert to_nearest_other(pair)[0] == pytest.approx(0.2 * np.pi / 180 * EARTH_RADIUS_KM)


def test_projected_distances_are_in_km_and_refuse_degrees():
    points = on_projection(np.array([87.0, 87.0]), np.array([33.0, 34.0]), "EPSG:32645")
    assert to_nearest_other(points)[0] == pytest.approx(110.9, abs=0.2)
    with pytest.raises(ValueError, match="is not projected"):
        on_projection(np.array([87.0]), np.array([33.0]), "EPSG:4326")
    with pytest.raises(ValueError, match="is no coordinate reference system"):
        on_projection(np.array([87.0]), np.array([33.0]), "EPSG:none")


def test_covariate_space_by_hand():
    features = [Feature("a", "m"), Feature("soil", "1", levels=(1, 2)), Feature("flat", "1")]
    sample = np.array([[0, 1, 7], [2, 2, 7], [4, 2, 7], [2, 1, 7]], dtype=np.float32)
    other = np.array([[np.nan, 2, 9]], dtype=np.float32)
    points, domain = in_features(features, sample, other)
    deviation = sample[:, 0].std()
    # 2 apart in `a` and of another level; the constant covariate adds nothing.
    between = np.sqrt(((points.position[0] - points.position[1]) ** 2).sum())
    assert between == pytest.approx(np.hypot(2 / deviation, 1))
    # Missing: the sample's median, 2, so that the second sample is met exactly.
    assert to_nearest(domain, points)[0] == pytest.approx(0)
    with pytest.raises(ValueError, match="constant"):
        in_features([Feature("flat", "1")], np.ones((3, 1)))


def test_the_scale_of_covariate_space_is_that_of_the_sample_alone():
    # Fault: rows outside the fold, or the domain, deciding on the scale.
    random = np.random.default_rng(0)
    sample, domain = random.normal(size=(20, 2)), 100 * random.normal(size=(50, 2))
    features = [Feature("a", "1"), Feature("b", "1")]
    alone, together = in_features(features, sample)[0], in_features(features, sample, domain)[0]
    np.testing.assert_array_equal(alone.position, together.position)


def test_wasserstein_by_hand_and_the_side_of_the_test():
    assert wasserstein(np.array([0.0, 1.0]), np.array([2.0, 5.0])) == pytest.approx(3)
    near, far = np.linspace(0, 1, 50), np.linspace(5, 9, 50)
    assert closer_than(near, far) < 1e-6
    assert closer_than(far, near) > 0.99


def test_a_site_of_a_crowd_weighs_less_than_a_lonely_one():
    random = np.random.default_rng(0)
    domain = Points(random.uniform(0, 100, (3000, 2)), "projected")
    crowd, lonely = random.normal(20, 2, (60, 2)), random.uniform(0, 100, (60, 2))
    weight = inverse_intensity_weights(Points(np.vstack([crowd, lonely]), "projected"), domain)
    assert weight.mean() == pytest.approx(1)
    assert np.median(weight[:60]) < np.median(weight[60:]) / 5
    # An even sample is weighted almost evenly, also at the edge, where half a kernel lies outside.
    grid = np.stack(np.meshgrid(np.arange(5.0, 100, 10), np.arange(5.0, 100, 10)), -1)
    weight = inverse_intensity_weights(Points(grid.reshape(-1, 2), "projected"), domain)
    # Uncorrected, a corner would weigh four times as much as the middle.
    assert weight.min() > 0.65
    assert weight.max() < 1.5


def test_weighting_recovers_the_mean_of_the_domain():
    # Where most of the sites lie in the wet corner, their plain mean is wet; the weighted is not.
    errors = []
    for seed in range(5):
        random = np.random.default_rng(seed)
        domain = Points(random.uniform(0, 100, (2000, 2)), "projected")
        position = np.vstack([random.uniform(60, 100, (160, 2)), random.uniform(0, 100, (80, 2))])
        weight = inverse_intensity_weights(Points(position, "projected"), domain)
        wetness = position.sum(axis=1)
        errors.append([wetness.mean() - 100, np.average(wetness, weights=weight) - 100])
    plain, weighted = np.abs(np.mean(errors, axis=0))
    assert plain > 30
    assert weighted < 14


def test_sites_at_one_place_weigh_the_same():
    points = Points(np.zeros((5, 2)), "projected")
    np.testing.assert_array_equal(inverse_intensity_weights(points, points), np.ones(5))
