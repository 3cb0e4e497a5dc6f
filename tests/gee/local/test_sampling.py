"""Sampling and regions, against numpy on rasters of known values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
import rasterio

from gee.local.algorithms import points

Pixels = Callable[..., np.ndarray[Any, Any]]
UTM = "EPSG:32646"


def utm_point(col: float, row: float) -> Any:
    """A point at a position on the 10 m lattice."""
    return ee.Geometry.Point([500_000 + 10 * col, 4_000_000 - 10 * row], UTM)


def utm_box(west: float, north: float, east: float, south: float) -> Any:
    """A rectangle between positions on the 10 m lattice."""
    corners = [
        500_000 + 10 * west,
        4_000_000 - 10 * south,
        500_000 + 10 * east,
        4_000_000 - 10 * north,
    ]
    return ee.Geometry.Rectangle(corners, UTM, False)


@pytest.fixture
def places(service: Any) -> Any:
    """Bands col and row."""
    return ee.Image("PLACES")


@pytest.fixture
def elevation(world: Path) -> np.ndarray[Any, Any]:
    """(rows, cols) float64."""
    with rasterio.open(world / "hills.tif") as source:
        return source.read(1).astype(float)


def points_of(positions: Any) -> Any:
    """A collection of points named by their order."""
    return ee.FeatureCollection(
        [
            ee.Feature(utm_point(col, row), {"name": f"p{number}"})
            for number, (col, row) in enumerate(positions)
        ]
    )


class TestSampleRegions:
    """Point 9: a point at which any band is masked is dropped; reduceRegions leaves keys out."""

    def test_a_point_is_the_pixel_it_lies_in(self, places: Any) -> None:
        """Fault: the pixel to the right, or coordinates rounded."""
        positions = [(0.01, 0.01), (5.99, 7.01), (95.5, 63.5)]
        found = places.sampleRegions(points_of(positions), ["name"], 10).getInfo()["features"]
        values = [(f["properties"]["col"], f["properties"]["row"]) for f in found]
        assert values == [(0, 0), (5, 7), (95, 63)]
        assert [f["properties"]["name"] for f in found] == ["p0", "p1", "p2"]
        assert all(f["geometry"] is None for f in found)

    def test_points_with_a_masked_band_vanish(self, places: Any) -> None:
        """Fault: the point kept with the bands that are there, which the service does not do."""
        holes = places.addBands(ee.Image(1).rename("one").updateMask(places.select("col").lt(50)))
        positions = [(10.5, 3.5), (60.5, 3.5), (20.5, 9.5)]
        found = holes.sampleRegions(points_of(positions), ["name"], 10)
        assert found.aggregate_array("name").getInfo() == ["p0", "p2"]

    def test_a_sentinel_keeps_every_point(self, places: Any) -> None:
        """Fault: the way around the drop fails here, though it works on the service."""
        holes = places.updateMask(places.select("col").lt(50)).unmask(-9999, False)
        positions = [(10.5, 3.5), (60.5, 3.5), (-20.5, 9.5)]
        found = holes.sampleRegions(points_of(positions), ["name"], 10)
        assert found.aggregate_array("col").getInfo() == [10, -9999, -9999]

    def test_points_in_one_window_are_the_points_alone(
        self, places: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Fault: values shifted, or points out of order, where points share a window."""
        generator = np.random.default_rng(2)
        positions = generator.random((40, 2)) * (130, 90) - 15
        image = places.addBands(ee.Terrain.slope(ee.Image("HILLS")).unmask(-5)).unmask(-9, False)
        sites = points_of(positions.tolist())
        shared = image.sampleRegions(sites, ["name"], 10).getInfo()
        means = image.reduceRegions(sites, ee.Reducer.mean(), 10).getInfo()
        monkeypatch.setattr(points, "PIXELS_A_POINT", 0)
        assert len(points.windows(*(np.arange(40), np.arange(40)))) == 40
        assert image.sampleRegions(sites, ["name"], 10).getInfo() == shared
        assert image.reduceRegions(sites, ee.Reducer.mean(), 10).getInfo() == means
        names = [feature["properties"]["name"] for feature in shared["features"]]
        assert names == [f"p{number}" for number in range(40)]
        col = [feature["properties"]["col"] for feature in shared["features"]]
        inside = (positions >= 0).all(axis=1) & (positions < (96, 64)).all(axis=1)
        np.testing.assert_array_equal(col, np.where(inside, np.floor(positions[:, 0]), -9))

    def test_points_read_the_very_positions_that_tiles_read(self, pixels: Pixels) -> None:
        """Fault: shares of pixels from another rounding of the grid's origin: one bit, sometimes.

        The grid lies on whole pixels from the CRS origin; a tile and a projection each name an
        origin of their own. In double precision a bit of difference in a share shows.
        """
        side = 90 / 111319.49079327358 * 3
        col, row, shift = 38_343, -14_921, 7
        image = ee.Image("DEGREES").toDouble().reduceResolution(ee.Reducer.mean(), False, 64)
        tile = (side, 0.0, (col + shift) * side, 0.0, -side, (row + shift) * -side)
        held = pixels(image, transform=tile, width=8, height=6, crs="EPSG:4326")["number"]
        whole = ee.Projection("EPSG:4326", [side, 0, col * side, 0, -side, row * -side])
        centres = [
            ee.Feature(ee.Geometry.Point([(col + shift + c + 0.5) * side,
                                          (row + shift + r + 0.5) * -side], "EPSG:4326"))
            for r in range(6) for c in range(8)
        ]  # fmt: skip
        found = image.sampleRegions(ee.FeatureCollection(centres), projection=whole)
        assert found.aggregate_array("number").getInfo() == held.ravel().tolist()

    def test_regions_give_every_pixel_in_them(self, places: Any) -> None:
        """Fault: pixels on the far edge taken in, or geometries off the centre."""
        area = ee.FeatureCollection([ee.Feature(utm_box(2, 3, 5, 5), {"name": "box"})])
        found = places.sampleRegions(area, None, 10, None, 1, True).getInfo()["features"]
        values = [(f["properties"]["col"], f["properties"]["row"]) for f in found]
        assert values == [(col, row) for row in (3, 4) for col in (2, 3, 4)]
        longitude = found[0]["geometry"]["coordinates"][0]
        assert longitude == pytest.approx(93 + 25 / 90_164, abs=1e-6)

    def test_reduce_regions_leaves_null_keys_out(self, places: Any) -> None:
        """Fault: a null, or the feature dropped."""
        holes = places.updateMask(places.select("col").lt(50))
        found = holes.reduceRegions(
            points_of([(10.5, 3.5), (60.5, 3.5)]), ee.Reducer.first(), 10
        ).getInfo()["features"]
        assert [f["properties"] for f in found] == [
            {"name": "p0", "col": 10, "row": 3},
            {"name": "p1"},
        ]

    def test_a_single_band_is_named_after_the_output(self, places: Any) -> None:
        """Fault: the band's name, where the service gives the reducer's."""
        one = places.select("col")
        found = one.reduceRegions(points_of([(10.5, 3.5)]), ee.Reducer.mean(), 10).first()
        assert found.toDictionary().getInfo() == {"name": "p0", "mean": 10}

    def test_sample(self, places: Any) -> None:
        """Fault: masked pixels with dropNulls, or a sample that changes."""
        small = places.updateMask(places.select("col").neq(1))
        box = utm_box(0, 0, 4, 2)
        assert small.sample(box, 10).aggregate_array("col").getInfo() == [0, 2, 3, 0, 2, 3]
        kept = small.sample(region=box, scale=10, dropNulls=False)
        assert kept.size().getInfo() == 8
        some = places.sample(region=utm_box(0, 0, 96, 64), scale=10, numPixels=300, seed=4)
        count = some.size().getInfo()
        assert 240 < count < 360
        assert (
            places.sample(region=utm_box(0, 0, 96, 64), scale=10, numPixels=300, seed=4)
            .size()
            .getInfo()
            == count
        )

    def test_sample_rectangle_and_get_region(self, places: Any) -> None:
        """Fault: rows from south to north; masked values as zeros."""
        box = utm_box(0, 0, 3, 2)
        rows = places.select("row").sampleRectangle(box).get("row").getInfo()
        assert rows == [[0, 0, 0], [1, 1, 1]]
        with pytest.raises(ee.EEException, match="defaultValue"):
            places.updateMask(0).sampleRectangle(box).getInfo()
        table = (
            ee.ImageCollection("SCENES")
            .limit(2)
            .select("VV")
            .getRegion(utm_point(5.5, 5.5), 10, UTM)
            .getInfo()
        )
        assert table[0] == ["id", "longitude", "latitude", "time", "VV"]
        assert [row[0] for row in table[1:]] == ["S0", "S1"]
        assert table[1][3] == 1567339200000


