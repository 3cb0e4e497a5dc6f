"""Windows of pixels: exact, masked where masked, the same however they are divided into requests.

Faults caught: a true 0 taken for masked or the other way round, bands bound by position, a grid
that is a row off or sent as scale and region, requests beyond the service's limits, a division
that leaves a gap or goes on for ever.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import ee
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from gee import asking, masked, pixels
from gee.errors import AssetError, BusyError, GridError, TooLargeError
from gee.grid import PLATEAU_PIXEL_DEG, geobox_of_region, plateau_geobox, tiles_of
from gee.local import LocalEarthEngine
from gee.pixels import (
    BUDGET_BYTES,
    BYTES_PER_VALUE,
    MAXIMUM_BANDS,
    MAXIMUM_SIDE_PX,
    Part,
    read_window,
    request_grid,
    request_size,
    windows_within_budget,
)
from gee.ways import averaged

Array = np.ndarray[Any, Any]

GRID = geobox_of_region(93.0, 35.0, 93.05, 35.04, "EPSG:4326", PLATEAU_PIXEL_DEG)
NAMES = ("moisture", "zeros", "counts", "edge")


def layers(grid: GeoBox) -> dict[str, Array]:
    rows, cols = grid.shape.yx
    generator = np.random.default_rng(5)
    moisture = generator.normal(size=(rows, cols)).astype(np.float32)
    moisture[generator.random((rows, cols)) < 1 / 3] = np.nan
    zeros = np.zeros((rows, cols), np.float32)
    zeros[:, ::2] = np.nan
    counts = generator.integers(0, 200, (rows, cols)).astype(np.uint8)
    counts[counts == 7] = 0
    edge = generator.normal(size=(rows, cols)).astype(np.float32)
    return {"moisture": moisture, "zeros": zeros, "counts": counts, "edge": edge}


@pytest.fixture(scope="module")
def truth() -> dict[str, Array]:
    """Each band as it should arrive: counts of 7 are masked, the edge's file ends 5 px early."""
    bands = {name: band.astype(np.float32) for name, band in layers(GRID).items()}
    bands["counts"][:, 3] = np.nan
    bands["edge"][:, -5:] = np.nan
    return bands


@pytest.fixture(scope="module")
def scenes(new_scenes: Callable[[], Any]) -> Any:
    found = new_scenes()
    bands = layers(GRID)
    edge = bands.pop("edge")[:, :-5]
    bands["counts"][:, 3] = 7
    found.image("STACK", bands, GRID, nodata=7, others=[(GRID[:, :-5], {"edge": edge})])
    return found


@pytest.fixture
def service(scenes: Any, service_of: Callable[[Any], LocalEarthEngine]) -> LocalEarthEngine:
    return service_of(scenes)


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking.time, "sleep", lambda _seconds: None)


def requests(service: LocalEarthEngine) -> list[dict[str, Any]]:
    return [one.body for one in service.requests.calls("image:computePixels")]


