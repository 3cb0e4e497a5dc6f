"""Projections and scales, on rasters whose values are their own coordinates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject
from scipy import ndimage
from service_requests import NATIVE

from gee.local import overlaps

Pixels = Callable[..., np.ndarray[Any, Any]]


def coarser(factor: float, col: float = 0, row: float = 0) -> tuple[float, ...]:
    """The 10 m lattice with larger pixels, from a pixel on."""
    return tuple(Affine(*NATIVE) * Affine.translation(col, row) * Affine.scale(factor))[:6]


@pytest.fixture
def places(service: Any) -> Any:
    """Bands col and row; coarser levels by sampling."""
    return ee.Image("PLACES")


@pytest.fixture
def hills(service: Any) -> Any:
    """Elevation; coarser levels by averaging."""
    return ee.Image("HILLS")


@pytest.fixture
def elevation(world: Path) -> np.ndarray[Any, Any]:
    """(rows, cols) float64 of the same elevation."""
    with rasterio.open(world / "hills.tif") as source:
        return source.read(1).astype(float)


class TestReading:
    """Point 6: the pyramid level of the output's scale, and of it the nearest pixel."""

    def test_native_pixels_are_read_as_they_are(self, pixels: Pixels, places: Any) -> None:
        """Fault: half a pixel's shift."""
        found = pixels(places, transform=coarser(1, 7, 5), width=20, height=10)
        np.testing.assert_array_equal(found["col"][0], np.arange(7, 27))
        np.testing.assert_array_equal(found["row"][:, 0], np.arange(5, 15))

    def test_finer_pixels_take_the_nearest(self, pixels: Pixels, places: Any) -> None:
        """Fault: interpolation that nobody asked for."""
        found = pixels(places, transform=coarser(0.25), width=16, height=8)
        np.testing.assert_array_equal(found["col"][0], np.arange(16) // 4)

    def test_a_coarser_output_reads_the_averaged_level(
        self, pixels: Pixels, hills: Any, elevation: np.ndarray[Any, Any]
    ) -> None:
        """Fault: native pixels sampled where the service reads averages."""
        found = pixels(hills, transform=coarser(4), width=24, height=16)["elevation"]
        blocks = elevation.reshape(16, 4, 24, 4).mean(axis=(1, 3))
        np.testing.assert_allclose(found, blocks, rtol=1e-6)

    def test_between_levels_it_is_the_nearest_pixel_of_the_finer(
        self, pixels: Pixels, hills: Any, elevation: np.ndarray[Any, Any]
    ) -> None:
        """Fault: a true mean of the 9 by 9 pixels, which the service does not give."""
        found = pixels(hills, transform=coarser(9), width=10, height=7)["elevation"]
        level = elevation.reshape(8, 8, 12, 8).mean(axis=(1, 3))
        position = ((np.arange(10) + 0.5) * 9 / 8).astype(int)
        rows = ((np.arange(7) + 0.5) * 9 / 8).astype(int)
        np.testing.assert_allclose(found, level[np.ix_(rows, position)], rtol=1e-6)

    def test_sampled_pyramids_keep_true_values(self, pixels: Pixels, places: Any) -> None:
        """Fault: classes averaged."""
        found = pixels(places, transform=coarser(2), width=10, height=5)
        np.testing.assert_array_equal(found["col"][0], np.arange(10) * 2)

    def test_another_crs_against_gdal(self, pixels: Pixels, places: Any, world: Path) -> None:
        """Fault: axes swapped, or corners taken for centres."""
        lattice = (0.0001, 0, 93.0001, 0, -0.0001, 36.1440)
        found = pixels(
            places.unmask(-9, False), transform=lattice, width=80, height=50, crs="EPSG:4326"
        )
        with rasterio.open(world / "places.tif") as source:
            for place, band in enumerate(("col", "row"), start=1):
                expected = np.full((50, 80), -9, dtype=np.int32)
                reproject(
                    rasterio.band(source, place),
                    expected,
                    dst_transform=Affine(*lattice),
                    dst_crs="EPSG:4326",
                    resampling=Resampling.nearest,
                    init_dest_nodata=False,
                    tolerance=0,
                )
                assert (found[band] != expected).mean() < 0.002

    def test_tiles_equal_one_request(self, pixels: Pixels, places: Any, hills: Any) -> None:
        """Fault: a shift between tiles and the whole."""
        size = 90 / 111319.49079327358
        col, row = 115035, 44708
        image = (
            hills.addBands(places)
            .addBands(ee.Terrain.slope(hills))
            .addBands(hills.focalMean(3).rename("smooth"))
            .addBands(hills.resample("bilinear").rename("between"))
            .addBands(hills.reduceResolution(ee.Reducer.mean(), False, 128).rename("mean"))
            .addBands(ee.ImageCollection("SCENES").select("VV").median())
            .unmask(-9999, False)
        )

        def part(right: int, down: int, width: int, height: int) -> Any:
            return pixels(
                image,
                transform=(size, 0, (col + right) * size, 0, -size, (row - down) * size),
                width=width,
                height=height,
                crs="EPSG:4326",
            )

        whole = part(0, 0, 16, 12)
        assert (whole["elevation"] > 0).sum() > 20
        tiles = np.block(
            [[part(0, 0, 9, 5), part(9, 0, 7, 5)], [part(0, 5, 9, 7), part(9, 5, 7, 7)]]
        )
        np.testing.assert_array_equal(whole, tiles)


class TestReproject:
    def test_it_pins_the_lattice(self, pixels: Pixels, hills: Any) -> None:
        """Point 5. Fault: a focal function on the output's pixels in spite of reproject."""
        smooth = hills.focalMean(1, "square")
        here = pixels(smooth)["elevation"]
        pinned = smooth.reproject("EPSG:32646", list(NATIVE))
        found = pixels(pinned, transform=coarser(0.5), width=192, height=128)["elevation"]
        np.testing.assert_array_equal(found, here.repeat(2, axis=0).repeat(2, axis=1))
        unpinned = pixels(smooth, transform=coarser(0.5), width=192, height=128)["elevation"]
        assert np.abs(unpinned - found).max() > 1

    def test_arithmetic_has_the_projection_of_its_left_image(self, hills: Any) -> None:
        """Fault: a projection from the right, on which a later resample would mean something."""
        assert hills.add(1).projection().getInfo()["crs"] == "EPSG:32646"
        assert ee.Image(1).add(hills).projection().getInfo()["transform"] == [1, 0, 0, 0, 1, 0]
        with pytest.raises(ee.EEException, match="1 degree"):
            ee.Image(1).subtract(hills).resample("bilinear").getInfo()

    def test_projection_and_scale_of_the_result(self, hills: Any) -> None:
        """Fault: a scale taken for CRS units."""
        info = hills.reproject("EPSG:4326", None, 30).projection().getInfo()
        assert info["crs"] == "EPSG:4326"
        assert info["transform"][0] == pytest.approx(30 / 111319.49079327358)
        assert hills.projection().nominalScale().getInfo() == 10
        assert hills.projection().atScale(90).getInfo()["transform"] == [
            90,
            0,
            500000,
            0,
            -90,
            4000000,
        ]
        assert ee.Projection("EPSG:4326").nominalScale().getInfo() == pytest.approx(111319.4907932)


class TestResample:
    def test_bilinear_against_scipy(
        self, pixels: Pixels, hills: Any, elevation: np.ndarray[Any, Any]
    ) -> None:
        """Fault: interpolation about corners."""
        image = hills.resample("bilinear")
        found = pixels(image, transform=coarser(1, 10.3, 5.7), width=40, height=30)["elevation"]
        row, col = np.indices((30, 40), dtype=float)
        expected = ndimage.map_coordinates(elevation, [row + 5.7, col + 10.3], order=1)
        np.testing.assert_allclose(found, expected, rtol=1e-6)

    def test_bicubic_is_exact_on_a_plane_and_native_pixels_stay(
        self, pixels: Pixels, places: Any, hills: Any, elevation: np.ndarray[Any, Any]
    ) -> None:
        """Fault: weights that do not sum to one, or smoothing at whole pixels."""
        image = places.select("col").resample("bicubic")
        found = pixels(image, transform=coarser(1, 10.3, 5.7), width=40, height=30)["col"]
        np.testing.assert_allclose(found[0], np.arange(40) + 10.3, rtol=1e-9)
        same = pixels(hills.resample("bicubic"))["elevation"]
        np.testing.assert_allclose(same, elevation, rtol=1e-7)

    def test_composites_are_refused(self, service: Any) -> None:
        """Point 4. Fault: resample on a one-degree composite goes unnoticed."""
        composite = ee.ImageCollection("SCENES").mean()
        assert composite.projection().getInfo() == {
            "type": "Projection",
            "crs": "EPSG:4326",
            "transform": [1, 0, 0, 0, 1, 0],
        }
        for image in (
            composite.resample("bilinear"),
            composite.reduceResolution(ee.Reducer.mean()),
            ee.ImageCollection("SCENES").median().resample("bicubic"),
            ee.Image(1).resample("bilinear"),
        ):
            with pytest.raises(ee.EEException, match="1 degree"):
                image.getInfo()
        pinned = composite.setDefaultProjection("EPSG:32646", None, 10)
        assert pinned.reduceResolution(ee.Reducer.mean()).bandNames().getInfo() == ["VV", "VH"]


class TestReduceResolution:
    def test_whole_pixels_against_numpy(
        self, pixels: Pixels, hills: Any, elevation: np.ndarray[Any, Any]
    ) -> None:
        """Point 6. Fault: the pyramid's pixel instead of the mean of all."""
        image = hills.reduceResolution(ee.Reducer.mean())
        found = pixels(image, transform=coarser(8), width=12, height=8)["elevation"]
        np.testing.assert_allclose(found, elevation.reshape(8, 8, 12, 8).mean((1, 3)), rtol=1e-6)

    def test_parts_of_pixels_weigh_by_area(
        self, pixels: Pixels, hills: Any, elevation: np.ndarray[Any, Any]
    ) -> None:
        """Fault: pixels on the edge counted whole."""
        image = hills.reduceResolution(ee.Reducer.mean())
        found = pixels(image, transform=coarser(2.5, 4.2, 3.1), width=20, height=12)["elevation"]
        expected = np.zeros((12, 20))
        for row in range(12):
            for col in range(20):
                north, west = 3.1 + 2.5 * row, 4.2 + 2.5 * col
                down = _lengths(north, north + 2.5, 64)
                right = _lengths(west, west + 2.5, 96)
                expected[row, col] = (elevation * down[:, None] * right[None, :]).sum() / 6.25
        np.testing.assert_allclose(found, expected, rtol=1e-6)

    def test_masked_pixels_do_not_count(self, pixels: Pixels, hills: Any) -> None:
        """Fault: masked pixels averaged as zeros; the covered part lost from the mask."""
        holes = hills.updateMask(ee.Image("PLACES").select("col").mod(2).eq(0))
        coarse = holes.reduceResolution(ee.Reducer.mean())
        found = pixels(coarse, transform=coarser(8), width=12, height=8)["elevation"]
        whole = pixels(hills)["elevation"].astype(float)[:, ::2]
        np.testing.assert_allclose(found, whole.reshape(8, 8, 12, 4).mean((1, 3)), rtol=1e-6)
        share = pixels(coarse.mask(), transform=coarser(8), width=12, height=8)["elevation"]
        np.testing.assert_allclose(share, 0.5)

    def test_strips_give_the_same(
        self, pixels: Pixels, hills: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Fault: rows lost where native pixels are read in strips."""
        image = hills.updateMask(ee.Image("PLACES").select("row").gt(20))
        image = image.reduceResolution(ee.Reducer.mean()).unmask(-1)
        place = {"transform": coarser(5.5, 2, 3), "width": 15, "height": 10}
        whole = pixels(image, **place)
        monkeypatch.setattr(overlaps, "WINDOW_PX", 15 * 31 * 3)
        np.testing.assert_array_equal(pixels(image, **place), whole)

    def test_the_default_of_64_pixels_is_enforced(self, pixels: Pixels, hills: Any) -> None:
        """Point 6. Fault: 81 pixels averaged where the service refuses."""
        image = hills.reduceResolution(ee.Reducer.mean())
        with pytest.raises(ee.EEException, match="Too many input pixels per output pixel: 81"):
            pixels(image, transform=coarser(9), width=4, height=4)
        larger = hills.reduceResolution(ee.Reducer.mean(), False, 81)
        pixels(larger, transform=coarser(9), width=4, height=4)
        pixels(
            hills.reduceResolution(ee.Reducer.mean(), True), transform=coarser(9), width=4, height=4
        )

    def test_sentinel_1_pixels_in_one_pixel_of_the_map(self, pixels: Pixels, hills: Any) -> None:
        """Point 6. Fault: another count than the 62 to 73 that 90 m of a degree hold."""
        size = 90 / 111319.49079327358
        lattice = (size, 0, 115036 * size, 0, -size, 44704 * size)
        count = hills.reduceResolution(ee.Reducer.count(), False, 128)
        found = pixels(count, transform=lattice, width=3, height=3, crs="EPSG:4326")["elevation"]
        assert (found > 62).all()
        assert (found < 110).all()
        with pytest.raises(ee.EEException, match="Too many input pixels per output pixel: 6"):
            pixels(
                hills.reduceResolution(ee.Reducer.mean()),
                transform=lattice,
                width=3,
                height=3,
                crs="EPSG:4326",
            )


def _lengths(start: float, stop: float, count: int) -> np.ndarray[Any, Any]:
    edges = np.arange(count + 1)
    return np.clip(np.minimum(stop, edges[1:]) - np.maximum(start, edges[:-1]), 0, None)
