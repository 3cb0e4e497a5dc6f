"""Groups of sites: linkage, shares, independence of the order of rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_ml.sites.groups import EARTH_RADIUS_M, group_sites, unit_vectors
from local_ml.sites.settings import GroupSettings

DEGREE_M = np.pi * EARTH_RADIUS_M / 180


def group(longitude, latitude, labels=None, counted=None, pixel=None, **options):
    n = len(longitude)
    return group_sites(
        np.asarray(longitude, float),
        np.asarray(latitude, float),
        pixel or [(i, 0) for i in range(n)],
        labels or [frozenset()] * n,
        np.ones(n, bool) if counted is None else np.asarray(counted),
        GroupSettings(**{"maximum_share": 1.0, **options}),
    )


def test_chord_length_is_great_circle_distance() -> None:
    a, b = unit_vectors(np.array([90.0, 91.0]), np.array([0.0, 0.0]))
    assert 2 * EARTH_RADIUS_M * np.arcsin(np.linalg.norm(a - b) / 2) == pytest.approx(DEGREE_M)


@pytest.mark.parametrize(("apart_m", "together"), [(4999, True), (5001, False)])
def test_distance_decides_along_either_axis(apart_m: float, together: bool) -> None:
    """At 60°N a degree of longitude is half as long; catches distances taken in degrees."""
    step = apart_m / DEGREE_M
    names, _ = group([90, 90], [35, 35 + step])
    assert (names[0] == names[1]) is together
    names, _ = group([90, 90 + 2 * step], [60, 60])
    assert (names[0] == names[1]) is together


def test_single_linkage_chains_and_labels_and_pixels_join() -> None:
    step = 4000 / DEGREE_M
    names, _ = group([90] * 4, [35, 35 + step, 35 + 2 * step, 37])
    assert names[:3] == ["g001"] * 3
    assert names[3] == "g002"
    labels = [frozenset({"campaign: a"}), frozenset(), frozenset({"campaign: a", "transect: t"})]
    names, _ = group([90, 91, 92], [35, 35, 35], labels)
    assert names == ["g001", "g002", "g001"]
    names, _ = group([90, 91], [35, 35], pixel=[(3, 4), (3, 4)])
    assert names == ["g001", "g001"]


def test_a_road_is_divided_across_its_length_at_its_gaps() -> None:
    """Forty sites in a line with two wider gaps: neighbours stay together."""
    along = np.concatenate([np.arange(14), 20 + np.arange(13), 40 + np.arange(13)]) * 0.002
    names, notes = group(92 + along, np.full(40, 35.0), maximum_share=0.4)
    order = np.argsort(along)
    parts = np.array(names)[order]
    assert (parts[1:] != parts[:-1]).sum() == len(set(names)) - 1  # each part is one stretch
    assert names[13] != names[14]
    assert names[26] != names[27]
    assert max(names.count(name) for name in set(names)) <= 16
    assert "40 sites exceeded 40%" in notes[0]


def test_sites_of_one_pixel_are_never_parted() -> None:
    names, notes = group([90] * 6, [35] * 6, pixel=[(0, 0)] * 6, maximum_share=0.2)
    assert len(set(names)) == 1
    assert "share one pixel" in notes[0]


def test_share_counts_the_sites_to_train_on() -> None:
    """Test sites neither count nor force a division."""
    longitude = 90 + np.arange(20) * 0.001
    counted = np.arange(20) < 4
    names, notes = group(longitude, [35] * 20, counted=counted, maximum_share=0.5)
    parts = [np.array(names)[counted].tolist().count(name) for name in set(names)]
    assert max(parts) <= 2
    assert "4 sites" in notes[0]


site = st.tuples(
    st.floats(89, 91).map(lambda v: round(v, 4)),
    st.floats(34, 36).map(lambda v: round(v, 4)),
    st.sampled_from(["", "", "", "a", "b"]),
)


@settings(max_examples=60, deadline=None)
@given(
    sites=st.lists(site, min_size=1, max_size=40, unique_by=lambda s: s[:2]),
    share=st.sampled_from([0.1, 0.2, 0.34, 1.0]),
    distance=st.sampled_from([0.0, 5000.0, 30000.0]),
    seed=st.integers(0, 99),
)
def test_order_does_not_matter_and_no_group_exceeds_its_share(sites, share, distance, seed) -> None:
    def run(order):
        names, _ = group(
            [sites[i][0] for i in order],
            [sites[i][1] for i in order],
            [frozenset({sites[i][2]} - {""}) for i in order],
            pixel=[(i, 0) for i in order],
            maximum_share=share,
            distance_m=distance,
        )
        return names

    n = len(sites)
    plain = run(range(n))
    shuffled = np.random.default_rng(seed).permutation(n)
    assert [plain[i] for i in shuffled] == run(shuffled)
    assert max(plain.count(name) for name in plain) <= max(1, int(share * n + 1e-9))


@settings(max_examples=40, deadline=None)
@given(st.lists(site, min_size=2, max_size=25, unique_by=lambda s: s[:2]), st.floats(1000, 50000))
def test_linkage_equals_scipys(sites, distance) -> None:
    """Independent oracle: hierarchical clustering of the full matrix of haversine distances."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    lam, phi = np.radians([s[0] for s in sites]), np.radians([s[1] for s in sites])
    haversine = (
        np.sin((phi[:, None] - phi) / 2) ** 2
        + np.cos(phi[:, None]) * np.cos(phi) * np.sin((lam[:, None] - lam) / 2) ** 2
    )
    matrix = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(haversine))
    expected = fcluster(linkage(squareform(matrix, checks=False), "single"), distance, "distance")
    names, _ = group([s[0] for s in sites], [s[1] for s in sites], distance_m=distance)
    same = np.array(names)[:, None] == np.array(names)
    assert (same == (expected[:, None] == expected)).all()
