"""Synthetic worlds: covariates, a moisture known everywhere, and a campaign that measured it.

In: a family and a number. Out: the table of the sites, evenly drawn points of the region with the
truth there and with fresh measurements of it, and a sample of the domain. Moisture in m3 m-3,
positions in degrees. Frozen: the same family and number give the same world for good, and a
change of anything here needs a new `GENERATOR`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from local_ml.domain import DomainSample
from local_ml.features import Feature
from local_ml.folds.distances import EARTH_RADIUS_KM, on_sphere
from local_ml.samples import SampleTable
from local_ml.sites.groups import group_sites
from local_ml.sites.settings import GroupSettings

GENERATOR = 1
FAMILIES = ("clustered", "even", "noise")

SITES = 342
FRESH = 2500
DOMAIN = 1000
WEST_DEG, SOUTH_DEG, EAST_DEG, NORTH_DEG = 84.0, 30.0, 100.0, 37.0
CLUSTERS, CLUSTERED_SHARE, CLUSTER_SD_KM = 25, 0.7, 12.0
CANDIDATES = 24
INFORMATIVE = 8
COPIES = 4
RANGES_KM = (15.0, 250.0)
HIDDEN_RANGE_KM = 60.0
WAVES = 100

MEAN, STANDARD_DEVIATION = 0.35, 0.10
# Shares of the variance of an observation: what covariates tell, what they don't, measurement.
SIGNAL_SHARE, HIDDEN_SHARE, MEASUREMENT_SHARE = 0.74, 0.12, 0.14
# Two methods of measurement, as precise one and the other as their ratio to the mean error.
METHODS = {"ring": 0.75, "gpr": 1.2}

Field = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class World:
    """A region, its truth, and what a campaign brought home.

    Parameters
    ----------
    table : the sites, with the errors of their measurements
    values : (m, 24) float32, covariates at evenly drawn points
    truth : (m,) the moisture there, m3 m-3
    measured : (m,) the same, measured once as the sites were
    domain : other evenly drawn points
    """

    table: SampleTable
    values: np.ndarray
    truth: np.ndarray
    measured: np.ndarray
    domain: DomainSample

    @property
    def is_noise(self) -> bool:
        """Whether the moisture is the same everywhere, and all else error."""
        return bool(np.ptp(self.truth) == 0)


def make_world(family: str, number: int, sites: int = SITES, fresh: int = FRESH) -> World:
    """Return a world.

    Covariates are Gaussian random fields of ranges from 15 to 250 km. Eight of the 24 decide on
    the moisture, by lines, steps and products of two; four are blurred copies of those; twelve
    have nothing to do with it. A field of 60 km that no covariate shows is added.

    Parameters
    ----------
    family : ``clustered``, 70 % of the sites in 25 campaigns, clusters of 12 km; ``even``, all
        evenly drawn; ``noise``, sites as in ``clustered`` and a target that depends on nothing
    number : of the world in its family
    sites, fresh : fewer make a smaller world for tests, which is another one

    Raises
    ------
    ValueError
        No such family.
    """
    if family not in FAMILIES:
        raise ValueError(f"no family {family!r}; there are {', '.join(FAMILIES)}")
    random = np.random.default_rng([GENERATOR, FAMILIES.index(family), number])
    covariates, signal, hidden = _response(random)
    at_sites, campaign = _campaigns(random, sites, 0.0 if family == "even" else CLUSTERED_SHARE)
    there, domain = _evenly(random, fresh), _evenly(random, DOMAIN)
    # Scaled by the region itself, so that shares of variance are those of the map.
    everywhere = _ground(there)
    scale = [(field(everywhere).mean(), field(everywhere).std()) for field in (signal, hidden)]

    def moisture(lonlat: np.ndarray) -> np.ndarray:
        if family == "noise":
            return np.full(len(lonlat), MEAN)
        parts = [
            np.sqrt(share) * (field(_ground(lonlat)) - mean) / deviation
            for field, share, (mean, deviation) in zip(
                (signal, hidden), (SIGNAL_SHARE, HIDDEN_SHARE), scale, strict=True
            )
        ]
        value: np.ndarray = MEAN + STANDARD_DEVIATION * (parts[0] + parts[1])
        return value

    error = STANDARD_DEVIATION * np.sqrt(1.0 if family == "noise" else MEASUREMENT_SHARE)

    def measure(truth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        method = random.choice(list(METHODS), size=len(truth))
        deviation = error * np.array([METHODS[name] for name in method])
        return truth + deviation * random.normal(size=len(truth)), deviation, method

    def values(lonlat: np.ndarray) -> np.ndarray:
        ground = _ground(lonlat)
        return np.column_stack([field(ground) for field in covariates]).astype(np.float32)

    observed, deviation, method = measure(moisture(at_sites))
    truth = moisture(there)
    names = tuple(f"covariate_{number:02d}" for number in range(CANDIDATES))
    table = SampleTable.in_memory(
        [Feature(name, "1") for name in names],
        values(at_sites),
        observed,
        target_sd=deviation,
        method=method,
        group=_groups(at_sites, campaign),
        longitude=at_sites[:, 0],
        latitude=at_sites[:, 1],
    )
    return World(
        table=table,
        values=values(there),
        truth=truth,
        measured=measure(truth)[0],
        domain=DomainSample(names, values(domain), domain[:, 0], domain[:, 1]),
    )


def _response(random: np.random.Generator) -> tuple[list[Field], Field, Field]:
    """Return the covariates, in shuffled order, what they tell of the moisture, and the rest."""
    ranges = np.exp(random.uniform(*np.log(RANGES_KM), size=CANDIDATES))
    fields = [_field(random, range_km) for range_km in ranges]
    telling = fields[:INFORMATIVE]
    blurred = [
        _sum_of([(0.8, telling[number]), (0.6, fields[INFORMATIVE + number])])
        for number in range(COPIES)
    ]
    others = fields[INFORMATIVE + COPIES :]
    covariates = [*telling, *blurred, *others]
    order = random.permutation(len(covariates))
    strength = random.uniform(0.4, 1.0, INFORMATIVE) * random.choice([-1, 1], INFORMATIVE)
    hidden = _field(random, HIDDEN_RANGE_KM)

    def signal(ground: np.ndarray) -> np.ndarray:
        value = [field(ground) for field in telling]
        lines = sum(strength[number] * value[number] for number in range(4))
        steps = sum(strength[number] * np.tanh(2 * value[number]) for number in (4, 5))
        product = strength[6] * value[6] * value[7]
        total: np.ndarray = lines + steps + product
        return total

    return [covariates[number] for number in order], signal, hidden


def _field(random: np.random.Generator, range_km: float) -> Field:
    """Return a Gaussian random field of covariance exp(-d² / 2 range²) as a sum of cosines.

    Rahimi and Recht (2007), Random features for large-scale kernel machines, NeurIPS 20; wave
    vectors in the space in which the Earth is a sphere, so that no projection bends distances.
    """
    vectors = random.normal(size=(3, WAVES)) / range_km
    phases = random.uniform(0, 2 * np.pi, WAVES)

    def field(ground: np.ndarray) -> np.ndarray:
        value: np.ndarray = np.sqrt(2 / WAVES) * np.cos(ground @ vectors + phases).sum(axis=1)
        return value

    return field


def _sum_of(parts: list[tuple[float, Field]]) -> Field:
    def field(ground: np.ndarray) -> np.ndarray:
        value: np.ndarray = np.sum([share * part(ground) for share, part in parts], axis=0)
        return value

    return field


def _ground(lonlat: np.ndarray) -> np.ndarray:
    return on_sphere(lonlat[:, 0], lonlat[:, 1]).position


def _evenly(random: np.random.Generator, n: int) -> np.ndarray:
    """Return n points drawn evenly by ground area, (n, 2) degrees."""
    sines = np.sin(np.radians([SOUTH_DEG, NORTH_DEG]))
    latitude = np.degrees(np.arcsin(random.uniform(*sines, size=n)))
    return np.column_stack([random.uniform(WEST_DEG, EAST_DEG, n), latitude])


def _campaigns(
    random: np.random.Generator, n: int, clustered_share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return n sites, (n, 2) degrees, and the campaign of each, -1 for a site visited by itself."""
    in_clusters = round(clustered_share * n)
    campaign = np.full(n, -1)
    campaign[:in_clusters] = random.integers(0, CLUSTERS, in_clusters)
    centres = _evenly(random, CLUSTERS)[campaign[:in_clusters]]
    offset = np.degrees(CLUSTER_SD_KM / EARTH_RADIUS_KM) * random.normal(size=(in_clusters, 2))
    offset[:, 0] /= np.cos(np.radians(centres[:, 1]))
    around = np.clip(centres + offset, (WEST_DEG, SOUTH_DEG), (EAST_DEG, NORTH_DEG))
    return np.vstack([around, _evenly(random, n - in_clusters)]), campaign


def _groups(lonlat: np.ndarray, campaign: np.ndarray) -> np.ndarray:
    """Return the groups that the product finds: sites of a campaign, or within 5 km, chained."""
    names, _ = group_sites(
        lonlat[:, 0],
        lonlat[:, 1],
        [(row, 0) for row in range(len(lonlat))],
        [frozenset({f"campaign: {number}"} if number >= 0 else ()) for number in campaign],
        np.ones(len(lonlat), dtype=bool),
        GroupSettings(),
    )
    return np.array(names)
