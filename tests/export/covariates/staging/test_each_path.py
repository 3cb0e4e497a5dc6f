"""Batch exports through the command line: the tiles are those of the direct path, byte for byte.

Faults caught: a path that changes pixels, tags or fingerprints; what is done computed or asked for
again; a change of one setting that redoes all; an asset or a file taken for what it is not.
"""

from __future__ import annotations

import json
import shutil
from typing import Any

import ee
import numpy as np
import pytest
import rasterio
from affine import Affine
from edited import edited_json

from export.covariates.export_path import LONGEST_EXPORT_S
from gee.session import local_service

FOLDER = "projects/alm90-local/assets/alm90"


def bring_from_drive(staged_study: Any) -> None:
    """Do what a user does: put Drive's files into the folder."""
    shutil.copytree(
        staged_study.exports / "drive" / "alm90", staged_study.folder / "drive", dirs_exist_ok=True
    )


class TestStaged:
    @pytest.mark.parametrize("export_px", [32, 2048])
    def test_same_tiles_and_a_second_run_asks_for_nothing(
        self, staged_study: Any, export_px: int
    ) -> None:
        """Windows of one tile each, and one of all: requests span assets or lie within one."""
        staged_study.use(path="staged", staging_folder=FOLDER, export_px=export_px)
        done = staged_study.export()
        assert "path staged: the study says path = 'staged'" in done.stdout
        exports = 4 if export_px == 32 else 1
        assert f"batch exports: {exports}, of which 0 are done already" in done.stdout
        assert staged_study.tiles_are_those_of_the_direct_path()
        assert staged_study.sent("image:export") == exports
        asked = json.dumps(staged_study.study.pixel_requests())
        assert f"{FOLDER}/climate_" in asked, "read from the assets"
        assert "ERA5" not in asked, "and from nowhere else"
        staged_study.forget_requests()
        again = staged_study.export()
        assert "(0 written, 4 kept)" in again.stdout
        assert staged_study.sent("image:export") == staged_study.sent("image:computePixels") == 0

    def test_assets_that_are_there_are_used(self, staged_study: Any) -> None:
        staged_study.use(path="staged", staging_folder=FOLDER, export_px=32)
        staged_study.export()
        shutil.rmtree(staged_study.folder / "covariates" / "tiles")
        staged_study.forget_requests()
        done = staged_study.export()
        assert "batch exports: 4, of which 4 are done already" in done.stdout
        assert staged_study.sent("image:export") == 0
        assert staged_study.tiles_are_those_of_the_direct_path()

    def test_an_asset_that_is_gone_is_made_anew(self, staged_study: Any) -> None:
        """Fault: the list of tasks says that it is done."""
        staged_study.use(path="staged", staging_folder=FOLDER)
        staged_study.export()
        (asset,) = [entry["name"] for entry in ee.data.listAssets(FOLDER)["assets"]]
        ee.data.deleteAsset(asset)
        shutil.rmtree(staged_study.folder / "covariates" / "tiles")
        staged_study.forget_requests()
        staged_study.export()
        assert staged_study.sent("image:export") == 1
        assert staged_study.tiles_are_those_of_the_direct_path()

    def test_tiles_of_one_path_are_done_for_another(self, staged_study: Any) -> None:
        staged_study.use(path="staged", staging_folder=FOLDER)
        staged_study.export()
        staged_study.use(path="direct")
        assert "(0 written, 4 kept)" in staged_study.export().stdout

    def test_one_changed_setting_redoes_its_group_alone(self, staged_study: Any) -> None:
        staged_study.use(path="bucket", bucket="my-bucket")
        staged_study.export()
        staged_study.forget_requests()
        staged_study.use(climate={"summer_months": [6, 7]}, path="bucket", bucket="my-bucket")
        assert "(0 written, 4 kept)" in staged_study.export().stdout, "none that was asked for"
        staged_study.use(years=[2018, 2019])
        assert staged_study.study.alm90("sample").exit_code == 0
        staged_study.export()
        service = local_service()
        assert service is not None
        sent = [record.body["description"] for record in service.requests.calls("image:export")]
        assert len(sent) == 1
        assert sent[0].startswith("climate-")

    def test_an_asset_of_another_shape_is_an_error(self, staged_study: Any) -> None:
        staged_study.use(path="staged", staging_folder=FOLDER)
        staged_study.export()
        catalogue = staged_study.exports / "catalogue.json"
        document = json.loads(catalogue.read_text("utf-8"))
        (entry,) = [one for name, one in document["assets"].items() if "climate" in name]
        file = staged_study.exports / entry["files"][0]["path"]
        with rasterio.open(file) as dataset:
            values, profile = dataset.read(), dataset.profile
        profile.update(height=40)
        with rasterio.open(file, "w", **profile) as dataset:
            dataset.write(values[:, :40])
        shutil.rmtree(staged_study.folder / "covariates" / "tiles")
        staged_study.study.write(earthengine={"deadline_s": 300.0})  # connects anew
        done = staged_study.export(code=4)
        assert "doesn't cover the window" in done.stderr
        assert f"{FOLDER}/climate_" in done.stderr


