"""Numbers, strings, lists, dictionaries and dates. Each against a known value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ee
import pytest
from oracle_cases import Case, call, holds

pytestmark = pytest.mark.usefixtures("service")

CASES: list[Case] = [
    # numbers and types
    (lambda: ee.Number(15).unitScale(10, 20), 0.5),
    (lambda: call("IsEqual", left=[1, "a"], right=[1, "a"]), True),
    (lambda: call("IsEqual", left=1, right=2), False),
    (lambda: call("ObjectType", value="x"), "String"),
    (lambda: call("If", condition="", trueCase=1, falseCase=2), 2),
    (lambda: ee.PixelType("int8").minValue(), -128),
    (lambda: ee.PixelType.uint16().maxValue(), 65535),
    (lambda: ee.PixelType.float().precision(), "float"),
    (
        lambda: ee.PixelType("float", 0, 1),
        {"type": "PixelType", "precision": "float", "min": 0, "max": 1},
    ),
    (
        lambda: [
            ee.PixelType.double().precision(),
            ee.PixelType.int16().maxValue(),
            ee.PixelType.int32().maxValue(),
            ee.PixelType.int8().maxValue(),
            ee.PixelType.uint32().maxValue(),
            ee.PixelType.uint8().maxValue(),
        ],
        ["double", 32767, 2147483647, 127, 4294967295, 255],
    ),
    (lambda: ee.PixelType.int64().precision(), "int"),
    # strings
    (lambda: ee.String("b").compareTo("a"), 1),
    (lambda: ee.String("a").equals("a"), True),
    (lambda: ee.String("abcb").rindex("b"), 3),
    (lambda: ee.String("ÄB").toLowerCase(), "äb"),
    (lambda: ee.String(" a ").trim(), "a"),
    (lambda: ee.String.encodeJSON({"a": [1, 2.5]}), '{"a":[1,2.5]}'),
    # lists
    (lambda: ee.List([1]).add(2), [1, 2]),
    (lambda: ee.List([1]).cat([2, 3]), [1, 2, 3]),
    (lambda: ee.List([1, 2]).contains(2), True),
    (lambda: ee.List([1, 2]).containsAll([2, 3]), False),
    (lambda: ee.List([1, 2]).equals([1, 2]), True),
    (lambda: ee.List([1, 2, 1]).frequency(1), 2),
    (lambda: ee.List([1, "a"]).getNumber(0), 1),
    (lambda: ee.List([1, "a"]).getString(1), "a"),
    (
        lambda: ee.List([ee.Geometry.Point(1, 2)]).getGeometry(0),
        {"type": "Point", "coordinates": [1, 2]},
    ),
    (lambda: ee.List([1, 3]).insert(1, 2), [1, 2, 3]),
    (lambda: ee.List([1, 3]).length(), 2),
    (lambda: ee.List([1, 2, 1]).remove(1), [2, 1]),
    (lambda: ee.List([1, 2, 1]).removeAll([1]), [2]),
    (lambda: ee.List([1, 2, 1]).replace(1, 9), [9, 2, 1]),
    (lambda: ee.List([1, 2, 1]).replaceAll(1, 9), [9, 2, 9]),
    (lambda: ee.List([1, 2]).reverse(), [2, 1]),
    (lambda: ee.List([1, 2]).set(-1, 9), [1, 9]),
    (lambda: ee.List([1, 2, 3, 4]).splice(1, 2, [9]), [1, 9, 4]),
    (lambda: ee.List([[1, "a"], [2, "b"]]).unzip(), [[1, 2], ["a", "b"]]),
    # dictionaries
    (lambda: ee.Dictionary(["a", 1, "b", 2]), {"a": 1, "b": 2}),
    (lambda: ee.Dictionary({"a": 1}).contains("b"), False),
    (lambda: ee.Dictionary({"a": 1}).getNumber("a"), 1),
    (lambda: ee.Dictionary({"a": "x"}).getString("a"), "x"),
    (lambda: ee.Dictionary({"a": 1, "b": 2}).remove(["a"]), {"b": 2}),
    (lambda: ee.Dictionary({"a": 1, "b": 2}).select(["a"]), {"a": 1}),
    (lambda: ee.Dictionary({"a": 1}).set("b", 2), {"a": 1, "b": 2}),
    (lambda: ee.Dictionary({"a": 1}).size(), 1),
    (lambda: ee.Dictionary({"a": 1, "b": 2.5}).toImage().bandNames(), ["a", "b"]),
    # dates
    (lambda: call("Date.unitRatio", numerator="day", denominator="hour"), 24),
    (lambda: ee.Date("2019-09-01").update(2020, 2, 3).format("YYYY-MM-dd"), "2020-02-03"),
    (lambda: ee.DateRange("2019-01-01", "2019-03-01").start().format("MM-dd"), "01-01"),
    (
        lambda: (
            ee.DateRange("2019-01-01", "2019-03-01")
            .intersection(ee.DateRange("2019-02-01", "2019-05-01"))
            .end()
            .format("MM-dd")
        ),
        "03-01",
    ),
    (
        lambda: (
            ee.DateRange("2019-01-01", "2019-03-01")
            .union(ee.DateRange("2019-02-01", "2019-05-01"))
            .end()
            .format("MM-dd")
        ),
        "05-01",
    ),
    (
        lambda: ee.DateRange("2019-01-01", "2019-03-01").intersects(
            ee.DateRange("2019-03-01", "2019-05-01")
        ),
        False,
    ),
    (lambda: ee.DateRange("2019-01-01", "2019-03-01").isEmpty(), False),
    (lambda: ee.DateRange.unbounded().isUnbounded(), True),
]


@pytest.mark.parametrize(("make", "expected"), CASES)
def test_case(make: Callable[[], Any], expected: Any) -> None:
    """Fault: an algorithm bound to the wrong function."""
    holds(make, expected)
