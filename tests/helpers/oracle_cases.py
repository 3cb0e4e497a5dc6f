"""Objects whose values are known, and cases: what is computed of them, and what must come out."""

from collections.abc import Callable
from typing import Any

import ee
import pytest

Case = tuple[Callable[[], Any], Any]
"""Makes an object of the client's, and its value."""
NUMBERS = [1, 2, 2, 7]


def call(name: str, **arguments: Any) -> Any:
    """A call of an algorithm by its name."""
    return ee.ApiFunction.apply_(name, arguments)


def numbered() -> Any:
    """Four points on the equator with the numbers 1, 2, 2 and 7."""
    return ee.FeatureCollection(
        [
            ee.Feature(ee.Geometry.Point(number, 0), {"n": number, "s": f"m{number}"})
            for number in NUMBERS
        ]
    )


def corner() -> Any:
    """A feature of two degrees by one."""
    return ee.Feature(ee.Geometry.BBox(0, 0, 2, 1), {"a": 1})


def holds(make: Callable[[], Any], expected: Any) -> None:
    """Require that a case comes out as expected; a float to nine digits."""
    value = make()
    found = ee.List(value).getInfo() if isinstance(value, list) else value.getInfo()
    if isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-9)
    else:
        assert found == expected
