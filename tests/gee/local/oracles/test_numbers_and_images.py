"""Arithmetic, which is the same on numbers and on images. Each against a known value."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ee
import numpy as np
import pytest
from oracle_cases import call

Pixels = Callable[..., np.ndarray[Any, Any]]
pytestmark = pytest.mark.usefixtures("service")

BINARY: dict[str, Callable[[int, int], float]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "mod": lambda a, b: math.fmod(a, b),
    "max": max,
    "min": min,
    "first": lambda a, _b: a,
    "firstNonZero": lambda a, b: a or b,
    "pow": lambda a, b: a**b,
    "atan2": lambda x, y: math.atan2(y, x),
    "hypot": math.hypot,
    "and": lambda a, b: bool(a and b),
    "or": lambda a, b: bool(a or b),
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "eq": lambda a, b: a == b,
    "neq": lambda a, b: a != b,
    "bitwiseAnd": lambda a, b: a & b,
    "bitwiseOr": lambda a, b: a | b,
    "bitwiseXor": lambda a, b: a ^ b,
    "leftShift": lambda a, b: a << b,
    "rightShift": lambda a, b: a >> b,
}
UNARY: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "floor": math.floor,
    "ceil": math.ceil,
    "round": lambda a: math.floor(a + 0.5),
    "signum": lambda a: math.copysign(1, a),
    "not": lambda a: float(a == 0),
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "sqrt": math.sqrt,
    "cbrt": math.cbrt,
    "log": math.log,
    "log10": math.log10,
    "exp": math.exp,
    "erf": math.erf,
    "erfc": math.erfc,
}
CASTS = {
    "uint8": 255,
    "int8": 127,
    "uint16": 300,
    "int16": 300,
    "uint32": 300,
    "int32": 300,
    "int64": 300,
    "float": float(np.float32(300.7)),
    "double": 300.7,
    "byte": 255,
    "short": 300,
    "int": 300,
    "long": 300,
}


class TestSameOnNumbersAndImages:
    @pytest.mark.parametrize("name", BINARY)
    @pytest.mark.parametrize(("left", "right"), [(6, 4), (3, 5), (0, 2)])
    def test_binary(self, pixels: Pixels, name: str, left: int, right: int) -> None:
        """Fault: numbers and images that disagree, or operands swapped."""
        expected = float(BINARY[name](left, right))
        number = call(f"Number.{name}", left=left, right=right).getInfo()
        assert number == pytest.approx(expected, rel=1e-12)
        image = ee.Image(call(f"Image.{name}", image1=ee.Image(left), image2=ee.Image(right)))
        assert pixels(image, width=1, height=1)[0, 0][0] == pytest.approx(expected, rel=1e-6)

    @pytest.mark.parametrize("name", UNARY)
    @pytest.mark.parametrize("value", [0.3, 0.75])
    def test_unary(self, pixels: Pixels, name: str, value: float) -> None:
        """Fault: numbers and images that disagree, or another function."""
        expected = UNARY[name](value)
        assert call(f"Number.{name}", input=value).getInfo() == pytest.approx(expected, rel=1e-12)
        image = ee.Image(call(f"Image.{name}", value=ee.Image(value)))
        assert pixels(image, width=1, height=1)[0, 0][0] == pytest.approx(expected, rel=1e-12)

    def test_bitwise_not(self, pixels: Pixels) -> None:
        """Fault: a logical instead of a bitwise negation."""
        assert ee.Number(5).bitwiseNot().getInfo() == -6
        assert pixels(ee.Image(5).bitwiseNot(), width=1, height=1)[0, 0][0] == -6

    @pytest.mark.parametrize("name", CASTS)
    def test_casts(self, pixels: Pixels, name: str) -> None:
        """Fault: another type's range."""
        for form in (name, f"to{name.capitalize()}"):
            assert call(f"Number.{form}", input=300.7).getInfo() == CASTS[name]
            image = ee.Image(call(f"Image.{form}", value=ee.Image(300.7)))
            assert pixels(image, width=1, height=1)[0, 0][0] == CASTS[name]
