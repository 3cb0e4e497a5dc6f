"""One cell of text to a value or a reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_ml.sites.cells import (
    MissingCodes,
    line_numbers,
    parse_coordinate,
    parse_date,
    parse_number,
)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_python_writes_is_read_back(value: float) -> None:
    assert parse_number(repr(value)) == value
    assert parse_number(repr(value).replace("-", "−")) == value  # typographic minus


@pytest.mark.parametrize("text", ["nan", "inf", "1_000", "0,25", "1 2", "", "0.2*", "１", "1e999"])
def test_what_float_would_take_but_is_no_number(text: str) -> None:
    """Catches float(), which reads 'nan', 'inf', '1_000' and digits of other scripts."""
    assert parse_number(text) is None


def test_decimal_comma_only_where_declared() -> None:
    assert parse_number("0,25", ",") == 0.25
    assert parse_number("1.234,5", ",") is None


@pytest.mark.parametrize("text", ["-999", "-999.0", "-9.99e2", "−999", "Miss", "miss", ""])
def test_declared_codes_match_by_value_and_without_case(text: str) -> None:
    assert MissingCodes([-999, "miss"]).declared(text)


@pytest.mark.parametrize(
    "text",
    ["-9999", "-99", "-32768", "-1e20", "NA", "nodata", "-", "--", "n/a", "#N/A", "缺测", "无数据"],
)
def test_usual_codes_are_suspected_but_not_taken_for_declared(text: str) -> None:
    codes = MissingCodes([])
    assert codes.looks_like_one(text)
    assert not codes.declared(text)


@pytest.mark.parametrize("code", [-999.9, "-999.9", "-999,9"])
@pytest.mark.parametrize("text", ["-999,9", "-999,90", "−999,9", "-9,999e2"])
def test_codes_are_known_by_the_decimal_mark_of_the_file(code: float | str, text: str) -> None:
    """Fault: codes are read with a point in a file that writes commas."""
    codes = MissingCodes([code], ",")
    assert codes.declared(text)
    assert codes.looks_like_one(text)
    assert not codes.declared("-99,99")
    assert codes.looks_like_one("-99,99")


@pytest.mark.parametrize("text", ["0.25", "999", "-1.5", "Nagqu", "A-1"])
def test_values_and_names_are_no_codes(text: str) -> None:
    assert not MissingCodes([]).looks_like_one(text)


@pytest.mark.parametrize(
    ("text", "axis", "degrees", "decimals"),
    [
        ("35.2213", "latitude", 35.2213, 4),
        ("-156.639833", "longitude", -156.639833, 6),
        ("35°12'30\"N", "latitude", 35 + 12 / 60 + 30 / 3600, 4),
        ("35°12′", "latitude", 35.2, 2),
        ("W 156°38.4'", "longitude", -(156 + 38.4 / 60), 3),
        ("93度04分30秒", "longitude", 93 + 4 / 60 + 30 / 3600, 4),
        ("92.5E", "longitude", 92.5, 1),
    ],
)
def test_coordinates_in_their_usual_notations(
    text: str, axis: str, degrees: float, decimals: int
) -> None:
    value = parse_coordinate(text, axis)
    assert not isinstance(value, str)
    assert value[0] == pytest.approx(degrees, abs=1e-12)
    assert value[1] == decimals


@pytest.mark.parametrize(
    ("text", "axis", "complaint"),
    [
        ("35 12 30", "latitude", "is no latitude"),
        ("35°72'", "latitude", "60 minutes"),
        ("92.5E", "latitude", "is no latitude"),
        ("-35.2S", "latitude", "minus sign"),
        ("north of camp", "latitude", "is no latitude"),
    ],
)
def test_ambiguous_coordinates_are_refused(text: str, axis: str, complaint: str) -> None:
    value = parse_coordinate(text, axis)
    assert isinstance(value, str)
    assert complaint in value


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2012-09-22", "2012-09-22"),
        ("2012/9/2", "2012-09-02"),
        ("20120922", "2012-09-22"),
        ("2012年9月22日", "2012-09-22"),
        ("2012-09-22T10:30:00", "2012-09-22"),
        ("2012", "2012"),
        ("09/10/2012", None),  # day and month cannot be told apart
        ("2012-13-01", None),
    ],
)
def test_dates_begin_with_the_year(text: str, iso: str | None) -> None:
    assert parse_date(text) == iso


def test_line_numbers_are_short() -> None:
    assert line_numbers([9, 6, 7, 8, 14]) == "rows 6–9, 14"
    assert line_numbers([3]) == "row 3"
    assert line_numbers(range(2, 60, 2), most=2) == "rows 2, 4 and 27 more"
