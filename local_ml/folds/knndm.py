"""k-fold nearest-neighbour distance matching: folds that are as hard as the map.

In: positions of the samples, and of points drawn evenly from the domain of the map. Out: folds
whose held-out samples lie about as far from the nearest training sample as the domain does from
the nearest sample.

Linnenbrink, Milà, Ludwig and Meyer (2024), kNNDM CV: k-fold nearest-neighbour distance matching
cross-validation for map accuracy estimation, Geoscientific Model Development 17, 5897-5912,
doi:10.5194/gmd-17-5897-2024; written from the paper.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from scipy.cluster.hierarchy import cut_tree, linkage
from sklearn.model_selection import BaseCrossValidator, KFold

from local_ml.folds.distances import (
    Points,
    across_folds,
    closer_than,
    to_nearest,
    to_nearest_other,
    wasserstein,
)
from local_ml.randomness import seed_for

SIGNIFICANCE = 0.05
CUTS = 100


@dataclass(frozen=True)
class MatchedFolds:
    """The folds chosen, and how well they match.

    Parameters
    ----------
    fold : (n,) int, the fold that holds out each sample
    wasserstein : area between the distribution functions of the nearest-neighbour distances,
        held-out to training samples and domain to samples; unit of the distances
    clusters : number of clusters that were dealt to the folds; None for random folds
    p_clustered : p of the test whose rejection says that the samples are clustered
    """

    fold: np.ndarray
    wasserstein: float
    clusters: int | None
    p_clustered: float


class NearestNeighbourDistanceMatching(BaseCrossValidator):  # type: ignore[misc]
    """Folds as a scikit-learn splitter; `split` takes the positions of the samples as X.

    Parameters
    ----------
    domain : where the map will predict, in the same space as the samples
    n_splits : number of folds
    maximum_share : largest share of the samples in one fold
    random_state : of the random folds that samples without clusters get
    """

    def __init__(
        self,
        domain: Points,
        n_splits: int = 5,
        *,
        maximum_share: float = 0.5,
        random_state: int = 0,
    ) -> None:
        self.domain = domain
        self.n_splits = n_splits
        self.maximum_share = maximum_share
        self.random_state = random_state

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002
        return self.n_splits

    def _iter_test_indices(
        self,
        X: Any = None,
        y: Any = None,  # noqa: ARG002
        groups: Any = None,  # noqa: ARG002
    ) -> Iterator[np.ndarray]:
        fold = self.match(Points(np.asarray(X, dtype=np.float64), self.domain.space)).fold
        for number in range(self.n_splits):
            yield np.flatnonzero(fold == number)

    def match(self, sample: Points) -> MatchedFolds:
        """Find the folds of these samples.

        1. Where the samples are not significantly closer to each other than the domain is to them
           (one-sided Kolmogorov-Smirnov test at 5 %), random folds match already.
        2. Otherwise the samples are clustered by Ward's method. The tree is cut into every number
           of clusters from k upwards, spaced logarithmically; large clusters become folds of their
           own, the others are dealt in turn along their first principal component.
        3. The cut is chosen whose distances, all folds pooled, have the least Wasserstein distance
           from those of the domain. Random folds are a candidate too.
        """
        n = len(sample)
        wanted = to_nearest(self.domain, sample)
        p_clustered = closer_than(to_nearest_other(sample), wanted)
        best = MatchedFolds(self._random(n), np.inf, None, p_clustered)
        best = MatchedFolds(best.fold, self._misfit(sample, best.fold, wanted), None, p_clustered)
        if p_clustered >= SIGNIFICANCE:
            return best
        tree = linkage(sample.position, method="ward")
        numbers = _cuts(self.n_splits, n)
        largest = max(self.maximum_share * n, ceil(n / self.n_splits))
        labels = cut_tree(tree, n_clusters=numbers)
        for number, label in zip(numbers, labels.T, strict=True):
            fold = deal(sample.position, label, self.n_splits)
            if np.bincount(fold).max() > largest:
                continue
            misfit = self._misfit(sample, fold, wanted)
            if misfit < best.wasserstein:
                best = MatchedFolds(fold, misfit, int(number), p_clustered)
        return best

    def _random(self, n: int) -> np.ndarray:
        seed = seed_for(self.random_state, "random folds")
        fold = np.empty(n, dtype=int)
        splits = KFold(self.n_splits, shuffle=True, random_state=seed).split(np.empty(n))
        for number, (_, held_out) in enumerate(splits):
            fold[held_out] = number
        return fold

    def _misfit(self, sample: Points, fold: np.ndarray, wanted: np.ndarray) -> float:
        numbers = range(self.n_splits)
        splits = [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in numbers]
        return wasserstein(across_folds(sample, splits), wanted)


def deal(position: np.ndarray, label: np.ndarray, n_splits: int) -> np.ndarray:
    """Return the fold of each sample, given its cluster.

    A cluster of at least n / k samples is a fold of its own. The others, ordered by the
    projection of their centroids on the first principal component of all centroids, go to the
    remaining folds in turn, so that neighbouring clusters part.

    Parameters
    ----------
    position : (n, d)
    label : (n,) int from 0, at least `n_splits` clusters
    n_splits : number of folds, k
    """
    size = np.bincount(label)
    sums = np.column_stack([np.bincount(label, weights=axis) for axis in position.T])
    centroid = sums / size[:, None]
    centred = centroid - centroid.mean(axis=0)
    axis = np.linalg.svd(centred, full_matrices=False)[2][0]
    axis = axis * np.sign(axis[np.abs(axis).argmax()])  # the sign of a component is arbitrary
    order = np.argsort(centred @ axis, kind="stable")
    large = [c for c in order if size[c] >= len(label) / n_splits]
    small = [c for c in order if size[c] < len(label) / n_splits]
    fold_of_cluster = np.empty(len(size), dtype=int)
    fold_of_cluster[large] = np.arange(len(large))
    left = n_splits - len(large)
    fold_of_cluster[small] = len(large) + np.arange(len(small)) % max(left, 1)
    fold: np.ndarray = fold_of_cluster[label]
    return fold


def _cuts(n_splits: int, n: int) -> np.ndarray:
    """Numbers of clusters to try: from k to n - 2, at most a hundred, evenly on a log scale."""
    last = max(n - 2, n_splits)
    spaced = np.geomspace(n_splits, last, num=min(CUTS, last - n_splits + 1))
    return np.unique(np.round(spaced).astype(int))
