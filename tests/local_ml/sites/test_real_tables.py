"""Tables as they were published, read by settings alone."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from local_ml.errors import SiteTableError
from local_ml.settings import TargetSettings
from local_ml.sites import FieldTable, SiteTableSettings, read_field_table, screen
from local_ml.sites.gpr import permittivity, water_content
from local_ml.sites.settings import GprSettings

pytestmark = pytest.mark.real

BARROW = {
    "header_row": 4,
    "units_row": True,
    "missing_codes": [-999],
    "columns": {
        "site_id": "site_ID",
        "transect": "site_ID",
        "longitude": "lon_prb",
        "latitude": "lat_prb",
        "vwc": "vwc",
        "vwc_sd": "unc_vwc",
        "thaw_depth_m": "alt_prb",
        "velocity_m_ns": "velocity",
        "velocity_sd_m_ns": "unc_vel",
    },
    "constants": {"method": "gpr"},
}
BARROW_TARGET = TargetSettings(maximum=0.95)  # organic soils


def barrow(shared_data: Path, **options: object) -> FieldTable:
    settings = SiteTableSettings(**{**BARROW, **options})
    return read_field_table(shared_data / "barrow" / "gpr_points.csv", settings, BARROW_TARGET)


def test_barrow_is_read_without_editing(shared_data: Path) -> None:
    table = barrow(shared_data, gpr={"invert": "never"})
    rows = table.rows
    assert len(rows) == 1297
    assert rows["target"].notna().sum() == 874
    assert rows["velocity_m_ns"].notna().sum() == 1061
    assert table.faults == ()
    assert rows["transect"].nunique() == 13
    assert rows["site_id"].is_unique  # 13 names at 1297 positions
    first = rows.iloc[0]
    assert (first["row"], first["target"], first["thaw_depth_m"]) == (6, 0.550013, 0.28)


def test_undeclared_code_of_barrow_is_suspected(shared_data: Path) -> None:
    table = barrow(shared_data, missing_codes=[], gpr={"invert": "never"})
    suspected = [fault for fault in table.faults if fault.column == "vwc"]
    assert len(suspected) == 423
    assert {fault.reason for fault in suspected} == {"suspected missing code"}
    assert table.rows["target"].notna().sum() == 874


def test_barrows_water_content_is_a_cubic_and_not_a_mixing_law(shared_data: Path) -> None:
    """What the table's own figures are made of, and how far the CRIM inversion is from them.

    The column is a third-degree polynomial of permittivity, to the last digits of the velocity,
    and blank where the polynomial exceeds 0.9; its uncertainty is the transect's coefficient of
    variation of velocity times the value, not a propagated one.
    """
    rows = barrow(shared_data, gpr={"invert": "never"}).rows
    both = rows.dropna(subset=["target", "velocity_m_ns"])
    epsilon = permittivity(both["velocity_m_ns"].to_numpy())
    cubic = np.polynomial.polynomial.polyval(epsilon, [-2.50e-2, 2.508e-2, -3.634e-4, 2.394e-6])
    assert np.abs(cubic - both["target"]).max() < 1e-4
    blank = rows[rows["target"].isna()].dropna(subset=["velocity_m_ns"])
    blank_epsilon = permittivity(blank["velocity_m_ns"].to_numpy())
    over = np.polynomial.polynomial.polyval(
        blank_epsilon, [-2.50e-2, 2.508e-2, -3.634e-4, 2.394e-6]
    )
    assert len(blank) == 187
    assert over.min() > 0.9 > both["target"].max()

    crim = water_content(
        both["velocity_m_ns"].to_numpy(),
        both["velocity_sd_m_ns"].to_numpy(),
        np.full(len(both), np.nan),
        GprSettings(),
    )
    difference = crim.value - both["target"].to_numpy()
    assert difference.mean() == pytest.approx(0.026, abs=0.001)
    assert np.sqrt(np.mean(difference**2)) == pytest.approx(0.038, abs=0.001)
    assert np.corrcoef(crim.value, both["target"])[0, 1] > 0.98
    # within what either side states for itself
    stated = np.hypot(crim.sd, both["target_sd"])
    assert np.mean(np.abs(difference) < 2 * stated) > 0.99
    # an assumed porosity of 0.4 is too low for these soils: nearly all values exceed it
    assert crim.above_porosity.mean() > 0.9


def test_vindum_has_its_published_split(shared_data: Path) -> None:
    target = TargetSettings(name="som", unit="%", maximum=100, transform="log")
    settings = SiteTableSettings(
        columns={"site_id": "id", "som": "som_pct"}, constants={"method": "other"}, crs="EPSG:25832"
    )
    table = read_field_table(shared_data / "vindum" / "points.csv", settings, target)
    assert table.rows["split"].value_counts().to_dict() == {"train": 213, "test": 72}
    assert table.rows["longitude"].between(9.5, 9.7).all()
    assert table.rows["latitude"].between(56.3, 56.5).all()
    assert table.faults == ()
    result = screen(table, settings, target, _each_its_pixel(table), "the field")
    shares = result.sites[result.sites["split"] == "train"]["group"].value_counts(normalize=True)
    assert len(result.sites) == 285
    assert shares.max() <= 0.2  # one field of 600 m: a single chain, divided


def test_meuse_needs_a_crs_and_nothing_else(shared_data: Path) -> None:
    target = TargetSettings(name="zinc", unit="mg kg-1", minimum=0, maximum=None, transform="log")
    path = shared_data / "meuse" / "points.csv"
    with pytest.raises(SiteTableError, match="set crs"):
        read_field_table(path, SiteTableSettings(), target)
    table = read_field_table(path, SiteTableSettings(crs="EPSG:28992"), target)
    assert len(table.rows) == 155
    assert table.rows["target"].agg(["min", "max"]).to_list() == [113, 1839]
    assert table.rows["longitude"].between(5.7, 5.8).all()
    assert table.faults == ()


def test_calm_thaw_depths_of_one_site_become_a_mean_of_years(shared_data: Path) -> None:
    target = TargetSettings(name="active_layer_thickness", unit="m", maximum=10)
    settings = SiteTableSettings(
        columns={
            "site_id": "Site",
            "longitude": "Longitude",
            "latitude": "Latitude",
            "year": "Date/Time",
            "active_layer_thickness": "ALD [cm]",
        },
        units={"active_layer_thickness": "cm"},
        screening={"minimum_sites": 2},
        constants={"method": "other"},
    )
    table = read_field_table(shared_data / "qtp" / "calm_alt.csv", settings, target)
    assert table.rows["site_id"].nunique() == 6
    result = screen(table, settings, target, _each_its_pixel(table), "the plateau")
    sites = result.sites.set_index("site_id")
    cn2 = table.rows[table.rows["site_id"] == "CN2"]["target"].dropna()
    assert sites.loc["CN2", "target"] == pytest.approx(cn2.mean())
    assert sites.loc["CN2", "n_rows"] == len(cn2)
    # its longitude is 5° off: the table states no elevation, so only a mask of the region can tell
    assert sites.loc["CN2", "longitude"] == 97.8667
    assert sites["elevation_m"].isna().all()
    located = _each_its_pixel(table).assign(in_region=table.rows["longitude"] < 96)
    flagged = screen(table, settings, target, located, "the mask").excluded
    assert set(flagged[flagged["reason"] == "out of the region"]["site_id"]) == {"CN2"}


def test_zhaos_thaw_depths_with_missing_positions(shared_data: Path) -> None:
    target = TargetSettings(name="thaw_depth_m", unit="m", maximum=10)
    settings = SiteTableSettings(
        columns={"thaw_depth_m": "thaw_depth", "longitude": "lon", "latitude": "lat"},
        units={"thaw_depth_m": "cm"},
        method_values={"temp": "other"},
        screening={"minimum_sites": 2},
    )
    table = read_field_table(shared_data / "qtp" / "zhao2021_thaw_depth.csv", settings, target)
    assert len(table.rows) == 110
    assert table.rows["year"].notna().all()
    result = screen(table, settings, target, _each_its_pixel(table), "the plateau")
    lost = result.excluded[result.excluded["reason"] == "coordinates missing"]
    assert set(lost["site_id"]) == {"AYKAL", "TSHAL", "ZNHAL"}
    assert len(lost) == 12
    assert len(result.sites) == 9
    assert any("fewer than 3 decimals" in warning for warning in result.warnings)


def test_zhaos_site_list_holds_no_target(shared_data: Path) -> None:
    settings = SiteTableSettings(
        columns={
            "site_id": "Site Name",
            "longitude": "Longitude (°E)",
            "latitude": "Latitude (°N)",
        }
    )
    with pytest.raises(SiteTableError, match="no column for the target"):
        read_field_table(shared_data / "qtp" / "zhao2021_sites.csv", settings, TargetSettings())


def _each_its_pixel(table: FieldTable) -> pd.DataFrame:
    """Positions on a grid of 1e-5 degrees over the whole globe."""
    rows = table.rows.fillna({"longitude": 0.0, "latitude": 0.0})
    return pd.DataFrame(
        {
            "row": np.floor((90 - rows["latitude"]) * 1e5).astype(int),
            "col": np.floor((rows["longitude"] + 180) * 1e5).astype(int),
            "in_region": table.rows["longitude"].notna(),
        }
    )
