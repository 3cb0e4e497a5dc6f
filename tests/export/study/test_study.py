"""study.toml: what is wrong is named by line, key and nearest valid key."""

import re
from pathlib import Path
from typing import Any

import pytest

from export.covariates.tiles import REGION_BAND
from export.errors import StudyError
from export.study import Study, StudySettings, parse_study
from export.study.settings import PLACE_COLUMNS, SITE_COLUMNS, TILE_BANDS
from export.study.template import study_template
from gee.catalogue import catalogue
from gee.settings import CompositeSettings, EarthEngineSettings
from local_ml.sample_cells import columns_of
from local_ml.settings import TargetSettings
from local_ml.sites.schema import sites_schema

REGION = "[region]\nwest = 92.0\nsouth = 34.0\neast = 94.0\nnorth = 36.0\n"


def fault_of(text: str) -> str:
    with pytest.raises(StudyError) as caught:
        parse_study(text, "study.toml")
    return str(caught.value)


def test_a_region_is_all_that_a_study_must_give() -> None:
    settings = parse_study(REGION, "study.toml")
    assert settings.target.name == "vwc"
    assert settings.target.unit == "m3 m-3"


@pytest.mark.parametrize(
    ("text", "line", "key", "nearest"),
    [
        ("tittle = 'x'\n" + REGION, 1, "tittle", "title"),
        (REGION + "[selection]\ndrop_shar = 0.1\n", 7, "selection.drop_shar", "drop_share"),
        (
            REGION + "[ensemble.xgboost]\n\ntree = 5\n",
            8,
            "ensemble.xgboost.tree",
            "trees",
        ),
        (
            REGION
            + "[[covariates]]\nname = 'twi'\nfile = 'twi.tif'\n"
            + "[[covariates]]\nname = 'dem'\nfile = 'dem.tif'\nnodatta = 1\n",
            12,
            "covariates[2].nodatta",
            "nodata",
        ),
        (REGION + "[sites.colums]\nvwc = 'a'\n", 6, "sites.colums", "columns"),
    ],
)
def test_an_unknown_key_is_named_with_line_and_nearest(
    text: str, line: int, key: str, nearest: str
) -> None:
    message = fault_of(text)
    assert f"study.toml, line {line}: {key} is not a known key" in message
    assert f"did you mean '{nearest}'" in message


def test_all_faults_come_in_one_message() -> None:
    message = fault_of("nam = 'x'\nseed = -1\n" + REGION)
    assert "line 1: nam" in message
    assert "line 2: seed" in message


def test_swapped_west_and_east_are_refused_by_name() -> None:
    swapped = REGION.replace("92.0", "104.68").replace("94.0", "68.02")
    message = fault_of(swapped)
    assert "west (104.68) must be less than east (68.02)" in message
    assert "swapped" in message


def test_equal_edges_make_no_region() -> None:
    assert "south (36.0)" in fault_of(REGION.replace("34.0", "36.0"))


def test_metres_given_as_degrees_are_refused() -> None:
    text = "[region]\nwest = 178440\nsouth = 329600\neast = 181560\nnorth = 333760\n"
    message = fault_of(text)
    assert "set region.crs" in message


@pytest.mark.parametrize("unit", ["degres", "m3 m−3", "dgC"])
def test_an_unknown_unit_of_the_target_is_refused_with_the_nearest(unit: str) -> None:
    message = fault_of(REGION + f"[target]\nunit = '{unit}'\n")
    assert "line 7: target.unit" in message
    assert f"unit '{unit}' is not known; the nearest known one is" in message


