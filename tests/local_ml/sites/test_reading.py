"""A table as found to rows in the schema's names: mapping, units, codes, names of sites."""

import numpy as np
import pytest
from pydantic import ValidationError

from local_ml.errors import SiteTableError
from local_ml.settings import TargetSettings
from local_ml.sites import SiteTableSettings, check_settings

TABLE = """Point,Lon,Lat,Depth from [cm],Depth to [cm],Moisture %,How,When
P1,93.0812,35.2213,0,10,25,Ring,2012-09-22
P2,93.1812,35.3213,10,30,31.5,radar,2013-09-01
"""
MAPPING = {
    "columns": {
        "site_id": "Point",
        "longitude": "Lon",
        "latitude": "Lat",
        "depth_top_m": "Depth from [cm]",
        "depth_bottom_m": "Depth to [cm]",
        "vwc": "Moisture %",
        "method": "How",
        "date": "When",
    },
    "units": {"depth_top_m": "cm", "depth_bottom_m": "cm", "vwc": "%"},
    "method_values": {"radar": "gpr"},
}


def test_a_table_in_the_users_words_needs_no_editing(read) -> None:
    rows = read(TABLE, **MAPPING).rows
    assert rows["site_id"].to_list() == ["P1", "P2"]
    assert rows["target"].to_list() == pytest.approx([0.25, 0.315])
    assert rows["depth_bottom_m"].to_list() == pytest.approx([0.1, 0.3])
    assert rows["method"].to_list() == ["ring", "gpr"]
    assert rows["year"].to_list() == [2012, 2013]
    assert rows["row"].to_list() == [2, 3]
    assert rows["split"].to_list() == ["train", "train"]


def test_a_table_in_the_schemas_words_needs_no_mapping(read) -> None:
    table = read("site_id,longitude,latitude,vwc,vwc_sd\na,93.1,35.1,0.2,0.03\n")
    assert table.rows[["target", "target_sd"]].to_numpy().tolist() == [[0.2, 0.03]]


def test_units_line_is_used_and_contradiction_is_warned_of(read) -> None:
    text = (
        "site_id,longitude,latitude,depth_top_m,depth_bottom_m,vwc\n,,,cm,cm,%\na,93,35,0,20,25\n"
    )
    table = read(text, units_row=True)
    assert table.rows[["depth_bottom_m", "target"]].to_numpy()[0] == pytest.approx([0.2, 0.25])
    other = read(text, units_row=True, units={"depth_bottom_m": "mm"})
    assert other.rows["depth_bottom_m"].iloc[0] == pytest.approx(0.02)
    assert any("units line says 'cm', mm is assumed" in warning for warning in other.warnings)


def test_sd_has_the_unit_of_its_value_unless_told(read) -> None:
    """Catches 3 % read as an sd of 3 m3 m-3, and an offset added to the sd of a temperature."""
    text = "site_id,longitude,latitude,vwc,vwc_sd\na,93,35,25,3\n"
    assert read(text, units={"vwc": "%"}).rows["target_sd"].iloc[0] == pytest.approx(0.03)
    own = read(text.replace(",3\n", ",0.03\n"), units={"vwc": "%", "vwc_sd": "1"})
    assert own.rows["target_sd"].iloc[0] == pytest.approx(0.03)
    kelvin = TargetSettings(name="temperature", unit="K", minimum=None, maximum=None)
    text = text.replace("vwc", "temperature")
    table = read(text, kelvin, units={"temperature": "degC"})
    assert table.rows[["target", "target_sd"]].to_numpy()[0] == pytest.approx([298.15, 3])


def test_an_unknown_units_line_is_warned_of(read) -> None:
    text = "site_id,longitude,latitude,vwc\n,,,wetness\na,93,35,0.25\n"
    table = read(text, units_row=True)
    assert table.rows["target"].to_list() == [0.25]
    assert any("says 'wetness', m3 m-3 is assumed" in warning for warning in table.warnings)


def test_projected_positions_become_degrees(read) -> None:
    """UTM zone 32N: on the central meridian, 9°E, the easting is 500 km."""
    table = read("site_id,x,y,vwc\na,500000,6200000,0.2\n", crs="EPSG:25832")
    assert table.rows["longitude"].iloc[0] == pytest.approx(9.0, abs=1e-9)
    assert table.rows["latitude"].iloc[0] == pytest.approx(55.94, abs=0.01)


