"""Numbers: arithmetic, casts, formatting."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gee.local import pixel_types
from gee.local.algorithms.operations import BINARY, CASTS, SNAKE, UNARY
from gee.local.errors import InvalidRequestError
from gee.local.registry import algorithm

Number = int | float


def plain(value: Any, integer: bool) -> Number:
    """A Python number from a numpy one."""
    return int(value) if integer else float(value)


def _names(name: str) -> list[str]:
    names = [f"Number.{name}"]
    if name in SNAKE:
        names.append(f"Number.{SNAKE[name]}")
    return names


def _declare_binary(name: str) -> None:
    operation = BINARY[name]

    @algorithm(*_names(name), by_position=True)
    def binary(_name: str, left: Number, right: Number) -> Number:
        whole = isinstance(left, int) and isinstance(right, int)
        if operation.kind == "bits" and not whole:
            raise InvalidRequestError(f"Number.{name}: Bitwise operands must be integer only.")
        if whole and operation.kind == "interval":
            return {"add": left + right, "subtract": left - right, "multiply": left * right}[name]
        with np.errstate(all="ignore"):
            value = operation.function(np.asarray(left), np.asarray(right))
        integer = operation.kind == "boolean" or (
            whole and operation.kind not in ("float", "quotient")
        )
        return plain(value, integer)


def _declare_unary(name: str) -> None:
    operation = UNARY[name]

    @algorithm(*_names(name), by_position=True)
    def unary(_name: str, value: Number) -> Number:
        if operation.kind == "bits" and not isinstance(value, int):
            raise InvalidRequestError(f"Number.{name}: Bitwise operands must be integer only.")
        with np.errstate(all="ignore"):
            result = operation.function(np.asarray(value))
        rounding = name in ("floor", "ceil", "round")
        integer = operation.kind == "boolean" or (isinstance(value, int) or rounding)
        return plain(result, integer and operation.kind != "float")


def _declare_cast(target: str, names: tuple[str, ...]) -> None:
    pixel_type = pixel_types.named(target)

    @algorithm(*(f"Number.{name}" for name in names), by_position=True)
    def cast(_name: str, value: Number) -> Number:
        converted = pixel_types.cast(np.asarray([value]), pixel_type)[0]
        return plain(converted, pixel_type.is_integer)


for _name in BINARY:
    _declare_binary(_name)
for _name in UNARY:
    _declare_unary(_name)
for _target, _names_of_cast in CASTS.items():
    _declare_cast(_target, _names_of_cast)


@algorithm("Number.clamp")
def clamp(number: Number, min: Number, max: Number) -> Number:  # noqa: A002
    """The number held to a range."""
    return min if number < min else max if number > max else number


@algorithm("Number.unitScale")
def unit_scale(number: Number, min: Number, max: Number) -> float:  # noqa: A002
    """The number with the range [min, max] scaled to [0, 1], not clamped."""
    return (number - min) / (max - min)


@algorithm("Number.parse")
def parse(input: str, radix: int) -> Number:  # noqa: A002
    """A number from a text."""
    try:
        if radix != 10:
            return int(input, radix)
        return int(input) if input.strip().lstrip("+-").isdigit() else float(input)
    except ValueError as error:
        raise InvalidRequestError(f"Number.parse: Cannot parse '{input}' as a number.") from error


@algorithm("Number.format")
def format_number(number: Number, pattern: str) -> str:
    """The number by a printf pattern."""
    if "%s" in pattern:
        shown = int(number) if float(number).is_integer() and math.isfinite(number) else number
        return pattern.replace("%s", str(shown))
    try:
        return pattern % (int(number) if pattern.rstrip().endswith(("d", "x", "X")) else number)
    except (TypeError, ValueError) as error:
        raise InvalidRequestError(f"Number.format: Invalid pattern '{pattern}'.") from error
