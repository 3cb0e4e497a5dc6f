"""Sites that must stay together when folds are drawn.

In: positions (degrees), pixels and labels of the sites. Out: one group name a site. The
result does not depend on the order of the sites.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from local_ml.sites.settings import GroupSettings

EARTH_RADIUS_M = 6371008.8  # mean radius, IUGG

Array = NDArray[np.float64]
Index = NDArray[np.intp]


def unit_vectors(longitude: Array, latitude: Array) -> Array:
    """Return points on the unit sphere, (n, 3), for positions in degrees."""
    lam, phi = np.radians(longitude), np.radians(latitude)
    return np.column_stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])


def _linked(
    points: Array, distance_m: float, pixel: Sequence[object], labels: Sequence[frozenset[str]]
) -> Index:
    """Number of the component of each site: closer than the distance, one pixel, or one label."""
    n = len(points)
    edges = []
    if distance_m > 0:
        chord = 2 * np.sin(min(distance_m / EARTH_RADIUS_M, np.pi) / 2)
        edges.append(cKDTree(points).query_pairs(chord, output_type="ndarray"))
    shared = [{repr(p), *own} for p, own in zip(pixel, labels, strict=True)]
    first: dict[str, int] = {}
    edges.append(
        np.asarray([(first.setdefault(key, i), i) for i, own in enumerate(shared) for key in own])
    )
    pairs = np.concatenate(edges)
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1])


def _divide(members: Index, points: Array, atom: Index, counted: Index, most: int) -> list[Index]:
    """Halve `members` across their longest extent until each part counts at most `most` sites.

    The cut falls into the widest gap of the middle third, so that neighbours stay together. What
    shares an atom (a pixel) is never parted.
    """
    if counted[members].sum() <= most or len(np.unique(atom[members])) == 1:
        return [members]
    centred = points[members] - points[members].mean(axis=0)
    axis = np.linalg.svd(centred, full_matrices=False)[2][0]
    axis *= np.sign(axis[np.argmax(np.abs(axis))]) or 1.0
    along = centred @ axis
    atoms, of = np.unique(atom[members], return_inverse=True)
    place = np.bincount(of, along) / np.bincount(of)
    weight = np.bincount(of, counted[members])
    order = np.lexsort((atoms, place))
    before = np.cumsum(weight[order])[:-1]  # sites before the cut behind each atom but the last
    total = weight.sum()
    gap = np.diff(place[order])
    middle = (before >= total / 3) & (before <= 2 * total / 3)
    if middle.any():
        cut = int(np.flatnonzero(middle)[np.argmax(gap[middle])])
    else:
        cut = int(np.argmin(np.abs(before - total / 2)))
    low = np.isin(of, order[: cut + 1])
    return [
        part
        for side in (members[low], members[~low])
        for part in _divide(side, points, atom, counted, most)
    ]


def group_sites(
    longitude: Array,
    latitude: Array,
    pixel: Sequence[tuple[int, int]],
    labels: Sequence[frozenset[str]],
    counted: NDArray[np.bool_],
    settings: GroupSettings,
) -> tuple[list[str], list[str]]:
    """Group sites by single linkage of great-circle distance, by pixel, and by common labels.

    Single linkage chains: sites along a road become one group. A group that holds more than
    `settings.maximum_share` of the counted sites is therefore divided across its longest extent.

    Parameters
    ----------
    longitude, latitude : (n,) float, degrees
    pixel : (n,) row and col; sites of one pixel are never parted
    labels : (n,) what a site shares with others, such as {"campaign: 2012"}
    counted : (n,) bool; the sites that the share is of (those to train on)

    Returns
    -------
    names : (n,) "g001", … in order of position
    notes : what was divided, and what could not be
    """
    n = len(longitude)
    table = pd.DataFrame(
        {
            "longitude": longitude, "latitude": latitude, "row": [p[0] for p in pixel],
            "col": [p[1] for p in pixel], "label": [tuple(sorted(own)) for own in labels],
            "counted": counted,
        }
    )  # fmt: skip
    # one order for all that follows, sums of floating-point numbers included
    order = table.sort_values(table.columns.to_list()).index.to_numpy()
    points = unit_vectors(longitude[order], latitude[order])
    pixels = [pixel[i] for i in order]
    counts = np.asarray(counted, np.intp)[order]
    component = _linked(points, settings.distance_m, pixels, [labels[i] for i in order])
    atom = pd.factorize(pd.Series(pixels))[0]
    most = max(1, int(np.floor(settings.maximum_share * counts.sum() + 1e-9)))
    notes, parts = [], []
    for label in pd.unique(component):
        members = np.flatnonzero(component == label)
        divided = _divide(members, points, atom, counts, most)
        if len(divided) > 1:
            notes.append(
                f"a group of {counts[members].sum()} sites exceeded "
                f"{settings.maximum_share:.0%} of {counts.sum()} and was divided into "
                f"{len(divided)}: neighbours along the cuts may fall into different folds"
            )
        parts += divided
    crowded = [part for part in parts if counts[part].sum() > most]
    if crowded:
        notes.append(
            f"{len(crowded)} groups still hold more than {most} sites: theirs share one pixel"
        )
    parts.sort(key=lambda part: int(part[0]))
    names = np.empty(n, object)
    for number, part in enumerate(parts, start=1):
        names[order[part]] = f"g{number:03d}"
    return [str(name) for name in names], notes
