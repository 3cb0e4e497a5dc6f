"""Why covariates have changed since they were sampled: said, and said truly.

Faults caught: the names alone, from which nobody learns what to undo; a setting that was changed
but has no part in the covariate; the software blamed for a setting, or a setting for the software.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from edited import edited_json
from odc.geo.geobox import GeoBox

from export.covariates import recipes
from export.covariates.earth_engine import EarthEngineProvider
from export.covariates.provider import CovariateStack
from export.covariates.raster_provider import RasterProvider, open_covariate
from export.covariates.settings import CovariateSettings
from export.journal import file_sha256
from gee import session
from gee.settings import EarthEngineSettings

SAID = "changed since they were sampled: "


def raise_all(path: Path) -> None:
    with rasterio.open(path, "r+") as dataset:
        dataset.write(dataset.read(1) + 1, 1)


def said(study: Any) -> list[str]:
    """Sample anew; return what is said to have changed."""
    done = study.alm90("sample")
    assert done.exit_code == 0, done.output
    return [line.split(SAID)[1] for line in done.stdout.splitlines() if SAID in line]


def other_software(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let the software compute a covariate by another graph that gives the same pixels."""
    before = recipes.stack

    def stack(names: Any, settings: Any, scope: Any) -> Any:
        image = before(names, settings, scope)
        return image.multiply(1).rename(list(names)) if name in names else image

    monkeypatch.setattr(recipes, "stack", stack)


def test_a_scene_a_setting_and_a_raster_are_each_named(earth_engine_study: Any) -> None:
    study = earth_engine_study
    raise_all(study.folder / "scenes" / "srtm.tif")
    raise_all(study.folder / "rasters" / "wetness.tif")
    study.write(earthengine={"terrain": {"least_gradient": 0.01}, "workers": 1})
    srtm = "scene srtm.tif of USGS/SRTMGL1_003"
    assert said(study) == [
        "wetness (raster rasters/wetness.tif)",
        f"elevation, slope ({srtm})",
        f"twi (setting earthengine.terrain.least_gradient; {srtm})",
    ]
    assert said(study) == [], "once"


def test_a_key_that_a_covariate_does_not_read_is_no_reason(earth_engine_study: Any) -> None:
    study = earth_engine_study
    study.write(
        earthengine={
            "terrain": {"least_gradient": 0.01, "radiation_months": [9]},
            "sentinel1": {"scale_m": 20.0},
            "years": [2015, 2016],
        }
    )
    assert said(study) == ["twi (setting earthengine.terrain.least_gradient)"]


