"""Batch exports: states, idempotence, files, shards, assets, tables, failures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
import rasterio
from service_requests import NATIVE

from gee.local import LocalEarthEngine


@pytest.fixture
def exporter(
    make_folder: Callable[..., Path], point_client_at: Callable[..., None]
) -> LocalEarthEngine:
    """A service over one image of 300 by 260 pixels that hold their own positions."""
    row, col = np.indices((260, 300), dtype=np.float32)
    service = LocalEarthEngine(make_folder({"A": np.stack([col, row])}))
    point_client_at(service)
    return service


def run(task: Any) -> list[str]:
    """The states that a task goes through."""
    states = []
    for _ in range(6):
        states.append(task.status()["state"])
        if states[-1] in ("COMPLETED", "FAILED", "CANCELLED"):
            break
    return states


def to_drive(image: Any, **options: Any) -> Any:
    """A started export on the image's own grid."""
    settings = {
        "description": "d",
        "folder": "maps",
        "fileNamePrefix": "a",
        "crs": "EPSG:32646",
        "crsTransform": list(NATIVE),
        "dimensions": "300x260",
        **options,
    }
    task = ee.batch.Export.image.toDrive(image, **settings)
    task.start()
    return task


class TestImages:
    def test_states_and_the_file(self, exporter: LocalEarthEngine, tmp_path: Path) -> None:
        """Fault: a state skipped; a file that differs from the pixels."""
        assert run(to_drive(ee.Image("A"))) == ["READY", "RUNNING", "COMPLETED"]
        with rasterio.open(tmp_path / "exports/drive/maps/a.tif") as source:
            assert source.descriptions == ("b0", "b1")
            assert source.transform.to_gdal() == (500000, 10, 0, 4000000, 0, -10)
            row, col = np.indices((260, 300))
            np.testing.assert_array_equal(source.read(), np.stack([col, row]))
        assert not list(tmp_path.rglob("*.part"))

    def test_shards_are_named_by_row_and_column(
        self, exporter: LocalEarthEngine, tmp_path: Path
    ) -> None:
        """Fault: shards that overlap, or are named by number."""
        run(to_drive(ee.Image("A").select("b0"), fileDimensions=256))
        folder = tmp_path / "exports/drive/maps"
        names = sorted(path.name for path in folder.iterdir())
        assert names == [
            "a-0000000000-0000000000.tif",
            "a-0000000000-0000000256.tif",
            "a-0000000256-0000000000.tif",
            "a-0000000256-0000000256.tif",
        ]
        with rasterio.open(folder / names[3]) as source:
            assert (source.height, source.width) == (4, 44)
            assert source.read(1)[0, 0] == 256

    def test_nodata_does_not_unmask(self, exporter: LocalEarthEngine, tmp_path: Path) -> None:
        """Fault: masked pixels filled with noData, which the service does not do."""
        image = ee.Image("A").updateMask(ee.Image("A").select("b0").gt(0))
        run(to_drive(image, formatOptions={"noData": -9999}))
        with rasterio.open(tmp_path / "exports/drive/maps/a.tif") as source:
            assert source.nodata == -9999
            assert np.isneginf(source.read(1)[0, 0])

    def test_a_request_id_makes_it_idempotent(self, exporter: LocalEarthEngine) -> None:
        """Fault: a repeated submission runs twice."""
        body = {
            "expression": ee.Image("A"),
            "description": "x",
            "fileExportOptions": {
                "fileFormat": "GEO_TIFF",
                "driveDestination": {"folder": "f", "filenamePrefix": "p"},
            },
            "grid": {
                "crsCode": "EPSG:32646",
                "affineTransform": {
                    "scaleX": 10,
                    "translateX": 500_000,
                    "scaleY": -10,
                    "translateY": 4_000_000,
                },
                "dimensions": {"width": 5, "height": 5},
            },
        }
        first = ee.data.exportImage("tile-7", dict(body))
        again = ee.data.exportImage("tile-7", dict(body))
        other = ee.data.exportImage("tile-8", dict(body))
        assert first["name"] == again["name"] != other["name"]
        assert len(ee.data.listOperations()) == 2

    def test_cancelled_and_failed(self, exporter: LocalEarthEngine) -> None:
        """Fault: a cancelled task that runs; a failure without its reason."""
        task = to_drive(ee.Image("A"))
        task.cancel()
        assert run(task) == ["CANCELLED"]
        mixed = to_drive(ee.Image("A").toFloat().addBands(ee.Image(1).toByte()))
        assert run(mixed)[-1] == "FAILED"
        assert "inconsistent types: Float32 and Byte" in mixed.status()["error_message"]
        large = to_drive(ee.Image(1), dimensions="20000x6000")
        assert run(large)[-1] == "FAILED"
        assert "specified 120000000 pixels (max: 100000000)" in large.status()["error_message"]

    def test_wrong_requests_are_refused_at_once(self, exporter: LocalEarthEngine) -> None:
        """Fault: a request that fails only when it runs; a path out of the folder."""
        with pytest.raises(ee.EEException, match="multiples of the shard size 256"):
            to_drive(ee.Image("A"), fileDimensions=300)
        outside = to_drive(ee.Image("A"), folder="../x")
        assert run(outside)[-1] == "FAILED"
        assert "Invalid export destination" in outside.status()["error_message"]

    def test_an_asset_can_be_read_again(
        self,
        exporter: LocalEarthEngine,
        tmp_path: Path,
        point_client_at: Callable[..., None],
    ) -> None:
        """Fault: masks or true zeros lost; an asset forgotten at the next start."""
        image = ee.Image("A").updateMask(ee.Image("A").select("b1").gt(1)).set("period", "thaw")
        options = {
            "description": "d",
            "assetId": "projects/p-local/assets/stack",
            "crs": "EPSG:32646",
            "crsTransform": list(NATIVE),
            "dimensions": "300x260",
        }
        task = ee.batch.Export.image.toAsset(image, **options)
        task.start()
        assert run(task)[-1] == "COMPLETED"
        for service in (exporter, LocalEarthEngine(tmp_path)):
            point_client_at(service)
            asset = ee.Image("projects/p-local/assets/stack")
            assert asset.get("period").getInfo() == "thaw"
            found = ee.data.computePixels(
                {"expression": asset.unmask(-1), "fileFormat": "NUMPY_NDARRAY"}
            )
            row, col = np.indices((260, 300))
            np.testing.assert_array_equal(found["b0"], np.where(row > 1, col, -1))
        again = ee.batch.Export.image.toAsset(image, **options)
        again.start()
        assert run(again)[-1] == "FAILED"
        assert "Cannot overwrite" in again.status()["error_message"]
        doubled = ee.batch.Export.image.toAsset(
            ee.Image("A").multiply(2), overwrite=True, **options
        )
        doubled.start()
        assert run(doubled)[-1] == "COMPLETED"
        found = ee.data.computePixels({"expression": asset, "fileFormat": "NUMPY_NDARRAY"})
        np.testing.assert_array_equal(found["b0"], col * 2)
        ee.data.deleteAsset("projects/p-local/assets/stack")
        with pytest.raises(ee.EEException, match="not found"):
            asset.getInfo()

    def test_folders_can_be_made_and_listed(self, exporter: LocalEarthEngine) -> None:
        """Fault: staging fails before its first export."""
        folder = "projects/p-local/assets/staging"
        ee.data.createFolder(folder)
        assert ee.data.getAsset(folder)["type"] == "FOLDER"
        task = ee.batch.Export.image.toAsset(
            ee.Image("A"),
            description="d",
            assetId=f"{folder}/one",
            crs="EPSG:32646",
            crsTransform=list(NATIVE),
            dimensions="8x8",
        )
        task.start()
        assert run(task)[-1] == "COMPLETED"
        assert [a["id"] for a in ee.data.listAssets(folder)["assets"]] == [f"{folder}/one"]
        with pytest.raises(ee.EEException, match="Cannot overwrite"):
            ee.data.createFolder(folder)


