"""The reported score held against the map's true score, over worlds whose truth is known.

    python -m pytest tests/local_ml/folds/test_design_worlds.py -m slow -s

Each world is a region of 1,500 by 800 km: 12 covariates that are random fields of ranges from 15
to 250 km, a response of some of them, of a field that no covariate shows and of noise. 342 sites
are visited, 70 % of them in 25 clusters of 12 km. A model of extremely randomised trees is fitted
on all sites; its R² at 2,000 evenly drawn places is the truth, measured with the same noise.
"""

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import KFold

from local_ml.folds.distances import Points, inverse_intensity_weights
from local_ml.folds.knndm import NearestNeighbourDistanceMatching
from local_ml.scores.metrics import r2

WORLDS = 24
SITES, CLUSTERS, CLUSTER_SD_KM, SIDES_KM = 342, 25, 12.0, (1500.0, 800.0)


def _field(random, range_km, waves=200):
    vectors = random.normal(size=(2, waves)) / range_km
    phases = random.uniform(0, 2 * np.pi, waves)
    return lambda place: np.sqrt(2 / waves) * np.cos(place @ vectors + phases).sum(axis=1)


def _world(seed, clustered):
    random = np.random.default_rng(seed)
    fields = [_field(random, range_km) for range_km in np.geomspace(15, 250, 12)]
    hidden = _field(random, 60)
    coefficients = random.normal(size=12) * (random.uniform(size=12) < 0.5)
    if not coefficients.any():
        coefficients[0] = 1.0

    def evenly(n):
        return random.uniform(size=(n, 2)) * SIDES_KM

    sites = evenly(SITES)
    if clustered:
        n = int(0.7 * SITES)
        centre = evenly(CLUSTERS)[random.integers(0, CLUSTERS, n)]
        around = centre + random.normal(0, CLUSTER_SD_KM, (n, 2))
        sites[:n] = np.clip(around, 0, SIDES_KM)

    def observe(place):
        X = np.column_stack([field(place) for field in fields])
        signal = X @ coefficients / np.linalg.norm(coefficients)
        noise = 0.4 * random.normal(size=len(place))
        return X, signal + 0.6 * hidden(place) + noise

    return sites, *observe(sites), evenly(2000), *observe(evenly(2000))


def _errors(seed, clustered=True):
    """Reported minus true R², by design."""
    sites, X, y, domain, X_there, y_there = _world(seed, clustered)

    def fitted(rows):
        model = ExtraTreesRegressor(
            100, min_samples_leaf=3, max_features=0.5, random_state=0, n_jobs=1
        )
        return model.fit(X[rows], y[rows])

    def reported(splits, weight=None):
        held_out = np.zeros(len(y))
        for train, test in splits:
            held_out[test] = fitted(train).predict(X[test])
        return r2(y, held_out, weight)

    truth = r2(y_there, fitted(np.arange(len(y))).predict(X_there))
    ground, region = Points(sites, "projected"), Points(domain, "projected")
    random_folds = list(KFold(5, shuffle=True, random_state=seed).split(sites))
    matched = NearestNeighbourDistanceMatching(region, 5, random_state=seed).split(sites)
    weight = inverse_intensity_weights(ground, region)
    return truth, {
        "random": reported(random_folds) - truth,
        "random_weighted": reported(random_folds, weight) - truth,
        "knndm": reported(matched) - truth,
    }


def _mean_errors(clustered):
    worlds = [_errors(seed, clustered) for seed in range(WORLDS)]
    errors = {name: np.array([error[name] for _, error in worlds]) for name in worlds[0][1]}
    truth = np.mean([truth for truth, _ in worlds])
    print(f"\n{'clustered' if clustered else 'even'} sites: true R² {truth:.3f}")
    for name, error in errors.items():
        print(f"{name:16s} {error.mean():+.3f}, standard deviation {error.std(ddof=1):.3f}")
    return {name: error.mean() for name, error in errors.items()}


@pytest.mark.slow
def test_of_clustered_sites_knndm_tells_the_maps_score_and_random_folds_do_not():
    mean = _mean_errors(clustered=True)
    assert mean["random"] > 0.1
    assert abs(mean["knndm"]) < abs(mean["random"]) / 2
    assert abs(mean["random_weighted"]) < abs(mean["random"]) / 2


@pytest.mark.slow
def test_of_even_sites_all_designs_tell_the_maps_score():
    # Fault: a correction for clusters where there are none.
    assert all(abs(error) < 0.05 for error in _mean_errors(clustered=False).values())
