"""Features: construction, and the geometry algorithms applied to a feature's geometry."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gee.local.algorithms import geometries
from gee.local.algorithms.elements import stored
from gee.local.coercion import element_geometry
from gee.local.grids import Projection
from gee.local.registry import algorithm
from gee.local.values import Feature, Geometry


@algorithm("Feature")
def feature(geometry: Geometry | None, metadata: dict[str, Any]) -> Feature:
    """A geometry with properties."""
    kept = {key: stored(value) for key, value in metadata.items() if value is not None}
    return Feature(geometry, kept)


@algorithm("Feature.area")
def area(feature: Any, proj: Projection | None) -> float:
    """Square metres, or square units of the projection."""
    return geometries.area(element_geometry(feature), proj)


@algorithm("Feature.length", "Feature.perimeter")
def length(feature: Any, proj: Projection | None) -> float:
    """Metres along lines or around polygons."""
    return geometries.length(element_geometry(feature), proj)


@algorithm("Feature.buffer")
def buffer(feature: Any, distance: float, proj: Projection | None) -> Any:
    """With the geometry buffered."""
    grown = geometries.buffer(element_geometry(feature), distance, proj)
    return replace(feature, geometry=grown)


@algorithm("Feature.bounds")
def bounds(feature: Any, proj: Projection | None) -> Any:
    """With the bounding rectangle as geometry."""
    return replace(feature, geometry=geometries.bounds(element_geometry(feature), proj))


@algorithm("Feature.centroid")
def centroid(feature: Any, proj: Projection | None) -> Any:
    """With the centre as geometry."""
    return replace(feature, geometry=geometries.centroid(element_geometry(feature), proj))


@algorithm("Feature.simplify")
def simplify(feature: Any, maxError: Any, proj: Projection | None) -> Any:
    """With a simpler geometry."""
    simpler = geometries.simplify(element_geometry(feature), maxError, proj)
    return replace(feature, geometry=simpler)


@algorithm("Feature.transform", "ProjectionTransform")
def transform(feature: Any, proj: Projection, geodesic: bool | None) -> Any:
    """With the geometry in another projection."""
    moved = geometries.transform(element_geometry(feature), proj, geodesic)
    return replace(feature, geometry=moved)


@algorithm("Feature.intersects")
def intersects(left: Any, right: Any) -> bool:
    """Whether the geometries share a point."""
    return geometries.intersects(element_geometry(left), element_geometry(right))


@algorithm("Feature.disjoint")
def disjoint(left: Any, right: Any) -> bool:
    """Whether the geometries share no point."""
    return not intersects(left, right)


@algorithm("Feature.contains")
def contains(left: Any, right: Any) -> bool:
    """Whether the right geometry lies in the left."""
    return geometries.contains(element_geometry(left), element_geometry(right))


@algorithm("Feature.containedIn")
def contained_in(left: Any, right: Any) -> bool:
    """Whether the left geometry lies in the right."""
    return contains(right, left)


@algorithm("Feature.distance")
def distance(left: Any, right: Any, proj: Projection | None) -> float:
    """The shortest distance in metres."""
    return geometries.distance(element_geometry(left), element_geometry(right), proj)


@algorithm("Feature.withinDistance")
def within_distance(left: Any, right: Any, distance: float, proj: Projection | None) -> bool:
    """Whether the geometries are no farther apart than a distance."""
    return geometries.within_distance(
        element_geometry(left), element_geometry(right), distance, proj
    )
