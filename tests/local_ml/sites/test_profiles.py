"""Depth intervals to the mean over the sampled depth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_ml.sites.profiles import mean_over_depth


def mean(top, bottom, value, sd=None, correlation=0.0):
    sd = [np.nan] * len(value) if sd is None else sd
    return mean_over_depth(*(np.asarray(a, float) for a in (top, bottom, value, sd)), correlation)


def test_thick_intervals_weigh_more() -> None:
    result = mean([0, 0.1], [0.1, 0.4], [0.2, 0.4])
    assert result.value == pytest.approx((0.1 * 0.2 + 0.3 * 0.4) / 0.4)
    assert (result.top_m, result.bottom_m, result.support_m) == (0, 0.4, pytest.approx(0.4))


def test_shared_depth_counts_once() -> None:
    """0–20 cm at 0.2 and 10–30 cm at 0.4: the middle 10 cm are 0.3."""
    result = mean([0, 0.1], [0.2, 0.3], [0.2, 0.4])
    assert result.value == pytest.approx(0.3)
    assert result.support_m == pytest.approx(0.3)
    assert result.overlap_m == pytest.approx(0.1)


def test_a_gap_is_not_filled() -> None:
    result = mean([0, 0.5], [0.1, 0.6], [0.2, 0.4])
    assert result.value == pytest.approx(0.3)
    assert result.support_m == pytest.approx(0.2)
    assert result.gap_m == pytest.approx(0.4)


def test_errors_propagate() -> None:
    independent = mean([0, 0.1], [0.1, 0.4], [0.2, 0.4], [0.02, 0.04])
    assert independent.sd == pytest.approx(np.hypot(0.25 * 0.02, 0.75 * 0.04))
    common = mean([0, 0.1], [0.1, 0.4], [0.2, 0.4], [0.02, 0.04], 1.0)
    assert common.sd == pytest.approx(0.25 * 0.02 + 0.75 * 0.04)
    assert np.isnan(mean([0, 0.1], [0.1, 0.4], [0.2, 0.4], [0.02, np.nan]).sd)


layers = st.lists(
    st.tuples(st.integers(0, 200), st.integers(1, 80), st.floats(0, 0.8)), min_size=1, max_size=8
)


@given(layers)
def test_mean_equals_a_count_over_centimetres(intervals) -> None:
    """An independent oracle: paint each centimetre with the mean of the intervals that hold it."""
    cells = {}
    for top, thickness, value in intervals:
        for cm in range(top, top + thickness):
            cells.setdefault(cm, []).append(value)
    oracle = np.mean([np.mean(values) for values in cells.values()])
    top, thickness, value = (np.array(column, float) for column in zip(*intervals, strict=True))
    result = mean(top / 100, (top + thickness) / 100, value)
    assert result.value == pytest.approx(oracle)
    assert result.support_m == pytest.approx(len(cells) / 100)
    assert result.support_m + result.gap_m == pytest.approx(result.bottom_m - result.top_m)


HEAD = "site_id,longitude,latitude,depth_top_m,depth_bottom_m,vwc,vwc_sd\n"
OTHER = "z,93.900,35.900,0,0.5,0.3,0.03\n"


def test_a_profile_becomes_one_site_with_its_support(screened) -> None:
    text = HEAD + "p,93.1,35.1,0,0.1,0.2,0.02\np,93.1,35.1,0.1,0.4,0.4,0.04\n" + OTHER
    result = screened(text)
    site = result.sites.set_index("site_id").loc["p"]
    assert site["target"] == pytest.approx(0.35)
    assert site["support_m"] == pytest.approx(0.4)
    assert (site["n_rows"], site["file_row"], site["depth_bottom_m"]) == (2, 2, 0.4)
    assert site["target_sd"] == pytest.approx(
        np.sqrt(0.5 * (0.005**2 + 0.03**2) + 0.5 * (0.005 + 0.03) ** 2)
    )
    assert any("1 profile became its" in note for note in result.notes)


def test_a_small_gap_is_reported_and_a_large_one_leaves_the_profile_out(screened) -> None:
    """The upper 10 cm without a value: of 0.5 m a fifth, of 0.3 m a third."""
    small = (
        HEAD + "p,93.1,35.1,0,0.1,,\np,93.1,35.1,0.1,0.5,0.4,\n" + OTHER + "y,93.8,35.8,,,0.2,\n"
    )
    result = screened(small)
    assert result.sites.set_index("site_id").loc["p", "support_m"] == pytest.approx(0.4)
    assert any("gaps" in w and "20%" in w for w in result.warnings)
    assert result.excluded[["row", "reason"]].to_numpy().tolist() == [[2, "target missing"]]
    large = screened(small.replace("0.1,0.5,0.4", "0.1,0.3,0.4"))
    assert "p" not in set(large.sites["site_id"])
    assert large.excluded[["row", "reason"]].to_numpy().tolist() == [
        [2, "target missing"],
        [3, "profile incomplete"],
    ]


def test_overlaps_are_reported(screened) -> None:
    text = HEAD + "p,93.1,35.1,0,0.2,0.2,\np,93.1,35.1,0.1,0.3,0.4,\n" + OTHER
    assert any("overlap" in w and "'p' (rows 2–3)" in w for w in screened(text).warnings)


def test_a_row_without_depth_in_a_profile_is_left_out(screened) -> None:
    text = HEAD + "p,93.1,35.1,0,0.2,0.2,\np,93.1,35.1,0.2,0.3,0.4,\np,93.1,35.1,,,0.7,\n" + OTHER
    result = screened(text)
    assert result.excluded[["row", "reason"]].to_numpy().tolist() == [
        [4, "depth interval missing in a profile"]
    ]
    assert result.sites.set_index("site_id").loc["p", "n_rows"] == 2


def test_reversed_interval(screened) -> None:
    text = HEAD + "p,93.1,35.1,0.3,0.1,0.2,\n" + OTHER + "y,93.8,35.8,,,0.2,\n"
    assert screened(text).excluded["reason"].to_list() == ["depth interval empty or reversed"]


def test_profiles_of_two_years_are_two_visits(screened) -> None:
    """Merged as one pixel afterwards, not as one profile of twice the thickness."""
    head = HEAD.strip() + ",year\n"
    text = (
        head
        + "p,93.1,35.1,0,0.4,0.2,,2011\np,93.1,35.1,0,0.4,0.4,,2013\nz,93.9,35.9,0,1,0.3,,2011\n"
    )
    result = screened(text)
    site = result.sites.set_index("site_id").loc["p"]
    assert site["target"] == pytest.approx(0.3)
    assert (site["year"], site["support_m"], site["n_rows"]) == (2012, 0.4, 2)
    assert result.merged["row"].to_list() == [2, 3]