class TestTables:
    def test_csv_and_geojson_and_assets(self, exporter: LocalEarthEngine, tmp_path: Path) -> None:
        """Fault: columns in another order, or rows lost."""
        table = ee.FeatureCollection(
            [ee.Feature(ee.Geometry.Point(1, 2), {"b": 2, "a": "x"}), ee.Feature(None, {"a": "y"})]
        )
        task = ee.batch.Export.table.toDrive(
            table, description="t", folder="f", fileFormat="CSV", selectors=["b", "a"]
        )
        task.start()
        assert run(task)[-1] == "COMPLETED"
        assert (tmp_path / "exports/drive/f/t.csv").read_text() == "b,a\n2,x\n,y\n"
        asset = ee.batch.Export.table.toAsset(table, description="t", assetId="users/me/t")
        asset.start()
        assert run(asset)[-1] == "COMPLETED"
        assert ee.FeatureCollection("users/me/t").aggregate_array("a").getInfo() == ["x", "y"]
        cloud = ee.batch.Export.table.toCloudStorage(
            table, description="t", bucket="b", fileNamePrefix="c/d", fileFormat="GeoJSON"
        )
        cloud.start()
        assert run(cloud)[-1] == "COMPLETED"
        assert (tmp_path / "exports/cloud/b/c/d.geojson").exists()
        assert cloud.status()["destination_uris"] == ["cloud://b/c/d.geojson"]
