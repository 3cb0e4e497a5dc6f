"""Reducers, bands, and what is computed pixel by pixel. Each against a known value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ee
import numpy as np
import pytest
from oracle_cases import NUMBERS, Case, call, holds
from scipy import special, stats

Pixels = Callable[..., np.ndarray[Any, Any]]
pytestmark = pytest.mark.usefixtures("service")

CASES: list[Case] = [
    # reducers
    (lambda: reduced(ee.Reducer.allNonZero()), 1),
    (lambda: reduced(ee.Reducer.anyNonZero()), 1),
    (lambda: reduced(ee.Reducer.firstNonNull()), 1),
    (lambda: reduced(ee.Reducer.lastNonNull()), 7),
    (lambda: ee.List([None, "a", "b"]).reduce(ee.Reducer.first()), None),
    (lambda: ee.List([None, "a", "b"]).reduce(ee.Reducer.firstNonNull()), "a"),
    (lambda: ee.List([1, 2, None]).reduce(ee.Reducer.lastNonNull()), 2),
    (lambda: reduced(ee.Reducer.mode()), 2),
    (lambda: reduced(ee.Reducer.product()), 28),
    (lambda: reduced(ee.Reducer.kurtosis()), float(stats.kurtosis(NUMBERS))),
    (lambda: reduced(ee.Reducer.sampleStdDev()), float(np.std(NUMBERS, ddof=1))),
    (lambda: reduced(ee.Reducer.sampleVariance()), float(np.var(NUMBERS, ddof=1))),
    (lambda: ee.Reducer.minMax().getOutputs(), ["min", "max"]),
    (lambda: ee.List([[1, 5], [3, 2]]).reduce(ee.Reducer.max(2)), {"max": 3, "max1": 2}),
    (lambda: ee.List([[1, 5], [3, 2]]).reduce(ee.Reducer.mean().repeat(2)), [2, 3.5]),
    (
        lambda: ee.List([[1, 5], [3, 2]]).reduce(ee.Reducer.sum().forEach(["a", "b"])),
        {"a": 4, "b": 7},
    ),
    # bands
    (lambda: ee.Image("REFLECTANCE").slice(1, 3).bandNames(), ["red", "nir"]),
    (lambda: ee.Image("REFLECTANCE").regexpRename("^", "L8_").bandNames().get(0), "L8_green"),
    (
        lambda: ee.Image("PLACES").toByte().bandTypes().get("col"),
        {"type": "PixelType", "precision": "int", "min": 0, "max": 255},
    ),
    (lambda: call("Image.cat", images=[ee.Image(1), 2]).bandNames(), ["constant", "constant_1"]),
]


def reduced(reducer: Any) -> Any:
    """A reducer over 1, 2, 2 and 7."""
    return ee.List(NUMBERS).reduce(reducer)


@pytest.mark.parametrize(("make", "expected"), CASES)
def test_case(make: Callable[[], Any], expected: Any) -> None:
    """Fault: an algorithm bound to the wrong function."""
    holds(make, expected)


def test_special_functions(pixels: Pixels) -> None:
    """Fault: the complement for the function."""
    found = pixels(ee.Image(0.3).erfc(), width=1, height=1)[0, 0][0]
    assert found == pytest.approx(special.erfc(0.3), rel=1e-12)


@pytest.mark.parametrize(
    ("kernel", "measure"),
    [
        ("euclidean", np.hypot),
        ("manhattan", np.add),
        ("chebyshev", np.maximum),
    ],
)
def test_distance_kernels(pixels: Pixels, kernel: str, measure: Any) -> None:
    """Fault: weights that fall with the distance, or are normalised."""
    spike = ee.Image("PLACES").select("col").eq(40).And(ee.Image("PLACES").select("row").eq(30))
    found = pixels(spike.toDouble().convolve(getattr(ee.Kernel, kernel)(2)))["col"]
    row, col = np.abs(np.mgrid[-2:3, -2:3])
    np.testing.assert_allclose(found[28:33, 38:43], measure(row, col))


def test_laplacian_of_eight_neighbours(pixels: Pixels) -> None:
    """Fault: the corners left out."""
    spike = ee.Image("PLACES").select("col").eq(40).toDouble()
    found = pixels(spike.convolve(ee.Kernel.laplacian8()))["col"]
    assert found[30, 38:43].tolist() == [0, 3, -6, 3, 0]


def test_clip_to_collection_and_lengths(pixels: Pixels) -> None:
    """Fault: only the first feature kept."""
    col = ee.Image("PLACES").select("col")

    def strip(west: int) -> Any:
        corners = [500_000 + 10 * west, 3_999_000, 500_020 + 10 * west, 4_000_000]
        return ee.Feature(ee.Geometry.Rectangle(corners, "EPSG:32646", False))

    both = ee.FeatureCollection([strip(4), strip(10)])
    found = pixels(col.clipToCollection(both).unmask(-1, False))["col"][0]
    assert found[found >= 0].tolist() == [4, 5, 10, 11]
    length = ee.Image("PLACES").toArray().arrayLength(0)
    assert pixels(length, width=1, height=1)[0, 0][0] == 2


def test_count_of_a_collection(pixels: Pixels) -> None:
    """Fault: masked images counted."""
    images = ee.ImageCollection([ee.Image(1), ee.Image(1).updateMask(0), ee.Image(5)])
    assert pixels(images.count(), width=1, height=1)[0, 0][0] == 2


def test_aspect_alone(pixels: Pixels) -> None:
    """Fault: aspect of another sense than that of Terrain.products."""
    hills = ee.Image("HILLS")
    both = pixels(ee.Terrain.products(hills).unmask(-1))
    np.testing.assert_array_equal(
        pixels(ee.Terrain.aspect(hills).unmask(-1))["aspect"], both["aspect"]
    )
