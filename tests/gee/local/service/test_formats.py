"""What the service answers with: arrays, GeoTIFFs, tables, downloads, assets."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import ee
import numpy as np
import pytest
import rasterio
from service_requests import GRID

from gee.local import LocalEarthEngine


class TestFormats:
    def test_npy_holds_a_field_a_band(self, service: LocalEarthEngine) -> None:
        """Fault: one array of one type."""
        image = ee.Image([1, 2.5, 3]).rename(["a", "b", "c"]).updateMask(ee.Image([1, 1, 0]))
        found = ee.data.computePixels(
            {
                "expression": image,
                "fileFormat": "NUMPY_NDARRAY",
                "grid": GRID,
                "bandIds": ["c", "a"],
            }
        )
        assert found.dtype == np.dtype([("c", "uint8"), ("a", "uint8")])
        assert found.shape == (4, 8)
        assert found[0, 0].tolist() == (0, 1)

    @pytest.mark.parametrize(
        ("cast", "fill"),
        [("toFloat", -np.inf), ("toDouble", -np.inf), ("toInt16", -32768), ("toByte", 0)],
    )
    def test_masked_pixels_of_a_geotiff(
        self, service: LocalEarthEngine, cast: str, fill: float
    ) -> None:
        """Fault: another fill than the service's."""
        image = getattr(ee.Image("PLACES"), cast)()
        image = image.updateMask(ee.Image("PLACES").select("col").gt(2))
        content = ee.data.computePixels(
            {"expression": image, "fileFormat": "GEO_TIFF", "grid": GRID}
        )
        with rasterio.open(io.BytesIO(content)) as source:
            assert source.descriptions == ("col", "row")
            assert source.transform.to_gdal() == (500000, 10, 0, 4000000, 0, -10)
            assert source.crs.to_epsg() == 32646
            values = source.read(1)
        assert values[0].tolist() == [fill, fill, fill, 3, 4, 5, 6, 7]

    def test_a_geotiff_has_one_type(self, service: LocalEarthEngine) -> None:
        """Fault: types of bands converted silently."""
        image = ee.Image(1).toFloat().addBands(ee.Image(1).toDouble())
        with pytest.raises(ee.EEException, match="inconsistent types: Float32 and Float64"):
            ee.data.computePixels({"expression": image, "fileFormat": "GEO_TIFF", "grid": GRID})

    def test_without_a_grid_it_is_the_image_s_own(self, service: LocalEarthEngine) -> None:
        """Fault: an extra row or column."""
        found = ee.data.computePixels(
            {"expression": ee.Image("PLACES"), "fileFormat": "NUMPY_NDARRAY"}
        )
        assert found.shape == (64, 96)
        with pytest.raises(ee.EEException, match="unbounded"):
            ee.data.computePixels({"expression": ee.Image(1), "fileFormat": "NUMPY_NDARRAY"})

    def test_features_come_in_pages(self, service: LocalEarthEngine) -> None:
        """Fault: rows lost or doubled between pages."""
        sites = ee.FeatureCollection("SITES")
        frame = ee.data.computeFeatures(
            {"expression": sites, "pageSize": 2, "fileFormat": "PANDAS_DATAFRAME"}
        )
        assert frame["vwc"].tolist() == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
        assert len(service.requests.calls("table:computeFeatures")) == 3

    def test_download_urls(self, service: LocalEarthEngine, world: Path) -> None:
        """Fault: a download on another grid, or the size of a band's file."""
        region = ee.Geometry.Rectangle(
            [500_000, 3_999_800, 500_300, 4_000_000], "EPSG:32646", False
        )
        url = ee.Image("PLACES").getDownloadURL(
            {"region": region, "scale": 10, "format": "ZIPPED_GEO_TIFF", "name": "x"}
        )
        path = url.partition("/v1/")[2]
        answer = service.handle("GET", f"http://local/v1/{path}", b"")
        with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
            assert archive.namelist() == ["x.tif"]
            with rasterio.open(io.BytesIO(archive.read("x.tif"))) as source:
                assert (source.width, source.height) == (30, 20)
                assert source.read(2)[:, 0].tolist() == list(range(20))
        table = ee.FeatureCollection("SITES").getDownloadURL("CSV", ["vwc", "method"])
        answer = service.handle("GET", f"http://local/v1/{table.partition('/v1/')[2]}", b"")
        assert answer.body.decode().splitlines()[:2] == ["vwc,method", "0,gpr"]

    def test_assets(self, service: LocalEarthEngine) -> None:
        """Fault: an asset that is there reported missing."""
        assert ee.data.getAsset("PLACES")["type"] == "IMAGE"
        listed = ee.data.listAssets("SCENES")["assets"]
        assert [asset["id"] for asset in listed][:2] == ["SCENES/S0", "SCENES/S1"]
        with pytest.raises(ee.EEException, match="not found"):
            ee.data.getAsset("NOPE")