def test_the_software_is_the_reason_where_nothing_else_is(
    earth_engine_study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = earth_engine_study
    other_software(monkeypatch, "slope")
    version = recipes.software()["alm90"]
    assert said(study) == [f"slope (the software's recipe (alm90 {version} before and now))"]


def test_the_versions_and_a_setting_beside_the_software(
    earth_engine_study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = earth_engine_study
    path = study.folder / "samples.json"
    with edited_json(path) as document:
        document["provenance"]["made_from"]["earthengine"]["software"]["alm90"] = "0.0.1"
    other_software(monkeypatch, "twi")
    study.write(earthengine={"terrain": {"least_gradient": 0.01}})
    (line,) = said(study)
    assert line.startswith(
        "twi (setting earthengine.terrain.least_gradient; the software's recipe (alm90 0.0.1 → "
    )


def test_settings_of_another_version_are_the_software_s(
    earth_engine_study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: a key that this version does not know ends in a traceback."""
    study = earth_engine_study
    path = study.folder / "samples.json"
    with edited_json(path) as document:
        document["provenance"]["made_from"]["earthengine"]["settings"]["sharpness"] = 3
    other_software(monkeypatch, "twi")
    (line,) = said(study)
    assert line.startswith("twi (the software's recipe (alm90 ")


def test_another_folder_of_scenes_is_the_reason(earth_engine_study: Any) -> None:
    study = earth_engine_study
    (study.folder / "scenes").rename(study.folder / "others")
    study.write(earthengine={"url": "local:others"})
    assert said(study) == [
        "elevation, slope, twi (setting earthengine.url (local:scenes → local:others))"
    ]


def test_what_the_catalogue_says_is_the_reason(earth_engine_study: Any) -> None:
    study = earth_engine_study
    catalogue = study.folder / "scenes" / "catalogue.json"
    with edited_json(catalogue) as document:
        document["assets"]["MERIT/Hydro/v1_0_1"]["pyramiding"] = {"default": "MAX"}
    assert said(study) == ["twi (what the catalogue says of MERIT/Hydro/v1_0_1)"]


def test_samples_that_did_not_record_it_are_read_all_the_same(earth_engine_study: Any) -> None:
    """Fault: a study of an earlier version ends in a traceback, or with a reason made up."""
    study = earth_engine_study
    path = study.folder / "samples.json"
    with edited_json(path) as document:
        del document["provenance"]["made_from"]
    raise_all(study.folder / "scenes" / "upa.tif")
    (line,) = said(study)
    assert line.startswith("twi (samples.json was written by a version of alm90 that did not")


def test_the_export_says_why_too(earth_engine_study: Any) -> None:
    study = earth_engine_study
    raise_all(study.folder / "scenes" / "upa.tif")
    one = " ".join(study.alm90("export").output.split())
    why = "scene upa.tif of MERIT/Hydro/v1_0_1"
    assert f"twi ({why}): changed since the sites were sampled; `alm90 run" in one
    study.write(covariates=[{"name": "wetness", "file": "rasters/wetness.tif", "maximum": 0.5}])
    two = " ".join(study.alm90("export").output.split())
    assert "wetness (settings covariates.wetness.maximum, " in two
    assert f"; twi ({why}): changed since the sites were sampled; `alm90 run" in two


def test_a_raster_that_comes_from_earth_engine_now(earth_engine_study: Any) -> None:
    study = earth_engine_study
    path = study.folder / "samples.json"
    with edited_json(path) as document:
        made_from = document["provenance"]["made_from"]
        entry = made_from["earthengine"]["covariates"].pop("slope")
        made_from["rasters"]["covariates"]["slope"] = entry
        document["provenance"]["covariates"]["slope"]["fingerprint"] = "of a raster"
    study.write(domain={"pixels": 61})
    assert said(study) == ["slope (its source (rasters → earthengine))"]


class TestOfEarthEngine:
    """What one provider says of another's description, both by the client over a local service."""

    @pytest.fixture(autouse=True)
    def _connected(self, sampled_study: Path) -> Any:
        session.connect(EarthEngineSettings(url="local:scenes"), sampled_study)
        yield
        session.disconnect()

    def reasons(
        self, name: str, grid: GeoBox, before: dict[str, Any], now: dict[str, Any], at: Any = None
    ) -> list[str]:
        def provider(values: dict[str, Any], geobox: GeoBox) -> Any:
            settings = EarthEngineSettings.model_validate({**values, "covariates": [name]})
            return EarthEngineProvider(settings, geobox)

        document = json.loads(json.dumps(provider(before, at or grid).described([name])))
        found: list[str] = provider(now, grid).reasons(name, document)
        return found

    def test_settings_that_only_agree_together_are_taken_back_one_by_one(
        self, earth_engine_grid: GeoBox
    ) -> None:
        """Fault: one of the two alone is no valid study, and neither is named."""
        found = self.reasons(
            "moisture_index_difference", earth_engine_grid, {},
            {"sentinel1": {"index_dry_db": 7.0, "index_wet_db": 9.0, "thaw_start": "09-02"}},
        )  # fmt: skip
        assert found == [
            "settings earthengine.sentinel1.index_dry_db, earthengine.sentinel1.index_wet_db, "
            "earthengine.sentinel1.thaw_start"
        ]

    def test_a_setting_of_a_table_within_a_table(self, earth_engine_grid: GeoBox) -> None:
        found = self.reasons(
            "vwc_water_cloud",
            earth_engine_grid,
            {"sentinel1": {"water_cloud": {"use": True, "canopy_a": 0.002}}},
            {"sentinel1": {"water_cloud": {"use": True}}},
        )
        assert found == ["setting earthengine.sentinel1.water_cloud.canopy_a"]

    def test_the_grid(self, earth_engine_grid: GeoBox) -> None:
        at = earth_engine_grid[:32, :32]
        found = self.reasons("ndvi_peak", earth_engine_grid, {}, {}, at)
        assert found == ["the study's grid"]
        both = self.reasons("ndvi_thaw_end", earth_engine_grid, {}, {"years": [2015, 2016]}, at)
        assert both == ["setting earthengine.years", "the study's grid"]


class TestOfRasters:
    """What a change of `[[covariates]]` or of a file is called."""

    def stack(self, folder: Path, grid: GeoBox, **fields: Any) -> CovariateStack:
        settings = CovariateSettings.model_validate({"name": "clay", **fields})
        covariate = open_covariate(settings, folder.joinpath, grid)
        return CovariateStack.of(RasterProvider([covariate], grid, 32, file_sha256, workers=1))

    def why(self, before: CovariateStack, now: CovariateStack) -> list[str]:
        document = json.loads(json.dumps(before.described(), allow_nan=False))
        assert before.fingerprints() != now.fingerprints()
        return now.reasons("clay", document)

    @pytest.fixture(autouse=True)
    def _files(self, raster: Any, grid: GeoBox) -> None:
        for number, name in enumerate("abc"):
            values = np.full((48, 60), number + 1, np.float32)
            raster(f"{name}.tif", values, grid.transform, "EPSG:4326")

    def test_a_setting(self, tmp_path: Path, grid: GeoBox) -> None:
        before = self.stack(tmp_path, grid, file="a.tif", nodata=float("nan"))
        now = self.stack(tmp_path, grid, file="a.tif", nodata=-1, maximum=9)
        assert self.why(before, now) == ["settings covariates.clay.maximum, covariates.clay.nodata"]

    def test_another_file(self, tmp_path: Path, grid: GeoBox) -> None:
        before = self.stack(tmp_path, grid, file="a.tif")
        now = self.stack(tmp_path, grid, file="b.tif")
        assert self.why(before, now) == ["new raster b.tif", "raster a.tif gone"]

    def test_layers_and_depths(self, tmp_path: Path, grid: GeoBox) -> None:
        def layered(depth_cm: list[float], *edges: tuple[float, float]) -> CovariateStack:
            layers = [
                {"file": f"{name}.tif", "top_cm": top, "bottom_cm": bottom}
                for name, (top, bottom) in zip("abc", edges, strict=False)
            ]
            return self.stack(tmp_path, grid, layers=layers, depth_cm=depth_cm)

        before = layered([0, 20], (0, 10), (10, 30))
        assert self.why(before, layered([0, 15], (0, 10), (10, 30))) == [
            "setting covariates.clay.depth_cm"
        ]
        assert self.why(before, layered([0, 20], (0, 12), (12, 30))) == [
            "setting covariates.clay.layers"
        ]

    def test_the_study_s_grid(self, tmp_path: Path, grid: GeoBox) -> None:
        before = self.stack(tmp_path, grid, file="a.tif")
        now = self.stack(tmp_path, grid.zoom_out(4), file="a.tif")
        (why,) = self.why(before, now)
        assert why.startswith("the study's grid, onto which it is resampled otherwise (none → ")

    def test_many_files_are_counted(self, tmp_path: Path, grid: GeoBox) -> None:
        from export.covariates.changes import files_reason

        now = {f"{number}.tif": "x" for number in range(5)}
        assert files_reason({}, now, "scene", " of A") == [
            "new scenes 0.tif, 1.tif, 2.tif and 2 more of A"
        ]
