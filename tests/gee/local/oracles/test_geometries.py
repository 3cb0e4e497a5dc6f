"""Geometries, features by their geometries, and projections. Each against a known value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ee
import pytest
from oracle_cases import Case, corner, holds, numbered

pytestmark = pytest.mark.usefixtures("service")

CASES: list[Case] = [
    # geometry
    (lambda: ee.Geometry.LineString([[0, 0], [1, 0]]).length(1), 111319.49079327357),
    (lambda: ee.Geometry.MultiPoint([[0, 0], [1, 1]]).geometries().size(), 2),
    (lambda: ee.Geometry.Point(0, 0).disjoint(ee.Geometry.Point(1, 1), 1), True),
    (lambda: ee.Geometry.Point(1, 1).containedIn(ee.Geometry.BBox(0, 0, 2, 2), 1), True),
    (lambda: ee.Geometry.Point(0, 0).withinDistance(ee.Geometry.Point(0, 1), 1000, 1), False),
    (lambda: ee.Geometry.LinearRing([[0, 0], [1, 0], [1, 1]]).type(), "LinearRing"),
    (
        lambda: (
            ee.Geometry.MultiPolygon([[[[0, 0], [1, 0], [1, 1]]], [[[5, 5], [6, 5], [6, 6]]]])
            .geometries()
            .size()
        ),
        2,
    ),
    (lambda: ee.Geometry.Point(5, 6).projection().crs(), "EPSG:4326"),
    (lambda: ee.Geometry.BBox(0, 0, 1, 1).geodesic(), False),
    (
        lambda: (
            ee.Geometry.BBox(0, 0, 2, 1)
            .symmetricDifference(ee.Geometry.BBox(1, 0, 3, 1), 1)
            .geometries()
            .size()
        ),
        2,
    ),
    (
        lambda: ee.Geometry.MultiPoint([[0, 0], [2, 0], [2, 2], [1, 1]]).convexHull(1).type(),
        "Polygon",
    ),
    (
        lambda: (
            ee.Geometry.LineString([[0, 0], [0.5, 1e-9], [1, 0]], None, False)
            .simplify(10)
            .coordinates()
            .size()
        ),
        2,
    ),
    (
        lambda: (
            ee.Geometry.MultiPolygon(
                [[[[0, 0], [2, 0], [2, 2], [0, 2]]], [[[1, 1], [3, 1], [3, 3], [1, 3]]]],
                None,
                False,
            )
            .dissolve(1)
            .type()
        ),
        "Polygon",
    ),
    (
        lambda: ee.Geometry.BBox(call_number(1), 0, 2, 1).bounds(1).coordinates().get(0),
        [[1, 0], [2, 0], [2, 1], [1, 1], [1, 0]],
    ),
    # features, by their geometries
    (lambda: ee.Feature(ee.Geometry.LineString([[0, 0], [1, 0]])).length(1), 111319.49079327357),
    (
        lambda: corner().bounds(1).geometry().coordinates().get(0),
        [[0, 0], [2, 0], [2, 1], [0, 1], [0, 0]],
    ),
    (lambda: corner().centroid(1).geometry().type(), "Point"),
    (lambda: corner().contains(ee.Feature(ee.Geometry.Point(1, 0.5)), 1), True),
    (lambda: corner().containedIn(ee.Feature(ee.Geometry.Point(1, 0.5)), 1), False),
    (lambda: corner().intersects(ee.Feature(ee.Geometry.Point(5, 5)), 1), False),
    (lambda: corner().disjoint(ee.Feature(ee.Geometry.Point(5, 5)), 1), True),
    (lambda: corner().distance(ee.Feature(ee.Geometry.Point(1, 0.5)), 1), 0),
    (lambda: corner().withinDistance(ee.Feature(ee.Geometry.Point(1, 0.5)), 1, 1), True),
    (lambda: corner().transform("EPSG:3857", 1).geometry().projection().crs(), "EPSG:3857"),
    (lambda: corner().simplify(10).geometry().type(), "Polygon"),
    (lambda: numbered().bounds(1).coordinates().get(0), [[1, 0], [7, 0], [7, 0], [1, 0], [1, 0]]),
    (lambda: numbered().union(1).size(), 1),
    # projections
    (lambda: ee.Projection("EPSG:32646").crs(), "EPSG:32646"),
    (
        lambda: ee.Projection("EPSG:4326", [2, 0, 10, 0, -2, 20]).scale(3, 3),
        {"type": "Projection", "crs": "EPSG:4326", "transform": [6, 0, 10, 0, -6, 20]},
    ),
    (
        lambda: ee.Projection("EPSG:4326", [2, 0, 10, 0, -2, 20]).translate(1, 1),
        {"type": "Projection", "crs": "EPSG:4326", "transform": [2, 0, 12, 0, -2, 18]},
    ),
]


def call_number(value: float) -> Any:
    """A number that the client cannot see."""
    return ee.Number(value).add(0)


@pytest.mark.parametrize(("make", "expected"), CASES)
def test_case(make: Callable[[], Any], expected: Any) -> None:
    """Fault: an algorithm bound to the wrong function."""
    holds(make, expected)


def test_centroid_of_a_feature() -> None:
    """Fault: the mean of the vertices, of which the closing one counts twice."""
    found = corner().centroid(1).geometry().coordinates().getInfo()
    assert found == pytest.approx([1, 0.5], abs=1e-3)


def test_multi_geometry() -> None:
    """Fault: parts lost."""
    both = ee.Geometry(
        {
            "type": "GeometryCollection",
            "geometries": [
                {"type": "Point", "coordinates": [0, 0]},
                {"type": "LineString", "coordinates": [[0, 0], [1, 1]]},
            ],
        }
    )
    assert both.geometries().map(lambda part: ee.Geometry(part).type()).getInfo() == [
        "Point",
        "LineString",
    ]
