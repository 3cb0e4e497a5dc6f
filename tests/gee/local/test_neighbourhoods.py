"""Focal functions, kernels and terrain, against scipy.ndimage and planes of known slope."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
import rasterio
from scipy import ndimage

from gee.local.algorithms import focal

Pixels = Callable[..., np.ndarray[Any, Any]]
INNER = (slice(8, -8), slice(8, -8))


@pytest.fixture
def hills(service: Any) -> Any:
    """Elevation."""
    return ee.Image("HILLS")


@pytest.fixture
def elevation(world: Path) -> np.ndarray[Any, Any]:
    """(rows, cols) float64 of the same elevation."""
    with rasterio.open(world / "hills.tif") as source:
        return source.read(1).astype(float)


def disc(radius: float) -> np.ndarray[Any, Any]:
    """A boolean disc."""
    half = int(radius)
    row, col = np.mgrid[-half : half + 1, -half : half + 1]
    found: np.ndarray[Any, Any] = row**2 + col**2 <= radius**2
    return found


class TestFocal:
    @pytest.mark.parametrize(
        ("name", "oracle"),
        [
            ("focalMean", lambda a, k: ndimage.generic_filter(a, np.mean, footprint=k)),
            ("focalMedian", lambda a, k: ndimage.median_filter(a, footprint=k)),
            ("focalMin", lambda a, k: ndimage.minimum_filter(a, footprint=k)),
            ("focalMax", lambda a, k: ndimage.maximum_filter(a, footprint=k)),
        ],
    )
    def test_against_scipy(
        self,
        pixels: Pixels,
        hills: Any,
        elevation: np.ndarray[Any, Any],
        name: str,
        oracle: Any,
    ) -> None:
        """Fault: a kernel of another size or shape."""
        found = pixels(getattr(hills, name)(2.5, "circle", "pixels"))["elevation"]
        expected = oracle(elevation, disc(2.5))
        np.testing.assert_allclose(found[INNER], expected[INNER], rtol=1e-6)

    def test_metres_follow_the_output_s_pixel(self, pixels: Pixels, hills: Any) -> None:
        """Point 5. Fault: a radius in metres taken for pixels, or fixed to native pixels."""
        in_metres = pixels(hills.focalMax(30, "square", "meters"))["elevation"]
        in_pixels = pixels(hills.focalMax(3, "square", "pixels"))["elevation"]
        np.testing.assert_array_equal(in_metres, in_pixels)
        fine = {"transform": (5.0, 0, 500_000.0, 0, -5.0, 4_000_000.0), "width": 192, "height": 128}
        metres = pixels(hills.focalMax(30, "square", "meters"), **fine)["elevation"]
        assert np.array_equal(
            metres, pixels(hills.focalMax(6, "square", "pixels"), **fine)["elevation"]
        )

    def test_pixels_mean_the_output_s_pixels(self, pixels: Pixels, hills: Any) -> None:
        """Point 5. Fault: native pixels, whatever grid is asked for."""
        coarse = {
            "transform": (20.0, 0, 500_000.0, 0, -20.0, 4_000_000.0),
            "width": 48,
            "height": 32,
        }
        found = pixels(hills.focalMax(1, "square", "pixels"), **coarse)["elevation"]
        level = pixels(hills, **coarse)["elevation"]
        expected = ndimage.maximum_filter(level, size=3)
        np.testing.assert_array_equal(found[1:-1, 1:-1], expected[1:-1, 1:-1])

    def test_masked_neighbours_count_for_nothing(self, pixels: Pixels, hills: Any) -> None:
        """Fault: masked pixels averaged as zeros, or holes left unfilled."""
        holes = hills.updateMask(ee.Image("PLACES").select("col").neq(20))
        found = pixels(holes.focalMean(1, "square"))["elevation"]
        level = pixels(hills)["elevation"].astype(float)
        level[:, 20] = np.nan
        expected = ndimage.generic_filter(level, np.nanmean, size=3)
        np.testing.assert_allclose(found[INNER], expected[INNER], rtol=1e-6)

    def test_strips_give_the_same(
        self, pixels: Pixels, hills: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Fault: rows lost where neighbours are gathered in strips."""
        whole = pixels(hills.focalMedian(2))
        monkeypatch.setattr(focal, "STACK_VALUES", 13 * 96 * 5)
        np.testing.assert_array_equal(pixels(hills.focalMedian(2)), whole)

    def test_mode(self, pixels: Pixels, service: Any) -> None:
        """Fault: the mean of classes."""
        classes = ee.Image("PLACES").select("col").divide(10).toInt()
        found = pixels(classes.focalMode(1, "square"))["col"]
        assert found[10, 8:13].tolist() == [0, 0, 1, 1, 1]


