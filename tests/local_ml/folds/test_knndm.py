"""Folds as hard as the map: by hand, random where sites are even, never worse than random."""

from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_ml.folds.distances import Points, across_folds, to_nearest, wasserstein
from local_ml.folds.knndm import NearestNeighbourDistanceMatching, deal


def _plane(position):
    return Points(np.asarray(position, dtype=float), "projected")


def _clustered(random, clusters, size, spread, side=1000.0):
    centres = random.uniform(0, side, (clusters, 2))
    return np.repeat(centres, size, axis=0) + random.normal(0, spread, (clusters * size, 2))


def _random_misfit(position, domain, n_splits, seed):
    splitter = NearestNeighbourDistanceMatching(_plane(domain), n_splits, random_state=seed)
    fold = splitter._random(len(position))
    folds = [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(n_splits)]
    reached = across_folds(_plane(position), folds)
    return wasserstein(reached, to_nearest(_plane(domain), _plane(position)))


@given(
    seed=st.integers(0, 10_000),
    clusters=st.integers(4, 20),
    size=st.integers(3, 8),
    n_splits=st.integers(2, 5),
)
@settings(max_examples=25, deadline=None)
def test_never_a_worse_match_than_random_and_every_row_held_out_once(
    seed, clusters, size, n_splits
):
    random = np.random.default_rng(seed)
    position = _clustered(random, clusters, size, 3.0)
    domain = random.uniform(0, 1000, (200, 2))
    splitter = NearestNeighbourDistanceMatching(_plane(domain), n_splits, random_state=seed)
    matched = splitter.match(_plane(position))
    assert matched.wasserstein <= _random_misfit(position, domain, n_splits, seed) + 1e-9
    held_out = [test for _, test in splitter.split(position)]
    assert sorted(np.concatenate(held_out)) == list(range(len(position)))
    if matched.clusters is not None:
        assert max(map(len, held_out)) <= max(0.5 * len(position), ceil(len(position) / n_splits))
    # The misfit told is that of the folds given.
    reached = across_folds(_plane(position), splitter.split(position))
    assert matched.wasserstein == pytest.approx(
        wasserstein(reached, to_nearest(_plane(domain), _plane(position)))
    )


def test_clustered_sites_get_a_far_better_match():
    # Fault: any search that in effect deals sites, not clusters.
    ratios = []
    for seed in range(8):
        random = np.random.default_rng(seed)
        position = _clustered(random, 25, 8, 8.0)
        domain = random.uniform(0, 1000, (500, 2))
        matched = NearestNeighbourDistanceMatching(_plane(domain)).match(_plane(position))
        assert matched.p_clustered < 0.001
        assert matched.clusters is not None
        ratios.append(matched.wasserstein / _random_misfit(position, domain, 5, 0))
    assert np.mean(ratios) < 0.5


def test_an_even_sample_gets_random_folds():
    chosen = []
    for seed in range(20):
        random = np.random.default_rng(seed)
        position, domain = random.uniform(0, 1000, (150, 2)), random.uniform(0, 1000, (800, 2))
        splitter = NearestNeighbourDistanceMatching(_plane(domain), random_state=seed)
        matched = splitter.match(_plane(position))
        chosen.append(matched.clusters is None)
        if matched.clusters is None:
            np.testing.assert_array_equal(matched.fold, splitter._random(150))
    # The test errs at 5 %.
    assert sum(chosen) >= 17


def test_four_clusters_by_hand():
    # Four pairs, each at a corner, the domain beside the square, as far from its nearest pair as
    # the pairs are from each other: the match holds out whole pairs.
    corners = np.array([[0, 0], [0, 100], [100, 0], [100, 100]], dtype=float)
    position = np.vstack([corners, corners + np.array([1, 0])])
    domain = np.tile([[-99, 0], [-99, 100], [200, 0], [200, 100]], (20, 1))
    matched = NearestNeighbourDistanceMatching(_plane(domain), 4).match(_plane(position))
    assert matched.clusters == 4
    assert matched.wasserstein == pytest.approx(0.5)
    np.testing.assert_array_equal(matched.fold[:4], matched.fold[4:])
    assert len(np.unique(matched.fold)) == 4


def test_dealing_by_hand():
    # n = 10, k = 2: the cluster of 5 is a fold; the others fill the second.
    position = np.column_stack([np.arange(10.0), np.zeros(10)])
    label = np.array([0, 0, 0, 0, 0, 1, 1, 2, 2, 3])
    assert deal(position, label, 2).tolist() == [0] * 5 + [1] * 5
    # k = 3 and no cluster of 10 / 3 or more: dealt in turn along the line, so neighbours part.
    label = np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    assert deal(position, label, 3)[::2].tolist() in ([0, 1, 2, 0, 1], [1, 0, 2, 1, 0])


def test_where_sites_lie_on_earth_is_all_that_counts():
    # A turn of the whole globe changes no distance: it may change no fold.
    from local_ml.folds.distances import on_sphere

    random = np.random.default_rng(1)
    longitude = np.repeat(random.uniform(75, 100, 12), 5) + random.normal(0, 0.02, 60)
    latitude = np.repeat(random.uniform(28, 38, 12), 5) + random.normal(0, 0.02, 60)
    region = random.uniform(75, 100, 300), random.uniform(28, 38, 300)
    folds = [
        NearestNeighbourDistanceMatching(on_sphere(region[0] + turn, region[1])).match(
            on_sphere(longitude + turn, latitude)
        )
        for turn in (0.0, 100.0)
    ]
    assert folds[0].wasserstein == pytest.approx(folds[1].wasserstein)
    assert folds[0].clusters == folds[1].clusters
