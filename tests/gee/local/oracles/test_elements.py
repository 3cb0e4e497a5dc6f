"""Elements and their properties: aggregated, filtered, joined. Each against a known value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ee
import numpy as np
import pytest
from oracle_cases import NUMBERS, Case, call, holds, numbered

pytestmark = pytest.mark.usefixtures("service")

CASES: list[Case] = [
    # elements
    (lambda: ee.Feature(None, {"a": 1}).getNumber("a"), 1),
    (lambda: ee.Feature(None, {"a": "x"}).getString("a"), "x"),
    (lambda: ee.Feature(None, {"b": 1, "a": 2}).propertyNames(), ["a", "b"]),
    (
        lambda: call(
            "Element.replaceProperties",
            destination=ee.Feature(None, {"a": 1}),
            source=ee.Feature(None, {"b": 2}),
        ).propertyNames(),
        ["b"],
    ),
    (lambda: ee.Feature(None, {"a": 1}).set({"b": 2}).toDictionary(), {"a": 1, "b": 2}),
    (lambda: ee.Feature(None, {"a": 1, "b": 2}).select(["a"], ["z"]).toDictionary(), {"z": 1}),
    (lambda: ee.Image("HILLS").id(), "HILLS"),
    (
        lambda: (
            ee.Feature(ee.Geometry.Point(1, 2))
            .setGeometry(ee.Geometry.Point(3, 4))
            .geometry()
            .coordinates()
        ),
        [3, 4],
    ),
    (
        lambda: call(
            "Element.setMulti", object=ee.Feature(None), properties={"a": 1, "b": 2}
        ).propertyNames(),
        ["a", "b"],
    ),
    # aggregates
    (lambda: numbered().aggregate_count("n"), 4),
    (lambda: numbered().aggregate_first("n"), 1),
    (lambda: numbered().aggregate_max("n"), 7),
    (lambda: numbered().aggregate_min("n"), 1),
    (lambda: numbered().aggregate_product("n"), 28),
    (lambda: numbered().aggregate_sample_sd("n"), float(np.std(NUMBERS, ddof=1))),
    (lambda: numbered().aggregate_total_sd("n"), float(np.std(NUMBERS))),
    (lambda: numbered().aggregate_stats("n").get("mean"), 3),
    (lambda: numbered().remap([1, 7], [10, 70], "n").aggregate_array("n"), [10, 70]),
    (lambda: ee.FeatureCollection([numbered(), numbered()]).flatten().size(), 8),
    # filters
    (lambda: numbered().filter(ee.Filter.always()).size(), 4),
    (lambda: numbered().filter(ee.Filter.never()).size(), 0),
    (lambda: numbered().filter(ee.Filter.gte("n", 2)).size(), 3),
    (lambda: numbered().filter(ee.Filter.lte("n", 2)).size(), 3),
    (lambda: numbered().filter(ee.Filter.neq("n", 2)).size(), 2),
    (lambda: numbered().filter(ee.Filter.stringContains("s", "m")).size(), 4),
    (lambda: numbered().filter(ee.Filter.stringEndsWith("s", "7")).size(), 1),
    (lambda: numbered().filter(ee.Filter.hasType("s", "String")).size(), 4),
    (lambda: numbered().filter(call("Filter.hasGeometry")).size(), 4),
    (
        lambda: (
            numbered()
            .filter(ee.Filter.withinDistance(150_000, ".geo", ee.Geometry.Point(1, 0)))
            .size()
        ),
        3,
    ),
    (
        lambda: (
            numbered()
            .filter(ee.Filter.isContained(".geo", ee.Geometry.BBox(1.5, -1, 2.5, 1)))
            .size()
        ),
        2,
    ),
    (
        lambda: (
            numbered().filter(ee.Filter.disjoint(".geo", ee.Geometry.BBox(1.5, -1, 2.5, 1))).size()
        ),
        2,
    ),
    (
        lambda: (
            ee.FeatureCollection([ee.Feature(ee.Geometry.BBox(0, 0, 2, 2))])
            .filter(ee.Filter.contains(".geo", ee.Geometry.Point(1, 1)))
            .size()
        ),
        1,
    ),
    (lambda: ee.ImageCollection("SCENES").filter(ee.Filter.dayOfYear(245, 247)).size(), 2),
    *[
        (
            lambda name=name, value=value: (
                numbered().filter(call(f"Filter.{name}", leftField="n", rightValue=value)).size()
            ),
            count,
        )
        for name, value, count in (
            ("gte", 2, 3),
            ("greaterThanOrEquals", 7, 1),
            ("lte", 2, 3),
            ("lessThanOrEquals", 1, 1),
            ("neq", 2, 2),
            ("notEquals", 1, 3),
            ("inList", [1, 7], 2),
            ("gt", 2, 1),
            ("lt", 2, 1),
            ("eq", 2, 2),
        )
    ],
]


@pytest.mark.parametrize(("make", "expected"), CASES)
def test_case(make: Callable[[], Any], expected: Any) -> None:
    """Fault: an algorithm bound to the wrong function."""
    holds(make, expected)


def test_joins_that_save_one() -> None:
    """Fault: the farthest match saved."""
    near = ee.Filter.maxDifference(3, "n", None, "n")
    first = ee.Join.saveFirst("m", "n", False).apply(numbered(), numbered(), near)
    values = first.map(lambda f: f.set("k", ee.Feature(f.get("m")).get("n")))
    assert values.aggregate_array("k").getInfo() == [2, 2, 2, 7]
    best = ee.Join.saveBest("m", "gap").apply(numbered(), numbered(), near)
    gaps = best.map(lambda f: f.set("k", ee.Feature(f.get("m")).get("gap")))
    assert gaps.aggregate_array("k").getInfo() == [0, 0, 0, 0]