@pytest.mark.parametrize(
    ("section", "fault", "nearest"),
    [
        ("[sites.columns]\nvmc = 'a'\n", "[sites.columns] 'vmc' is not a column", "'vwc'"),
        ("[sites.units]\ndepth_top = 'cm'\n", "[sites.units] 'depth_top' is not", "'depth_top_m'"),
        ("[sites.units]\nvwc = 'kg'\n", "'vwc' in 'kg' cannot be converted to 'm3 m-3'", ""),
        ("[sites.units]\nmethod = 'cm'\n", "[sites.units] 'method' has no unit", ""),
        ("[sites.constants]\nmetod = 'gpr'\n", "[sites.constants] 'metod' is not", "'method'"),
    ],
)
def test_a_key_of_the_field_table_that_is_not_in_its_schema_is_refused(
    section: str, fault: str, nearest: str
) -> None:
    """Fault: it comes only when the field table is read, as a fault of the data."""
    message = fault_of(REGION + section)
    assert message.startswith("study.toml: [sites.")
    assert fault in message
    assert nearest in message


def test_a_target_named_like_a_column_of_the_field_table_is_refused() -> None:
    assert "study.toml: the target cannot be called 'year'" in fault_of(
        REGION + "[target]\nname = 'year'\n"
    )


def test_a_covariate_named_twice_is_refused() -> None:
    entry = "[[covariates]]\nname = 'twi'\nfile = 'twi.tif'\n"
    assert "more than once: twi" in fault_of(REGION + entry + entry)


def test_a_covariate_may_not_bear_the_name_of_the_target() -> None:
    assert "target" in fault_of(REGION + "[[covariates]]\nname = 'vwc'\nfile = 'a.tif'\n")


@pytest.mark.parametrize("name", [*SITE_COLUMNS, *TILE_BANDS])
def test_a_covariate_may_not_bear_the_name_of_a_column_that_is_there(name: str) -> None:
    """Fault: told after hours of sampling, with the advice to sample again."""
    entries = [f"[[covariates]]\nname = '{one}'\nfile = 'a.tif'\n" for one in ("twi", name)]
    message = fault_of(REGION + "".join(entries))
    assert f"study.toml, line 9: covariates[2]: name = '{name}': the t" in message
    assert "of that name; call it otherwise" in message


def test_the_names_that_are_taken_are_those_of_the_tables() -> None:
    """Fault: a column that is added to a table, and a covariate may still be called so."""
    target = TargetSettings()
    assert set(SITE_COLUMNS) == set(sites_schema().columns)
    assert set(TILE_BANDS) == {REGION_BAND}
    of_samples = set(columns_of((), target)) - {target.name, f"{target.name}_sd"}
    assert of_samples < set(SITE_COLUMNS)
    every = set(catalogue(CompositeSettings()))
    assert every.isdisjoint({*SITE_COLUMNS, *TILE_BANDS}), "nor may Earth Engine's"
    refused_by_the_field_table = {"site_id", "longitude", "latitude", "method", "split"}
    assert {*PLACE_COLUMNS} == of_samples - refused_by_the_field_table


@pytest.mark.parametrize("name", ["site_id", "longitude", "latitude", "method", "split", "row",
                                  "col", "group"])  # fmt: skip
def test_a_target_may_not_bear_the_name_of_a_column_of_the_samples(name: str) -> None:
    assert f"'{name}'" in fault_of(REGION + f"[target]\nname = '{name}'\n")


def test_a_covariate_may_not_be_called_as_the_targets_error_is() -> None:
    text = "[target]\nname = 'ald'\n[[covariates]]\nname = 'ald_sd'\nfile = 'a.tif'\n"
    assert "covariates[1].name: the samples have a column 'ald_sd'" in fault_of(REGION + text)


def test_broken_toml_is_refused_with_its_place() -> None:
    assert "line 1" in fault_of("seed = = 3\n" + REGION)


def test_no_region_and_no_raster_to_be_like_is_refused() -> None:
    assert "[region] is missing" in fault_of("seed = 1\n")


def test_a_folder_without_study_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="alm90 init"):
        Study.load(tmp_path)


