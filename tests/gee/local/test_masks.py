"""Masks, footprints and bands, on rasters whose values are their own coordinates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ee
import numpy as np
import pytest
from pyproj import Geod

Pixels = Callable[..., np.ndarray[Any, Any]]
ROW, COL = np.indices((64, 96))
WIDER = {"transform": (10.0, 0.0, 499_980.0, 0.0, -10.0, 4_000_020.0), "width": 100, "height": 68}
"""A window that reaches two pixels beyond the raster on every side."""


@pytest.fixture
def col(service: Any) -> Any:
    """The band of columns."""
    return ee.Image("PLACES").select("col")


@pytest.fixture
def row(service: Any) -> Any:
    """The band of rows."""
    return ee.Image("PLACES").select("row")


class TestMasks:
    """Point 2: updateMask ANDs; unmask keeps the footprint unless told not to."""

    def test_update_mask_ands(self, pixels: Pixels, col: Any, row: Any) -> None:
        """Fault: the second mask replaces the first."""
        found = pixels(col.updateMask(col.gt(10)).updateMask(row.gt(20)).unmask(-1))["col"]
        np.testing.assert_array_equal(found, np.where((COL > 10) & (ROW > 20), COL, -1))

    def test_update_mask_cannot_unmask(self, pixels: Pixels, col: Any) -> None:
        """Fault: a mask of ones brings masked pixels back."""
        found = pixels(col.updateMask(col.gt(10)).updateMask(1).unmask(-1))["col"]
        np.testing.assert_array_equal(found, np.where(COL > 10, COL, -1))

    def test_a_masked_mask_masks(self, pixels: Pixels, col: Any, row: Any) -> None:
        """Fault: masked pixels of the mask taken for their value."""
        mask = ee.Image(1).updateMask(row.gt(5))
        found = pixels(col.updateMask(mask).unmask(-1))["col"]
        np.testing.assert_array_equal(found, np.where(ROW > 5, COL, -1))

    def test_self_mask_masks_what_is_not_positive(self, pixels: Pixels, col: Any) -> None:
        """Fault: negative values kept, or zero kept."""
        found = pixels(col.subtract(3).selfMask().unmask(-99))["col"]
        np.testing.assert_array_equal(found, np.where(COL - 3 > 0, COL - 3, -99))

    def test_unmask_keeps_the_footprint(self, pixels: Pixels, col: Any) -> None:
        """Fault: pixels outside the raster filled too."""
        inside = pixels(col.updateMask(col.gt(10)).unmask(7).add(1000).unmask(-1, False), **WIDER)
        expected = np.full((68, 100), -1)
        expected[2:-2, 2:-2] = np.where(COL > 10, COL, 7) + 1000
        np.testing.assert_array_equal(inside["col"], expected)

    def test_unmask_goes_beyond_it_when_told_to(self, pixels: Pixels, col: Any) -> None:
        """Fault: the footprint kept in spite of sameFootprint=False."""
        found = pixels(col.unmask(-9999, False), **WIDER)["col"]
        expected = np.full((68, 100), -9999)
        expected[2:-2, 2:-2] = COL
        np.testing.assert_array_equal(found, expected)

    def test_true_zeros_stay_beside_masked_pixels(self, pixels: Pixels, col: Any, row: Any) -> None:
        """Fault: a true 0 taken for masked, or the reverse."""
        image = col.multiply(0).updateMask(row.gt(3))
        np.testing.assert_array_equal(
            pixels(image.unmask(-9999, False))["col"], np.where(ROW > 3, 0, -9999)
        )

    def test_mask_is_an_image_of_zero_to_one(self, pixels: Pixels, col: Any) -> None:
        """Fault: the mask image itself masked."""
        found = pixels(col.updateMask(col.gt(10)).mask(), **WIDER)["col"]
        expected = np.zeros((68, 100))
        expected[2:-2, 2:-2] = COL > 10
        np.testing.assert_array_equal(found, expected)
        half = pixels(col.updateMask(0.25).mask())["col"]
        np.testing.assert_array_equal(half, np.full((64, 96), 0.25))

    def test_where_replaces_only_valid_pixels(self, pixels: Pixels, col: Any, row: Any) -> None:
        """Fault: a masked input filled, or a masked replacement taken."""
        image = col.updateMask(col.gt(10))
        value = ee.Image(-5).updateMask(row.lt(32))
        found = pixels(image.where(col.lt(20), value).unmask(-1))["col"]
        expected = np.where((COL < 20) & (ROW < 32), -5, COL)
        np.testing.assert_array_equal(found, np.where(COL > 10, expected, -1))

    def test_blend_puts_the_top_over_the_bottom(self, pixels: Pixels, col: Any) -> None:
        """Fault: the bottom on top; opacity ignored."""
        found = pixels(col.blend(ee.Image(500).updateMask(col.lt(4))))["col"]
        np.testing.assert_array_equal(found, np.where(COL < 4, 500, COL))
        mixed = pixels(ee.Image(0.0).toFloat().blend(ee.Image(10).updateMask(0.25)))
        assert mixed["constant"][0, 0] == 2.5

    def test_remap_masks_what_is_not_listed(self, pixels: Pixels, col: Any) -> None:
        """Fault: unlisted values kept, or the default ignored."""
        found = pixels(col.remap([1, 2], [10, 20]).unmask(-1))["remapped"]
        np.testing.assert_array_equal(found, np.select([COL == 1, COL == 2], [10, 20], default=-1))
        assert pixels(col.remap([1], [10], 99))["remapped"][0, :3].tolist() == [99, 10, 99]

    def test_clip_masks_outside_a_geometry(self, pixels: Pixels, col: Any) -> None:
        """Fault: pixels chosen by their corner, or the footprint left as it was."""
        square = ee.Geometry.Rectangle(
            [500_100, 3_999_500, 500_300, 3_999_900], "EPSG:32646", False
        )
        found = pixels(col.clip(square).unmask(-1, False))["col"]
        inside = (COL >= 10) & (COL < 30) & (ROW >= 10) & (ROW < 50)
        np.testing.assert_array_equal(found, np.where(inside, COL, -1))
        filled = pixels(col.clip(square).unmask(-1).add(5).unmask(-7, False))["col"]
        np.testing.assert_array_equal(filled, np.where(inside, COL + 5, -7))


class TestBands:
    def test_select_by_name_pattern_and_number(self, pixels: Pixels) -> None:
        """Fault: a pattern that matches a part of a name."""
        image = ee.Image("REFLECTANCE")
        assert image.select("re.*").bandNames().getInfo() == ["red"]
        assert image.select([3, "green"]).bandNames().getInfo() == ["qa", "green"]
        assert image.select(["nir"], ["a"]).bandNames().getInfo() == ["a"]

    def test_a_band_that_is_not_there_is_refused(self, service: Any) -> None:
        """Fault: an empty image, noticed much later."""
        with pytest.raises(ee.EEException, match="Pattern 'nope' did not match any bands"):
            ee.Image("REFLECTANCE").select("nope").getInfo()

    def test_add_bands_renames_duplicates(self, service: Any) -> None:
        """Point 7. Fault: two bands of one name."""
        image = ee.Image("PLACES")
        twice = image.addBands(image).addBands(image)
        assert twice.bandNames().getInfo() == ["col", "row", "col_1", "row_1", "col_2", "row_2"]
        assert image.addBands(image, None, True).bandNames().getInfo() == ["col", "row"]

    def test_overwriting_takes_the_new_pixels(self, pixels: Pixels, col: Any, row: Any) -> None:
        """Fault: overwrite keeps the old band."""
        found = pixels(col.addBands(row.rename("col"), None, True))["col"]
        np.testing.assert_array_equal(found, ROW)

    def test_rename_cat_and_cast(self, service: Any, pixels: Pixels, col: Any) -> None:
        """Fault: the wrong number of names accepted; a cast of another band."""
        with pytest.raises(ee.EEException, match="number of names"):
            col.rename(["a", "b"]).getInfo()
        assert ee.Image.cat(col, 5, col).bandNames().getInfo() == ["col", "constant", "col_1"]
        cast = ee.Image("PLACES").cast({"row": "float"})
        assert pixels(cast).dtype == np.dtype([("col", "int32"), ("row", "float32")])

    def test_properties_survive_selection_but_not_arithmetic(self, service: Any) -> None:
        """Fault: properties where the service drops them, so that a filter finds them here only."""
        image = ee.Image("REFLECTANCE")
        assert image.select("nir").get("CLOUD_COVER").getInfo() == 12.5
        assert image.add(1).get("CLOUD_COVER").getInfo() is None
        copied = image.add(1).copyProperties(image, ["system:time_start"])
        assert copied.get("system:time_start").getInfo() == 1594787400000

    def test_set_get_and_dates(self, service: Any) -> None:
        """Fault: a property set on the original; dates in another zone."""
        image = ee.Image("REFLECTANCE").set("year", 2020, "name", "x")
        assert image.get("year").getInfo() == 2020
        assert image.toDictionary(["name"]).getInfo() == {"name": "x"}
        assert image.date().format("YYYY-MM-dd HH:mm").getInfo() == "2020-07-15 04:30"
        assert image.metadata("year").bandNames().getInfo() == ["year"]

    def test_constants_and_coordinates(self, pixels: Pixels) -> None:
        """Fault: pixel corners for centres; areas of a sphere."""
        lattice = {
            "transform": (0.5, 0, 90, 0, -0.5, 36),
            "width": 4,
            "height": 3,
            "crs": "EPSG:4326",
        }
        found = pixels(ee.Image.pixelLonLat(), **lattice)
        np.testing.assert_allclose(found["longitude"][0], [90.25, 90.75, 91.25, 91.75])
        np.testing.assert_allclose(found["latitude"][:, 0], [35.75, 35.25, 34.75])
        area = pixels(ee.Image.pixelArea(), **lattice)["area"]
        dense = np.linspace(90, 90.5, 500)
        lon = np.concatenate([dense, dense[::-1]])
        lat = np.concatenate([np.full(500, 35.5), np.full(500, 36.0)])
        expected = abs(Geod(ellps="WGS84").polygon_area_perimeter(lon, lat)[0])
        assert area[0, 0] == pytest.approx(expected, rel=1e-6)

    def test_random_numbers_do_not_depend_on_the_tiling(self, pixels: Pixels) -> None:
        """Fault: another number at the same place in another tile."""
        whole = pixels(ee.Image.random(5))["random"]
        part = pixels(
            ee.Image.random(5),
            transform=(10.0, 0.0, 500_320.0, 0.0, -10.0, 3_999_840.0),
            width=20,
            height=10,
        )["random"]
        np.testing.assert_array_equal(part, whole[16:26, 32:52])
        assert 0.45 < whole.mean() < 0.55
        assert whole.min() >= 0
        assert whole.max() < 1
