"""Arithmetic that numbers and images share: what is computed, and the type of the result.

In: numpy arrays of equal shape (64-bit). Out: an array. What is undefined comes out as NaN or an
infinity; images mask it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import special

from gee.local.pixel_types import BOOLEAN, DOUBLE, FLOAT, PixelType, integer_range, union

Array = np.ndarray[Any, Any]
Kind = Literal["union", "boolean", "float", "interval", "quotient", "bits"]


@dataclass(frozen=True)
class Operation:
    """A function of one or two arrays, and the rule for the type of its result."""

    function: Callable[..., Any]
    kind: Kind


def quotient(left: Any, right: Any) -> Any:
    """left / right, 0 where right is 0, as the service defines it."""
    left, right = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    shape = np.broadcast_shapes(left.shape, right.shape)
    return np.divide(left, right, out=np.zeros(shape), where=right != 0)


def remainder(left: Any, right: Any) -> Any:
    """The remainder with the sign of the dividend, 0 where the divisor is 0."""
    left, right = np.asarray(left), np.asarray(right)
    safe = np.where(right == 0, 1, right)
    return np.where(right == 0, 0, np.fmod(left, safe))


def round_half_up(value: Any) -> Any:
    """The nearest whole number, halves upwards."""
    return np.floor(np.asarray(value) + 0.5) if np.asarray(value).dtype.kind == "f" else value


BINARY: dict[str, Operation] = {
    "add": Operation(np.add, "interval"),
    "subtract": Operation(np.subtract, "interval"),
    "multiply": Operation(np.multiply, "interval"),
    "divide": Operation(quotient, "quotient"),
    "mod": Operation(remainder, "union"),
    "max": Operation(np.maximum, "union"),
    "min": Operation(np.minimum, "union"),
    "first": Operation(lambda left, right: left + right * 0, "union"),
    "firstNonZero": Operation(lambda left, right: np.where(left != 0, left, right), "union"),
    "pow": Operation(lambda left, right: np.power(np.float64(left), right), "float"),
    # The service takes the vector [x, y]: east before north, unlike every other atan2.
    "atan2": Operation(lambda x, y: np.arctan2(y, x), "float"),
    "hypot": Operation(np.hypot, "float"),
    "and": Operation(lambda left, right: (left != 0) & (right != 0), "boolean"),
    "or": Operation(lambda left, right: (left != 0) | (right != 0), "boolean"),
    "lt": Operation(np.less, "boolean"),
    "lte": Operation(np.less_equal, "boolean"),
    "gt": Operation(np.greater, "boolean"),
    "gte": Operation(np.greater_equal, "boolean"),
    "eq": Operation(np.equal, "boolean"),
    "neq": Operation(np.not_equal, "boolean"),
    "bitwiseAnd": Operation(np.bitwise_and, "bits"),
    "bitwiseOr": Operation(np.bitwise_or, "bits"),
    "bitwiseXor": Operation(np.bitwise_xor, "bits"),
    "leftShift": Operation(np.left_shift, "bits"),
    "rightShift": Operation(np.right_shift, "bits"),
}

UNARY: dict[str, Operation] = {
    "abs": Operation(np.abs, "union"),
    "floor": Operation(np.floor, "union"),
    "ceil": Operation(np.ceil, "union"),
    "round": Operation(round_half_up, "union"),
    "signum": Operation(np.sign, "union"),
    "not": Operation(lambda value: value == 0, "boolean"),
    "bitwiseNot": Operation(np.bitwise_not, "bits"),
    "sin": Operation(np.sin, "float"),
    "cos": Operation(np.cos, "float"),
    "tan": Operation(np.tan, "float"),
    "asin": Operation(np.arcsin, "float"),
    "acos": Operation(np.arccos, "float"),
    "atan": Operation(np.arctan, "float"),
    "sinh": Operation(np.sinh, "float"),
    "cosh": Operation(np.cosh, "float"),
    "tanh": Operation(np.tanh, "float"),
    "sqrt": Operation(np.sqrt, "float"),
    "cbrt": Operation(np.cbrt, "float"),
    "log": Operation(np.log, "float"),
    "log10": Operation(np.log10, "float"),
    "exp": Operation(np.exp, "float"),
    "erf": Operation(special.erf, "float"),
    "erfc": Operation(special.erfc, "float"),
}

SNAKE = {
    "firstNonZero": "first_nonzero",
    "bitwiseAnd": "bitwise_and",
    "bitwiseOr": "bitwise_or",
    "bitwiseXor": "bitwise_xor",
    "bitwiseNot": "bitwise_not",
    "leftShift": "left_shift",
    "rightShift": "right_shift",
}
"""The older names of the same algorithms."""

CASTS = {
    "uint8": ("uint8", "toUint8", "byte", "toByte"),
    "int8": ("int8", "toInt8"),
    "uint16": ("uint16", "toUint16"),
    "int16": ("int16", "toInt16", "short", "toShort"),
    "uint32": ("uint32", "toUint32"),
    "int32": ("int32", "toInt32", "int", "toInt"),
    "int64": ("int64", "toInt64", "long", "toLong"),
    "float": ("float", "toFloat"),
    "double": ("double", "toDouble"),
}
"""Target type of each cast, and its names."""


def result_type(operation: Operation, left: PixelType, right: PixelType | None) -> PixelType:
    """The pixel type of a result; integers get the range that their operands allow."""
    kind = operation.kind
    if kind == "boolean":
        return BOOLEAN
    joined = left if right is None else union(left, right)
    if kind == "float":
        # A function of 32-bit floats stays 32-bit; of integers and doubles it is double.
        return FLOAT if joined.precision == "float" else DOUBLE
    if kind == "quotient":
        return DOUBLE if joined.precision == "double" else FLOAT
    if not joined.is_integer:
        return joined
    if kind == "bits":
        return PixelType("int", -(2**63), 2**63 - 1) if _shifts_left(operation) else joined
    if right is None:
        return _unary_range(operation, left)
    return _interval(operation, left, right) if kind == "interval" else joined


def _shifts_left(operation: Operation) -> bool:
    return operation.function in (np.left_shift, np.bitwise_not)


def _unary_range(operation: Operation, own: PixelType) -> PixelType:
    low, high = own.bounds()
    if operation.function is np.abs:
        return integer_range(0 if low <= 0 <= high else min(abs(low), abs(high)), _reach(own))
    if operation.function is np.sign:
        return integer_range(-1, 1)
    return own


def _reach(own: PixelType) -> float:
    low, high = own.bounds()
    return max(abs(low), abs(high))


def _interval(operation: Operation, left: PixelType, right: PixelType) -> PixelType:
    (a, b), (c, d) = left.bounds(), right.bounds()
    if operation.function is np.add:
        return integer_range(a + c, b + d)
    if operation.function is np.subtract:
        return integer_range(a - d, b - c)
    products = [a * c, a * d, b * c, b * d]
    return integer_range(min(products), max(products))
