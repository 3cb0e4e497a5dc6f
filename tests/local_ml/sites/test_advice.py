"""What a table that cannot be used, or looks odd, is told: in numbers, and what to do."""

import re

import numpy as np
import pytest
from pydantic import ValidationError

from local_ml.errors import SiteTableError
from local_ml.settings import TargetSettings
from local_ml.sites import SiteTableSettings, screen
from local_ml.sites.cells import parse_coordinate
from local_ml.sites.coordinates import warn_of_minutes

HEAD = "site_id,longitude,latitude,vwc\n"


def test_rows_that_merged_away_are_told_with_their_decimals(screened) -> None:
    """Fault: "6 sites … 66 rows, 0 left out" of a table rounded to tenths of a degree."""
    rows = [f"s{i},93.{i % 6},35.{i % 6},0.{i % 6}{i % 9}1" for i in range(66)]
    with pytest.raises(SiteTableError) as error:
        screened(HEAD + "\n".join(rows) + "\n", screening={"minimum_sites": 10})
    first, *hints = str(error.value).splitlines()
    assert "6 sites to train on, at least 10 are needed" in first
    assert "(66 rows: 0 left out, 66 averaged into 6 pixels)" in first
    assert any("fewer than 3 decimals" in hint for hint in hints)


def test_a_table_that_is_all_for_the_test_says_so(screened) -> None:
    rows = [f"s{i},93.{i}001,35.1,0.{i}1,Test" for i in range(1, 8)]
    text = "site_id,longitude,latitude,vwc,part\n" + "\n".join(rows) + "\n"
    with pytest.raises(SiteTableError) as error:
        screened(text, columns={"split": "part"})
    told = str(error.value)
    assert "0 sites to train on" in told
    assert "(7 rows: 0 left out, 7 sites kept for the test)" in told
    assert "'part' keeps 7 sites for the test" in told
    assert "test_values" in told


def test_one_of_a_kind_is_told_in_the_singular(screened) -> None:
    with pytest.raises(SiteTableError, match=r"1 site to train on, .*\(1 row: 0 left out\)"):
        screened(HEAD + "a,93.1001,35.1,0.2\n")


@pytest.mark.parametrize(
    ("unit", "told"),
    [("%", r"set maximum in '%' \(for a volumetric water content 85\)"), ("mg kg-1", "'mg kg-1'$")],
)
def test_the_bound_of_a_water_content_is_not_kept_in_another_unit(unit: str, told: str) -> None:
    """Fault: a target in percent, of which all above 0.85 % is left out."""
    with pytest.raises(ValidationError) as error:
        TargetSettings(unit=unit)
    text = error.value.errors()[0]["msg"]
    assert "maximum is not set and its default, 0.85" in text
    assert re.search(told, text)
    assert TargetSettings(unit=unit, maximum=85).maximum == 85
    with pytest.raises(ValidationError, match=r"maximum_margin is not set.*0\.05"):
        TargetSettings(unit=unit, maximum=85, maximum_covariate="porosity")


@pytest.mark.parametrize("unit", ["1", "m3/m3", "cm3 cm-3"])
def test_the_same_unit_written_otherwise_keeps_it(unit: str) -> None:
    assert TargetSettings(unit=unit).maximum == 0.85


def test_a_target_in_percent_with_the_bound_of_a_ratio(screened) -> None:
    """Fault: advice to say that the column is in percent, which the target is already."""
    target = TargetSettings(unit="%", maximum=0.85)
    with pytest.raises(SiteTableError) as error:
        screened(HEAD + "a,93.1001,35.1,34.3\nb,93.2001,35.2,30\n", target)
    told = str(error.value)
    assert "set maximum = 85 in [target]" in told
    assert "units.vwc" not in told


def test_a_position_that_the_mask_leaves_out_is_not_outside_the_edges(read) -> None:
    """Fault: "(93.24, 35.19) lies outside the region (92.90°E to 93.30°E)", which it does not."""
    table = read(HEAD + "a,93.2404,35.1921,0.2\nb,93.1001,35.2,0.3\nc,99.1,35.2,0.3\n" + GOOD)
    n = len(table.rows)
    located = table.rows[["longitude"]].assign(
        row=range(n), col=range(n), in_region=[False, True, False, True], in_grid=True
    )
    located.loc[2, "in_grid"] = False
    settings = SiteTableSettings(screening={"minimum_sites": 2})
    region, mask = "the region (92.90°E to 93.30°E)", "its mask (ice.tif)"
    excluded = screen(table, settings, TargetSettings(), located, region, mask).excluded
    assert excluded["reason"].tolist() == ["out of the region"] * 2
    assert excluded["detail"].tolist() == [
        f"(93.2404, 35.1921) lies within the edges of {region}, but {mask} leaves it out",
        f"(99.1, 35.2) lies outside {region}",
    ]


GOOD = "d,93.2001,35.3,0.31\n"


def test_decimal_commas_are_told_with_what_to_set(screened) -> None:
    """Fault: "'92,96372' is no longitude …" in a file of semicolons, and nothing to go by."""
    text = "site_id;longitude;latitude;vwc\na;92,96372;35,1;0,2\nb;92,97;35,2;0,3\n"
    with pytest.raises(SiteTableError, match=r"'92,96372' is no longitude.*set decimal = ','"):
        screened(text)
    assert len(screened(text, decimal=",").sites) == 2