class TestValues:
    def test_values_are_exact_in_the_order_asked_for(
        self, service: LocalEarthEngine, truth: dict[str, Array]
    ) -> None:
        wanted = ("edge", "counts", "moisture", "zeros")
        found = read_window(ee.Image("STACK"), wanted, GRID)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, np.stack([truth[name] for name in wanted]))

    def test_true_zeros_beside_masked_pixels_survive(self, service: LocalEarthEngine) -> None:
        (zeros,) = read_window(ee.Image("STACK"), ["zeros"], GRID)
        assert np.isnan(zeros[:, ::2]).all()
        assert (zeros[:, 1::2] == 0).all()

    def test_beyond_the_image_is_masked(self, service: LocalEarthEngine) -> None:
        found = read_window(ee.Image("STACK"), ["edge", "moisture"], GRID.pad(3))
        assert np.isnan(found[:, :3]).all()
        assert np.isnan(found[:, :, -3:]).all()
        assert not np.isnan(found[0, 3:-3, 3:-8]).any()

    def test_a_mask_made_by_the_graph_counts(
        self, service: LocalEarthEngine, truth: dict[str, Array]
    ) -> None:
        image = ee.Image("STACK").select(["edge"])
        (found,) = read_window(image.updateMask(image.gt(0)), ["edge"], GRID)
        expected = np.where(truth["edge"] > 0, truth["edge"], np.float32(np.nan))
        np.testing.assert_array_equal(found, expected)

    def test_the_sentinel_survives_every_type_on_its_way(self) -> None:
        for as_type in (np.float32, np.float64):
            assert float(as_type(masked.SENTINEL)) == masked.SENTINEL
        assert float(repr(masked.SENTINEL)) == masked.SENTINEL
        lowest = np.nextafter(np.float32(masked.SENTINEL), np.float32(0))
        assert masked.with_nan(np.array([lowest, 0, np.nan], np.float32))[0] == lowest

    def test_an_average_on_its_way_to_the_grid_is_not_disturbed(
        self,
        new_scenes: Callable[[], Any],
        connected: Callable[[Any], LocalEarthEngine],
    ) -> None:
        """Filling masked pixels must come after the mean over finer ones, not before."""
        scenes = new_scenes()
        coarse = GRID[:8, :9]
        fine = GeoBox((24, 27), coarse.zoom_out(1 / 3).transform, coarse.crs)
        values = np.random.default_rng(6).normal(size=(24, 27)).astype(np.float32)
        values[:6, :6] = np.nan
        values[10, 10] = np.nan
        scenes.image("FINE", {"b": values}, fine)
        connected(scenes)
        image = averaged(ee.Image("FINE"), coarse, 30.0)
        (found,) = read_window(image, ["b"], coarse)
        blocks = values.reshape(8, 3, 9, 3).astype(np.float64)
        valid = ~np.isnan(blocks)
        with np.errstate(invalid="ignore"):
            means = np.where(valid, blocks, 0).sum(axis=(1, 3)) / valid.sum(axis=(1, 3))
        np.testing.assert_allclose(found, means.astype(np.float32), rtol=1e-6)
        assert np.isnan(found[:2, :2]).all()


class TestGrid:
    def test_a_request_carries_the_window_to_the_bit(self, service: LocalEarthEngine) -> None:
        window = GRID[10:20, 7:31]
        read_window(ee.Image("STACK"), ["moisture"], window)
        (body,) = requests(service)
        assert set(body) <= {"expression", "fileFormat", "grid", "workloadTag"}
        grid = body["grid"]
        assert grid["dimensions"] == {"width": 24, "height": 10}
        assert grid["crsCode"] == "EPSG:4326"
        order = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
        assert [grid["affineTransform"][name] for name in order] == list(window.transform)[:6]

    def test_quarters_equal_the_whole(self, service: LocalEarthEngine) -> None:
        whole = read_window(ee.Image("STACK"), NAMES, GRID)
        rows, cols = (side // 2 for side in GRID.shape.yx)
        north = [
            read_window(ee.Image("STACK"), NAMES, GRID[:rows, part])
            for part in (slice(0, cols), slice(cols, None))
        ]
        south = [
            read_window(ee.Image("STACK"), NAMES, GRID[rows:, part])
            for part in (slice(0, cols), slice(cols, None))
        ]
        stitched = np.concatenate([np.concatenate(row, axis=2) for row in (north, south)], axis=1)
        np.testing.assert_array_equal(stitched, whole)

    def test_a_crs_without_a_number_is_sent_in_words(self) -> None:
        albers = "+proj=aea +lat_1=25 +lat_2=47 +lon_0=105 +datum=WGS84 +units=m"
        grid = request_grid(geobox_of_region(0, 0, 900, 900, albers, 90.0))
        assert "crsCode" not in grid
        assert "Albers" in grid["crsWkt"]


class TestBudget:
    def test_a_tile_of_512_px_holds_19_bands(self) -> None:
        assert len(windows_within_budget((512, 512), 19)) == 1
        assert len(windows_within_budget((512, 512), 20)) == 2

    def test_groups_of_bands_are_alike(self) -> None:
        groups = [part.bands[1] - part.bands[0] for part in windows_within_budget((512, 512), 40)]
        assert groups == [13, 13, 14]

    def test_a_band_too_large_is_quartered(self) -> None:
        parts = windows_within_budget((4096, 4096), 1)
        assert len(parts) == 4
        assert {part.shape for part in parts} == {(1, 2048, 2048)}

    @given(
        st.integers(1, 40_000),
        st.integers(1, 40_000),
        st.integers(1, 1500),
        st.sampled_from([BUDGET_BYTES, 2**40]),
    )
    def test_parts_are_within_the_limits(
        self, rows: int, cols: int, bands: int, budget: int
    ) -> None:
        values = 0
        parts = windows_within_budget((rows, cols), bands if rows * cols < 10**6 else 1, budget)
        for part in parts:
            n_bands, n_rows, n_cols = part.shape
            assert n_bands * n_rows * n_cols * BYTES_PER_VALUE <= budget
            assert n_bands <= MAXIMUM_BANDS
            assert max(n_rows, n_cols) <= MAXIMUM_SIDE_PX
            values += n_bands * n_rows * n_cols
        assert values == rows * cols * (bands if rows * cols < 10**6 else 1)

    @given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12), st.integers(5, 900))
    def test_parts_cover_all_once(self, rows: int, cols: int, bands: int, budget: int) -> None:
        seen = np.zeros((bands, rows, cols), int)
        for part in windows_within_budget((rows, cols), bands, budget):
            seen[part.slices()] += 1
        assert (seen == 1).all()

    @pytest.mark.parametrize(
        ("shape", "bands", "budget"), [((0, 5), 1, 99), ((5, 5), 0, 99), ((5, 5), 1, 4)]
    )
    def test_nothing_to_ask_for_is_an_error(
        self, shape: tuple[int, int], bands: int, budget: int
    ) -> None:
        with pytest.raises(GridError):
            windows_within_budget(shape, bands, budget)

    def test_the_plateau_takes_few_requests_more_than_its_bytes_ask_for(self) -> None:
        """19 bands in tiles of 512 px: each a single request of nearly the whole budget."""
        tiles = tiles_of(plateau_geobox(), 512)
        sent = sum(len(windows_within_budget(tile.shape, 19)) for tile in tiles)
        assert sent == len(tiles)

    def test_a_window_beyond_the_service_s_limit_is_read_whole(
        self, service: LocalEarthEngine
    ) -> None:
        """52 MB: one request for all would be refused."""
        grid = GeoBox((1700, 1550), GRID.transform, GRID.crs)
        names = [f"b{number}" for number in range(4)]
        image = ee.Image.constant([1.5, 2.5, 3.5, 4.5]).rename(names)
        found = read_window(image, names, grid)
        assert len(requests(service)) == 4
        for number in range(4):
            assert (found[number] == number + 1.5).all()


