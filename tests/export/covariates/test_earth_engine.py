"""Samples of Earth Engine and of a user's raster side by side, through the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from export.progress import silent
from gee.grid import geobox_of_region, tiles_of
from gee.session import disconnect


def read_json(path: Any) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_site_keeps_its_row_though_a_third_is_masked(sampled_study: Any) -> None:
    """Fault: the service leaves out a point where any band is masked (342 in, 234 out)."""
    samples = pd.read_csv(sampled_study / "samples.csv")
    screened = pd.read_csv(sampled_study / "sites" / "screened.csv")
    assert len(samples) == 342
    assert samples["site_id"].tolist() == screened["site_id"].tolist()
    masked = samples["slope"].isna()
    assert 0.25 < masked.mean() < 0.42
    assert (samples.loc[masked, "longitude"] < 93.0 + 0.128 / 3 + 0.002).all()
    assert (samples["longitude"][~masked] > 93.0 + 0.128 / 3 - 0.002).all()


def test_each_missing_value_has_its_reason(sampled_study: Any) -> None:
    samples = pd.read_csv(sampled_study / "samples.csv").set_index("site_id")
    missing = pd.read_csv(sampled_study / "missing.csv")
    listed = set(zip(missing["site_id"], missing["covariate"], strict=True))
    names = ["wetness", "elevation", "slope", "twi"]
    absent = samples[names].isna().stack()
    assert listed == set(absent[absent].index)
    assert len(missing) == len(listed)
    slope = missing.loc[missing["covariate"] == "slope", "reason"]
    assert set(slope) == {"masked: no height there or next to it"}
    high = missing.loc[
        (missing["covariate"] == "elevation") & ~missing["reason"].str.startswith("masked")
    ]
    assert set(high["reason"]) == {"out of range: 9500 not in [-500, 9000]"}
    wetness = missing.loc[missing["covariate"] == "wetness", "reason"]
    assert set(wetness) == {"outside the raster wetness.tif", "missing in wetness.tif"}
    east = samples.loc[missing.loc[wetness.index[wetness.str.startswith("outside")], "site_id"]]
    assert (east["col"] >= 60).all()


def test_the_description_says_what_the_columns_come_from(sampled_study: Any) -> None:
    document = read_json(sampled_study / "samples.json")
    provenance = document["provenance"]
    # The user's own first, then in the catalogue's order, whatever the order in study.toml.
    names = [feature["name"] for feature in document["features"]]
    assert names == list(provenance["covariates"]) == ["wetness", "elevation", "slope", "twi"]
    assert [f["unit"] for f in document["features"]] == ["1", "m", "degree", "1"]
    assert provenance["grid"]["shape"] == [64, 64]
    twi = provenance["covariates"]["twi"]
    assert "MERIT/Hydro/v1_0_1" in twi["source"]
    assert twi["datasets"]["USGS/SRTMGL1_003"] == "no restrictions (NASA)"
    assert "CC-BY-NC" in twi["datasets"]["MERIT/Hydro/v1_0_1"]
    assert provenance["covariates"]["wetness"]["datasets"] == {}
    prints = [entry["fingerprint"] for entry in provenance["covariates"].values()]
    assert len({*prints, provenance["covariate_stack"]}) == 5
    assert {len(each) for each in prints} == {64}


def test_a_licence_that_asks_for_something_is_told(earth_engine_study: Any) -> None:
    """On every run, and in the file that the report reads."""
    done = earth_engine_study.alm90("sample")
    assert "unchanged" in done.stdout
    assert "warning: licence of MERIT Hydro" in done.stdout
    assert "commercial use" in done.stdout
    report = read_json(earth_engine_study.folder / "covariates" / "report.json")
    merit = next(one for one in report["licences"] if one["dataset"].startswith("MERIT"))
    assert merit["covariates"] == ["twi"]
    assert not any("SRTM" in warning for warning in report["warnings"])


def test_without_a_mask_the_whole_region_is_meant_and_that_is_said(sampled_study: Any) -> None:
    warnings = read_json(sampled_study / "covariates" / "report.json")["warnings"]
    assert any("region.mask_asset" in warning for warning in warnings)


def test_the_report_counts_what_is_missing_and_why(sampled_study: Any) -> None:
    report = read_json(sampled_study / "covariates" / "report.json")
    samples = pd.read_csv(sampled_study / "samples.csv")
    for name in ("elevation", "slope", "wetness"):
        assert report["missing_at_sites"][name] == samples[name].isna().sum()
        assert sum(report["missing_by_reason"][name].values()) == samples[name].isna().sum()
    assert report["out_of_range"]["sites"]["elevation"] > 0
    found = {entry["covariate"]: entry for entry in report["covariates"]}
    assert 4400 < found["elevation"]["minimum"] < found["elevation"]["maximum"] < 4900


def test_the_random_pixels_go_the_same_way(sampled_study: Any) -> None:
    domain = pd.read_csv(sampled_study / "domain.csv")
    assert len(domain) == 60
    assert list(domain.columns[4:]) == ["wetness", "elevation", "slope", "twi"]
    assert domain["elevation"].max() <= 9000
    assert domain["slope"].isna().any()


@pytest.mark.parametrize(
    ("url", "west", "share"),
    [("local:scenes", 93.0, 0.0), ("local:scenes", 93.0037, 1e-6), (None, 93.0, 1e-4)],
)
def test_exactness_is_asked_of_the_stand_in_alone(
    url: str | None, west: float, share: float
) -> None:
    """On a grid that is counted from the origin of its CRS; elsewhere origins are rounded."""
    from export.covariates.earth_engine import EarthEngineProvider
    from gee.settings import EarthEngineSettings

    settings = EarthEngineSettings(url=url, covariates=("elevation",))
    grid = GeoBox((10, 10), Affine(0.01, 0, west, 0, -0.01, 35.1), "EPSG:4326")
    info, *_ = EarthEngineProvider(settings, grid).covariates
    assert info.tolerance == pytest.approx(share * 9500)


def test_every_unit_of_the_catalogue_is_known_to_the_learning() -> None:
    """The two packages never meet but here: a unit that only one knows would stop the training."""
    from gee.catalogue import catalogue
    from gee.settings import EarthEngineSettings
    from local_ml.units import require_known_unit

    entries = catalogue(EarthEngineSettings()).values()
    assert {require_known_unit(entry.unit) for entry in entries} >= {"1", "m", "degree"}


def test_a_study_of_rasters_alone_never_loads_the_client() -> None:
    """Fault: a second and 60 MB for every command of a study that asks Earth Engine for nothing."""
    steps = "sites, sample, tiles, run, predict, plan"
    code = f"from export.steps import {steps}; import sys; print('ee' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_table_of_twenty_thousand_sites_keeps_its_rows(sampled_study: Any) -> None:
    """In requests of 500 points, several sites in one pixel among them; the tile has the same."""
    from export.covariates.earth_engine import EarthEngineProvider
    from gee.session import connect
    from gee.settings import EarthEngineSettings

    settings = EarthEngineSettings(url="local:scenes", covariates=("elevation",))
    connect(settings, sampled_study)
    grid = geobox_of_region(93.0, 35.0, 93.128, 35.128, "EPSG:4326", 0.001)
    provider = EarthEngineProvider(settings, grid)
    rows, cols = np.random.default_rng(4).integers(0, 128, (2, 20_000))
    values, missing = provider.sample(("elevation",), rows, cols, silent())
    (tile,) = tiles_of(grid, 256)
    held = provider.read(("elevation",), tile).values[0]
    np.testing.assert_array_equal(values[:, 0], held[rows, cols])
    assert len(missing) == np.isnan(values).sum() > 5000
    disconnect()
