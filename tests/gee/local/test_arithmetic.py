"""Arithmetic on images, against numpy on the same rasters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
import rasterio
from scipy import special

Pixels = Callable[..., np.ndarray[Any, Any]]


@pytest.fixture
def places() -> Any:
    """Bands col and row."""
    return ee.Image("PLACES")


class TestBandPairing:
    """Point 1: one band broadcasts; else the same names; else the order."""

    def test_a_single_band_goes_with_every_band(self, pixels: Pixels, places: Any) -> None:
        """Fault: only the first band computed, or the single band's name kept."""
        found = pixels(places.add(ee.Image(100)))
        assert found.dtype.names == ("col", "row")
        row, col = np.indices((64, 96))
        np.testing.assert_array_equal(found["col"], col + 100)
        np.testing.assert_array_equal(found["row"], row + 100)

    def test_the_longer_image_names_the_result(self, pixels: Pixels, places: Any) -> None:
        """Fault: names of the single band on the left."""
        found = pixels(ee.Image(100).subtract(places))
        assert found.dtype.names == ("col", "row")
        assert found["row"][5, 0] == 95

    def test_equal_names_are_matched_by_name(self, pixels: Pixels, places: Any) -> None:
        """Fault: bands of the same names in another order paired by position."""
        found = pixels(places.subtract(places.select(["row", "col"])))
        assert not found["col"].any()
        assert not found["row"].any()

    def test_other_names_are_matched_by_position(self, pixels: Pixels, places: Any) -> None:
        """Fault: an error, or pairing by name where only one name agrees."""
        other = places.select(["row", "col"], ["col", "b"])
        found = pixels(places.subtract(other))
        row, col = np.indices((64, 96))
        np.testing.assert_array_equal(found["col"], col - row)

    def test_unequal_numbers_of_bands_are_refused(self, pixels: Pixels, places: Any) -> None:
        """Fault: the surplus band dropped silently."""
        three = places.addBands(ee.Image(1))
        with pytest.raises(ee.EEException, match="same number of bands"):
            pixels(places.add(three))


class TestTypes:
    """Point 1: types of results; integer division gives fractions."""

    @pytest.mark.parametrize(
        ("image", "dtype"),
        [
            (lambda i: i.add(1), "int64"),
            (lambda i: i.toShort().add(1), "int32"),
            (lambda i: i.divide(2), "float32"),
            (lambda i: i.multiply(0.5), "float64"),
            (lambda i: i.toFloat().add(1), "float32"),
            (lambda i: i.gt(3), "uint8"),
            (lambda i: i.toByte().add(i.toByte()), "uint16"),
            (lambda i: i.toUint8().subtract(1), "int16"),
            (lambda i: i.sqrt(), "float64"),
            (lambda i: i.toFloat().sqrt(), "float32"),
            (lambda i: i.toShort(), "int16"),
        ],
    )
    def test_result_types(
        self, pixels: Pixels, places: Any, image: Callable[[Any], Any], dtype: str
    ) -> None:
        """Fault: sums of bytes that wrap around, or floats widened without need."""
        assert pixels(image(places.select("col")))["col"].dtype == dtype

    def test_integer_division_keeps_the_fraction(self, pixels: Pixels, places: Any) -> None:
        """Fault: integer division truncated."""
        found = pixels(places.select("col").divide(2))["col"]
        np.testing.assert_array_equal(found[0], np.arange(96) / 2)

    def test_sum_of_bytes_does_not_wrap(self, pixels: Pixels) -> None:
        """Fault: 200 + 100 = 44."""
        image = ee.Image(200).toByte().add(ee.Image(100).toByte())
        assert pixels(image)["constant"][0, 0] == 300

    def test_casts_hold_values_to_the_range(self, pixels: Pixels) -> None:
        """Fault: casts that wrap around or round."""
        bands = ee.Image([300, -5, 1.9, -1.9]).toByte()
        assert pixels(bands)[0, 0].tolist() == (255, 0, 1, 0)
        assert pixels(ee.Image([1.9, -1.9]).toInt16())[0, 0].tolist() == (1, -1)

    def test_band_types_are_described(self, service: Any, places: Any) -> None:
        """Fault: getInfo without types or projections."""
        band = places.select("col").toByte().getInfo()["bands"][0]
        assert band["data_type"] == {
            "type": "PixelType",
            "precision": "int",
            "min": 0,
            "max": 255,
        }
        assert band["crs"] == "EPSG:32646"


