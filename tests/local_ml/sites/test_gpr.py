"""Radar velocity to water content: the published check values, a round trip, the error budget."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_ml.errors import SiteTableError
from local_ml.settings import TargetSettings
from local_ml.sites.gpr import permittivity, velocity_of_reflection, water_content
from local_ml.sites.inversion import is_volumetric
from local_ml.sites.settings import GprSettings

UNKNOWN = np.array([np.nan])
EXACT = GprSettings(porosity_sd=0, measured_porosity_sd=0, solid_permittivity_sd=0)


@pytest.mark.parametrize(
    ("velocity", "theta"),
    [(0.06, 0.456), (0.07, 0.375), (0.08, 0.309), (0.09, 0.255), (0.10, 0.210), (0.12, 0.136)],
)
def test_crim_gives_the_check_values(velocity: float, theta: float) -> None:
    """Porosity 0.4, solids 5, exponent 0.26, water 86."""
    result = water_content(np.array([velocity]), UNKNOWN, UNKNOWN, EXACT)
    assert result.value[0] == pytest.approx(theta, abs=5e-4)


def test_five_percent_of_velocity_give_the_stated_uncertainty() -> None:
    result = water_content(np.array([0.06, 0.12]), np.full(2, np.nan), np.full(2, np.nan), EXACT)
    assert result.sd == pytest.approx([0.028, 0.019], abs=6e-4)


def test_more_water_than_pores_is_flagged_and_not_clipped() -> None:
    result = water_content(np.array([0.06, 0.07]), np.full(2, np.nan), np.full(2, np.nan), EXACT)
    assert result.above_porosity.tolist() == [True, False]
    assert result.value[0] > 0.4


@given(theta=st.floats(0.02, 0.6), porosity=st.floats(0.3, 0.8))
def test_the_forward_mixing_law_is_inverted(theta: float, porosity: float) -> None:
    """Forward: volume-weighted mean of the powers of water, solids and air."""
    a = 0.26
    bulk = (theta * 86**a + (1 - porosity) * 5**a + (porosity - theta)) ** (1 / a)
    velocity = np.array([0.299792458 / np.sqrt(bulk)])
    result = water_content(velocity, UNKNOWN, np.array([porosity]), EXACT)
    assert result.value[0] == pytest.approx(theta, abs=1e-9)


def test_uncertainty_equals_that_of_a_simulation() -> None:
    """Monte Carlo of all three sources together; catches a wrong partial derivative."""
    draw = np.random.default_rng(7)
    n = 200_000
    settings = GprSettings(porosity_sd=0.05, solid_permittivity_sd=0.4)
    stated = water_content(np.array([0.08]), np.array([0.002]), UNKNOWN, settings).sd[0]
    a = 0.26
    velocity, phi, solid = (
        draw.normal(0.08, 0.002, n),
        draw.normal(0.4, 0.05, n),
        draw.normal(5, 0.4, n),
    )
    theta = ((0.299792458 / velocity) ** (2 * a) - (1 - phi) * solid**a - phi) / (86**a - 1)
    assert stated == pytest.approx(theta.std(), rel=0.02)


@pytest.mark.parametrize("source", ["porosity_sd", "solid_permittivity_sd", "velocity_sd_share"])
def test_each_source_of_error_counts(source: str) -> None:
    def sd(**options: float) -> float:
        return float(
            water_content(np.array([0.08]), UNKNOWN, UNKNOWN, GprSettings(**options)).sd[0]
        )

    assert sd(**{source: 0.2}) > sd(**{source: 0.0})


@given(depth=st.floats(0.2, 4), offset=st.floats(0, 2), velocity=st.floats(0.04, 0.15))
def test_velocity_from_reflection_inverts_depth(
    depth: float, offset: float, velocity: float
) -> None:
    time = np.hypot(2 * depth, offset) / velocity
    d = 0.5 * np.sqrt((velocity * time) ** 2 - offset**2)
    found = velocity_of_reflection(np.array([offset]), np.array([time]), np.array([depth]))
    assert d == pytest.approx(depth)
    assert found[0] == pytest.approx(velocity)


def test_permittivity_of_light_speed_is_one() -> None:
    assert permittivity(np.array([0.299792458]))[0] == 1


@pytest.mark.parametrize("unit", ["m3 m-3", "%", "1", "cm3 cm-3"])
def test_volumetric_units(unit: str) -> None:
    assert is_volumetric(unit)


@pytest.mark.parametrize("unit", ["kg kg-1", "g g-1", "mg kg-1", "ppm", "m", "kg m-3"])
def test_ratios_of_masses_are_not_volumetric(unit: str) -> None:
    assert not is_volumetric(unit)


TABLE = (
    "site_id,longitude,latitude,velocity_m_ns,antenna_offset_m,two_way_time_ns,reflector_depth_m\n"
)


def test_a_table_without_values_is_inverted(read) -> None:
    text = (
        TABLE + "a,93.001,35.001,0.08,,,\nb,93.002,35.002,,1,35.0,1.2\nc,93.003,35.003,,1,35.0,\n"
    )
    table = read(text)
    expected = water_content(
        np.array([0.08, np.sqrt(4 * 1.44 + 1) / 35]),
        np.full(2, np.nan),
        np.full(2, np.nan),
        GprSettings(),
    )
    assert table.rows["target"].to_list()[:2] == pytest.approx(expected.value)
    assert table.rows["target_sd"].to_list()[:2] == pytest.approx(expected.sd)
    assert np.isnan(table.rows["target"].iloc[2])  # the reflector's depth is missing
    assert table.rows["method"].to_list() == ["gpr", "gpr", "other"]


def test_unit_of_velocity_and_of_a_percent_target(read) -> None:
    """Catches an inversion that forgets either conversion."""
    target = TargetSettings(unit="%", maximum=85)
    text = "site_id,longitude,latitude,velocity_m_ns\na,93.001,35.001,8\n"
    table = read(text, target, units={"velocity_m_ns": "cm ns-1"})
    assert table.rows["target"].iloc[0] == pytest.approx(30.9, abs=0.05)


VALUES = "site_id,longitude,latitude,velocity_m_ns,vwc\n"


@pytest.mark.parametrize(("invert", "first"), [("missing", 0.5), ("always", 0.309), ("never", 0.5)])
def test_own_values_are_kept_unless_told(read, invert: str, first: float) -> None:
    text = VALUES + "a,93.001,35.001,0.08,0.5\nb,93.002,35.002,0.09,\n"
    table = read(text, gpr={"invert": invert})
    assert table.rows["target"].iloc[0] == pytest.approx(first, abs=5e-4)
    assert bool(np.isnan(table.rows["target"].iloc[1])) is (invert == "never")
    mixed = any("two formulas" in warning for warning in table.warnings)
    assert mixed is (invert == "missing")  # with "always", every value comes from one formula


def test_rows_above_the_porosity_are_named(read) -> None:
    table = read(
        "site_id,longitude,latitude,velocity_m_ns\na,93.001,35.001,0.06\nb,93.002,35.002,0.09\n"
    )
    assert any("exceed the porosity" in w and "row 2" in w for w in table.warnings)


def test_velocity_for_a_target_that_is_no_water_content(read) -> None:
    with pytest.raises(SiteTableError, match=r"volumetric water content.*som"):
        read(
            "site_id,longitude,latitude,velocity_m_ns,som\na,93.001,35.001,0.06,3\n",
            TargetSettings(name="som", unit="g kg-1", maximum=None),
        )