class TestFiles:
    def test_same_tiles_from_a_bucket(self, staged_study: Any) -> None:
        staged_study.use(path="bucket", bucket="my-bucket", export_px=32)
        staged_study.export()
        assert staged_study.tiles_are_those_of_the_direct_path()
        assert staged_study.sent("image:computePixels") == 0
        assert not (staged_study.folder / "covariates" / "fetched").exists(), "only on the way"
        staged_study.forget_requests()
        assert "(0 written, 4 kept)" in staged_study.export().stdout
        assert staged_study.sent("image:export") == staged_study.sent("storage:list") == 0

    def test_same_tiles_from_drive(self, staged_study: Any) -> None:
        staged_study.use(path="drive", drive_files="drive")
        done = staged_study.export(code=4)
        wanted = sorted(path.name for path in (staged_study.exports / "drive" / "alm90").iterdir())
        assert len(wanted) == 2
        assert all(name in done.stderr for name in wanted), "each file is named"
        assert "Download" in done.stderr
        bring_from_drive(staged_study)
        staged_study.forget_requests()
        staged_study.export()
        assert staged_study.tiles_are_those_of_the_direct_path()
        assert staged_study.sent("image:export") == staged_study.sent("image:computePixels") == 0

    def test_shards_of_one_export_are_put_together(
        self, staged_study: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The service's names of parts: base-yMin-xMin."""
        monkeypatch.setattr("gee.batch.BLOCK_PX", 1)
        monkeypatch.setattr("gee.batch.LARGEST_FILE_PX", 40)
        monkeypatch.setattr("gee.local.exports.BLOCK_PX", 1)
        staged_study.use(path="bucket", bucket="my-bucket")
        staged_study.export()
        names = [path.name for path in (staged_study.exports / "cloud").rglob("*.tif")]
        assert any(name.endswith("-0000000040-0000000040.tif") for name in names)
        assert len(names) == 8
        assert staged_study.tiles_are_those_of_the_direct_path()
        # Files that were divided otherwise than this version would are used as they are.
        monkeypatch.undo()
        shutil.rmtree(staged_study.folder / "covariates" / "tiles")
        staged_study.forget_requests()
        staged_study.export()
        assert staged_study.sent("image:export") == 0
        assert staged_study.tiles_are_those_of_the_direct_path()

    def test_files_of_another_division_that_are_not_all_there(
        self, staged_study: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Fault: they pass for there, and each run fails for what they lack, with no way out."""
        with monkeypatch.context() as divided:
            divided.setattr("gee.batch.BLOCK_PX", 1)
            divided.setattr("gee.batch.LARGEST_FILE_PX", 30)
            divided.setattr("gee.local.exports.BLOCK_PX", 1)
            staged_study.use(path="bucket", bucket="my-bucket")
            staged_study.export()
        shutil.rmtree(staged_study.folder / "covariates" / "tiles")
        shards = sorted((staged_study.exports / "cloud").rglob("climate*.tif"))
        assert len(shards) == 9
        shards.pop(4).unlink()
        staged_study.forget_requests()
        staged_study.export()
        assert staged_study.sent("image:export") == 1
        assert staged_study.tiles_are_those_of_the_direct_path()
        # Of one row alone nobody can tell before it is read.
        shutil.rmtree(staged_study.folder / "covariates" / "tiles")
        for path in (staged_study.exports / "cloud").rglob("climate*.tif"):
            if path not in shards[:3]:
                path.unlink()
        done = staged_study.export(code=3)
        assert "are not all of its files" in done.stderr
        assert "Delete them in the bucket" in done.stderr
        for path in shards[:3]:
            assert path.name in done.stderr
            path.unlink()
        staged_study.export()
        assert staged_study.tiles_are_those_of_the_direct_path()

    def test_the_remedy_for_a_wrong_file_of_a_bucket(self, staged_study: Any) -> None:
        """Fault: the user is told to mend a file that is only on its way."""
        staged_study.use(path="bucket", bucket="my-bucket")
        staged_study.export()
        shutil.rmtree(staged_study.folder / "covariates" / "tiles")
        wrong = next((staged_study.exports / "cloud").rglob("climate*.tif"))
        shutil.copy(next((staged_study.exports / "cloud").rglob("terrain*.tif")), wrong)
        done = staged_study.export(code=3)
        assert f"Delete gs://my-bucket/alm90/{wrong.name} in the bucket" in done.stderr
        wrong.unlink()
        staged_study.export()
        assert staged_study.tiles_are_those_of_the_direct_path()

    def test_a_file_that_is_gone_from_the_bucket_is_made_anew(self, staged_study: Any) -> None:
        staged_study.use(path="bucket", bucket="my-bucket")
        staged_study.export()
        shutil.rmtree(staged_study.folder / "covariates" / "tiles")
        next((staged_study.exports / "cloud").rglob("climate*.tif")).unlink()
        staged_study.forget_requests()
        staged_study.export()
        assert staged_study.sent("image:export") == 1
        assert staged_study.tiles_are_those_of_the_direct_path()

    def test_what_waits_for_drive_is_not_exported_again(self, staged_study: Any) -> None:
        """Fault: the service forgets tasks after days; the user has the files still to come."""
        staged_study.use(path="drive", drive_files="drive")
        staged_study.export(code=4)
        staged_study.study.write(earthengine={"deadline_s": 300.0})  # a service that knows no task
        staged_study.export(code=4)
        assert staged_study.sent("image:export") == 0


class TestTooHeavy:
    """Of one window the north-western corner is refused, however it is divided."""

    @pytest.fixture
    def refused(self, staged_study: Any) -> Any:
        staged_study.use(staging_folder=FOLDER, bucket="my-bucket")
        names = ("air_temperature", "precipitation", "wetness")
        manifest = {"features": [{"name": name} for name in names], "maximum": None}
        (staged_study.folder / "model" / "manifest.json").write_text(json.dumps(manifest), "utf-8")
        staged_study.export()
        staged_study.expected = staged_study.study.tile_bytes()
        shutil.rmtree(staged_study.folder / "covariates" / "tiles")
        service = local_service()
        assert service is not None
        for after in (0, 0, 3, 6):  # all of it, then of four parts the first, three times
            service.faults.inject("memory", call="task", times=1, after=after)
        return staged_study

    @staticmethod
    def fill(refused: Any) -> None:
        assert refused.sent("image:export") == 1 + 3 * 4
        refused.forget_requests()
        refused.export()
        assert refused.sent("image:export") == 1, "the smallest part alone"
        assert refused.tiles_are_those_of_the_direct_path()

    def test_a_tile_cut_from_files_is_a_hole_that_the_next_run_fills(self, refused: Any) -> None:
        refused.use(path="bucket")
        done = refused.export(code=5)
        assert "left 1 hole:" in done.stderr
        assert "tile_r0000_c0000" in done.stderr
        assert "memory" in done.stderr
        self.fill(refused)

    def test_tiles_asked_for_together_are_holes_together(self, refused: Any) -> None:
        """One request reads all four of them from the assets."""
        refused.use(path="staged")
        done = refused.export(code=3)
        assert "  4 covariate tiles (tile_r0000_c0000, " in done.stderr
        assert "memory" in done.stderr
        self.fill(refused)


class TestAuto:
    @staticmethod
    def probe(staged_study: Any, **measured: Any) -> None:
        """Have a probe measured, and let it have come out otherwise."""
        assert staged_study.study.alm90("plan", "--probe").exit_code == 0
        file = staged_study.folder / "covariates" / "probe.json"
        with edited_json(file) as document:
            for one in document["kinds"]:
                one.update(measured)
        staged_study.forget_requests()

    def test_stages_what_a_probe_showed_to_be_too_heavy(self, staged_study: Any) -> None:
        staged_study.use(staging_folder=FOLDER)
        self.probe(staged_study, refused="User memory limit exceeded", seconds=None)
        done = staged_study.export()
        why = "path staged: a probe of air_temperature, precipitation was refused (User memory"
        assert why in done.stdout
        assert staged_study.tiles_are_those_of_the_direct_path()

    def test_a_probe_of_other_settings_is_not_believed(self, staged_study: Any) -> None:
        """Fault: fewer years are staged because more were refused."""
        staged_study.use(staging_folder=FOLDER)
        self.probe(staged_study, refused="User memory limit exceeded", seconds=None)
        staged_study.use(years=[2018, 2019])
        assert staged_study.study.alm90("sample").exit_code == 0
        why = "path direct: the probe was of other covariates or settings"
        assert why in staged_study.study.alm90("plan").stdout
        assert why in staged_study.export().stdout
        assert staged_study.sent("image:export") == 0

    def test_a_window_that_was_divided_and_answered_does_not_stage(self, staged_study: Any) -> None:
        staged_study.use(staging_folder=FOLDER)
        self.probe(staged_study, refused="User memory limit exceeded", seconds=3.0)
        assert "path direct: the probe was answered in time" in staged_study.export().stdout

    @pytest.mark.parametrize("path", ["direct", "staged"])
    def test_the_plan_and_the_export_count_the_same_pixels(
        self, staged_study: Any, path: str
    ) -> None:
        """Fault: whole tiles in the one, the windows around the region's pixels in the other."""
        mask = np.zeros((64, 64), np.uint8)
        mask[20:44, 20:44] = 1
        with rasterio.open(
            staged_study.folder / "mask.tif", "w", driver="GTiff", count=1, height=64, width=64,
            dtype="uint8", crs="EPSG:4326", transform=Affine(0.002, 0, 93, 0, -0.002, 35.128),
        ) as dataset:  # fmt: skip
            dataset.write(mask, 1)
        staged_study.study.write(region={"mask": "mask.tif"})
        staged_study.use(staging_folder=FOLDER, workers=1)
        for command in ("sites", "sample"):
            assert staged_study.study.alm90(command).exit_code == 0
        # By the windows around 24 x 24 pixels, not by four tiles of 32 x 32, all takes a week.
        week_s = LONGEST_EXPORT_S * (1.01 if path == "staged" else 0.99)
        self.probe(staged_study, seconds=week_s, shape=[24, 24], refused="divided")
        assert f"path {path}: " in staged_study.study.alm90("plan").stdout
        assert f"path {path}: " in staged_study.export().stdout

    def test_is_direct_without_a_probe(self, staged_study: Any) -> None:
        staged_study.use(staging_folder=FOLDER)
        assert "path direct: no probe" in staged_study.export().stdout
        assert staged_study.sent("image:export") == 0


@pytest.mark.parametrize(
    ("settings", "exports"),
    [
        ({"path": "staged", "export_px": 32}, 4),
        ({"path": "bucket"}, 2),
    ],
)
def test_the_plan_tells_the_path_and_how_many_exports(
    staged_study: Any, settings: dict[str, Any], exports: int
) -> None:
    staged_study.use(staging_folder=FOLDER, bucket="my-bucket", **settings)
    planned = staged_study.study.alm90("plan")
    assert planned.exit_code == 0, planned.output
    assert f"path {settings['path']}: the study says" in planned.stdout
    assert f"batch exports: {exports}, those" in planned.stdout
    assert staged_study.sent("image:export") == 0
    staged_study.export()
    assert staged_study.sent("image:export") == exports
