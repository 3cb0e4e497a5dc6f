"""Batch exports: what is sent, what comes of it, equal to the bit.

Faults caught: an asset whose pixels differ from those of the image; masked pixels that become
numbers; an asset of another shape taken for what was staged; a task taken for another one; a
failure taken for one of another kind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import ee
import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox

from gee import asking, assets, batch, completion, session
from gee.batch import NODATA, Export, ToAsset, ToBucket, ToDrive, start, tasks
from gee.completion import complete
from gee.errors import AssetError, BusyError, RefusedError, TooLargeError
from gee.grid import PLATEAU_PIXEL_DEG, geobox_of_region
from gee.local import LocalEarthEngine
from gee.pixels import read_window

Array = np.ndarray[Any, Any]

GRID = geobox_of_region(93.0, 35.0, 93.05, 35.04, "EPSG:4326", PLATEAU_PIXEL_DEG)
FOLDER = "projects/alm90-local/assets/staging"
NAMES = ("moisture", "zeros")


@pytest.fixture
def service(
    new_scenes: Callable[[], Any], service_of: Callable[[Any], LocalEarthEngine]
) -> Iterator[LocalEarthEngine]:
    scenes = new_scenes()
    generator = np.random.default_rng(5)
    moisture = generator.normal(size=GRID.shape).astype(np.float32)
    moisture[generator.random(GRID.shape) < 1 / 3] = np.nan
    zeros = np.zeros(GRID.shape, np.float32)
    zeros[::2] = np.nan
    scenes.image("STACK", {"moisture": moisture, "zeros": zeros}, GRID)
    yield service_of(scenes)
    session.disconnect()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking.time, "sleep", lambda _seconds: None)
    assert completion.time is asking.time


def export_of(
    destination: Any, grid: GeoBox = GRID, names: tuple[str, ...] = NAMES, label: str = "radar"
) -> Export:
    return Export(label, ee.Image("STACK").multiply(3), names, grid, destination)


def done(*exports: Export) -> list[batch.Task]:
    ended = {one.export.key: one.task for one in complete(exports, lambda _export: None)}
    return [ended[export.key] for export in exports]


def sent(service: LocalEarthEngine) -> list[dict[str, Any]]:
    return [one.body for one in service.requests.calls("image:export")]


class TestAssets:
    def test_pixels_of_the_asset_are_those_of_the_image(self, service: LocalEarthEngine) -> None:
        export = export_of(ToAsset(f"{FOLDER}/radar"))
        direct = read_window(export.image, NAMES, GRID)
        (task,) = done(export)
        assert (task.state, task.attempts, task.error) == ("done", 1, None)
        staged = read_window(ee.Image(f"{FOLDER}/radar"), NAMES, GRID)
        np.testing.assert_array_equal(staged, direct)
        assert np.isnan(staged).any()
        assert (staged[1] == 0).any()
        window = GRID[5:20, 7:30]
        np.testing.assert_array_equal(
            read_window(ee.Image(f"{FOLDER}/radar"), NAMES, window), direct[:, 5:20, 7:30]
        )

    def test_the_grid_is_sent_to_the_bit(self, service: LocalEarthEngine) -> None:
        start(export_of(ToAsset(f"{FOLDER}/radar"), GRID[3:13, 2:22]), 1)
        (body,) = sent(service)
        assert body["grid"]["dimensions"] == {"width": 20, "height": 10}
        window = GRID[3:13, 2:22].transform
        assert body["grid"]["affineTransform"]["translateX"] == window.c
        assert body["grid"]["affineTransform"]["translateY"] == window.f
        assert body["maxPixels"] == {"value": "200"}
        assert re.fullmatch(r"[A-Za-z0-9-]{1,60}", body["requestId"]), "as the service asks"

    def test_folders_are_made_where_they_are_missing(self, service: LocalEarthEngine) -> None:
        for _ in range(2):
            assets.make_folder(f"{FOLDER}/2020/radar")
        assert all(assets.exists(name) for name in (FOLDER, f"{FOLDER}/2020/radar"))
        assert not assets.exists(f"{FOLDER}/2021")
        with pytest.raises(RefusedError, match="no folder"):
            assets.make_folder("alm90")


class TestCheckOfAssets:
    @pytest.fixture
    def staged(self, service: LocalEarthEngine) -> str:
        name = f"{FOLDER}/radar"
        done(export_of(ToAsset(name)))
        return name

    @pytest.mark.parametrize("window", [GRID, GRID[:10, :10], GRID[20:, 30:]])
    def test_what_was_staged_passes(self, staged: str, window: GeoBox) -> None:
        assets.check_image(staged, NAMES, window)

    def test_a_missing_asset(self, staged: str) -> None:
        with pytest.raises(AssetError, match="optical"):
            assets.check_image(f"{FOLDER}/optical", NAMES, GRID)

    def test_a_missing_band(self, staged: str) -> None:
        with pytest.raises(AssetError, match="lacks ndvi; it has moisture, zeros"):
            assets.check_image(staged, ("zeros", "ndvi"), GRID)

    @pytest.mark.parametrize(
        ("window", "words"),
        [
            (GRID.pad(1), "doesn't cover"),
            (GRID.translate_pix(1, 0), "doesn't cover"),
            (GRID.translate_pix(0.5, 0), "other pixels"),
            (GRID[:10, :10].zoom_out(2), "other pixels"),
            (GRID[:10, :10].zoom_out(1 / 2), "other pixels"),
            (geobox_of_region(0, 0, 900, 900, "EPSG:32646", 90.0), "other pixels"),
        ],
    )
    def test_another_shape(self, staged: str, window: GeoBox, words: str) -> None:
        with pytest.raises(AssetError, match=words) as caught:
            assets.check_image(staged, NAMES, window)
        assert "\n" not in str(caught.value)


class TestFiles:
    @pytest.mark.parametrize(
        ("destination", "path"),
        [
            (ToBucket("my-bucket", "alm90/tile"), "cloud/my-bucket/alm90/tile.tif"),
            (ToDrive("alm90", "tile"), "drive/alm90/tile.tif"),
        ],
    )
    def test_masked_pixels_are_nodata_and_zeros_stay(
        self, service: LocalEarthEngine, destination: Any, path: str
    ) -> None:
        export = export_of(destination)
        (task,) = done(export)
        assert task.state == "done"
        assert task.uris == (path.replace("/", "://", 1),)
        folder = service.workspace.catalogue.folder
        assert folder is not None
        with rasterio.open(folder / "exports" / path) as found:
            assert found.nodata == NODATA
            assert found.descriptions == NAMES
            assert found.transform == GRID.transform
            values = found.read()
        expected = read_window(export.image, NAMES, GRID)
        np.testing.assert_array_equal(values, np.where(np.isnan(expected), NODATA, expected))

    def test_one_file_whose_sides_the_service_accepts(self, service: LocalEarthEngine) -> None:
        start(export_of(ToDrive("alm90", "tile")), 1)
        (body,) = sent(service)
        rows, cols = GRID.shape.yx
        size = body["fileExportOptions"]["geoTiffOptions"]["tileDimensions"]
        assert size["width"] % 256 == size["height"] % 256 == 0
        assert size["width"] >= cols
        assert size["height"] >= rows


class TestKey:
    def test_it_follows_all_that_makes_the_pixels(self, service: LocalEarthEngine) -> None:
        one = export_of(ToAsset(f"{FOLDER}/radar"))
        others = [
            replace(one, image=ee.Image("STACK").multiply(4)),
            replace(one, names=("moisture",)),
            replace(one, geobox=GRID[:10, :10]),
            replace(one, destination=ToAsset(f"{FOLDER}/optical")),
            replace(one, destination=ToBucket("b", "p")),
            replace(one, destination=ToDrive("b", "p")),
        ]
        keys = {export.key for export in [one, *others]}
        assert len(keys) == 7
        assert export_of(ToAsset(f"{FOLDER}/radar"), label="other").key == one.key


class TestTasks:
    @staticmethod
    def listed(
        monkeypatch: pytest.MonkeyPatch, export: Export, error: dict[str, Any] | None
    ) -> batch.Task:
        failed = {
            "name": "projects/p/operations/X",
            "metadata": {
                "state": "FAILED",
                "description": export.description,
                "createTime": "2026-01-01T00:00:00Z",
                "batchEecuUsageSeconds": 12.5,
            },
            "error": error,
        }
        monkeypatch.setattr(ee.data, "listOperations", lambda: [failed])
        return tasks([export.key])[export.key]

    @pytest.mark.parametrize(
        ("code", "message", "kind"),
        [
            (3, "Execution failed; out of memory.", TooLargeError),
            (13, "User memory limit exceeded.", TooLargeError),
            (13, "Internal error.", BusyError),
            (14, "The service is currently unavailable.", BusyError),
            (3, "Image.select: Parameter 'input' is required.", RefusedError),
            (5, "Image.load: Image asset 'a' not found.", AssetError),
        ],
    )
    def test_why_one_failed_says_what_to_do(
        self,
        service: LocalEarthEngine,
        monkeypatch: pytest.MonkeyPatch,
        code: int,
        message: str,
        kind: type[Exception],
    ) -> None:
        export = export_of(ToAsset(f"{FOLDER}/radar"))
        task = self.listed(monkeypatch, export, {"code": code, "message": message})
        assert type(task.error) is kind
        assert task.eecu_seconds == 12.5
        assert "radar" in str(task.error)
        assert "\n" not in str(task.error)

    def test_the_newest_attempt_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        key = "0" * 40

        def operation(state: str, created: str) -> dict[str, Any]:
            metadata = {"state": state, "description": f"radar-{key}", "createTime": created}
            return {"name": state, "metadata": metadata}

        listed = [
            operation("SUCCEEDED", "2026-01-02T00:00:00Z"),
            operation("FAILED", "2026-01-01T00:00:00Z"),
            {"name": "of others", "metadata": {"state": "FAILED", "description": "tiles"}},
            {"name": "ingestion"},
        ]
        monkeypatch.setattr(ee.data, "listOperations", lambda: listed)
        assert (tasks([key])[key].state, tasks([key])[key].attempts) == ("done", 2)

    def test_none_asked_for_asks_nothing(self, service: LocalEarthEngine) -> None:
        service.requests.clear()
        assert tasks([]) == {}
        assert len(service.requests) == 0


def test_what_is_sent_twice_is_the_same(service: LocalEarthEngine) -> None:
    """A change of order or of an object's address would start a task twice."""
    requests = [
        json.dumps({**export_of(ToDrive("f", "p")).request(), "expression": None}, sort_keys=True)
        for _ in range(2)
    ]
    assert requests[0] == requests[1]
    assert export_of(ToDrive("f", "p")).key == export_of(ToDrive("f", "p")).key