class TestKernels:
    def test_convolve_against_scipy(
        self, pixels: Pixels, hills: Any, elevation: np.ndarray[Any, Any]
    ) -> None:
        """Fault: a kernel that is not normalised, or turned."""
        gaussian = pixels(hills.convolve(ee.Kernel.gaussian(3, 1.5)))["elevation"]
        row, col = np.mgrid[-2:3, -2:3]
        weights = np.exp(-(row**2 + col**2) / (2 * 1.5**2))
        expected = ndimage.correlate(elevation, weights / weights.sum())
        np.testing.assert_allclose(gaussian[INNER], expected[INNER], rtol=1e-6)
        second = ee.Kernel.fixed(3, 3, [[0, 0, 0], [1, -2, 1], [0, 0, 0]])
        found = pixels(hills.toDouble().convolve(second))["elevation"]
        expected = elevation[:, 2:] - 2 * elevation[:, 1:-1] + elevation[:, :-2]
        np.testing.assert_allclose(found[8:-8, 8:-8], expected[8:-8, 7:-7], atol=1e-9)
        curved = pixels(hills.toDouble().convolve(ee.Kernel.laplacian4()))["elevation"]
        expected = ndimage.laplace(elevation)
        np.testing.assert_allclose(curved[INNER], expected[INNER], atol=1e-9)

    def test_convolve_masks_where_a_neighbour_is_masked(self, pixels: Pixels, hills: Any) -> None:
        """Fault: a masked neighbour taken for 0."""
        valid = pixels(hills.convolve(ee.Kernel.square(1)).mask())["elevation"]
        assert valid[0].max() == 0
        assert valid[1:-1, 1:-1].min() == 1

    @pytest.mark.parametrize(
        ("kernel", "count"),
        [("square", 25), ("circle", 13), ("diamond", 13), ("plus", 9), ("cross", 9)],
    )
    def test_shapes(self, pixels: Pixels, service: Any, kernel: str, count: int) -> None:
        """Fault: a kernel with another number of pixels."""
        shape = getattr(ee.Kernel, kernel)(2, "pixels", False)
        assert pixels(ee.Image(1).convolve(shape))["constant"][0, 0] == count

    def test_reduce_neighborhood(
        self, pixels: Pixels, hills: Any, elevation: np.ndarray[Any, Any]
    ) -> None:
        """Fault: masked centres filled; names without the output's."""
        holes = hills.updateMask(ee.Image("PLACES").select("col").neq(20))
        spread = holes.reduceNeighborhood(ee.Reducer.stdDev(), ee.Kernel.square(1))
        found = pixels(spread.unmask(-9))["elevation_stdDev"]
        assert (found[:, 20] == -9).all()
        expected = ndimage.generic_filter(elevation, np.std, size=3)
        np.testing.assert_allclose(found[8:-8, 30:-8], expected[8:-8, 30:-8], rtol=1e-5)
        kept = holes.reduceNeighborhood(ee.Reducer.mean(), ee.Kernel.square(1), "mask", False)
        assert (pixels(kept.mask())["elevation_mean"][:, 20] == 1).all()

    def test_neighbourhood_to_bands(self, pixels: Pixels, service: Any) -> None:
        """Fault: offsets of the wrong sign, or columns and rows swapped."""
        image = ee.Image("PLACES").neighborhoodToBands(ee.Kernel.square(1))
        found = pixels(image)
        assert len(found.dtype.names) == 18
        assert found["col_1_0"][30, 40] == 41
        assert found["row_1_0"][30, 40] == 30
        assert found["row_0_-1"][30, 40] == 29

    def test_fast_distance_transform(self, pixels: Pixels, service: Any) -> None:
        """Fault: the distance itself, where the service gives its square."""
        row = ee.Image("PLACES").select("row")
        col = ee.Image("PLACES").select("col")
        target = col.eq(40).And(row.eq(30))
        found = pixels(target.fastDistanceTransform(20).unmask(-1))["distance"]
        rows, cols = np.indices((64, 96))
        squared = (rows - 30) ** 2 + (cols - 40) ** 2
        np.testing.assert_array_equal(found, np.where(squared <= 400, squared, -1))


