"""How far points lie from each other: on the ground, on a projection, or in their covariates.

In: longitude and latitude in degrees, or values of covariates. Out: positions, (n, d) float64, in
a space whose straight lines order points as the distances meant do, so that one tree search
serves all of them; distances in km, or without a unit in covariate space.

Distances between nearest neighbours decide whether folds resemble the map's task (Milà, Mateu,
Pebesma and Meyer 2022, Methods in Ecology and Evolution 13, 1304-1316,
doi:10.1111/2041-210X.13851).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from scipy.stats import ks_2samp, wasserstein_distance

from local_ml.features import Feature

Space = Literal["great_circle", "projected", "features"]
EARTH_RADIUS_KM = 6371.0088  # mean radius, IUGG
QUANTILES = tuple(round(step / 20, 2) for step in range(21))
BANDWIDTH_SHARE = 0.15
TRUNCATION = 0.98


@dataclass(frozen=True)
class Points:
    """Points of one space.

    Parameters
    ----------
    position : (n, d) float64; unit vectors times the Earth's radius for ``great_circle`` (km),
        projected coordinates (km), or standardised covariates
    space : what the distances between them mean
    """

    position: np.ndarray
    space: Space

    def __len__(self) -> int:
        return len(self.position)

    @property
    def unit(self) -> str:
        """Unit of their distances."""
        return "1" if self.space == "features" else "km"

    def rows(self, index: np.ndarray) -> "Points":
        """Return the points at `index`."""
        return replace(self, position=self.position[index])

    def distance(self, straight: np.ndarray) -> np.ndarray:
        """Return the distances meant for straight-line ones: along the sphere, not through it."""
        if self.space != "great_circle":
            return straight
        half = np.minimum(straight / (2 * EARTH_RADIUS_KM), 1.0)
        along: np.ndarray = 2 * EARTH_RADIUS_KM * np.arcsin(half)
        return along


def on_sphere(longitude: np.ndarray, latitude: np.ndarray) -> Points:
    """Return points on the Earth, taken as a sphere of its mean radius; degrees in."""
    lam, phi = np.radians(longitude), np.radians(latitude)
    unit = np.column_stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])
    return Points(EARTH_RADIUS_KM * unit, "great_circle")


def on_projection(longitude: np.ndarray, latitude: np.ndarray, projection: str) -> Points:
    """Return points in a projected coordinate reference system, km; degrees in.

    Raises
    ------
    ValueError
        `projection` is no projected coordinate reference system.
    """
    from pyproj import CRS, Transformer
    from pyproj.exceptions import CRSError

    try:
        crs = CRS.from_user_input(projection)
    except CRSError as fault:
        raise ValueError(f"{projection!r} is no coordinate reference system: {fault}") from None
    if not crs.is_projected:
        raise ValueError(f"{projection!r} is not projected; distances in degrees mean nothing")
    transformer = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    metres = crs.axis_info[0].unit_conversion_factor
    position = np.column_stack(transformer.transform(longitude, latitude)) * metres / 1000
    return Points(position, "projected")


def in_features(
    features: Sequence[Feature], sample: np.ndarray, *others: np.ndarray
) -> tuple[Points, ...]:
    """Return the points of a sample, and of other sets, in the space of their covariates.

    Continuous covariates are divided by their standard deviation in the sample; a missing value
    takes the sample's median. Two levels of a categorical covariate lie 1 apart. A covariate that
    is constant in the sample measures nothing and is left out.

    Parameters
    ----------
    features : p
    sample, others : (n, p) values; the sample alone decides on scale and medians

    Raises
    ------
    ValueError
        All covariates are constant in the sample.
    """
    columns: list[list[np.ndarray]] = []
    for number, feature in enumerate(features):
        values = [np.asarray(part[:, number], dtype=np.float64) for part in (sample, *others)]
        present = values[0][np.isfinite(values[0])]
        if not present.size or present.min() == present.max():
            continue
        if feature.levels is not None:
            columns += [
                [(part == level) / np.sqrt(2) for part in values] for level in np.unique(present)
            ]
            continue
        centre, scale = np.median(present), present.std()
        filled = [np.where(np.isfinite(part), part, centre) for part in values]
        columns.append([(part - centre) / scale for part in filled])
    if not columns:
        raise ValueError("every covariate is constant in the sample")
    parts = zip(*columns, strict=True)
    return tuple(Points(np.column_stack(list(part)), "features") for part in parts)


def to_nearest(points: Points, reference: Points) -> np.ndarray:
    """Return the distance of each point to the nearest of `reference`, (n,)."""
    straight, _ = cKDTree(reference.position).query(points.position)
    return points.distance(straight)


def to_nearest_other(points: Points) -> np.ndarray:
    """Return the distance of each point to the nearest other one, (n,); at least two points."""
    straight, _ = cKDTree(points.position).query(points.position, k=2)
    return points.distance(straight[:, 1])


def across_folds(points: Points, splits: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return for each held-out row its distance to the nearest row that was learned from.

    The folds follow each other in the result, as in `splits` (training, held-out rows).
    """
    return np.concatenate(
        [to_nearest(points.rows(held_out), points.rows(learned)) for learned, held_out in splits]
    )


def wasserstein(first: np.ndarray, second: np.ndarray) -> float:
    """Area between the empirical distribution functions of two sets of distances, their unit."""
    return float(wasserstein_distance(first, second))


def closer_than(first: np.ndarray, second: np.ndarray) -> float:
    """p of the one-sided Kolmogorov-Smirnov test that `first` is not stochastically smaller."""
    return float(ks_2samp(first, second, alternative="greater", method="asymp").pvalue)


def inverse_intensity_weights(sample: Points, domain: Points) -> np.ndarray:
    """Weight of each sampled point by the inverse of how densely its surroundings were sampled.

    The intensity is the ratio of two kernel densities, that of the sample over that of the
    domain, both under the same Gaussian kernel. The latter corrects for the edge of the region,
    beyond which nobody could have sampled (after Diggle 1985, Applied Statistics 34, 138-147).
    Weighting by its inverse follows de Bruin, Brus, Heuvelink, van Ebbenhorst Tengbergen and
    Wadoux (2022), Ecological Informatics 69, 101665.

    Parameters
    ----------
    sample, domain : points on the ground; the domain evenly drawn

    Returns
    -------
    weight : (n,) of mean 1; truncated at their 98th percentile, so that no lonely site decides
        alone. The kernel's standard deviation is 0.15 of that of the sample along one axis.
    """
    centred = sample.position - sample.position.mean(axis=0)
    bandwidth = BANDWIDTH_SHARE * np.sqrt((centred**2).sum(axis=1).mean() / 2)
    if bandwidth == 0:
        return np.ones(len(sample))

    def density(points: Points) -> np.ndarray:
        # In blocks: a row of the sample against all points at a time would be slow, all too large.
        scaled = [
            cdist(block, points.position / bandwidth, "sqeuclidean")
            for block in np.array_split(sample.position / bandwidth, len(sample) // 500 + 1)
        ]
        means = [np.exp(-squared / 2).mean(axis=1) for squared in scaled]
        return np.concatenate(means)

    weight = density(domain) / density(sample)
    weight = np.minimum(weight, np.quantile(weight, TRUNCATION))
    mean = weight.mean()
    return weight / mean if mean > 0 else np.ones(len(sample))


def summary(distances: np.ndarray) -> dict[str, object]:
    """Return the mean and the quantiles (at `QUANTILES`) of distances, plain values."""
    return {
        "n": len(distances),
        "mean": float(distances.mean()),
        "quantiles": [float(value) for value in np.quantile(distances, QUANTILES)],
    }