BINARY = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
    "atan2": lambda x, y: np.arctan2(y, x),
    "hypot": np.hypot,
    "pow": np.power,
    "lt": np.less,
    "lte": np.less_equal,
    "gt": np.greater,
    "gte": np.greater_equal,
    "eq": np.equal,
    "neq": np.not_equal,
}
UNARY = {
    "abs": np.abs,
    "floor": np.floor,
    "ceil": np.ceil,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "atan": np.arctan,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "log": np.log,
    "log10": np.log10,
    "cbrt": np.cbrt,
    "tanh": np.tanh,
    "signum": np.sign,
    "erf": special.erf,
}


class TestAgainstNumpy:
    @pytest.mark.parametrize("name", BINARY)
    def test_binary(self, pixels: Pixels, world: Path, name: str) -> None:
        """Fault: swapped operands, a wrong function, or rounding beyond float32."""
        left, right = _scene(world)
        image = ee.Image("SCENES/S0")
        found = pixels(getattr(image.select("VV"), name)(image.select("VH")))["VV"]
        valid = np.isfinite(left) & np.isfinite(right)
        expected = BINARY[name](left, right)
        np.testing.assert_allclose(found[valid], expected[valid], rtol=2e-7)

    @pytest.mark.parametrize("name", UNARY)
    def test_unary(self, pixels: Pixels, world: Path, name: str) -> None:
        """Fault: a wrong function, degrees for radians, rounding beyond float32."""
        values, _ = _scene(world)
        found = pixels(getattr(ee.Image("SCENES/S0").select("VV"), name)())["VV"]
        valid = np.isfinite(values)
        np.testing.assert_allclose(found[valid], UNARY[name](values[valid]), rtol=2e-7)

    def test_bits(self, pixels: Pixels, world: Path) -> None:
        """Fault: bits of a quality band shifted the wrong way."""
        quality = _raster(world / "quality.tif")[0]
        qa = ee.Image("REFLECTANCE").select("qa")
        found = pixels(qa.bitwiseAnd(1 << 3).neq(0).And(qa.rightShift(6).bitwiseAnd(3).gte(2)))
        expected = ((quality & 8) != 0) & (((quality >> 6) & 3) >= 2)
        np.testing.assert_array_equal(found["qa"].astype(bool), expected)
        shifted = pixels(qa.leftShift(4).bitwiseOr(1).bitwiseXor(3))["qa"]
        np.testing.assert_array_equal(shifted, ((quality.astype(int) << 4) | 1) ^ 3)

    def test_bits_of_floats_are_refused(self, pixels: Pixels) -> None:
        """Fault: floats truncated silently."""
        with pytest.raises(ee.EEException, match="Bitwise operands must be integer only"):
            pixels(ee.Image(1.5).bitwiseAnd(1))

    def test_divide_by_zero_is_zero_and_not_masked(self, pixels: Pixels, places: Any) -> None:
        """Fault: an infinity, or a hole where the divisor is 0."""
        quotient = ee.Image(6).divide(places.select("col")).unmask(-1)
        assert pixels(quotient)["constant"][0, :4].tolist() == [0, 6, 3, 2]

    def test_what_is_undefined_is_masked(self, pixels: Pixels) -> None:
        """Fault: NaN or an infinity as a pixel."""
        image = ee.Image([-1.0, 0.0]).log().unmask(-9)
        assert pixels(image)[0, 0].tolist() == (-9, -9)

    def test_clamp_unit_scale_polynomial_interpolate(self, pixels: Pixels, places: Any) -> None:
        """Fault: a range applied at one end only, coefficients in the opposite order."""
        col = np.arange(96.0)
        band = places.select("col")
        clamped = pixels(band.clamp(5, 20))["col"][0]
        np.testing.assert_array_equal(clamped, np.clip(col, 5, 20))
        scaled = pixels(band.unitScale(10, 20))["col"][0]
        np.testing.assert_allclose(scaled, (col - 10) / 10, rtol=1e-6)
        curve = pixels(band.polynomial([1, 0, 2]))["col"][0]
        np.testing.assert_allclose(curve, 1 + 2 * col**2)
        line = pixels(band.interpolate([10, 20], [0, 5], "clamp"))["col"][0]
        np.testing.assert_allclose(line, np.interp(col, [10, 20], [0, 5]))
        beyond = pixels(band.interpolate([10, 20], [0, 5], "extrapolate"))["col"][0]
        np.testing.assert_allclose(beyond, (col - 10) / 2)