@pytest.mark.parametrize(
    ("options", "complaints"),
    [
        (
            {"columns": {"longitud": "Lon"}},
            ["[sites.columns] 'longitud' is not a column", "the nearest is 'longitude'"],
        ),
        ({"columns": {"longitude": "Lonn", "latitude": "Lat"}}, ["'Lonn'", "nearest is 'Lon'"]),
        ({"units": {"vwc": "m"}}, ["'vwc' in 'm' cannot be converted to 'm3 m-3'"]),
        ({"units": {"method": "m"}}, ["'method' has no unit"]),
        ({"constants": {"metod": "ring"}}, ["'metod'", "nearest is 'method'"]),
        ({}, ["has no position", "'Point'", "no column for the target"]),
        ({"columns": {"x": "Lon", "y": "Lat", "vwc": "How"}}, ["set crs in [sites]"]),
        ({"columns": {"x": "Lon", "y": "Lat", "vwc": "How"}, "crs": "EPSG:0"}, ["'EPSG:0'"]),
        ({**MAPPING, "method_values": {}}, ["'radar' (row 3)", "method_values"]),
        ({**MAPPING, "key_columns": ["Pont"]}, None),
    ],
)
def test_wrong_settings_name_the_culprit_and_the_nearest(read, options, complaints) -> None:
    if complaints is None:  # two ways to name a site
        with pytest.raises(ValidationError, match="not both"):
            read(TABLE, **options)
        return
    with pytest.raises(SiteTableError) as error:
        read(TABLE, **options)
    for complaint in complaints:
        assert complaint in str(error.value)


def test_all_wrong_columns_are_named_at_once(read) -> None:
    with pytest.raises(SiteTableError) as error:
        read(TABLE, columns={"longitude": "Long.", "latitude": "Latt", "vwc": "Moist %"})
    for name, nearest in (("Long.", "Lon"), ("Latt", "Lat"), ("Moist %", "Moisture %")):
        assert f"'{name}'" in str(error.value)
        assert f"the nearest is '{nearest}'" in str(error.value)


def test_settings_are_checked_without_a_file() -> None:
    with pytest.raises(SiteTableError, match="'som'"):
        check_settings(SiteTableSettings(columns={"som": "SOM"}), TargetSettings())
    check_settings(SiteTableSettings(columns={"som": "SOM"}), TargetSettings(name="som"))
    with pytest.raises(SiteTableError, match="cannot be called 'latitude'"):
        check_settings(SiteTableSettings(), TargetSettings(name="latitude"))


@pytest.mark.parametrize(
    "options",
    [
        {"encoding": "utf-99"},
        {"delimiter": ", "},
        {"units": {"vwc": "prozent"}},
        {"columns": {"method": "How"}, "constants": {"method": "ring"}},
        {"train_values": ["A"], "test_values": ["a"]},
        {"header_row": 0},
        {"colums": {}},
    ],
)
def test_settings_that_contradict_themselves_are_refused(options) -> None:
    with pytest.raises(ValidationError):
        SiteTableSettings(**options)


def test_target_may_take_a_name_of_the_schema_where_nothing_is_ambiguous(read) -> None:
    target = TargetSettings(name="thaw_depth_m", unit="m", maximum=10)
    table = read("site_id,longitude,latitude,thaw_depth_m\na,93,35,1.4\n", target)
    assert table.rows["target"].to_list() == [1.4]
    assert np.isnan(table.rows["thaw_depth_m"].iloc[0])


def test_a_column_that_occurs_twice_is_refused(read) -> None:
    with pytest.raises(SiteTableError, match=r"'vwc'.* 2 times"):
        read("site_id,longitude,latitude,vwc,vwc\na,93,35,0.1,0.2\n")


def test_declared_code_is_missing_and_no_fault(read) -> None:
    text = "site_id,longitude,latitude,vwc\na,93,35,-999\nb,93,35,miss\nc,93,35,\n"
    table = read(text, missing_codes=[-999.0, "Miss"])
    assert table.rows["target"].isna().all()
    assert table.faults == ()


def test_every_bad_cell_is_a_fault_with_its_row_and_the_users_column(read) -> None:
    """One pass finds them all: the first fault must not hide the rest."""
    text = (
        "site_id,longitude,latitude,VWC,thaw_depth_m,porosity\n"
        "a,93.1,35.1,wet,1.2,0.4\n"
        "b,93.2,35.2,0.2,deep,40\n"
        "c,east,35.3,-9999,1.1,0.4\n"
        "d,93.4,35.4,0.3,1.1\n"
    )
    table = read(text, columns={"vwc": "VWC"})
    found = {(fault.row, fault.column, fault.reason) for fault in table.faults}
    assert found == {
        (2, "VWC", "text in a number column"),
        (3, "thaw_depth_m", "text in a number column"),
        (3, "porosity", "value out of physical range"),
        (4, "longitude", "unreadable coordinate"),
        (4, "VWC", "suspected missing code"),
        (5, "", "wrong number of fields"),
    }
    assert table.rows["porosity"].isna().to_list() == [False, True, False, True]


def test_a_code_among_the_values_is_a_value(read) -> None:
    """999 mg kg-1 of zinc is none; -999 is."""
    zinc = TargetSettings(name="zinc", unit="mg kg-1", minimum=None, maximum=None)
    text = (
        "site_id,longitude,latitude,zinc\na,93,35,640\nb,93,35,999\nc,93,35,1839\nd,93,35,-9999\n"
    )
    table = read(text, zinc)
    assert table.rows["target"].to_list()[:3] == [640, 999, 1839]
    assert [fault.value for fault in table.faults] == ["-9999"]