class TestTerrain:
    @pytest.mark.parametrize(
        ("east", "north", "aspect"),
        [(0.3, 0, 270), (-0.3, 0, 90), (0, 0.3, 180), (0, -0.3, 0), (0.2, 0.2, 225), (0, 0, 0)],
    )
    def test_planes(
        self, pixels: Pixels, service: Any, east: float, north: float, aspect: float
    ) -> None:
        """Fault: aspect mirrored or uphill; slope in radians or percent."""
        places = ee.Image.pixelCoordinates(ee.Projection("EPSG:32646"))
        plane = places.select("x").multiply(east).add(places.select("y").multiply(north))
        found = pixels(ee.Terrain.products(plane.rename("elevation")), width=4, height=3)
        slope = np.degrees(np.arctan(np.hypot(east, north)))
        np.testing.assert_allclose(found["slope"], slope, rtol=1e-5)
        np.testing.assert_allclose(found["aspect"] % 360, aspect, atol=1e-3)

    def test_degrees_of_longitude_shrink_with_latitude(self, pixels: Pixels, service: Any) -> None:
        """Fault: slopes in EPSG:4326 as if a degree were as long everywhere."""
        east = ee.Image.pixelLonLat().select("longitude").multiply(111319.49079327358 * 0.1)
        found = pixels(
            ee.Terrain.slope(east),
            transform=(0.001, 0, 90, 0, -0.001, 60.001),
            width=3,
            height=2,
            crs="EPSG:4326",
        )
        expected = np.degrees(np.arctan(0.1 / np.cos(np.radians(60))))
        assert found["slope"][0, 0] == pytest.approx(expected, rel=1e-4)

    def test_slope_against_numpy_and_masked_at_the_edge(
        self, pixels: Pixels, hills: Any, elevation: np.ndarray[Any, Any]
    ) -> None:
        """Fault: one-sided differences at the edge, which the service masks."""
        found = pixels(ee.Terrain.slope(hills).unmask(-1))["slope"]
        down, right = np.gradient(elevation, 10.0)
        expected = np.degrees(np.arctan(np.hypot(down, right)))
        np.testing.assert_allclose(found[1:-1, 1:-1], expected[1:-1, 1:-1], rtol=1e-4)
        assert (found[0] == -1).all()
        assert (found[:, -1] == -1).all()

    def test_hillshade_is_bright_towards_the_sun(self, pixels: Pixels, service: Any) -> None:
        """Fault: the sun on the wrong side."""
        places = ee.Image.pixelCoordinates(ee.Projection("EPSG:32646"))
        facing_west = places.select("x").multiply(1.0).rename("elevation")
        shade = ee.Terrain.hillshade(facing_west, 270, 45)
        assert pixels(shade, width=2, height=2)["hillshade"][0, 0] == 255
        dark = ee.Terrain.hillshade(facing_west, 90, 45)
        assert pixels(dark, width=2, height=2)["hillshade"][0, 0] == 0
