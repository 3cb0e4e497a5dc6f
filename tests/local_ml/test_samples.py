"""The sample table: what is written is what is read, and every fault is named where it lies."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from edited import edited_json
from last_digits import misread

from local_ml.errors import SampleTableError
from local_ml.features import Feature
from local_ml.samples import SampleTable, read_samples, write_samples
from local_ml.settings import TargetSettings

TARGET = TargetSettings()
FEATURES = (
    Feature("twi", "1", group="terrain"),
    Feature("soil", "1", levels=(1, 2, 7)),
    Feature("ndvi", "1", missing="native"),
)


def _frame(n=6):
    random = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "ndvi": np.r_[random.random(n - 1), np.nan].astype(np.float32),
            "twi": random.random(n).astype(np.float32) * np.float32(0.1),
            "soil": np.resize([1, 2, 7], n),
            "site_id": [f"s{i}" for i in range(n)],
            "longitude": 92 + random.random(n),
            "latitude": 35 + random.random(n),
            "row": np.arange(n),
            "col": np.arange(n),
            "method": "ring",
            "group": [f"g{i // 2}" for i in range(n)],
            "split": ["test"] + ["train"] * (n - 1),
            "vwc": 0.8 * random.random(n),
            "vwc_sd": [0.02] * (n - 1) + [np.nan],
        }
    )


@pytest.fixture
def path(tmp_path):
    return write_samples(tmp_path, _frame(), FEATURES, TARGET, {"source": "test"})


def _alter(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def _cell(path, row, column, value):
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    frame.loc[row, column] = value
    frame.to_csv(path, index=False)


def test_values_come_back_exactly(path):
    # Fault: a covariate that loses digits in the text no longer equals its tile.
    frame, table = _frame(), read_samples(path, TARGET)
    assert table.features == FEATURES
    for column, name in enumerate(table.names):
        expected = frame[name].to_numpy(np.float32)
        np.testing.assert_array_equal(table.values[:, column], expected)
    np.testing.assert_array_equal(table.target, frame["vwc"])
    np.testing.assert_array_equal(table.target_sd, frame["vwc_sd"])
    np.testing.assert_array_equal(table.longitude, frame["longitude"])
    assert table.site_id.tolist() == frame["site_id"].tolist()
    assert table.split.tolist() == frame["split"].tolist()


def test_values_come_back_exactly_by_any_pandas(path, monkeypatch):
    # Fault: a table that is another one with pandas 2.2, and its model and map with it.
    expected = read_samples(path, TARGET)
    misread(monkeypatch)
    again = read_samples(path, TARGET)
    assert again.fingerprint == expected.fingerprint
    np.testing.assert_array_equal(again.target, _frame()["vwc"])


def test_same_content_same_bytes_and_fingerprint(path, tmp_path):
    again = write_samples(tmp_path / "b", _frame(), FEATURES, TARGET, {"source": "test"})
    assert again.read_bytes() == path.read_bytes()
    assert read_samples(again, TARGET).fingerprint == read_samples(path, TARGET).fingerprint
    _cell(path, 2, "vwc", "0.123")
    assert read_samples(again, TARGET).fingerprint != read_samples(path, TARGET).fingerprint
    assert not list(tmp_path.rglob("*.part"))


def test_byte_order_mark_and_carriage_returns_are_read(path):
    expected = read_samples(path, TARGET).target
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    np.testing.assert_array_equal(read_samples(path, TARGET).target, expected)


def test_all_faults_in_one_report_with_rows_and_columns(path):
    _cell(path, 0, "twi", "wet")
    _cell(path, 1, "longitude", "920")
    _cell(path, 2, "split", "trian")
    _cell(path, 3, "vwc", "")
    _cell(path, 4, "soil", "5")
    _cell(path, 5, "group", "")
    _cell(path, 5, "vwc_sd", "-1")
    with pytest.raises(SampleTableError) as caught:
        read_samples(path, TARGET)
    told = str(caught.value)
    assert str(path) in told
    for place in (
        "row 2, column twi: 'wet' is not a number",
        "row 3, column longitude",
        "row 4, column split: 'trian' is not train or test",
        "row 5, column vwc: is missing",
        "row 6, column soil: 5.0 is none of the levels",
        "row 7, column group",
        "row 7, column vwc_sd",
    ):
        assert place in told
    assert "7 faults" in told


@pytest.mark.parametrize(
    ("value", "target", "told"),
    [
        ("-999", TARGET, "-999.0 lies outside 0 to 0.85 m3 m-3"),
        ("0.9", TARGET, "0.9 lies outside 0 to 0.85 m3 m-3"),
        ("0.851", TARGET, "0.851 lies outside"),
        ("-1", TargetSettings(maximum=None), "-1.0 lies outside 0 to … m3 m-3"),
        ("0", TargetSettings(transform="log"), "0.0 has no logarithm"),
        ("inf", TARGET, "inf is not finite"),
    ],
)
def test_a_target_that_cannot_be(path, value, target, told):
    # Fault: a missing code of another's table learned as a moisture of -999.
    _cell(path, 3, "vwc", value)
    with pytest.raises(SampleTableError) as caught:
        read_samples(path, target)
    assert f"row 5, column vwc: {told}" in str(caught.value)
    assert "has 1 fault (" in str(caught.value)


@pytest.mark.parametrize("value", ["0", "0.85", "0.8500000000000001"])
def test_a_target_at_its_bounds(path, value):
    # Fault: the mean of sites at saturation, which rounding puts a last digit above it, refused.
    _cell(path, 3, "vwc", value)
    assert read_samples(path, TARGET).target[3] == float(value)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("-9999", "-9999.0 looks like a code for a missing value"),
        ("-3.4028234663852886e+38", "looks like a code for a missing value"),
        ("inf", "inf is not finite"),
        ("1e39", "1e\\+39 is not finite as float32"),
    ],
)
def test_a_covariate_that_cannot_be(path, value, told):
    # Fault: the fill value of a raster learned as a wetness, or infinity silently as missing.
    _cell(path, 3, "ndvi", value)
    with pytest.raises(SampleTableError, match=f"row 5, column ndvi: .*{told}"):
        read_samples(path, TARGET)


def test_a_covariate_that_reaches_a_code(path):
    # Fault: a height of -99 m or a class of 65535 that lies among its like, refused as a code.
    for row, value in enumerate(["-99", "-80", "-120", "-101", "-70", "-99.5"]):
        _cell(path, row, "twi", value)
    assert read_samples(path, TARGET).values[0, 0] == -99


def test_a_site_that_is_there_twice(path):
    _cell(path, 3, "site_id", "s1")
    with pytest.raises(SampleTableError, match="row 5, column site_id: 's1' is there more than"):
        read_samples(path, TARGET)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("twi", "tvi", "column twi is missing.*nearest is 'tvi'"),
        ("twi", "vwc", "column vwc is there twice"),
        ("vwc_sd,twi", "vwc_sd,twi,slope", "column 'slope' is not described in samples.json"),
    ],
)
def test_a_header_that_does_not_match_its_description(path, old, new, told):
    _alter(path, old, new)
    with pytest.raises(SampleTableError, match=told):
        read_samples(path, TARGET)


def test_a_column_left_out_of_the_description(path):
    # Fault: a table and a description of different runs, read side by side.
    description = path.with_suffix(".json")
    with edited_json(description) as document:
        document["features"] = document["features"][1:]
    with pytest.raises(SampleTableError, match="'twi' is not described"):
        read_samples(path, TARGET)


def test_another_version_target_or_unit(path):
    _alter(path.with_suffix(".json"), '"schema_version": 1', '"schema_version": 99')
    with pytest.raises(SampleTableError, match="schema_version 99"):
        read_samples(path, TARGET)
    _alter(path.with_suffix(".json"), '"schema_version": 99', '"schema_version": 1')
    with pytest.raises(SampleTableError, match=r"vwc in m3 m-3.*target is vwc in percent"):
        read_samples(path, TargetSettings(unit="percent", maximum=85))


def test_files_missing_broken_or_empty(path, tmp_path):
    with pytest.raises(SampleTableError, match=r"absent.csv cannot be read"):
        read_samples(tmp_path / "absent.csv", TARGET)
    header = path.read_text().splitlines()[0]
    path.write_text(header + "\n")
    with pytest.raises(SampleTableError, match="no rows"):
        read_samples(path, TARGET)
    path.with_suffix(".json").write_text("{")
    with pytest.raises(SampleTableError, match="not the description"):
        read_samples(path, TARGET)


def test_the_page_names_each_key_of_the_target(path):
    # Fault: a key that the file holds and whoever makes a table elsewhere does not know.
    page = (Path(__file__).parents[2] / "docs" / "samples.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith("| `target` |")]
    written = json.loads(path.with_suffix(".json").read_text())["target"]
    assert set(written) <= set(re.findall(r"`(\w+)`", row))


def test_writing_without_a_column(tmp_path):
    with pytest.raises(SampleTableError, match=r"missing from the samples: group"):
        write_samples(tmp_path, _frame().drop(columns="group"), FEATURES, TARGET, {})


def test_parts_of_a_table():
    values = np.arange(12.0).reshape(4, 3)
    table = SampleTable.in_memory(FEATURES, values, [0.1, 0.2, 0.3, 0.4])
    part = table.rows(np.array([2, 0])).with_features(("ndvi", "twi"))
    np.testing.assert_array_equal(part.values, [[8, 6], [2, 0]])
    assert part.target.tolist() == [0.3, 0.1]
    assert part.names == ("ndvi", "twi")
    assert part.site_id.tolist() == table.site_id[[2, 0]].tolist()
    assert len({table.fingerprint, part.fingerprint, table.rows(np.arange(3)).fingerprint}) == 3
    with pytest.raises(SampleTableError, match=r"'twy'.*nearest is 'twi'"):
        table.with_features(("twy",))


BOUNDED = TargetSettings(maximum_covariate="porosity")
POROSITY = Feature("porosity", "%", group="soil")


def _bounded(folder):
    holds = np.float32([31.25, np.nan, 40, 45, 50, 55])
    frame = _frame().assign(porosity=holds)
    path = write_samples(folder, frame, FEATURES, BOUNDED, {}, auxiliary=(POROSITY,))
    return path, holds


def test_an_auxiliary_covariate_bounds_and_is_never_learned_from(tmp_path):
    # Fault: a porosity among the candidates, or a bound that is lost with it.
    path, holds = _bounded(tmp_path)
    table = read_samples(path, BOUNDED)
    assert table.features == FEATURES
    assert table.values.shape == (6, 3)
    assert table.bounding is not None
    assert table.bounding.covariate == POROSITY
    expected = holds.astype(float) / 100 + 0.05
    np.testing.assert_allclose(table.maximum, expected, rtol=1e-12)
    part = table.with_features(["twi"]).rows(np.array([3, 0]))
    np.testing.assert_allclose(part.maximum, expected[[3, 0]], rtol=1e-12)
    np.testing.assert_allclose(part.bounded(BOUNDED).maximum, part.maximum)
    unbounded = read_samples(path, TARGET)
    assert unbounded.bounding is None
    assert np.isnan(unbounded.maximum).all()


def test_a_table_without_the_list_of_auxiliary_covariates_is_read(path):
    # Fault: tables of before that list, or made by hand, that can no longer be trained on.
    description = path.with_suffix(".json")
    with edited_json(description) as document:
        assert document.pop("auxiliary") == []
    assert read_samples(path, TARGET).auxiliary == ()
    with pytest.raises(SampleTableError, match="maximum_covariate is 'porosity', but no"):
        read_samples(path, BOUNDED)


def test_faults_of_an_auxiliary_column_are_named(tmp_path):
    path, _ = _bounded(tmp_path)
    _cell(path, 2, "porosity", "much")
    with pytest.raises(SampleTableError, match="row 4, column porosity: 'much' is not a number"):
        read_samples(path, BOUNDED)
    description = path.with_suffix(".json")
    with edited_json(description) as document:
        document["auxiliary"].append(document["features"][0])
    with pytest.raises(SampleTableError, match="lists twi more than once"):
        read_samples(path, BOUNDED)