class TestDivision:
    def test_a_window_too_heavy_is_divided_and_stitched(
        self, service: LocalEarthEngine, truth: dict[str, Array]
    ) -> None:
        rows, cols = GRID.shape.yx
        service.faults.inject("memory", larger_than_px=rows * cols // 10, times=None)
        found = read_window(ee.Image("STACK"), NAMES, GRID)
        np.testing.assert_array_equal(found, np.stack([truth[name] for name in NAMES]))
        answered = service.requests.calls("image:computePixels", status=200)
        assert len(answered) == 2 * 16, "bands are halved once, then the window quartered twice"
        assert len(service.requests.calls("image:computePixels", status=400)) == 1 + 2 + 2 * 4

    def test_bands_are_halved_first(
        self, service: LocalEarthEngine, truth: dict[str, Array]
    ) -> None:
        service.faults.inject("timeout", call="image:computePixels", times=1)
        found = read_window(ee.Image("STACK"), NAMES, GRID)
        np.testing.assert_array_equal(found, np.stack([truth[name] for name in NAMES]))
        assert [body["grid"] for body in requests(service)] == [request_grid(GRID)] * 3

    def test_division_ends(self, service: LocalEarthEngine) -> None:
        service.faults.inject("memory", call="image:computePixels", times=None)
        with pytest.raises(TooLargeError, match="moisture"):
            read_window(ee.Image("STACK"), NAMES, GRID)
        assert len(requests(service)) == 4, "one at each depth, and no more once it is given up"

    def test_a_pixel_of_a_band_is_not_divided(self, service: LocalEarthEngine) -> None:
        service.faults.inject("memory", call="image:computePixels", times=None)
        with pytest.raises(TooLargeError):
            read_window(ee.Image("STACK"), ["edge"], GRID[:1, :1])
        assert len(requests(service)) == 1

    @given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(0, 3))
    def test_what_is_divided_is_neither_lost_nor_doubled(
        self, bands: int, rows: int, cols: int, divisions: int
    ) -> None:
        part = Part((2, 2 + bands), (3, 3 + rows), (5, 5 + cols))
        seen = np.zeros((20, 20, 20), int)
        for smaller in pixels._divided(part, divisions):
            seen[smaller.slices()] += 1
        assert (seen[part.slices()] == 1).all()
        assert seen.sum() == bands * rows * cols


