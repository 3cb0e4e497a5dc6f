"""Reducers and composites, against numpy, scipy and numpy's own least squares."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
import rasterio
from scipy import stats

from gee.local.algorithms import composites

Pixels = Callable[..., np.ndarray[Any, Any]]


@pytest.fixture
def stack(world: Path) -> np.ndarray[Any, Any]:
    """(6, 2, rows, cols) float64: the scenes' VV and VH, NaN where masked."""
    layers = []
    for day in range(6):
        with rasterio.open(world / f"scene{day}.tif") as source:
            layers.append(source.read().astype(float))
    return np.stack(layers)


@pytest.fixture
def scenes(service: Any) -> Any:
    """The collection of the same scenes."""
    return ee.ImageCollection("SCENES")


class TestAgainstNumpy:
    @pytest.mark.parametrize(
        ("name", "function"),
        [
            ("mean", np.nanmean),
            ("median", np.nanmedian),
            ("min", np.nanmin),
            ("max", np.nanmax),
            ("sum", np.nansum),
            ("product", np.nanprod),
        ],
    )
    def test_composites(
        self,
        pixels: Pixels,
        scenes: Any,
        stack: np.ndarray[Any, Any],
        name: str,
        function: Any,
    ) -> None:
        """Fault: masked values counted, or the wrong axis reduced."""
        found = pixels(getattr(scenes, name)().unmask(-9))
        expected = function(stack, axis=0)
        valid = np.isfinite(stack).any(axis=0)
        for place, band in enumerate(("VV", "VH")):
            here = valid[place]
            np.testing.assert_allclose(found[band][here], expected[place][here], rtol=3e-7)
            assert (found[band][~here] == -9).all()

    @pytest.mark.parametrize(
        ("reducer", "suffix", "function"),
        [
            (lambda: ee.Reducer.stdDev(), "stdDev", np.nanstd),
            (lambda: ee.Reducer.variance(), "variance", np.nanvar),
            (lambda: ee.Reducer.count(), "count", lambda a, axis: np.isfinite(a).sum(axis)),
            (
                lambda: ee.Reducer.skew(),
                "skew",
                lambda a, axis: stats.skew(a, axis=axis, nan_policy="omit"),
            ),
        ],
    )
    def test_reduce_adds_the_output_s_name(
        self,
        pixels: Pixels,
        scenes: Any,
        stack: np.ndarray[Any, Any],
        reducer: Callable[[], Any],
        suffix: str,
        function: Any,
    ) -> None:
        """Point 7. Fault: names without suffixes, or another moment."""
        found = pixels(scenes.reduce(reducer()))
        assert found.dtype.names == (f"VV_{suffix}", f"VH_{suffix}")
        several = np.isfinite(stack[:, 0]).sum(axis=0) > 2
        expected = np.asarray(function(stack[:, 0], axis=0))
        np.testing.assert_allclose(
            found[f"VV_{suffix}"][several], expected[several], rtol=1e-6, atol=1e-9
        )

    def test_mean_and_others_add_no_suffix(self, scenes: Any) -> None:
        """Point 7. Fault: a suffix where the service has none."""
        assert scenes.mean().bandNames().getInfo() == ["VV", "VH"]
        both = scenes.reduce(ee.Reducer.percentile([10, 50]))
        assert both.bandNames().getInfo() == ["VV_p10", "VV_p50", "VH_p10", "VH_p50"]

    def test_percentiles_within_one_gap_of_numpy(
        self, pixels: Pixels, scenes: Any, stack: np.ndarray[Any, Any]
    ) -> None:
        """Point 10: for few values the rules differ, by no more than the gap between neighbours."""
        found = pixels(scenes.reduce(ee.Reducer.percentile([0, 25, 50, 90, 100])))
        layer = stack[:, 0]
        full = np.isfinite(layer).all(axis=0)
        ordered = np.sort(layer[:, full], axis=0)
        gap = np.diff(ordered, axis=0).max(axis=0)
        for percent in (25, 90):
            difference = np.abs(
                found[f"VV_p{percent}"][full] - np.percentile(layer[:, full], percent, axis=0)
            )
            assert (difference <= gap + 1e-6).all()
            assert difference.max() > 0
        np.testing.assert_allclose(found["VV_p0"][full], ordered[0], rtol=1e-6)
        np.testing.assert_allclose(found["VV_p100"][full], ordered[-1], rtol=1e-6)
        np.testing.assert_allclose(found["VV_p50"][full], np.median(ordered, axis=0), rtol=1e-6)

    def test_mode_first_last_and_truth(self, pixels: Pixels, service: Any) -> None:
        """Fault: ties that take the larger value; the order of images reversed."""
        images = ee.ImageCollection([ee.Image(v).toInt16() for v in (3, 1, 1, 0, 3)])
        assert pixels(images.mode())["constant"][0, 0] == 1
        assert pixels(images.reduce(ee.Reducer.first()))["constant_first"][0, 0] == 3
        assert pixels(images.limit(2).reduce(ee.Reducer.last()))["constant_last"][0, 0] == 1
        assert pixels(images.And())["constant"][0, 0] == 0
        assert pixels(images.Or())["constant"][0, 0] == 1
        assert pixels(images.reduce(ee.Reducer.countDistinctNonNull()))[0, 0][0] == 3

    def test_average_in_power_then_decibels(
        self, pixels: Pixels, scenes: Any, stack: np.ndarray[Any, Any]
    ) -> None:
        """Fault: 32-bit sums that lose 1e-4 dB."""
        image = scenes.select("VV").mean().log10().multiply(10)
        expected = 10 * np.log10(np.nanmean(stack[:, 0], axis=0))
        valid = np.isfinite(expected)
        assert np.abs(pixels(image)["VV"][valid] - expected[valid]).max() < 1e-4

    def test_a_composite_is_the_same_in_strips(
        self, pixels: Pixels, scenes: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Fault: rows lost or doubled where a stack is reduced in strips."""
        whole = pixels(scenes.median().unmask(-9))
        monkeypatch.setattr(composites, "STACK_BYTES", 8 * 96 * 6 * 3 * 5)
        np.testing.assert_array_equal(pixels(scenes.median().unmask(-9)), whole)


class TestOrder:
    def test_mosaic_puts_the_last_on_top(self, pixels: Pixels, scenes: Any, stack: Any) -> None:
        """Fault: the first on top; masked pixels of the last shown."""
        found = pixels(scenes.select("VV").mosaic().unmask(-9))["VV"]
        expected = np.full((64, 96), -9.0)
        for layer in stack[:, 0]:
            expected = np.where(np.isfinite(layer), layer, expected)
        np.testing.assert_allclose(found, expected, rtol=1e-6)

    def test_quality_mosaic_takes_the_best_image(
        self, pixels: Pixels, scenes: Any, stack: Any
    ) -> None:
        """Fault: the bands of different images mixed."""
        found = pixels(scenes.qualityMosaic("VH").unmask(-9))
        best = np.nan_to_num(stack[:, 1], nan=-np.inf).argmax(axis=0)
        some = np.isfinite(stack[:, 1]).any(axis=0)
        picked = np.take_along_axis(stack[:, 1], best[None], axis=0)[0]
        np.testing.assert_allclose(found["VH"][some], picked[some], rtol=1e-6)

    def test_to_bands_and_combine(self, scenes: Any) -> None:
        """Fault: names without the image's index."""
        assert scenes.limit(2).select("VV").toBands().bandNames().getInfo() == ["S0_VV", "S1_VV"]
        joined = scenes.select("VV").combine(scenes.select(["VH"], ["cross"]))
        assert joined.first().bandNames().getInfo() == ["VV", "cross"]


class TestReducers:
    def test_image_reduce_works_across_bands(self, pixels: Pixels, service: Any) -> None:
        """Fault: reduced over space, or masked bands counted."""
        image = ee.Image("PLACES")
        found = pixels(image.reduce(ee.Reducer.sum()))["sum"]
        row, col = np.indices((64, 96))
        np.testing.assert_array_equal(found, row + col)

    def test_combine_and_set_outputs(self, service: Any) -> None:
        """Fault: outputs in the wrong order or of equal names."""
        both = ee.Reducer.mean().combine(ee.Reducer.stdDev(), "", True)
        values = ee.List([1, 2, 3, 4]).reduce(both).getInfo()
        assert values == {"mean": 2.5, "stdDev": pytest.approx(np.std([1, 2, 3, 4]))}
        named = ee.Reducer.minMax().setOutputs(["low", "high"])
        assert ee.List([4, 2, 9]).reduce(named).getInfo() == {"low": 2, "high": 9}

    def test_weighted_by_the_mask(self, pixels: Pixels, service: Any) -> None:
        """Fault: a pixel of mask 0.25 counts as much as a whole one."""
        images = ee.ImageCollection(
            [ee.Image(0).toFloat().updateMask(0.25), ee.Image(10).toFloat()]
        )
        assert pixels(images.mean())["constant"][0, 0] == pytest.approx(8)
        plain = images.reduce(ee.Reducer.mean().unweighted())
        assert pixels(plain)["constant_mean"][0, 0] == 5

    def test_linear_fit_and_correlation(self, service: Any) -> None:
        """Fault: x and y swapped."""
        generator = np.random.default_rng(3)
        x = generator.random(30)
        y = 3 * x + generator.random(30)
        pairs = ee.List(np.column_stack([x, y]).tolist())
        fit = pairs.reduce(ee.Reducer.linearFit()).getInfo()
        slope, offset = np.polyfit(x, y, 1)
        assert fit == {"scale": pytest.approx(slope), "offset": pytest.approx(offset)}
        correlation = pairs.reduce(ee.Reducer.pearsonsCorrelation()).getInfo()
        assert correlation["correlation"] == pytest.approx(np.corrcoef(x, y)[0, 1])

    def test_histograms_and_groups(self, service: Any) -> None:
        """Fault: a right edge counted in, or groups out of order."""
        values = ee.List([1, 1, 2, 5])
        counts = values.reduce(ee.Reducer.frequencyHistogram()).getInfo()
        assert counts == {"1": 2, "2": 1, "5": 1}
        bins = values.reduce(ee.Reducer.fixedHistogram(0, 6, 3)).getInfo()
        assert bins == [[0, 2], [2, 1], [4, 1]]
        assert values.reduce(ee.Reducer.toList()).getInfo() == [1, 1, 2, 5]
        assert values.reduce(ee.Reducer.intervalMean(0, 70)).getInfo() == pytest.approx(4 / 3)

    def test_regression_of_a_harmonic_over_time(self, pixels: Pixels, scenes: Any) -> None:
        """Fault: coefficients transposed, or masked dates counted."""
        generator = np.random.default_rng(5)
        times = generator.random(12)
        noise = generator.normal(0, 0.1, 12)
        values = 3 + 2 * np.cos(2 * np.pi * times) - np.sin(2 * np.pi * times) + noise
        images = ee.ImageCollection(
            [
                ee.Image.constant(
                    [1, float(np.cos(2 * np.pi * t)), float(np.sin(2 * np.pi * t)), float(v)]
                ).toDouble()
                for t, v in zip(times, values, strict=True)
            ]
        )
        last = ee.ImageCollection(images.toList(1, 11)).map(lambda image: image.updateMask(0))
        hidden = images.limit(11).merge(last)
        fit = hidden.reduce(ee.Reducer.linearRegression(3, 1))
        assert fit.bandNames().getInfo() == ["coefficients", "residuals"]
        flat = fit.select("coefficients").arrayProject([0]).arrayFlatten([["c", "a", "b"]])
        found = pixels(flat, width=2, height=2)[0, 0].tolist()
        design = np.column_stack(
            [np.ones(11), np.cos(2 * np.pi * times[:11]), np.sin(2 * np.pi * times[:11])]
        )
        expected, residual, *_ = np.linalg.lstsq(design, values[:11], rcond=None)
        assert found == pytest.approx(tuple(expected), rel=1e-9)
        rms = fit.select("residuals").arrayGet([0])
        assert pixels(rms, width=1, height=1)[0, 0][0] == pytest.approx(np.sqrt(residual[0] / 11))

    def test_an_underdetermined_regression_is_masked(self, pixels: Pixels, service: Any) -> None:
        """Fault: coefficients out of nothing."""
        images = ee.ImageCollection([ee.Image.constant([1, 2, v]).toDouble() for v in (1, 2, 3)])
        fit = images.reduce(ee.Reducer.linearRegression(2, 1)).select("coefficients")
        flat = fit.arrayProject([0]).arrayFlatten([["a", "b"]]).unmask(-9)
        assert pixels(flat, width=1, height=1)[0, 0].tolist() == (-9, -9)

    def test_arrays_of_bands(self, pixels: Pixels, service: Any) -> None:
        """Fault: elements in another order; arithmetic on arrays that is not known here."""
        array = ee.Image("PLACES").toArray()
        assert pixels(array.arrayGet([1]))["array"][7, 3] == 7
        back = array.arrayFlatten([["c", "r"]])
        assert pixels(back)["c"][7, 3] == 3
        with pytest.raises(ee.EEException, match="array band"):
            pixels(array.add(1))
        with pytest.raises(ee.EEException, match="array"):
            pixels(array)