class TestExpressions:
    @pytest.mark.parametrize(
        ("text", "function"),
        [
            ("b('col') + 2 * b('row')", lambda c, r: c + 2 * r),
            ("(b(0) - b(1)) / (b(0) + b(1) + 1)", lambda c, r: (c - r) / (c + r + 1)),
            ("b('col') > 10 ? b('row') : -b('row')", lambda c, r: np.where(c > 10, r, -r)),
            ("-b('col') ** 2", lambda c, _r: -(c**2)),
            ("2 ** 2 ** 3 + pow(b('col'), 2)", lambda c, _r: 256 + c**2),
            ("max(b('col'), b('row')) % 7", lambda c, r: np.fmod(np.maximum(c, r), 7)),
            ("sqrt(b('col')) + log(b('row') + 1)", lambda c, r: np.sqrt(c) + np.log(r + 1)),
            ("b('col') <= 5 && b('row') != 3", lambda c, r: (c <= 5) & (r != 3)),
            ("i.col - i[1]", lambda c, r: c - r),
        ],
    )
    def test_text(
        self, pixels: Pixels, places: Any, text: str, function: Callable[..., Any]
    ) -> None:
        """Fault: precedence or associativity of an operator."""
        small = places.updateMask(places.select("col").lt(8))
        row, col = (part.astype(float) for part in np.indices((64, 96)))
        found = pixels(small.expression(text, {"i": places}))
        expected = function(col, row)
        np.testing.assert_allclose(
            found[found.dtype.names[0]][:, :8], expected[:, :8], rtol=1e-6, atol=1e-6
        )

    def test_a_name_is_given_by_assignment(self, pixels: Pixels, places: Any) -> None:
        """Fault: the assigned name lost."""
        assert pixels(places.expression("index = b(0) * 2")).dtype.names == ("index",)

    def test_a_text_that_cannot_be_read_is_refused(self, pixels: Pixels, places: Any) -> None:
        """Fault: the readable part evaluated."""
        for text in ("b(0) +", "b(0) b(1)", "nope(b(0))", "b(0) @ 2"):
            with pytest.raises(ee.EEException, match="Cannot parse"):
                pixels(places.expression(text))


class TestNormalizedDifference:
    """Point 3: a pixel where either input is negative is masked."""

    def test_against_numpy(self, pixels: Pixels, world: Path) -> None:
        """Fault: negative reflectance gives a ratio, or masks too little."""
        reflectance = _raster(world / "reflectance.tif").astype(float)
        image = ee.Image("REFLECTANCE")
        found = pixels(image.normalizedDifference(["nir", "red"]).unmask(-9))["nd"]
        red, nir = reflectance[1], reflectance[2]
        kept = (red >= 0) & (nir >= 0)
        assert 0 < kept.sum() < kept.size
        np.testing.assert_allclose(found[kept], ((nir - red) / (nir + red))[kept], rtol=1e-6)
        np.testing.assert_array_equal(found[~kept], -9)

    def test_written_out_it_has_no_holes(self, pixels: Pixels, world: Path) -> None:
        """Fault: the same mask in plain arithmetic, where the service has none."""
        image = ee.Image("REFLECTANCE")
        nir, red = image.select("nir"), image.select("red")
        index = nir.subtract(red).divide(nir.add(red)).unmask(-9)
        found = pixels(index)["nir"]
        reflectance = _raster(world / "reflectance.tif").astype(float)
        valid = reflectance[1] != -32768
        total = reflectance[2] + reflectance[1]
        expected = np.divide(
            reflectance[2] - reflectance[1], total, out=np.zeros_like(total), where=total != 0
        )
        np.testing.assert_allclose(found[valid], expected[valid], rtol=1e-6)


def _raster(path: Path) -> np.ndarray[Any, Any]:
    with rasterio.open(path) as source:
        values: np.ndarray[Any, Any] = source.read()
    return values


def _scene(world: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    values = _raster(world / "scene0.tif").astype(float)
    return values[0], values[1]
