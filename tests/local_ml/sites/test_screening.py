"""Screening: every bad row is left out for one stated reason, good ones are kept, none is lost."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from last_digits import misread

from local_ml.errors import SiteTableError
from local_ml.files import csv_bytes
from local_ml.settings import TargetSettings
from local_ml.sites import SiteTableSettings, flag_elevation, read_screened, screen
from local_ml.sites.coordinates import warn_of_minutes
from local_ml.sites.duplicates import combine
from local_ml.sites.schema import sites_schema

HEAD = "site_id,longitude,latitude,vwc\n"
GOOD = "g1,93.4001,35.4001,0.20\ng2,93.5001,35.5001,0.30\n"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("35.2213,93.0812,0.2", "longitude and latitude look swapped"),  # latitude beyond 90
        ("34.5,90.5,0.2", "longitude and latitude look swapped"),
        ("0,0,0.2", "coordinates are zero"),
        ("9304.87,3513.28,0.2", "coordinates look like degrees and minutes"),
        ("500000,6200000,0.2", "coordinates out of range"),
        ("89.9,35.2213,0.2", "out of the region"),
        (",35.2213,0.2", "coordinates missing"),
        ("-9999,-9999,0.2", "suspected missing code"),
        ("somewhere,35.2213,0.2", "unreadable coordinate"),
        ("93.0812,35.2213,", "target missing"),
        ("93.0812,35.2213,wet", "text in a number column"),
        ("93.0812,35.2213,-999", "suspected missing code"),
        ("93.0812,35.2213,9999", "suspected missing code"),
        ("93.0812,35.2213,缺测", "suspected missing code"),
        ("93.0812,35.2213,n/a", "suspected missing code"),
        ("93.0812,35.2213,0.97", "target out of physical bounds"),
        ("93.0812,35.2213,-0.01", "target out of physical bounds"),
        ("93.0812,35.2213", "wrong number of fields"),
        ("93.0812,35.2213,0.2,7", "wrong number of fields"),
    ],
)
def test_a_bad_row_is_left_out_for_its_reason(screened, row: str, reason: str) -> None:
    result = screened(HEAD + "bad," + row + "\n" + GOOD)
    assert result.excluded[["row", "site_id", "reason"]].to_numpy().tolist() == [
        [2, "bad" if "fields" not in reason else "row2", reason]
    ]
    assert result.excluded["detail"].str.len().iloc[0] > 0
    assert sorted(result.sites["site_id"]) == ["g1", "g2"]
    assert result.summary["reasons"] == {reason: 1}


def test_swapped_inside_valid_ranges_needs_the_region(read) -> None:
    """(35, 88) is a legal longitude and latitude: only the region tells, where the caller knows."""
    table = read(HEAD + "s,35.2,88.9,0.2\n" + GOOD)
    settings = SiteTableSettings(screening={"minimum_sites": 2})
    located = pd.DataFrame({"row": [0, 1, 2], "col": [0, 1, 2], "in_region": [False, True, True]})
    told = located.assign(in_region_swapped=[True, False, False])
    for frame, reason in (
        (located, "out of the region"),
        (told, "longitude and latitude look swapped"),
    ):
        result = screen(table, settings, TargetSettings(), frame, "the region")
        assert result.excluded["reason"].to_list() == [reason]
    with pytest.raises(ValueError, match="3 rows, but 2"):
        screen(table, settings, TargetSettings(), located.iloc[:2], "the region")


def test_all_faults_come_in_one_report_with_their_rows(screened) -> None:
    """One reason a row; the others are told in the detail. No row is lost or counted twice."""
    text = (
        HEAD
        + GOOD
        + "a,35.2,93.1,wet\nb,93.2,35.2,-9999\nc,0,0,0.2\nd,93.3,35.3,\ne,93.6,35.6,0.4\n"
    )
    result = screened(text)
    assert result.excluded["row"].to_list() == [4, 5, 6, 7]
    assert result.excluded["reason"].is_unique
    assert "also text in a number column" in result.excluded["detail"].iloc[0]
    assert result.sites["n_rows"].sum() + len(result.excluded) == result.summary["rows"] == 7


def test_one_site_and_wholly_swapped_tables_say_what_is_wrong(screened) -> None:
    with pytest.raises(SiteTableError, match="1 site to train on, at least 2 are needed"):
        screened(HEAD + "a,93.1,35.1,0.2\n")
    swapped = HEAD + "".join(f"s{i},35.{i}001,93.{i}001,0.2\n" for i in range(1, 6))
    with pytest.raises(SiteTableError) as error:
        screened(swapped)
    assert "5 × longitude and latitude look swapped: rows 2–6" in str(error.value)


def test_percent_without_its_unit_is_guessed_in_the_error(screened) -> None:
    with pytest.raises(SiteTableError, match=r"look like percent: set units\.vwc = '%'"):
        screened(HEAD + "a,93.1,35.1,20\nb,93.2,35.2,30\n")


def test_percent_without_its_unit_is_warned_of_where_radar_rows_are_left(screened) -> None:
    """Fault: every pit is out of bounds, and the run goes on without a word on radar alone."""
    text = "site_id,longitude,latitude,vwc,velocity_m_ns,method\n" + "".join(
        f"p{i},93.{i}001,35.1,{20 + i},,ring\nr{i},93.{i}001,35.4,,0.08,gpr\n"
        f"q{i},93.{i}001,35.6,,0.09,gpr\n"
        for i in range(1, 6)
    )
    warned = screened(text).warnings
    (percent,) = (warning for warning in warned if "percent" in warning)
    assert "of method 'ring' look like percent: set units.vwc = '%'" in percent
    (lost,) = (warning for warning in warned if "are left out" in warning)
    assert lost.startswith("5 of 15 rows (33%) are left out: target out of physical bounds (rows 2")
    assert lost.endswith("no row of method 'ring' remains")
    mended = screened(text, units={"vwc": "%"})
    assert len(mended.sites) == 15
    assert not any("percent" in w or "left out" in w for w in mended.warnings)


def test_percent_is_guessed_only_for_ratios(screened) -> None:
    target = TargetSettings(name="thickness", unit="m", maximum=5)
    text = (
        HEAD.replace("vwc", "thickness")
        + GOOD
        + "".join(f"t{i},93.{i}002,35.1,{20 + i}\n" for i in range(1, 6))
    )
    warned = screened(text, target).warnings
    assert any("5 of 7 rows" in warning for warning in warned)
    assert not any("percent" in warning for warning in warned)


@pytest.mark.parametrize(
    ("bad", "reason", "warned"),
    [
        (["93.0812,35.2213,0.97"] * 2, "target out of physical bounds", False),  # 2 of 10
        (["93.0812,35.2213,0.97"] * 3, "target out of physical bounds", True),  # 3 of 11
        (["93.0812,35.2213,"] * 3, "target missing", False),
        (["89.1,35.2213,0.2"] * 3, "out of the region", False),
    ],
)
def test_one_reason_against_more_than_a_fifth_of_the_rows_is_warned_of(
    screened, bad: list[str], reason: str, warned: bool
) -> None:
    good = "".join(f"g{i},93.{i}001,35.4,0.2\n" for i in range(1, 9))
    result = screened(HEAD + good + "".join(f"b{i},{row}\n" for i, row in enumerate(bad)))
    assert result.summary["reasons"] == {reason: len(bad)}
    assert any("are left out" in warning for warning in result.warnings) is warned


def test_the_loss_of_a_whole_method_is_warned_of_however_few_its_rows(screened) -> None:
    text = HEAD.replace("\n", ",method\n") + "".join(
        f"g{i},93.{i}001,35.4,0.2,ring\n" for i in range(1, 9)
    )
    one = screened(text + "r,93.5,35.2,1.9,gpr\n")
    assert any(w.endswith("no row of method 'gpr' remains") for w in one.warnings)
    another = screened(text + "r,93.5,35.2,1.9,gpr\ns,93.6,35.2,0.2,gpr\nshort,93.7\n")
    assert not any("remains" in w for w in another.warnings)


def test_sites_kept_for_the_test_do_not_count_as_enough(screened) -> None:
    text = "site_id,longitude,latitude,vwc,split\n" + "".join(
        f"s{i},93.{i}001,35.{i}001,0.2,test\n" for i in range(1, 6)
    )
    with pytest.raises(SiteTableError, match="0 sites to train on"):
        screened(text)


def test_few_decimals_are_warned_of_or_left_out(screened) -> None:
    text = HEAD + "a,93.1,35.12,0.2\nb,93.3,35.1234,0.3\n" + GOOD
    warned = screened(text)
    assert any("fewer than 3 decimals" in w and "row 2" in w for w in warned.warnings)
    assert len(warned.sites) == 4
    strict = screened(text, screening={"minimum_sites": 2, "few_decimals": "exclude"})
    # b has four decimals in one of its coordinates: a spreadsheet dropped zeros of the other
    assert strict.excluded[["row", "reason"]].to_numpy().tolist() == [[2, "too few decimals"]]


def test_minutes_written_as_decimals_are_warned_of_only_where_chance_is_ruled_out() -> None:
    draw = np.random.default_rng(3)
    degrees, minutes = draw.integers(80, 100, 200), draw.integers(0, 60, 200)
    latitude = draw.uniform(26, 40, 200)
    (warning,) = warn_of_minutes(degrees + minutes / 100, latitude)
    assert "longitude" in warning
    assert warn_of_minutes(degrees + minutes / 60, latitude) == []
    clustered = 93 + draw.uniform(0.1, 0.5, 200)  # a small region: no proof of anything
    assert warn_of_minutes(clustered, clustered - 58) == []


def test_faults_of_optional_columns_keep_the_row_and_warn(screened) -> None:
    text = (
        "site_id,longitude,latitude,vwc,thaw_depth_m,elevation_m\n"
        "a,93.1001,35.1,0.2,-999,4600\nb,93.2001,35.2,0.3,1.2,high\n"
    )
    result = screened(text)
    assert len(result.sites) == 2
    assert result.sites["thaw_depth_m"].isna().to_list() == [True, False]
    assert any("'thaw_depth_m'" in w and "'-999' (row 2)" in w for w in result.warnings)
    assert any("'elevation_m'" in w and "'high' (row 3)" in w for w in result.warnings)


PIXEL = "site_id,longitude,latitude,vwc,vwc_sd,method,split\n"


def test_duplicates_within_a_pixel_are_averaged_and_said_so(screened) -> None:
    text = (
        PIXEL
        + "a,93.10012,35.10051,0.20,0.02,ring,train\n"
        + "b,93.10021,35.10052,0.30,0.04,ring,train\n"
        + "c,93.90011,35.90051,0.30,0.04,ring,train\n"
    )
    result = screened(text)
    site = result.sites.set_index("site_id").loc["a"]
    assert site["target"] == pytest.approx(
        (0.2 / 0.02**2 + 0.3 / 0.04**2) / (1 / 0.02**2 + 1 / 0.04**2)
    )
    assert result.merged.to_numpy().tolist() == [[2, "a", "a"], [3, "b", "a"]]
    assert any(
        "2 rows fell into 1 pixel together" in note and "rows 2–3" in note for note in result.notes
    )
    plain = screened(text.replace("0.30,0.04,ring,train\nc", "0.30,,ring,train\nc"))
    site = plain.sites.set_index("site_id").loc["a"]
    assert site["target"] == pytest.approx(0.25)
    assert np.isnan(site["target_sd"])


def test_methods_stay_apart_but_share_a_group(screened) -> None:
    text = (
        PIXEL
        + "a,93.10012,35.10051,0.20,,ring,train\n"
        + "b,93.10021,35.10052,0.30,,gpr,train\n"
        + "c,93.90011,35.90051,0.30,,ring,train\n"
    )
    options = {"groups": {"distance_m": 0, "maximum_share": 1}}
    result = screened(text, **options)
    assert len(result.sites) == 3
    group = result.sites.set_index("site_id")["group"]
    assert group["a"] == group["b"] != group["c"]
    assert any("different methods" in warning for warning in result.warnings)
    merged = screened(text, screening={"minimum_sites": 2, "merge_methods": True}, **options)
    assert merged.sites["method"].to_list() == ["other", "ring"]


def test_one_name_in_one_pixel_is_told_apart_by_method_then_split(screened) -> None:
    """Fault: a pit and a radar point of one name pass screening and stop the training."""
    text = (
        PIXEL
        + "a,93.10012,35.10051,0.20,,ring,train\n"
        + "a,93.10012,35.10051,0.30,,gpr,train\n"
        + "a,93.10012,35.10051,0.32,,gpr,train\n"
        + "a_ring,93.90011,35.90051,0.30,,ring,train\n"
        + "t,93.30012,35.30051,0.20,,ring,train\n"
        + "t,93.30012,35.30051,0.30,,ring,test\n"
        + "u,93.50012,35.50051,0.20,,ring,train\n"
        + "u,93.50012,35.50051,0.30,,gpr,test\n"
    )
    result = screened(text)
    assert result.sites["site_id"].to_list() == [
        "a_ring_", "a_gpr", "a_ring", "t_train", "t_test", "u_ring_train", "u_gpr_test",
    ]  # fmt: skip
    assert result.merged.to_numpy().tolist() == [[3, "a", "a_gpr"], [4, "a", "a_gpr"]]
    (note,) = (note for note in result.notes if "named by method or split" in note)
    assert "'a_gpr'" in note


def test_the_schema_of_the_sites_refuses_a_name_twice(screened) -> None:
    sites = screened(HEAD + GOOD).sites
    with pytest.raises(pa.errors.SchemaError, match="duplicate"):
        sites_schema().validate(sites.assign(site_id="same"))


def test_train_and_test_never_merge(screened) -> None:
    text = (
        PIXEL
        + "a,93.10012,35.10051,0.20,,ring,train\n"
        + "b,93.10021,35.10052,0.30,,ring,test\n"
        + "c,93.90011,35.90051,0.30,,ring,train\n"
    )
    result = screened(text)
    assert sorted(result.sites["split"]) == ["test", "train", "train"]
    assert len(result.merged) == 0
    assert any("test is not independent" in warning for warning in result.warnings)


def test_a_transect_of_one_name_loses_no_row(screened) -> None:
    """A name that repeats every 200 m is no duplicate site."""
    text = HEAD + "".join(f"T1,{93.1 + 0.0022 * i:.4f},35.1005,0.2{i}\n" for i in range(8))
    result = screened(text)
    assert len(result.sites) == 8
    assert result.sites["site_id"].is_unique
    assert len(result.excluded) == len(result.merged) == 0


def test_columns_of_the_contract_and_their_kinds(screened) -> None:
    result = screened(HEAD + GOOD)
    assert list(result.sites) == [
        "site_id", "longitude", "latitude", "row", "col", "method", "campaign", "group", "split",
        "target", "target_sd", "depth_top_m", "depth_bottom_m", "support_m", "thaw_depth_m", "year",
        "elevation_m", "n_rows", "file_row",
    ]  # fmt: skip
    assert result.sites["row"].to_list() == [599, 499]
    assert list(result.excluded) == ["row", "site_id", "reason", "detail"]


def test_same_input_gives_the_same_sites(screened) -> None:
    pd.testing.assert_frame_equal(screened(HEAD + GOOD).sites, screened(HEAD + GOOD).sites)


def test_a_suspected_code_is_not_replaced_by_a_velocity(screened) -> None:
    """A declared code is missing and may be inverted; an undeclared one leaves the row out."""
    text = "site_id,longitude,latitude,vwc,velocity_m_ns\na,93.1001,35.1,-999,0.08\n" + (
        "b,93.2001,35.2,0.3,\nc,93.3001,35.3,0.2,\n"
    )
    assert screened(text).excluded["reason"].to_list() == ["suspected missing code"]
    declared = screened(text, missing_codes=[-999])
    assert declared.sites["target"].iloc[0] == pytest.approx(0.309, abs=5e-4)


def test_reading_settings_loads_nothing_heavy() -> None:
    code = (
        "import sys; from local_ml.sites import SiteTableSettings; "
        "print({'pandas', 'pandera', 'scipy', 'pint'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


def test_zero_has_no_logarithm(screened) -> None:
    target = TargetSettings(transform="log")
    result = screened(HEAD + "z,93.1001,35.1,0\n" + GOOD, target)
    assert result.excluded["reason"].to_list() == ["target out of physical bounds"]


values = st.lists(st.tuples(st.floats(0, 1), st.floats(0.005, 0.2)), min_size=1, max_size=12)


@given(values, st.floats(0, 0.95))
def test_merged_value_lies_between_and_is_no_worse_than_the_common_error(
    pairs, correlation
) -> None:
    value, sd = (np.array(column) for column in zip(*pairs, strict=True))
    mean, error = combine(value, sd, correlation)
    assert value.min() - 1e-12 <= mean <= value.max() + 1e-12
    assert error >= np.sqrt(correlation) * sd.min() - 1e-12
    assert combine(value[::-1], sd[::-1], correlation) == pytest.approx((mean, error))


def test_scatter_beyond_the_errors_enlarges_the_merged_one() -> None:
    sd = np.full(4, 0.01)
    calm = combine(np.array([0.20, 0.20, 0.20, 0.20]), sd, 0.0)[1]
    assert calm == pytest.approx(0.005)
    value = np.array([0.1, 0.3, 0.1, 0.3])
    assert combine(value, sd, 0.0)[1] == pytest.approx(value.std(ddof=1) / 2)


def test_elevation_that_disagrees_with_the_terrain_is_flagged(screened) -> None:
    text = (
        "site_id,longitude,latitude,vwc,elevation_m\na,93.1001,35.1,0.2,4600\n"
        "b,93.2001,35.2,0.3,4700\nc,93.3001,35.3,0.3,\nd,93.4001,35.4,0.3,4800\n"
    )
    sites = screened(text).sites
    findings = flag_elevation(sites, np.array([4650.0, 3900.0, 3000.0, np.nan]))
    assert [(f.site_id, f.file_row, f.stated_m, f.terrain_m) for f in findings] == [
        ("b", 3, 4700, 3900)
    ]
    assert "4700 m" in findings[0].text
    assert len(flag_elevation(sites, np.array([4650.0, 3900.0, 0, 0]), tolerance_m=900)) == 1
    with pytest.raises(ValueError, match="4 sites"):
        flag_elevation(sites, np.array([1.0]))


def test_what_is_written_is_read_again_by_any_pandas(screened, tmp_path, monkeypatch):
    # Fault: samples.csv, and the fold that a site falls in, that go by the version of pandas.
    places = (93 + np.random.default_rng(0).random(12)).tolist()
    rows = [f"g{i},{x!r},{x - 58!r},{x / 400!r}" for i, x in enumerate(places)]
    written = screened(HEAD + "\n".join(rows) + "\n").sites.replace("g0", "NA")
    path = tmp_path / "screened.csv"
    path.write_bytes(csv_bytes(written))
    misread(monkeypatch)
    sites = read_screened(path)
    sites_schema().validate(sites)
    assert sites["site_id"].tolist() == written["site_id"].tolist()
    assert "NA" in sites["site_id"].tolist()
    for name in ("longitude", "latitude", "target", "row", "col", "file_row"):
        assert sites[name].tolist() == written[name].tolist()
    assert set(sites["target"]) == {x / 400 for x in places}
    assert sites["target_sd"].isna().all()
