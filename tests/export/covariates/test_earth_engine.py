"""Covariates of Earth Engine and of a user's raster, side by side through the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio

from export.covariates.provider import CovariateInfo
from export.covariates.sampling import skew_check
from gee.local import LocalEarthEngine
from gee.session import disconnect


def read_json(path: Any) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def export_lines(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith("export")]


class TestSamples:
    def test_every_site_keeps_its_row_though_a_third_is_masked(self, sampled_study: Any) -> None:
        """Fault: the service leaves out a point where any band is masked (342 in, 234 out)."""
        samples = pd.read_csv(sampled_study / "samples.csv")
        screened = pd.read_csv(sampled_study / "sites" / "screened.csv")
        assert len(samples) == 342
        assert samples["site_id"].tolist() == screened["site_id"].tolist()
        masked = samples["slope"].isna()
        assert 0.25 < masked.mean() < 0.42
        assert (samples.loc[masked, "longitude"] < 93.0 + 0.128 / 3 + 0.002).all()
        assert (samples["longitude"][~masked] > 93.0 + 0.128 / 3 - 0.002).all()

    def test_each_missing_value_has_its_reason(self, sampled_study: Any) -> None:
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

    def test_the_description_says_what_the_columns_come_from(self, sampled_study: Any) -> None:
        document = read_json(sampled_study / "samples.json")
        provenance = document["provenance"]
        # The user's own first, then in the catalogue's order, whatever the order in study.toml.
        names = [feature["name"] for feature in document["features"]]
        assert names == list(provenance["covariates"]) == ["wetness", "elevation", "slope", "twi"]
        assert [f["unit"] for f in document["features"]] == ["1", "m", "degree", "1"]
        assert provenance["grid"]["shape"] == [64, 64]
        twi = provenance["covariates"]["twi"]
        assert "MERIT/Hydro/v1_0_1" in twi["source"]
        assert any("CC-BY-NC" in licence for licence in twi["licences"])
        prints = [entry["fingerprint"] for entry in provenance["covariates"].values()]
        assert len({*prints, provenance["covariate_stack"]}) == 5
        assert {len(each) for each in prints} == {64}

    def test_a_licence_that_asks_for_something_is_told(self, earth_engine_study: Any) -> None:
        """On every run, and in the file that the report reads."""
        done = earth_engine_study.alm90("sample")
        assert "unchanged" in done.stdout
        assert "warning: licence of MERIT Hydro" in done.stdout
        assert "commercial use" in done.stdout
        report = read_json(earth_engine_study.folder / "covariates" / "report.json")
        merit = next(one for one in report["licences"] if one["dataset"].startswith("MERIT"))
        assert merit["covariates"] == ["twi"]
        assert not any("SRTM" in warning for warning in report["warnings"])

    def test_without_a_mask_the_whole_region_is_meant_and_that_is_said(
        self, sampled_study: Any
    ) -> None:
        warnings = read_json(sampled_study / "covariates" / "report.json")["warnings"]
        assert any("region.mask_asset" in warning for warning in warnings)

    def test_the_report_counts_what_is_missing_and_why(self, sampled_study: Any) -> None:
        report = read_json(sampled_study / "covariates" / "report.json")
        samples = pd.read_csv(sampled_study / "samples.csv")
        for name in ("elevation", "slope", "wetness"):
            assert report["missing_at_sites"][name] == samples[name].isna().sum()
            assert sum(report["missing_by_reason"][name].values()) == samples[name].isna().sum()
        assert report["out_of_range"]["sites"]["elevation"] > 0
        found = {entry["covariate"]: entry for entry in report["covariates"]}
        assert 4400 < found["elevation"]["minimum"] < found["elevation"]["maximum"] < 4900

    def test_the_random_pixels_go_the_same_way(self, sampled_study: Any) -> None:
        domain = pd.read_csv(sampled_study / "domain.csv")
        assert len(domain) == 60
        assert list(domain.columns[4:]) == ["wetness", "elevation", "slope", "twi"]
        assert domain["elevation"].max() <= 9000
        assert domain["slope"].isna().any()


class TestTiles:
    def test_tiles_hold_both_sources_and_what_was_sampled(self, earth_engine_study: Any) -> None:
        study = earth_engine_study
        done = study.alm90("export")
        assert done.exit_code == 0, done.output
        assert "4 of 4 tiles with 4 covariates (4 written, 0 kept)" in done.stdout
        samples = pd.read_csv(study.folder / "samples.csv")
        outside = 0
        for path in (study.folder / "covariates" / "tiles").iterdir():
            with rasterio.open(path) as dataset:
                assert dataset.descriptions == ("region", "slope", "wetness", "twi", "elevation")
                assert dataset.units[4] == "m"
                bands, tags = dataset.read(), dataset.tags()
                top, left, *_ = (int(number) for number in tags["window"].split())
            outside += json.loads(tags["pixels_out_of_range"])["elevation"]
            assert set(json.loads(tags["made_from"])) == {"slope", "wetness", "twi", "elevation"}
            here = samples[
                samples["row"].between(top, top + 31) & samples["col"].between(left, left + 31)
            ]
            for band, name in enumerate(["slope", "wetness", "twi", "elevation"], start=1):
                held = bands[band, here["row"] - top, here["col"] - left]
                np.testing.assert_array_equal(held, here[name].to_numpy(np.float32), err_msg=name)
        assert outside > 0
        assert f"out of range and so missing: elevation in {outside} pixels" in done.stdout

    def test_only_tiles_of_the_region_are_asked_for(
        self, earth_engine_study: Any, earth_engine_grid: Any
    ) -> None:
        study = earth_engine_study
        inside = np.zeros((64, 64), np.uint8)
        inside[:32, 20:] = 1
        path = study.folder / "mask.tif"
        with rasterio.open(
            path, "w", driver="GTiff", count=1, height=64, width=64, dtype="uint8",
            crs="EPSG:4326", transform=earth_engine_grid.transform,
        ) as dataset:  # fmt: skip
            dataset.write(inside, 1)
        study.write(region={"mask": "mask.tif"})
        for command in ("sites", "sample", "export"):
            assert study.alm90(command).exit_code == 0
        assert sorted(study.tile_bytes()) == ["tile_r0000_c0000.tif", "tile_r0000_c0001.tif"]
        assert len(study.pixel_requests()) == 2

    def test_a_second_export_sends_no_request_for_pixels(self, earth_engine_study: Any) -> None:
        study = earth_engine_study
        assert study.alm90("export").exit_code == 0
        sent, before = len(study.pixel_requests()), study.tile_bytes()
        assert sent == 4
        again = study.alm90("export")
        assert "(0 written, 4 kept)" in again.stdout
        assert "out of range and so missing: elevation" in again.stdout  # what tiles hold stays so
        assert len(study.pixel_requests()) == sent
        assert study.tile_bytes() == before

    def test_one_changed_setting_asks_for_its_covariate_alone(
        self, earth_engine_study: Any
    ) -> None:
        """Fault: the whole stack is computed anew, a month's quota for one number."""
        study = earth_engine_study
        assert study.alm90("export").exit_code == 0
        sent, before = len(study.pixel_requests()), study.tile_bytes()
        study.write(earthengine={"terrain": {"least_gradient": 0.1}})
        early = study.alm90("export")
        assert "warning: twi: changed since the sites were sampled" in early.stdout
        # The tiles no longer hold what the sites' samples do, so a model must not see them.
        assert early.exit_code == 3
        assert "sampled values are not what their tiles hold" in early.stderr
        assert "twi" in early.stderr
        assert "slope" not in early.stderr
        assert "4 tiles are there with other covariates: reading only twi" in early.stdout
        asked = study.pixel_requests()[sent:]
        assert len(asked) == 4
        assert all('"twi"' in body and '"slope"' not in body for body in asked)
        assert study.alm90("sample").exit_code == 0
        done = study.alm90("export")
        assert done.exit_code == 0, done.output
        assert len(study.pixel_requests()) == sent + 4
        with rasterio.open(study.folder / "covariates/tiles/tile_r0000_c0001.tif") as dataset:
            now = dict(zip(dataset.descriptions, dataset.read(), strict=True))
        with rasterio.MemoryFile(before["tile_r0000_c0001.tif"]) as memory, memory.open() as old:
            then = dict(zip(old.descriptions, old.read(), strict=True))
        for name in ("slope", "elevation", "wetness"):
            np.testing.assert_array_equal(now[name], then[name])
        assert not np.array_equal(now["twi"], then["twi"], equal_nan=True)

    def test_a_tile_taken_over_in_part_is_that_of_a_fresh_export(
        self, earth_engine_study: Any
    ) -> None:
        study = earth_engine_study
        assert study.alm90("export").exit_code == 0
        study.write(earthengine={"terrain": {"least_gradient": 0.1}})
        assert study.alm90("sample").exit_code == 0
        assert study.alm90("export").exit_code == 0
        in_part = study.tile_bytes()
        for path in (study.folder / "covariates" / "tiles").iterdir():
            path.unlink()
        assert study.alm90("export").exit_code == 0
        assert study.tile_bytes() == in_part

    def test_an_altered_tile_is_no_source_of_bands(self, earth_engine_study: Any) -> None:
        study = earth_engine_study
        assert study.alm90("export").exit_code == 0
        before = study.tile_bytes()
        with rasterio.open(study.folder / "covariates/tiles/tile_r0001_c0001.tif", "r+") as dataset:
            dataset.write(np.zeros((32, 32), np.float32), 1)
        again = study.alm90("export")
        assert "(1 written, 3 kept)" in again.stdout
        assert study.tile_bytes() == before