@pytest.mark.parametrize(
    "values",
    [
        {"region": {"west": 92.0, "south": 34.0, "east": 94.0, "north": 36.0}},
        {
            "name": "测试",
            "title": 'quotes " and # signs',
            "period": [2009, 2024],
            "grid": {"like": "dem.tif", "crs": "EPSG:28992"},
            "target": {"name": "zinc", "unit": "mg kg-1", "maximum": 3000.0, "transform": "log"},
            "sites": {"columns": {"zinc": "zinc", "x": "x", "y": "y"}, "crs": "EPSG:28992"},
            "covariates": [
                {"name": "dem", "file": "dem.tif", "unit": "m", "nodata": -99999},
                {"name": "soil", "file": "soil.tif", "categorical": True},
                {
                    "name": "my_clay",
                    "depth_cm": [0, 10],
                    "layers": [
                        {"file": "a.tif", "top_cm": 0, "bottom_cm": 5},
                        {"file": "b.tif", "top_cm": 5, "bottom_cm": 15},
                    ],
                },
            ],
            "earthengine": {
                "preset": "extended",
                "url": "local:scenes",
                "years": [2017, 2020],
                "optical": {"sensors": ["landsat8"]},
                "soil": {
                    "source": "asset",
                    "asset": {
                        "image": "projects/a/assets/{property}_{depth}",
                        "properties": {"clay": {"name": "CL", "scale": 0.1}},
                    },
                },
            },
        },
    ],
)
def test_the_template_reads_back_as_the_values_it_was_made_of(values: dict[str, Any]) -> None:
    text = study_template(values)
    assert parse_study(text, "study.toml") == StudySettings.model_validate(values)


def test_the_template_documents_every_key() -> None:
    text = study_template({"region": {"west": 92.0, "south": 34.0, "east": 94.0, "north": 36.0}})
    for table in ("selection", "ensemble.catboost", "fusion", "validation", "sites", "map"):
        assert f"[{table}]" in text
    for key in ("drop_share", "shrinkage", "missing_codes", "outside_files", "reference"):
        assert f"{key} = " in text


@pytest.mark.parametrize("given", [{}, {"earthengine": {}}])
def test_a_commented_default_can_be_uncommented_as_it_stands(given: dict[str, Any]) -> None:
    """A default shown in a form that TOML can't read would break the first edit of a user."""
    region = {"west": 92.0, "south": 34.0, "east": 94.0, "north": 36.0}
    opened, optional = [], False
    for line in study_template({"region": region, **given}).splitlines():
        optional = line.startswith("# [") or (optional and not line.startswith("["))
        if re.match(r"# \w+ = ", line) and "(not set)" not in line and not optional:
            line = line.removeprefix("# ")
        opened.append(line)
    settings = parse_study("\n".join(opened), "study.toml")
    assert settings.seed == StudySettings.model_fields["seed"].default
    assert (settings.earthengine is not None) == bool(given)
    if settings.earthengine is not None:
        # What is shown as the default is the default, in tables within tables too.
        assert settings.earthengine == EarthEngineSettings()


def test_no_earth_engine_unless_the_study_asks_for_it() -> None:
    assert parse_study(REGION, "study.toml").earthengine is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[earthengine]\nprest = 'extended'\n", "line 7: earthengine.prest is not a known key"),
        ("[earthengine]\ncovariates = ['elevaton']\n", "the nearest is 'elevation'"),
        (
            "[earthengine.soil.asset]\nimage = 'projects/a/assets/b'\n"
            "[earthengine.soil.asset.properties.clay]\nname = 'c'\nscal = 2.0\n",
            "did you mean 'scale'?",
        ),
        (
            "[[covariates]]\nname = 'elevation'\nfile = 'dem.tif'\n"
            "[earthengine]\ncovariates = ['elevation', 'slope']\n",
            "earthengine.without = ['elevation']",
        ),
        ("[target]\nname = 'slope'\n[earthengine]\ncovariates = ['slope']\n", "slope: named by"),
    ],
)
def test_faults_of_earthengine_are_named_when_the_study_is_read(text: str, fault: str) -> None:
    """Fault: they come from the service, after the field table was read, in its words."""
    assert fault in fault_of(REGION + text)