def test_fields_parted_by_blanks_are_told_with_what_to_set(read) -> None:
    text = "site_id longitude  latitude   vwc\na   92.96 35.10   0.2\nb 92.97 35.2 0.3\n"
    with pytest.raises(
        SiteTableError, match=r"is a single field.*set delimiter = ' ' in \[sites\]"
    ):
        read(text)
    assert read(text, delimiter=" ").rows["target"].tolist() == [0.2, 0.3]


@pytest.mark.parametrize("bad", ['c,"93.3,35.3,0.4', 'c,"93.3"x,35.3,0.4'])
def test_an_open_quote_is_told_with_its_line(read, bad: str) -> None:
    """Fault: "unexpected end of data" of a file of thousands of lines."""
    good = "a,93.1001,35.1,0.2\nb,93.2001,35.2,0.3\n"
    with pytest.raises(SiteTableError, match="record that begins at line 4 has a quote"):
        read(HEAD + good + bad + "\n" + good)


def test_a_target_that_is_missing_lists_what_there_is(read) -> None:
    with pytest.raises(SiteTableError, match=r"no column for the target.*'site_id', .*'moisture'"):
        read(HEAD.replace("vwc", "moisture") + "a,93.1001,35.1,0.2\n")


@pytest.mark.parametrize(
    ("text", "degrees"), [("35°08′60.0″N", 35.15), ("35°60.0′", 36.0), ("-35°59'60''", -36.0)]
)
def test_what_was_rounded_to_sixty_is_carried(text: str, degrees: float) -> None:
    parsed = parse_coordinate(text, "latitude")
    assert not isinstance(parsed, str)
    assert parsed[0] == pytest.approx(degrees)


@pytest.mark.parametrize("text", ["35°60′10″", "35°08′60.1″", "35°61′"])
def test_more_than_sixty_is_refused(text: str) -> None:
    assert "60 minutes or seconds" in str(parse_coordinate(text, "latitude"))


def test_minutes_are_told_with_their_chance_from_two_degrees_on() -> None:
    """Fault: 92.57823 for 92°57.823′ in a region of two degrees, without a word."""
    minutes = np.linspace(0, 59.9, 40)
    degrees = np.r_[92 + minutes / 100, 93 + minutes / 100]
    (warning,) = warn_of_minutes(degrees, np.full(80, 35.123))
    assert "12 tenths of 2 different degrees (by chance 0.002," in warning
    assert "92.57823 for 92°57.823′" in warning
    assert warn_of_minutes(degrees[:40], np.full(40, 35.123)) == []  # a region may end there
    assert warn_of_minutes(np.append(degrees, 92.61), np.full(81, 35.123)) == []


COLUMNS = "site_id,longitude,latitude,vwc,vwc_sd,thaw_depth_m,year\n"


def _sites(n: int = 12) -> list[list[str]]:
    return [
        [f"s{i}", f"93.{i:02}11", "35.1234", f"0.{20 + i}", "0.02", "2.1", "2012"] for i in range(n)
    ]


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        (4, "20", "vwc_sd is larger than the whole range of vwc, 0.85 m3 m-3, in row 5 (20)"),
        (5, "210", "thaw_depth_m is above 20 m in row 5 (210): if it is in centimetres, set units"),
        (6, "1890", "the year lies before 1950 in row 5 (1890)"),
    ],
)
def test_what_is_possible_and_seldom_true_is_kept_and_told(
    screened, column: int, value: str, told: str
) -> None:
    rows = _sites()
    assert screened(COLUMNS + "\n".join(map(",".join, rows)) + "\n").warnings == []
    rows[3][column] = value
    found = screened(COLUMNS + "\n".join(map(",".join, rows)) + "\n")
    assert len(found.sites) == 12
    (warning,) = found.warnings
    assert warning.startswith(told)


@pytest.mark.parametrize(("zeros", "told"), [(2, False), (4, True)])
def test_many_values_of_exactly_nothing_are_told(screened, zeros: int, told: bool) -> None:
    rows = _sites()
    for row in rows[:zeros]:
        row[3] = "0"
    warnings = screened(COLUMNS + "\n".join(map(",".join, rows)) + "\n").warnings
    assert warnings == [] or told
    assert any("exactly 0 in 4 of 12 rows (rows 2–5)" in one for one in warnings) is told


def test_one_site_with_two_values_far_apart_is_told_with_both(screened) -> None:
    """Fault: a typing error averaged away among the rows that share a pixel."""
    rows = _sites()
    rows.append(["s3", *rows[3][1:3], "0.43", *rows[3][4:]])  # 0.23 before
    rows.append(["s5", *rows[5][1:3], "0.26", *rows[5][4:]])  # 0.25 before
    found = screened(COLUMNS + "\n".join(map(",".join, rows)) + "\n")
    (warning,) = found.warnings
    assert "averaged all the same: 's3' 0.23 (row 5) and 's3' 0.43 (row 14)" in warning
    assert "s5" not in warning
    assert len(found.sites) == 12
