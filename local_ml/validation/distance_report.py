"""How far the folds lie from each other beside how far the map lies from the sites.

In: the table, its training rows, the domain, and the folds of each design. Out: a plain document,
distances in km (without a unit in covariate space).

A design answers the map's question where its held-out sites lie as far from the nearest training
site as the domain does from the nearest site (Milà et al. 2022; Linnenbrink et al. 2024).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from local_ml.domain import DomainSample
from local_ml.folds.distances import (
    QUANTILES,
    across_folds,
    closer_than,
    summary,
    to_nearest,
    to_nearest_other,
    wasserstein,
)
from local_ml.folds.knndm import SIGNIFICANCE
from local_ml.folds.splitters import Split, places_of
from local_ml.samples import SampleTable
from local_ml.settings import ValidationSettings
from local_ml.validation.held_out import HeldOut


def distance_report(
    table: SampleTable,
    train: np.ndarray,
    domain: DomainSample | None,
    settings: ValidationSettings,
    designs: Mapping[str, HeldOut],
) -> dict[str, Any]:
    """Return the distances to the nearest neighbour, and the Wasserstein distance of each design.

    Parameters
    ----------
    table : all sites
    train : positions of those that are learned from
    domain : None where no domain was sampled; what needs it is then None
    settings : the space in which distances are taken
    designs : the folds; a design that borrows another's is left out

    Returns
    -------
    report : `space`, `unit`, `quantile_levels`; mean and quantiles of `sample_to_sample` and
        `domain_to_sample`; whether the sites are `clustered` and the `p_clustered` of that test;
        and for each of `designs` mean and quantiles of the distance from held-out to training
        sites, and its `wasserstein` distance from `domain_to_sample`
    """
    places = places_of(table.rows(train), domain, settings)
    sample_to_sample = to_nearest_other(places.sample)
    domain_to_sample = None if places.domain is None else to_nearest(places.domain, places.sample)
    p = None if domain_to_sample is None else closer_than(sample_to_sample, domain_to_sample)
    report: dict[str, Any] = {
        "space": settings.space,
        "unit": places.sample.unit,
        "quantile_levels": list(QUANTILES),
        "sample_to_sample": summary(sample_to_sample),
        "domain_to_sample": None if domain_to_sample is None else summary(domain_to_sample),
        "p_clustered": p,
        "clustered": None if p is None else p < SIGNIFICANCE,
        "designs": {},
    }
    for name, held_out in designs.items():
        if held_out.borrowed_from is None:
            across = across_folds(places.sample, _splits(held_out, train))
            report["designs"][name] = summary(across) | {
                "wasserstein": None
                if domain_to_sample is None
                else wasserstein(across, domain_to_sample)
            }
    return report


def _splits(held_out: HeldOut, train: np.ndarray) -> list[Split]:
    """The folds as positions within the training rows."""
    position = np.searchsorted(train, held_out.rows)
    everyone = np.arange(len(train))
    folds = [position[held_out.fold == fold] for fold in np.unique(held_out.fold)]
    return [(np.setdiff1d(everyone, fold), fold) for fold in folds]
