"""Numbers and units as they are printed."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.report.text import count, decimals_for, fixed, in_unit, share, significant, unit_text

THIN = "\N{NARROW NO-BREAK SPACE}"
HARD = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("unit", "printed"),
    [
        ("m3 m-3", f"m³{HARD}m⁻³"),
        ("g kg-1", f"g{HARD}kg⁻¹"),
        ("m ns**-1", f"m{HARD}ns⁻¹"),
        ("degC day", f"°C{HARD}day"),
        ("%", "%"),
        ("1", ""),
    ],
)
def test_units(unit: str, printed: str) -> None:
    assert unit_text(unit) == printed


def test_a_pure_number_has_no_brackets() -> None:
    assert in_unit("ndvi", "1") == "ndvi"


@pytest.mark.parametrize(
    ("value", "decimals", "printed"),
    [
        (0.0784, 3, "0.078"),
        (-0.0123, 3, "−0.012"),
        (-0.00004, 3, "0.000"),  # never "−0.000"
        (1234567.0, 0, f"1{THIN}234{THIN}567"),
        (None, 2, "–"),
        (math.nan, 2, "–"),
    ],
)
def test_fixed(value: float | None, decimals: int, printed: str) -> None:
    assert fixed(value, decimals) == printed


def test_sign_of_a_bias_is_shown_unless_it_rounds_to_nothing() -> None:
    assert fixed(0.0123, 3, sign=True) == "+0.012"
    assert fixed(0.0001, 3, sign=True) == "0.000"


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (0.03906, "0.0391"),
        (412.3, "412"),
        (17494.2, f"17{THIN}494"),
        (0.0, "0"),
        (-4.7e-10, "−4.70 × 10⁻¹⁰"),
    ],
)
def test_significant(value: float, printed: str) -> None:
    assert significant(value) == printed


@pytest.mark.parametrize(
    ("part", "printed"),
    [(0.0, "0 %"), (1e-5, "< 0.1 %"), (0.034, "3.4 %"), (0.63, "63 %"), (0.9999, "> 99.9 %"),
     (1.0, "100 %"), (None, "–")],
)  # fmt: skip
def test_a_share_that_is_not_nothing_never_reads_as_nothing(
    part: float | None, printed: str
) -> None:
    assert share(part) == printed


@given(st.floats(min_value=1e-6, max_value=1e6))
def test_an_error_is_shown_with_two_digits(error: float) -> None:
    # Too few decimals would print an RMSE of 0.078 as 0.08, and of 0.004 as 0.
    shown = float(fixed(error, decimals_for(error)).replace(THIN, ""))
    assert abs(shown - error) <= 0.051 * error


def test_count() -> None:
    assert (count(1, "site"), count(342, "site")) == ("1 site", "342 sites")
    assert count(2, "row was", "rows were") == "2 rows were"
