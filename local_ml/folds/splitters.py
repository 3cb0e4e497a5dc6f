"""How rows are divided into folds.

In: a design's name, the group of each row, the number of folds, a seed; for designs in space also
where the rows and the domain lie. Out: positions of the training and the held-out rows. Positions
count within the rows given, so that inner folds, made from the outer training rows, cannot name
any other row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold, KFold

from local_ml.domain import DomainSample
from local_ml.errors import TrainingError
from local_ml.folds.distances import (
    EARTH_RADIUS_KM,
    Points,
    in_features,
    inverse_intensity_weights,
    on_projection,
    on_sphere,
)
from local_ml.folds.knndm import NearestNeighbourDistanceMatching
from local_ml.randomness import seed_for, stream
from local_ml.samples import SampleTable
from local_ml.settings import ValidationSettings

Split = tuple[np.ndarray, np.ndarray]
DESIGNS = ("random", "grouped", "block", "knndm")


@dataclass(frozen=True)
class Places:
    """Where rows lie, and the domain that the map will cover.

    Parameters
    ----------
    sample : n points, one a row, in the space in which distances are taken
    domain : points of the same space; None where no domain was sampled
    block : (n,) int, the square block on the ground that holds each row
    maximum_share : largest share of the rows in one fold of ``knndm``
    """

    sample: Points
    domain: Points | None
    block: np.ndarray
    maximum_share: float


def places_of(
    table: SampleTable, domain: DomainSample | None, settings: ValidationSettings
) -> Places:
    """Return where the rows of a table and of a domain lie.

    Parameters
    ----------
    table : the rows to be divided and no others: in covariate space they decide on the scale
    domain : None where no domain was sampled
    settings : the space, its projection, the size of blocks

    Raises
    ------
    TrainingError
        The projection is none, or no covariate varies.
    """
    block = square_blocks(table.longitude, table.latitude, settings.block_size_km)
    try:
        if settings.space == "features":
            others = [] if domain is None else [domain.with_features(table.names)]
            found = in_features(table.features, table.values, *others)
        else:
            found = tuple(
                on_sphere(part.longitude, part.latitude)
                if settings.projection is None
                else on_projection(part.longitude, part.latitude, settings.projection)
                for part in (table, domain)
                if part is not None
            )
    except ValueError as fault:
        raise TrainingError(f"validation.space = {settings.space!r}: {fault}") from None
    return Places(
        sample=found[0],
        domain=found[1] if len(found) > 1 else None,
        block=block,
        maximum_share=settings.maximum_share,
    )


def intensity_weights(
    table: SampleTable, domain: DomainSample, settings: ValidationSettings
) -> np.ndarray:
    """Return the weight of each row by how rare its surroundings are, (n,) of mean 1.

    On the ground whatever the space of the distances, in its projection where there is one; see
    `distances.inverse_intensity_weights`.

    Parameters
    ----------
    table : the rows that count, and no others: they decide on the intensity
    """
    sample, region = (
        on_sphere(part.longitude, part.latitude)
        if settings.projection is None
        else on_projection(part.longitude, part.latitude, settings.projection)
        for part in (table, domain)
    )
    return inverse_intensity_weights(sample, region)


def square_blocks(longitude: np.ndarray, latitude: np.ndarray, size_km: float) -> np.ndarray:
    """Return the number of the block that holds each point, (n,) int; degrees in.

    Blocks lie in bands of equal height; in each band they are as wide, at its middle, as high.
    """
    height_deg = np.degrees(size_km / EARTH_RADIUS_KM)
    band = np.floor(latitude / height_deg)
    middle = np.clip((band + 0.5) * height_deg, -90, 90)
    column = np.floor(longitude * np.maximum(np.cos(np.radians(middle)), 1e-9) / height_deg)
    _, block = np.unique(np.column_stack([band, column]), axis=0, return_inverse=True)
    return block.ravel()


class BalancedGroupKFold(GroupKFold):  # type: ignore[misc]
    """Grouped folds of about equal size, redrawn by the seed.

    scikit-learn's `GroupKFold` balances the folds only without shuffling, and shuffles only
    without balancing. This one deals the largest groups first, as the former does, and lets the
    seed decide between groups of equal size.

    Parameters
    ----------
    n_splits : number of folds
    random_state : seed
    """

    def __init__(self, n_splits: int = 5, *, random_state: int = 0) -> None:
        super().__init__(n_splits)
        self.random_state = random_state

    def _iter_test_indices(self, X: Any, y: Any, groups: Any) -> Iterator[np.ndarray]:
        _, position = np.unique(np.asarray(groups), return_inverse=True)
        label = stream(self.random_state, "order of groups").permutation(position.max() + 1)
        yield from super()._iter_test_indices(X, y, label[position])


def splitter(
    design: str,
    groups: np.ndarray,
    n_splits: int,
    seed: int,
    setting: str = "folds",
    places: Places | None = None,
) -> list[Split]:
    """Return (training rows, held-out rows), one pair a fold; every row is held out once.

    Parameters
    ----------
    design : ``random``; ``grouped`` or ``block``: rows of one group, or block, are held out
        together; ``knndm``: held-out rows lie as far from the others as the domain does
    groups : (n,) the group of each row
    n_splits : number of folds
    seed : the order in which rows or groups are dealt
    setting : the key of the study that sets `n_splits`, for the message
    places : where the rows lie, for designs in space

    Raises
    ------
    TrainingError
        Fewer rows, groups or blocks than folds; ``knndm`` without a domain.
    """
    n, n_groups = len(groups), len(np.unique(groups))
    if design not in DESIGNS:
        raise ValueError(f"no design {design!r}; there are {', '.join(DESIGNS)}")
    if n < n_splits:
        raise TrainingError(
            f"{n_splits} folds need as many training sites, but there are {n}; "
            f"set {setting} to {max(n, 2)} or less, or add sites"
        )
    if design == "random":
        folds = KFold(n_splits, shuffle=True, random_state=seed_for(seed, "random folds"))
        return list(folds.split(groups))
    if design != "grouped":
        if places is None:
            raise ValueError(f"design {design!r} needs to know where the rows lie")
        if design == "knndm":
            return _matched(places, n_splits, seed)
        groups, n_groups = places.block, len(np.unique(places.block))
    if n_groups < n_splits:
        raise TrainingError(_too_few(design, n, n_groups, n_splits, setting))
    grouped = BalancedGroupKFold(n_splits, random_state=seed)
    return list(grouped.split(groups, groups=groups))


def _matched(places: Places, n_splits: int, seed: int) -> list[Split]:
    if places.domain is None:
        raise TrainingError(
            "folds of design 'knndm' need points of the domain (domain.csv); sample them by "
            "setting domain.pixels above 0, or take 'knndm' out of the designs"
        )
    matching = NearestNeighbourDistanceMatching(
        places.domain, n_splits, maximum_share=places.maximum_share, random_state=seed
    )
    return list(matching.split(places.sample.position))


def _too_few(design: str, n: int, n_groups: int, n_splits: int, setting: str) -> str:
    kind, smaller = {
        "grouped": (
            "groups of sites",
            "make the groups smaller (the distance within which sites share one, or the largest "
            "share of the sites that one may hold)",
        ),
        "block": ("blocks that hold sites", "make the blocks smaller (validation.block_size_km)"),
    }[design]
    return (
        f"{n_splits} {design} folds need as many {kind}, but there are {n_groups} "
        f"among these {n} sites; set {setting} to {max(n_groups, 2)} or less, or {smaller}"
    )