class TestReduceRegion:
    def test_mean_of_a_box_against_numpy(self, elevation: np.ndarray[Any, Any]) -> None:
        """Fault: a row or column too many."""
        hills = ee.Image("HILLS")
        found = hills.reduceRegion(ee.Reducer.mean(), utm_box(10, 5, 30, 25), 10).getInfo()
        assert found["elevation"] == pytest.approx(elevation[5:25, 10:30].mean(), rel=1e-9)

    @pytest.mark.usefixtures("service")
    def test_weighted_reducers_weigh_the_edge(self, elevation: np.ndarray[Any, Any]) -> None:
        """Fault: pixels on the edge counted whole, or left out."""
        hills = ee.Image("HILLS")
        found = hills.reduceRegion(
            ee.Reducer.mean().combine(ee.Reducer.count(), "", True),
            utm_box(10.25, 5, 30, 25),
            10,
        ).getInfo()
        weights = np.ones((20, 20))
        weights[:, 0] = 0.75
        part = elevation[5:25, 10:30]
        assert found["elevation_mean"] == pytest.approx((part * weights).sum() / weights.sum())
        plain = hills.reduceRegion(ee.Reducer.count(), utm_box(10.6, 5, 30, 25), 10).getInfo()
        assert plain == {"elevation": 19 * 20}

    @pytest.mark.usefixtures("service")
    def test_triangles_weigh_by_area(self) -> None:
        """Fault: pixels cut by a slanting edge counted by their centre."""
        ring = [[500_000, 4_000_000], [500_100, 4_000_000], [500_000, 3_999_900]]
        triangle = ee.Geometry.Polygon([ring], UTM, False)
        total = ee.Image(1).reduceRegion(
            ee.Reducer.sum(), triangle, None, UTM, [10, 0, 500_000, 0, -10, 4_000_000]
        )
        assert total.getInfo()["constant"] == pytest.approx(50)

    def test_masked_everywhere_is_null(self, places: Any) -> None:
        """Fault: 0 for the mean of nothing."""
        found = places.updateMask(0).reduceRegion(ee.Reducer.mean(), utm_box(0, 0, 5, 5), 10)
        assert found.getInfo() == {"col": None, "row": None}
        count = places.updateMask(0).reduceRegion(ee.Reducer.count(), utm_box(0, 0, 5, 5), 10)
        assert count.getInfo() == {"col": 0, "row": 0}

    def test_several_inputs(self, places: Any) -> None:
        """Fault: bands handed over in another order."""
        fit = (
            places.select(["col", "row"])
            .reduceRegion(ee.Reducer.linearFit(), utm_box(0, 0, 10, 10), 10)
            .getInfo()
        )
        assert fit["scale"] == pytest.approx(0)
        assert fit["offset"] == pytest.approx(4.5)

    def test_max_pixels_in_the_service_s_words(self, places: Any) -> None:
        """Fault: a region of any size aggregated."""
        box = utm_box(0, 0, 96, 64)
        with pytest.raises(
            ee.EEException,
            match=r"Image.reduceRegion: Too many pixels in the region. Found 6144, but maxPixels "
            r"allows only 1000",
        ):
            places.reduceRegion(ee.Reducer.mean(), box, 10, maxPixels=1000).getInfo()
        coarse = places.reduceRegion(
            ee.Reducer.count(), box, 10, maxPixels=1000, bestEffort=True
        ).getInfo()
        assert 700 < coarse["col"] <= 1000

    def test_an_unbounded_region_is_refused(self, service: Any) -> None:
        """Fault: the whole Earth aggregated at one degree."""
        with pytest.raises(ee.EEException, match="unbounded"):
            ee.Image(1).reduceRegion(ee.Reducer.mean()).getInfo()

    def test_the_region_defaults_to_the_footprint(self, places: Any) -> None:
        """Fault: the footprint's bounds in another CRS, with an extra row."""
        found = places.select("col").reduceRegion(ee.Reducer.count()).getInfo()
        assert found == {"col": 96 * 64}