class TestBadDays:
    def test_a_refused_tile_leaves_a_hole_that_the_next_run_fills(
        self, earth_engine_study: Any, fault: Callable[..., None]
    ) -> None:
        study = earth_engine_study
        assert study.alm90("export").exit_code == 0
        undisturbed = study.tile_bytes()
        for path in (study.folder / "covariates" / "tiles").iterdir():
            path.unlink()
        study.write(earthengine={"workers": 1}, map={"workers": 1})
        assert study.alm90("sample").exit_code == 0  # connects anew
        fault("memory", times=4)  # the whole, a half of the bands, a quarter, a sixteenth
        done = study.alm90("export")
        assert done.exit_code == 5, done.output
        assert "left 1 hole(s)" in done.stderr
        assert "tile_r0000_c0000" in done.stderr
        assert "memory" in done.stderr
        assert sorted(study.tile_bytes()) == sorted(undisturbed)[1:]
        again = study.alm90("export")
        assert again.exit_code == 0, again.output
        assert "(1 written, 3 kept)" in again.stdout
        assert study.tile_bytes() == undisturbed

    def test_an_export_that_is_refused_from_the_start_ends(
        self,
        earth_engine_study: Any,
        fault: Callable[..., None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Fault: every tile of a plateau is asked for, and every one refused."""
        study = earth_engine_study
        monkeypatch.setattr("export.covariates.tiles.REFUSED_AT_FIRST", 2)
        study.write(earthengine={"workers": 1}, map={"workers": 1})
        assert study.alm90("sample").exit_code == 0
        fault("memory", times=None)
        done = study.alm90("export")
        assert done.exit_code == 4, done.output
        assert len(study.pixel_requests()) < 4 * 4

    def test_a_tile_too_heavy_at_once_is_divided(
        self, earth_engine_study: Any, fault: Callable[..., None]
    ) -> None:
        study = earth_engine_study
        assert study.alm90("export").exit_code == 0
        undisturbed = study.tile_bytes()
        for path in (study.folder / "covariates" / "tiles").iterdir():
            path.unlink()
        fault("memory", times=None, larger_than_px=700)
        assert study.alm90("export").exit_code == 0
        assert study.tile_bytes() == undisturbed

    def test_what_would_be_refused_for_every_tile_stops_at_once(
        self, earth_engine_study: Any, fault: Callable[..., None]
    ) -> None:
        """Fault: thousands of doomed requests, and as many holes."""
        study = earth_engine_study
        assert study.alm90("sample").exit_code == 0
        fault("forbidden", times=None)
        done = study.alm90("export")
        assert done.exit_code == 4
        assert "error: " in done.stderr
        assert len(study.pixel_requests()) <= 4

    def test_an_asset_that_is_not_there_ends_with_4(self, earth_engine_study: Any) -> None:
        study = earth_engine_study
        study.write(earthengine={"terrain": {"upslope_area": "projects/me/assets/nowhere"}})
        done = study.alm90("sample")
        assert done.exit_code == 4, done.output
        assert "projects/me/assets/nowhere" in done.stderr

    def test_without_a_project_nothing_is_asked(self, earth_engine_study: Any) -> None:
        study = earth_engine_study
        study.values = {**study.values, "earthengine": {"covariates": ["slope"]}}
        study.write()
        done = study.alm90("sample")
        assert done.exit_code == 4
        assert "earthengine.project" in done.stderr

    def test_a_local_service_outside_the_study_is_refused(
        self, earth_engine_study: Any, tmp_path: Any
    ) -> None:
        study = earth_engine_study
        (study.folder / "scenes").rename(tmp_path / "scenes")
        study.write(earthengine={"url": f"local:{tmp_path / 'scenes'}"})
        done = study.alm90("sample")
        assert done.exit_code == 2
        assert "outside_files = true" in done.stderr


def test_a_killed_export_resumes_and_a_third_run_asks_for_nothing(
    earth_engine_study: Any,
) -> None:
    """Through a server on loopback: the process dies amid its tiles, by SIGKILL."""
    study = earth_engine_study
    assert study.alm90("export").exit_code == 0
    undisturbed = study.tile_bytes()
    for path in (study.folder / "covariates" / "tiles").iterdir():
        path.unlink()
    service = LocalEarthEngine(study.folder / "scenes")
    with service.serve() as server:
        study.write(earthengine={"url": server.url, "workers": 1}, map={"workers": 1})
        assert study.alm90("sample").exit_code == 0
        service.faults.inject("slow", call="image:computePixels", times=None, seconds=0.5)
        run = study.start("export")
        deadline = time.monotonic() + 60
        while len(list((study.folder / "covariates" / "tiles").glob("*.tif"))) < 2:
            assert run.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        run.kill()
        run.wait()
        service.faults.clear()
        service.requests.clear()
        resumed = study.alm90("export")
        assert resumed.exit_code == 0, resumed.output
        sent = len(service.requests.calls("image:computePixels"))
        assert 2 <= sent <= 3  # a tile that was whole but not yet in the journal is asked for again
        assert "(0 written, 4 kept)" in study.alm90("export").stdout
        assert len(service.requests.calls("image:computePixels")) == sent
        disconnect()
    names = ("slope", "wetness", "twi", "elevation")
    for name, content in study.tile_bytes().items():
        with rasterio.MemoryFile(content) as memory, memory.open() as ours:
            found = dict(zip(ours.descriptions, ours.read(), strict=True))
        with rasterio.MemoryFile(undisturbed[name]) as memory, memory.open() as theirs:
            expected = dict(zip(theirs.descriptions, theirs.read(), strict=True))
        for each in names:
            np.testing.assert_array_equal(found[each], expected[each])


def test_an_interrupted_export_does_not_wait_for_the_service(earth_engine_study: Any) -> None:
    """Fault: Ctrl-C is answered after minutes, when the requests under way are."""
    study = earth_engine_study
    service = LocalEarthEngine(study.folder / "scenes")
    with service.serve() as server:
        study.write(earthengine={"url": server.url})
        slow = service.faults.inject("slow", call="image:computePixels", times=None, seconds=20)
        run = study.start("export")
        deadline = time.monotonic() + 60
        while not slow.seen:
            assert run.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        begun = time.monotonic()
        run.send_signal(signal.SIGINT)
        assert run.wait() == 130
        assert time.monotonic() - begun < 8


def test_the_skew_check_allows_the_service_a_little_and_a_raster_nothing(
    earth_engine_study: Any, earth_engine_grid: Any
) -> None:
    study = earth_engine_study
    assert study.alm90("export").exit_code == 0
    files = {path.stem: path for path in (study.folder / "covariates" / "tiles").iterdir()}
    samples = pd.read_csv(study.folder / "samples.csv").dropna(subset=["elevation"]).head(20)
    moved = samples[["elevation"]].to_numpy(np.float32) + np.float32(0.5)

    def differences(tolerance: float, values: np.ndarray) -> int:
        info = CovariateInfo("elevation", "m", "nodata", "terrain", False, "", tolerance=tolerance)
        return len(
            skew_check(values, [info], samples["row"], samples["col"], earth_engine_grid, 32, files)
        )

    assert differences(1e-4 * 9500, moved) == 0
    assert differences(0.0, moved) == 20
    assert differences(0.4, moved) == 20
    assert differences(1e-4 * 9500, np.full_like(moved, np.nan)) == 20


@pytest.mark.parametrize(("url", "exact"), [("local:scenes", True), (None, False)])
def test_exactness_is_asked_of_the_stand_in_alone(url: str | None, exact: bool) -> None:
    from export.covariates.earth_engine import EarthEngineProvider
    from gee.grid import geobox_of_region
    from gee.settings import EarthEngineSettings

    settings = EarthEngineSettings(url=url, covariates=("elevation",))
    grid = geobox_of_region(93.0, 35.0, 93.1, 35.1, "EPSG:4326", 0.01)
    (info,) = EarthEngineProvider(settings, grid).covariates
    assert info.tolerance == (0.0 if exact else pytest.approx(0.95))


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