@pytest.mark.parametrize("code", ["-999", "-9999", "9999", "-99", "-32768", "1e20"])
def test_an_undeclared_code_never_becomes_a_target(read, code: str) -> None:
    text = f"site_id,longitude,latitude,vwc\na,93,35,0.2\nb,93,35,0.3\nc,93,35,{code}\n"
    table = read(text, TargetSettings(minimum=None, maximum=None))
    assert table.rows["target"].isna().to_list() == [False, False, True]
    assert table.faults[0].reason == "suspected missing code"
    assert code in table.faults[0].detail


def test_na_as_campaign_does_not_tie_sites_together(read) -> None:
    table = read("site_id,longitude,latitude,vwc,campaign\na,93,35,0.2,NA\nb,93,35,0.3,2012\n")
    assert table.rows["campaign"].to_list() == ["", "2012"]


def test_decimal_comma(read) -> None:
    text = "site_id;longitude;latitude;vwc\na;93,0812;35,2213;0,25\n"
    table = read(text, decimal=",")
    assert table.rows[["longitude", "target"]].to_numpy()[0] == pytest.approx([93.0812, 0.25])
    assert table.rows["coordinate_decimals"].iloc[0] == 4
    undeclared = read(text)
    assert {fault.reason for fault in undeclared.faults} == {
        "text in a number column",
        "unreadable coordinate",
    }


def test_a_name_that_repeats_along_a_transect_is_made_unique_with_its_row(read) -> None:
    text = "site_id,longitude,latitude,vwc\nT1,93.1001,35.1,0.2\nT1,93.1002,35.1,0.3\nS,93,35,1\n"
    table = read(text)
    assert table.rows["site_id"].to_list() == ["T1_2", "T1_3", "S"]
    assert any("'T1' (2 positions)" in note for note in table.notes)


def test_a_made_up_name_never_meets_a_given_one(read) -> None:
    text = "site_id,longitude,latitude,vwc\nT,93.1,35.1,0.2\nT,93.2,35.1,0.3\nT_2,93.3,35.2,0.1\n"
    assert read(text).rows["site_id"].to_list() == ["T_2_", "T_3", "T_2"]


def test_repeated_visits_to_one_position_keep_their_name(read) -> None:
    text = "site_id,longitude,latitude,year,vwc\nS,93.1,35.1,2011,0.2\nS,93.1,35.1,2012,0.3\n"
    assert read(text).rows["site_id"].to_list() == ["S", "S"]


def test_names_from_key_columns_or_rows(read) -> None:
    text = "camp,no,longitude,latitude,vwc\nA,1,93.1,35.1,0.2\nB,1,93.2,35.2,0.3\n"
    assert read(text, key_columns=["camp", "no"]).rows["site_id"].to_list() == ["A_1", "B_1"]
    nameless = read(text)
    assert nameless.rows["site_id"].to_list() == ["row2", "row3"]
    assert any("called by their row" in note for note in nameless.notes)


def test_a_repeated_line_is_a_fault(read) -> None:
    text = "site_id,longitude,latitude,vwc\na,93.1,35.1,0.2\na,93.1,35.1,0.2\n"
    (fault,) = read(text).faults
    assert (fault.row, fault.reason) == (3, "repeated line")
    assert "row 2" in fault.detail


def test_split_words(read) -> None:
    text = (
        "site_id,longitude,latitude,vwc,split\na,93.1,35.1,0.2,Training\nb,93.2,35.2,0.3,held out\n"
    )
    with pytest.raises(SiteTableError, match=r"'held out' \(row 3\)"):
        read(text)
    table = read(text, test_values=["held out"])
    assert table.rows["split"].to_list() == ["train", "test"]


def test_gbk_table_with_carriage_returns_and_chinese_names(read) -> None:
    text = "样点,经度,纬度,含水量\r五道梁,93.0812,35.2213,25\r风火山,92.8967,34.7311,缺测\r"
    table = read(
        text.encode("gbk"),
        columns={"site_id": "样点", "longitude": "经度", "latitude": "纬度", "vwc": "含水量"},
        units={"vwc": "%"},
    )
    assert table.rows["site_id"].to_list() == ["五道梁", "风火山"]
    assert table.rows["target"].iloc[0] == pytest.approx(0.25)
    assert [(fault.row, fault.reason) for fault in table.faults] == [(3, "suspected missing code")]


def test_codes_and_constants_under_a_decimal_comma(read) -> None:
    """Fault: -999.9 is declared, the file writes -999,9; a constant 0.5 has a point."""
    table = read(
        "site_id;longitude;latitude;vwc\na;93,1;35,1;-999,9\nb;93,2;35,2;0,25\n",
        decimal=",",
        missing_codes=[-999.9],
        constants={"depth_top_m": 0.5, "depth_bottom_m": 1},
    )
    assert table.faults == ()
    assert table.rows["target"].isna().to_list() == [True, False]
    assert table.rows["depth_top_m"].to_list() == [0.5, 0.5]
    assert table.rows["depth_bottom_m"].to_list() == [1, 1]
