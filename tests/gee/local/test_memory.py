"""What the service holds in memory while it computes, and that no value depends on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import ee
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from gee.local import outputs
from gee.local.grids import WGS84, PixelGrid
from gee.local.pixels import PixelCache, Pixels, everywhere, stored_bytes
from gee.local.rasters import Level
from gee.local.recent import Recent

ReadPixels = Callable[..., np.ndarray[Any, Any]]
BAND_BYTES = 64 * 96 * 8
"""A band of the test's images in 64 bits."""


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """How often each function was computed on each grid, and the most that a cache held."""
    seen: dict[str, Any] = {"times": Counter(), "most_bytes": 0, "functions": []}
    keep = PixelCache._keep

    def counted(self: PixelCache, key: Any, entry: Any) -> None:
        seen["functions"].append(entry.function)  # kept, so that ids stay apart
        seen["times"][key] += 1
        keep(self, key, entry)
        seen["most_bytes"] = max(seen["most_bytes"], self.size_bytes)

    monkeypatch.setattr(PixelCache, "_keep", counted)
    return seen


def chain(scenes: Any) -> Any:
    """A mean over many images, each of which takes several steps that share inputs."""

    def corrected(image: Any) -> Any:
        ratio = image.select("VV").divide(image.select("VH"))
        clear = ratio.gt(0.1).And(image.select("VH").lt(0.9))
        return image.select("VV").log10().multiply(10).add(ratio).updateMask(clear)

    copies = [scenes.map(lambda one, n=n: corrected(one.add(n / 100))) for n in range(5)]
    return ee.ImageCollection(ee.FeatureCollection(copies).flatten()).mean()


