"""Geometries and painting, against pyproj and shapely."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ee
import numpy as np
import pytest
from pyproj import Geod

Pixels = Callable[..., np.ndarray[Any, Any]]
ELLIPSOID = Geod(ellps="WGS84")


@pytest.mark.usefixtures("service")
class TestMeasures:
    def test_area_against_geod(self) -> None:
        """Fault: square degrees, or a sphere."""
        ring = [[93, 36], [94, 36], [94, 37], [93, 37]]
        lon, lat = zip(*ring, strict=True)
        expected = abs(ELLIPSOID.polygon_area_perimeter(lon, lat)[0])
        assert ee.Geometry.Polygon([ring]).area(1).getInfo() == pytest.approx(expected, rel=1e-6)
        flat = ee.Geometry.Polygon([ring], None, False).area(1).getInfo()
        assert flat != pytest.approx(expected, rel=1e-6)
        assert flat == pytest.approx(expected, rel=1e-3)

    def test_distance_and_buffer(self) -> None:
        """Fault: degrees for metres."""
        one, other = ee.Geometry.Point([93, 36]), ee.Geometry.Point([93.01, 36.01])
        metres = ELLIPSOID.inv(93, 36, 93.01, 36.01)[2]
        assert one.distance(other, 1).getInfo() == pytest.approx(metres, rel=1e-5)
        area = one.buffer(1000).area(1).getInfo()
        assert area == pytest.approx(np.pi * 1e6, rel=2e-3)
        assert one.buffer(metres * 1.01).contains(other, 1).getInfo() is True
        assert one.buffer(metres * 0.99).contains(other, 1).getInfo() is False

    def test_relations_across_crss(self) -> None:
        """Fault: coordinates of two CRSs compared."""
        place = ee.Geometry.Point([500_000, 4_000_000], "EPSG:32646")
        box = ee.Geometry.BBox(92.9, 36, 93.1, 36.3)
        assert box.intersects(place, 1).getInfo() is True
        assert ee.Geometry.BBox(0, 0, 1, 1).intersects(place, 1).getInfo() is False
        moved = place.transform("EPSG:4326", 1).coordinates().getInfo()
        assert moved == pytest.approx([93, 36.1441], abs=1e-3)

    def test_geojson_comes_back(self) -> None:
        """Fault: an open ring, or the order of coordinates."""
        info = ee.Geometry.BBox(1, 2, 3, 4).bounds(1).getInfo()
        assert info["type"] == "Polygon"
        # Parallels are not great circles: a rectangle with geodesic sides bulges to the pole.
        bulging = ee.Geometry.Rectangle(1, 2, 3, 4).bounds(1).coordinates().getInfo()[0]
        assert 4 < max(point[1] for point in bulging) < 4.001
        assert sorted(map(tuple, info["coordinates"][0][:4])) == [(1, 2), (1, 4), (3, 2), (3, 4)]
        assert ee.Geometry.Point(5, 6).centroid(1).coordinates().getInfo() == pytest.approx([5, 6])

    def test_set_operations(self) -> None:
        """Fault: difference the wrong way round."""
        left, right = ee.Geometry.BBox(0, 0, 2, 1), ee.Geometry.BBox(1, 0, 3, 1)
        part = left.difference(right, 1).bounds(1).coordinates().getInfo()[0]
        assert max(point[0] for point in part) == 1
        both = left.union(right, 1).bounds(1).coordinates().getInfo()[0]
        assert max(point[0] for point in both) == 3
        assert left.intersection(right, 1).area(1).getInfo() > 0

    def test_footprints_and_features(self) -> None:
        """Fault: a footprint in UTM coordinates."""
        ring = ee.Image("PLACES").geometry().bounds(1).coordinates().getInfo()[0]
        assert min(point[0] for point in ring) == pytest.approx(93, abs=1e-6)
        feature = ee.Feature(ee.Geometry.Point(93, 36), {"a": 1}).buffer(10)
        assert feature.get("a").getInfo() == 1
        assert feature.area(1).getInfo() == pytest.approx(314, rel=0.01)
        assert ee.Image(1).geometry().isUnbounded().getInfo() is True
        sites = ee.FeatureCollection("SITES").geometry().bounds(1).coordinates().getInfo()[0]
        assert max(point[0] for point in sites) == pytest.approx(93.004)


class TestPainting:
    def test_paint_and_reduce_to_image(self, pixels: Pixels, service: Any) -> None:
        """Fault: outlines for areas; the first feature over the last."""

        def box(west: int, north: int, east: int, south: int) -> Any:
            corners = [
                500_000 + 10 * west,
                4_000_000 - 10 * south,
                500_000 + 10 * east,
                4_000_000 - 10 * north,
            ]
            return ee.Geometry.Rectangle(corners, "EPSG:32646", False)

        areas = ee.FeatureCollection(
            [ee.Feature(box(0, 0, 10, 10), {"c": 5}), ee.Feature(box(5, 5, 20, 20), {"c": 7})]
        )
        found = pixels(ee.Image(0).toByte().paint(areas, "c"))["constant"]
        row, col = np.indices((64, 96))
        first = (row < 10) & (col < 10)
        second = (row >= 5) & (row < 20) & (col >= 5) & (col < 20)
        np.testing.assert_array_equal(found, np.where(second, 7, np.where(first, 5, 0)))
        total = pixels(areas.reduceToImage(["c"], ee.Reducer.sum()).unmask(-1))["sum"]
        np.testing.assert_array_equal(
            total, np.where(first & second, 12, np.where(second, 7, np.where(first, 5, -1)))
        )