class TestAnswers:
    def test_half_an_answer_is_asked_for_again(
        self, service: LocalEarthEngine, truth: dict[str, Array], no_waiting: None
    ) -> None:
        service.faults.inject("truncated", call="image:computePixels", times=2)
        service.faults.inject("dropped", call="image:computePixels", times=1)
        (found,) = read_window(ee.Image("STACK"), ["moisture"], GRID)
        np.testing.assert_array_equal(found, truth["moisture"])
        assert len(requests(service)) == 4

    @pytest.mark.parametrize("kept", [0, 1, 40, 127, 128, -1])
    def test_wherever_it_breaks_off(self, kept: int) -> None:
        whole = _npy({"a": np.ones((4, 5), np.float32)})
        with pytest.raises(BusyError, match="broken off"):
            pixels._decode(whole[:kept], ["a"], np.empty((1, 4, 5), np.float32), "window")

    def test_an_answer_of_another_shape_is_refused(self) -> None:
        content = _npy({"a": np.ones((4, 5), np.float32)})
        for names, shape in ((["a"], (1, 5, 4)), (["b"], (1, 4, 5))):
            with pytest.raises(AssetError, match="4 x 5"):
                pixels._decode(content, names, np.empty(shape, np.float32), "window")

    def test_a_band_that_the_image_lacks_is_named(self, service: LocalEarthEngine) -> None:
        with pytest.raises(AssetError, match="depth"):
            read_window(ee.Image("STACK"), ["moisture", "depth"], GRID)

    def test_the_window_is_named_in_errors(self, service: LocalEarthEngine) -> None:
        with pytest.raises(AssetError) as caught:
            read_window(ee.Image("NOWHERE"), NAMES, GRID[:10, :20])
        assert "10 x 20 pixels from (92.9999, 35.0405) of " in str(caught.value)
        assert "moisture, zeros, counts and 1 more" in str(caught.value)


def _npy(bands: dict[str, Array]) -> bytes:
    shape = next(iter(bands.values())).shape
    table = np.empty(shape, [(name, np.float32) for name in bands])
    for name, band in bands.items():
        table[name] = band
    buffer = io.BytesIO()
    np.save(buffer, table)
    return buffer.getvalue()


class TestMemory:
    def test_windows_after_a_refusal_are_asked_at_the_size_that_passed(
        self, service: LocalEarthEngine, truth: dict[str, Array]
    ) -> None:
        rows, cols = GRID.shape.yx
        service.faults.inject("memory", larger_than_px=rows * cols // 10, times=None)
        size = request_size(len(NAMES))
        first = 1 + 2 + 2 * 4
        for _ in range(4):
            found = read_window(ee.Image("STACK"), NAMES, GRID, size)
            np.testing.assert_array_equal(found, np.stack([truth[name] for name in NAMES]))
        refused = len(service.requests.calls("image:computePixels", status=400))
        assert first <= refused <= first + 2, "and now and then whether it takes more again"
        assert len(size.refusals) == refused

    def test_what_is_refused_however_small_is_no_size(self, service: LocalEarthEngine) -> None:
        """Fault: one poisoned window makes all others as small as it was divided."""
        service.faults.inject("memory", call="image:computePixels", times=4)
        size = request_size(len(NAMES))
        with pytest.raises(TooLargeError):
            read_window(ee.Image("STACK"), NAMES, GRID, size)
        read_window(ee.Image("STACK"), NAMES, GRID, size)
        assert len(requests(service)) == 4 + 1

    @given(
        st.tuples(st.integers(1, 9), st.integers(1, 40), st.integers(1, 40)),
        st.tuples(st.integers(1, 9), st.integers(1, 900)),
    )
    def test_what_is_cut_to_size_is_neither_lost_nor_doubled(
        self, shape: tuple[int, int, int], largest: tuple[int, int]
    ) -> None:
        part = Part(
            *((start, start + length) for start, length in zip((2, 3, 5), shape, strict=True))
        )
        seen = np.zeros((20, 50, 50), int)
        for smaller in pixels._cut(part, largest):
            bands, rows, cols = smaller.shape
            assert bands <= largest[0]
            assert rows * cols <= largest[1]
            seen[smaller.slices()] += 1
        assert (seen[part.slices()] == 1).all()
        assert seen.sum() == np.prod(shape)