class TestLastReads:
    def test_a_composite_holds_a_few_scenes_at_a_time(
        self, pixels: ReadPixels, computed: dict[str, Any]
    ) -> None:
        """Fault: every intermediate result of every scene stays until the request ends."""
        pixels(chain(ee.ImageCollection("SCENES")))
        assert len(computed["times"]) > 30 * 8
        assert computed["most_bytes"] < 20 * BAND_BYTES

    def test_nothing_is_computed_twice(self, pixels: ReadPixels, computed: dict[str, Any]) -> None:
        """Fault: what is shared by several bands is let go after the first, and made anew."""
        mean = chain(ee.ImageCollection("SCENES"))
        hills = ee.Terrain.products(ee.Image("HILLS"))
        pixels(mean.addBands(mean.multiply(2).rename("twice")).addBands(hills).unmask(-1))
        assert set(computed["times"].values()) == {1}

    def test_values_do_not_depend_on_the_memory_there_is(
        self, pixels: ReadPixels, service: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Fault: pixels that were let go come back as something else."""
        image = chain(ee.ImageCollection("SCENES")).addBands(ee.Terrain.slope(ee.Image("HILLS")))
        enough = pixels(image.unmask(-9))
        monkeypatch.setattr(service, "request_cache_bytes", 1)
        np.testing.assert_array_equal(pixels(image.unmask(-9)), enough)

    def test_what_is_read_by_two_stays_for_the_second(self) -> None:
        cache, grid = PixelCache(2**20), PixelGrid(WGS84, 0, 0, 4, 3)
        calls: Counter[str] = Counter()

        def source(grid: PixelGrid) -> Pixels:
            calls["source"] += 1
            return Pixels(np.zeros(grid.shape), everywhere(grid))

        def reader(grid: PixelGrid) -> Any:
            return cache.get(source, grid)

        def other(grid: PixelGrid) -> Any:
            return cache.get(source, grid)

        functions = {id(one): one for one in (source, reader, other)}
        cache.expect({id(source): 2, id(reader): 1, id(other): 1}, functions)
        cache.get(reader, grid)
        assert (id(source), grid) in cache.entries
        cache.get(other, grid)
        assert calls["source"] == 1
        assert not cache.entries
        assert cache.size_bytes == 0


class TestStrips:
    @pytest.mark.parametrize("rows", [1, 7, 63])
    def test_a_request_in_strips_gives_the_same_bytes(
        self, pixels: ReadPixels, monkeypatch: pytest.MonkeyPatch, rows: int
    ) -> None:
        """Fault: neighbours missing at a strip's edge, rows lost or doubled."""
        hills = ee.Image("HILLS")
        near = hills.focalMean(3, units="pixels").subtract(hills).rename("near")
        coarse = hills.reproject("EPSG:4326", None, 40).rename("coarse")
        mean = chain(ee.ImageCollection("SCENES")).rename("mean")
        image = ee.Terrain.products(hills).addBands([near, coarse, mean]).unmask(-9)
        whole = pixels(image)
        monkeypatch.setattr(outputs, "STRIP_PX", 96 * rows)
        np.testing.assert_array_equal(pixels(image), whole)

    def test_memory_does_not_grow_with_the_grid(
        self, pixels: ReadPixels, computed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(outputs, "STRIP_PX", 96 * 8)
        pixels(chain(ee.ImageCollection("SCENES")))
        assert computed["most_bytes"] < 20 * BAND_BYTES / 8


@st.composite
def levels(draw: st.DrawFn) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Values of few kinds with a mask, alike in shape."""
    shape = draw(array_shapes(min_dims=2, max_dims=2, max_side=6))
    values = draw(arrays(np.int16, shape, elements=st.integers(-1, 2)))
    mask = draw(
        st.one_of(
            st.just(np.ones(shape, dtype=bool)),
            st.just(values != 2),
            arrays(np.bool_, shape),
            arrays(np.float32, shape, elements=st.sampled_from([0.0, 0.25, 1.0])),
        )
    )
    return values, mask


class TestLevels:
    @given(level=levels(), data=st.data())
    def test_a_mask_is_the_same_however_it_is_kept(
        self, level: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]], data: st.DataObject
    ) -> None:
        """Fault: a valid pixel that holds the value of masked ones is lost."""
        values, mask = level
        kept = Level.of(values, mask)
        np.testing.assert_array_equal(kept.whole_mask(), mask)
        places = data.draw(arrays(np.int64, (2, 3), elements=st.integers(0, values.size - 1)))
        inside = data.draw(arrays(np.bool_, (2, 3)))
        found = kept.pick(places, inside)
        np.testing.assert_array_equal(found.values, values.ravel()[places])
        np.testing.assert_array_equal(found.mask, np.where(inside, mask.ravel()[places], 0))

    def test_masks_that_the_values_tell_take_nothing(self) -> None:
        values = np.arange(12, dtype=np.uint16).reshape(3, 4)
        assert Level.of(values, values >= 0).size_bytes == values.nbytes
        assert Level.of(values, values != 7).size_bytes == values.nbytes
        assert Level.of(values, values > 7).size_bytes == values.nbytes + 12


class TestRecent:
    def test_it_keeps_what_was_used_last_within_its_bytes(self) -> None:
        made: list[int] = []

        def make(number: int) -> Callable[[], bytes]:
            return lambda: made.append(number) or bytes(10)  # type: ignore[func-returns-value]

        recent: Recent[int, bytes] = Recent(25, len)
        for number in (1, 2, 1, 3, 1, 2):
            assert len(recent.get(number, make(number))) == 10
        assert made == [1, 2, 3, 2]
        assert recent.size_bytes == 20

    def test_one_that_is_too_large_is_given_all_the_same(self) -> None:
        recent: Recent[str, bytes] = Recent(5, len)
        assert recent.get("large", lambda: bytes(10)) == bytes(10)
        assert recent.size_bytes == 0


def test_what_is_broadcast_counts_once() -> None:
    """Fault: a constant image seems to fill the memory of a request."""
    assert stored_bytes(np.broadcast_to(np.float64(1), (100, 100))) == 8
    assert stored_bytes(np.zeros((100, 100), np.float32)) == 40_000
