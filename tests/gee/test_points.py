"""Sampling: n points in, n rows out, in order, equal to the pixels of a window there.

Faults caught: points that vanish because one band is masked, rows that change places, a point
beside its pixel's centre, requests beyond the limits, batches scattered over the whole region, a
division that loses points.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import ee
import numpy as np
import pytest
from odc.geo.geobox import GeoBox

from gee import asking, points
from gee.errors import AssetError, GridError, TooLargeError
from gee.grid import PLATEAU_PIXEL_DEG, geobox_of_region
from gee.local import LocalEarthEngine
from gee.pixels import read_window
from gee.points import INDEX, sample_points

Array = np.ndarray[Any, Any]

GRID = geobox_of_region(93.0, 35.0, 93.2, 35.15, "EPSG:4326", PLATEAU_PIXEL_DEG)
UTM = geobox_of_region(500_000, 3_900_000, 505_400, 3_904_500, "EPSG:32646", 90.0)
NAMES = ("moisture", "zeros", "edge")


def layers(grid: GeoBox) -> dict[str, Array]:
    rows, cols = grid.shape.yx
    generator = np.random.default_rng(5)
    moisture = generator.normal(size=(rows, cols)).astype(np.float32)
    moisture[generator.random((rows, cols)) < 1 / 3] = np.nan
    zeros = np.zeros((rows, cols), np.float32)
    zeros[::2] = np.nan
    edge = generator.normal(1e-20, 1e-21, size=(rows, cols)).astype(np.float32)
    return {"moisture": moisture, "zeros": zeros, "edge": edge}


@pytest.fixture(scope="module")
def scenes(new_scenes: Callable[[], Any]) -> Any:
    found = new_scenes()
    bands = layers(GRID)
    edge = bands.pop("edge")[:, :-9]
    found.image("STACK", bands, GRID, others=[(GRID[:, :-9], {"edge": edge})])
    found.image("METRES", layers(UTM), UTM)
    return found


@pytest.fixture
def service(scenes: Any, service_of: Callable[[Any], LocalEarthEngine]) -> LocalEarthEngine:
    return service_of(scenes)


@pytest.fixture
def window(service: LocalEarthEngine) -> Array:
    found = read_window(ee.Image("STACK"), NAMES, GRID)
    service.requests.clear()
    return found


def places(n: int, grid: GeoBox = GRID, seed: int = 3) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    rows, cols = grid.shape.yx
    return generator.integers(0, rows, n), generator.integers(0, cols, n)


def requests(service: LocalEarthEngine, status: int | None = None) -> list[dict[str, Any]]:
    return [one.body for one in service.requests.calls("value:compute", status)]


def points_of(body: dict[str, Any]) -> Array:
    """(n, 3): index, easting and northing of the points of a request."""
    (found,) = re.findall(r'"constantValue": (\[\[.*?\]\])', json.dumps(body))
    return np.array(json.loads(found))


class TestValues:
    def test_as_many_come_out_as_went_in(self, window: Array) -> None:
        """342 points, of which a band is masked at a third: plain sampling would give 75."""
        rows, cols = places(342)
        found = sample_points(ee.Image("STACK"), NAMES, GRID, rows, cols)
        assert found.shape == (342, 3)
        assert found.dtype == np.float32
        masked = np.isnan(found)
        assert 0.25 < masked[:, 0].mean() < 0.42
        assert 0.02 < masked[:, 2].mean() < 0.1
        np.testing.assert_array_equal(found, window[:, rows, cols].T)

    def test_plain_sampling_would_lose_points(self, service: LocalEarthEngine) -> None:
        """What this module is for; if it ever holds no more, the module is not needed."""
        rows, cols = places(342)
        east, north = GRID.transform * (cols + 0.5, rows + 0.5)
        features = [
            ee.Feature(ee.Geometry.Point([float(one), float(other)]))
            for one, other in zip(east, north, strict=True)
        ]
        sampled = ee.Image("STACK").sampleRegions(ee.FeatureCollection(features), scale=90)
        assert sampled.size().getInfo() < 342 / 2

    def test_bands_come_in_the_order_asked_for(self, window: Array) -> None:
        rows, cols = places(50)
        found = sample_points(ee.Image("STACK"), NAMES[::-1], GRID, rows, cols)
        np.testing.assert_array_equal(found, window[::-1, rows, cols].T)

    def test_points_on_one_pixel_are_asked_for_once(
        self, service: LocalEarthEngine, window: Array
    ) -> None:
        rows, cols = np.array([5, 9, 5, 5, 9]), np.array([7, 1, 7, 8, 1])
        told: list[int] = []
        found = sample_points(ee.Image("STACK"), NAMES, GRID, rows, cols, progress=told.append)
        np.testing.assert_array_equal(found, window[:, rows, cols].T)
        (body,) = requests(service)
        assert len(points_of(body)) == 3
        assert told == [5], "progress is told in points that were asked for"

    def test_corners_of_the_grid(self, window: Array) -> None:
        height, width = GRID.shape.yx
        rows, cols = np.array([0, 0, height - 1, height - 1]), np.array([0, width - 1] * 2)
        found = sample_points(ee.Image("STACK"), NAMES, GRID, rows, cols)
        np.testing.assert_array_equal(found, window[:, rows, cols].T)

    def test_a_grid_in_metres(self, service: LocalEarthEngine) -> None:
        image = ee.Image("METRES")
        rows, cols = places(200, UTM)
        expected = read_window(image, NAMES, UTM)[:, rows, cols].T
        found = sample_points(image, NAMES, UTM, rows, cols)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(found[:, 0], layers(UTM)["moisture"][rows, cols])

    def test_a_coarser_image_is_read_at_the_grid_s_pixel(self, service: LocalEarthEngine) -> None:
        image = ee.Image("METRES").select(NAMES)
        rows, cols = places(300, GRID)
        small = GRID[:40, :60]
        rows, cols = rows % 40, cols % 60
        expected = read_window(image, NAMES, small)[:, rows, cols].T
        np.testing.assert_array_equal(sample_points(image, NAMES, GRID, rows, cols), expected)

    def test_no_points(self, service: LocalEarthEngine) -> None:
        found = sample_points(ee.Image("STACK"), NAMES, GRID, [], [])
        assert found.shape == (0, 3)
        assert len(requests(service)) == 0

    def test_numbers_that_json_lacks(
        self, service: LocalEarthEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer = {
            "features": [
                {"properties": {INDEX: 1, "a": "NaN", "b": 2}},
                {"properties": {INDEX: 0, "a": 1.5, "b": "Infinity"}},
            ]
        }
        monkeypatch.setattr(points, "ask", lambda *_: answer)
        found = sample_points(ee.Image("STACK"), ["a", "b"], GRID, [0, 0], [0, 1])
        np.testing.assert_array_equal(found, [[1.5, np.inf], [np.nan, 2]])

    def test_what_does_not_come_back_is_told(
        self,
        service: LocalEarthEngine,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        answer = {"features": [{"properties": {INDEX: 1, "edge": 2.0}}]}
        monkeypatch.setattr(points, "ask", lambda *_: answer)
        found = sample_points(ee.Image("STACK"), ["edge"], GRID, [0, 0, 0], [0, 1, 2])
        np.testing.assert_array_equal(found[:, 0], [np.nan, 2, np.nan])
        assert "2 did not come back" in caplog.text


class TestBatches:
    def test_twenty_thousand_points(self, service: LocalEarthEngine, window: Array) -> None:
        rows, cols = places(20_000)
        told: list[int] = []
        found = sample_points(
            ee.Image("STACK"),
            NAMES,
            GRID,
            rows,
            cols,
            points_per_request=5000,
            progress=told.append,
        )
        np.testing.assert_array_equal(found, window[:, rows, cols].T)
        assert sum(told) == 20_000
        assert (
            len(told)
            == len(requests(service))
            == -(-len(set(zip(rows, cols, strict=True))) // 5000)
        )
        for body in requests(service):
            assert len(points_of(body)) <= 5000
            assert len(json.dumps(body)) < 10 * 2**20 / 20

    def test_batches_are_compact(self, service: LocalEarthEngine) -> None:
        """Each touches few tiles, so that the service computes each tile once or twice."""
        rows, cols = places(2000)
        sample_points(ee.Image("STACK"), ["edge"], GRID, rows, cols, points_per_request=250)
        tile_deg = 62 * PLATEAU_PIXEL_DEG
        touched = 0
        for body in requests(service):
            _, east, north = points_of(body).T
            touched += len(set(zip(east // tile_deg, north // tile_deg, strict=True)))
        everywhere = len(requests(service)) * 5 * 4
        assert touched < everywhere / 2.5

    def test_workers_change_nothing(self, service: LocalEarthEngine, window: Array) -> None:
        rows, cols = places(900)
        found = sample_points(
            ee.Image("STACK"), NAMES, GRID, rows, cols, points_per_request=50, workers=4
        )
        np.testing.assert_array_equal(found, window[:, rows, cols].T)

    def test_the_same_question_twice_is_the_same_request(self, service: LocalEarthEngine) -> None:
        rows, cols = places(60)
        shuffled = np.random.default_rng(1).permutation(60)
        sample_points(ee.Image("STACK"), NAMES, GRID, rows, cols)
        sample_points(ee.Image("STACK"), NAMES, GRID, rows[shuffled], cols[shuffled])
        first, second = requests(service)
        assert first == second

    def test_an_image_is_made_for_the_window_of_each_request(
        self, service: LocalEarthEngine, window: Array
    ) -> None:
        """Else every request looks up the scenes of the whole region, however few its points."""
        windows: list[GeoBox] = []

        def image_of(part: GeoBox) -> ee.Image:
            windows.append(part)
            return ee.Image("STACK")

        service.faults.inject("memory", call="value:compute")
        rows, cols = places(400)
        found = sample_points(image_of, NAMES, GRID, rows, cols, points_per_request=100)
        np.testing.assert_array_equal(found, window[:, rows, cols].T)
        asked = [points_of(body) for body in requests(service)]
        assert len(asked) == len(windows) > 4
        for batch, part in zip(asked, windows, strict=True):
            box = part.extent.boundingbox
            edges = [box.left, box.bottom, box.right, box.top]
            half = PLATEAU_PIXEL_DEG / 2
            _, east, north = batch.T
            held = [east.min() - half, north.min() - half, east.max() + half, north.max() + half]
            np.testing.assert_allclose(edges, held, rtol=0, atol=1e-9)
        # The first was too heavy; its halves are narrower.
        sizes = [part.shape[0] * part.shape[1] for part in windows]
        assert max(sizes[1:3]) < sizes[0]


class TestDivision:
    def test_a_batch_too_heavy_is_halved_and_those_after_are_smaller(
        self, service: LocalEarthEngine, window: Array
    ) -> None:
        rows, cols = places(400)
        service.faults.inject("memory", call="value:compute", times=2)
        found = sample_points(ee.Image("STACK"), NAMES, GRID, rows, cols, points_per_request=100)
        np.testing.assert_array_equal(found, window[:, rows, cols].T)
        sizes = [len(points_of(body)) for body in requests(service)]
        assert sizes[:2] == [100, 50]
        assert max(sizes[2:]) == 25

    def test_bands_are_halved_where_a_point_is_too_heavy(
        self, service: LocalEarthEngine, window: Array
    ) -> None:
        service.faults.inject("timeout", call="value:compute", times=1)
        found = sample_points(ee.Image("STACK"), NAMES, GRID, [3], [4])
        np.testing.assert_array_equal(found, window[:, [3], [4]].T)
        assert len(requests(service, 200)) == 2

    def test_division_ends(self, service: LocalEarthEngine) -> None:
        service.faults.inject("memory", call="value:compute", times=None)
        with pytest.raises(TooLargeError, match="1 point of moisture"):
            sample_points(ee.Image("STACK"), NAMES, GRID, *places(16))
        assert len(requests(service)) == 5 + 1, "16, 8, 4, 2, 1 points; then one band of a point"

    def test_a_busy_service_is_asked_again(
        self, service: LocalEarthEngine, window: Array, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(asking.time, "sleep", lambda _seconds: None)
        service.faults.inject("503", call="value:compute", times=1)
        service.faults.inject("truncated", call="value:compute", times=1)
        service.faults.inject("dropped", call="value:compute", times=1)
        rows, cols = places(30)
        found = sample_points(ee.Image("STACK"), NAMES, GRID, rows, cols)
        np.testing.assert_array_equal(found, window[:, rows, cols].T)


class TestErrors:
    def test_a_point_outside_is_named(self, service: LocalEarthEngine) -> None:
        height, width = GRID.shape.yx
        for row, col in ((-1, 0), (0, -1), (height, 0), (0, width)):
            with pytest.raises(GridError, match=rf"point 1 .*row {row}, column {col}"):
                sample_points(ee.Image("STACK"), NAMES, GRID, [0, row], [0, col])
        assert len(requests(service)) == 0

    def test_a_missing_band_is_named(self, service: LocalEarthEngine) -> None:
        with pytest.raises(AssetError, match="depth"):
            sample_points(ee.Image("STACK"), ["depth"], GRID, [0], [0])

    @pytest.mark.parametrize("per_request", [0, 5001])
    def test_the_service_s_limit_holds(self, per_request: int) -> None:
        with pytest.raises(GridError, match="points_per_request"):
            sample_points(ee.Image(0), NAMES, GRID, [0], [0], points_per_request=per_request)

    def test_a_band_may_not_be_named_as_the_index(self) -> None:
        with pytest.raises(GridError, match=INDEX):
            sample_points(ee.Image(0), [INDEX], GRID, [0], [0])
