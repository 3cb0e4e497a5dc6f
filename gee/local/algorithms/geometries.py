"""Geometries: construction, measures, relations. Coordinates are east before north.

Areas and lengths are metres on the WGS 84 ellipsoid; distances between shapes and buffers use a
local azimuthal projection, which is exact enough over a few hundred kilometres.
"""

from __future__ import annotations

from typing import Any

import shapely
import shapely.affinity

from gee.local.description import describe_geometry
from gee.local.errors import InvalidRequestError, NotImplementedHereError
from gee.local.grids import WGS84, Projection, parse_crs, same_crs
from gee.local.registry import algorithm
from gee.local.shapes import ELLIPSOID, densified, moved, shape_in
from gee.local.values import Geometry


def build(kind: str, coordinates: Any, crs: Projection | None, geodesic: bool | None) -> Geometry:
    """A geometry from GeoJSON coordinates."""
    projection = WGS84 if crs is None else crs
    name = projection.crs
    try:
        shape = shapely.geometry.shape({"type": kind, "coordinates": coordinates})
        if projection.transform != WGS84.transform:
            # The coordinates of a projection with a transform of its own are those of its pixels.
            a, b, c, d, e, f = projection.transform
            shape = shapely.affinity.affine_transform(shape, (a, b, d, e, c, f))
    except (TypeError, ValueError, IndexError, shapely.errors.ShapelyError) as error:
        raise InvalidRequestError(
            f"GeometryConstructors.{kind}: Invalid coordinates: {error}."
        ) from error
    if geodesic is None:
        geodesic = parse_crs(name).is_geographic
    return Geometry(shape, name, geodesic)


@algorithm("GeometryConstructors.Point")
def point(coordinates: list[float], crs: Projection | None) -> Geometry:
    """A point."""
    return build("Point", coordinates, crs, None)


@algorithm("GeometryConstructors.MultiPoint")
def multi_point(coordinates: list[Any], crs: Projection | None) -> Geometry:
    """Points."""
    return build("MultiPoint", _points(coordinates), crs, None)


@algorithm("GeometryConstructors.LineString")
def line_string(coordinates: list[Any], crs: Projection | None, geodesic: bool | None) -> Geometry:
    """A line."""
    return build("LineString", _points(coordinates), crs, geodesic)


@algorithm("GeometryConstructors.LinearRing")
def linear_ring(coordinates: list[Any], crs: Projection | None, geodesic: bool | None) -> Geometry:
    """A closed line."""
    points = _points(coordinates)
    if points[0] != points[-1]:
        points = [*points, points[0]]
    line = build("LineString", points, crs, geodesic)
    return Geometry(line.shape, line.crs, line.geodesic, ring=True)


@algorithm("GeometryConstructors.Polygon")
def polygon(
    coordinates: list[Any], crs: Projection | None, geodesic: bool | None, evenOdd: bool
) -> Geometry:
    """A polygon with its holes."""
    _require_even_odd(evenOdd)
    return build("Polygon", [_closed(ring) for ring in coordinates], crs, geodesic)


@algorithm("GeometryConstructors.MultiPolygon")
def multi_polygon(
    coordinates: list[Any], crs: Projection | None, geodesic: bool | None, evenOdd: bool
) -> Geometry:
    """Polygons."""
    _require_even_odd(evenOdd)
    parts = [[_closed(ring) for ring in rings] for rings in coordinates]
    return build("MultiPolygon", parts, crs, geodesic)


@algorithm("GeometryConstructors.Rectangle")
def rectangle(
    coordinates: list[Any], crs: Projection | None, geodesic: bool | None, evenOdd: bool
) -> Geometry:
    """A rectangle from two opposite corners."""
    _require_even_odd(evenOdd)
    (west, south), (east, north) = _points(coordinates)
    ring = [[west, north], [west, south], [east, south], [east, north], [west, north]]
    return build("Polygon", [ring], crs, geodesic)


@algorithm("GeometryConstructors.BBox")
def bbox(west: float, south: float, east: float, north: float) -> Geometry:
    """A rectangle of longitudes and latitudes with straight sides."""
    ring = [[west, north], [west, south], [east, south], [east, north], [west, north]]
    return build("Polygon", [ring], None, geodesic=False)


@algorithm("GeometryConstructors.MultiGeometry")
def multi_geometry(geometries: list[Geometry], crs: Projection | None) -> Geometry:
    """Several geometries together."""
    if crs is not None or not geometries:
        raise NotImplementedHereError("a MultiGeometry that is empty or has a CRS of its own")
    first = geometries[0]
    if any(not same_crs(part.crs, first.crs) for part in geometries):
        raise NotImplementedHereError("a MultiGeometry of several CRSs")
    shape = shapely.GeometryCollection([part.shape for part in geometries])
    return Geometry(shape, first.crs, first.geodesic)


def _require_even_odd(even_odd: bool) -> None:
    if not even_odd:
        raise NotImplementedHereError("polygons that do not follow the even-odd rule")


def _points(coordinates: list[Any]) -> list[Any]:
    if coordinates and isinstance(coordinates[0], Geometry):
        return [list(shapely.get_coordinates(part.shape)[0]) for part in coordinates]
    if coordinates and isinstance(coordinates[0], int | float):
        return [list(pair) for pair in zip(coordinates[::2], coordinates[1::2], strict=True)]
    return coordinates


def _closed(ring: list[Any]) -> list[Any]:
    points = _points(ring)
    return points if points[0] == points[-1] else [*points, points[0]]


def local_crs(geometry: Geometry) -> str:
    """An azimuthal equidistant CRS in metres about the middle of a geometry."""
    middle = shape_in(geometry, "EPSG:4326").centroid
    return f"+proj=aeqd +lat_0={middle.y!r} +lon_0={middle.x!r} +datum=WGS84 +units=m +no_defs"


def _plane_of(geometry: Geometry, proj: Projection | None) -> str:
    return local_crs(geometry) if proj is None else proj.crs


def _back(shape: shapely.Geometry, crs: str, target: str) -> Geometry:
    """A shape that was made in a plane, vertex by vertex in another CRS."""
    return Geometry(moved(shape, crs, target), target, parse_crs(target).is_geographic)


@algorithm("Geometry.buffer")
def buffer(geometry: Geometry, distance: float, proj: Projection | None) -> Geometry:
    """Everything within a distance, in metres or in units of the projection."""
    plane = _plane_of(geometry, proj)
    grown = shapely.buffer(shape_in(geometry, plane), distance, quad_segs=32)
    return _back(grown, plane, "EPSG:4326" if proj is None else proj.crs)


@algorithm("Geometry.bounds")
def bounds(geometry: Geometry, proj: Projection | None) -> Geometry:
    """The bounding rectangle, in the projection or in longitude and latitude."""
    crs = "EPSG:4326" if proj is None else proj.crs
    west, south, east, north = shape_in(geometry, crs).bounds
    ring = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    return Geometry(shapely.Polygon(ring), crs, geodesic=False)


@algorithm("Geometry.centroid")
def centroid(geometry: Geometry, proj: Projection | None) -> Geometry:
    """The centre of mass."""
    plane = _plane_of(geometry, proj)
    return _back(shape_in(geometry, plane).centroid, plane, geometry.crs)


@algorithm("Geometry.area")
def area(geometry: Geometry, proj: Projection | None) -> float:
    """Square metres, or square units of the projection."""
    if proj is not None:
        return float(shape_in(geometry, proj.crs).area)
    shape = densified(shape_in(geometry, "EPSG:4326")) if geometry.geodesic else None
    if shape is None:
        shape = shapely.segmentize(shape_in(geometry, "EPSG:4326"), 0.05)
    return abs(float(ELLIPSOID.geometry_area_perimeter(shapely.normalize(shape))[0]))


@algorithm("Geometry.length", "Geometry.perimeter")
def length(geometry: Geometry, proj: Projection | None) -> float:
    """Metres along lines or around polygons, or units of the projection."""
    if proj is not None:
        return float(shape_in(geometry, proj.crs).length)
    shape = shape_in(geometry, "EPSG:4326")
    return float(ELLIPSOID.geometry_length(shape.boundary if shape.area else shape))


def _pair(left: Geometry, right: Geometry) -> tuple[shapely.Geometry, shapely.Geometry]:
    """Both in the left's CRS."""
    return shape_in(left, left.crs), shape_in(right, left.crs)


@algorithm("Geometry.intersects")
def intersects(left: Geometry, right: Geometry) -> bool:
    """Whether they share a point."""
    if left.unbounded or right.unbounded:
        return True
    return bool(shapely.intersects(*_pair(left, right)))


@algorithm("Geometry.disjoint")
def disjoint(left: Geometry, right: Geometry) -> bool:
    """Whether they share no point."""
    return not intersects(left, right)


@algorithm("Geometry.contains")
def contains(left: Geometry, right: Geometry) -> bool:
    """Whether the right lies in the left."""
    return left.unbounded or bool(shapely.covers(*_pair(left, right)))


@algorithm("Geometry.containedIn")
def contained_in(left: Geometry, right: Geometry) -> bool:
    """Whether the left lies in the right."""
    return contains(right, left)


@algorithm("Geometry.distance")
def distance(left: Geometry, right: Geometry, proj: Projection | None) -> float:
    """The shortest distance, in metres or in units of the projection."""
    plane = _plane_of(left, proj)
    return float(shapely.distance(shape_in(left, plane), shape_in(right, plane)))


@algorithm("Geometry.withinDistance")
def within_distance(
    left: Geometry, right: Geometry, distance: float, proj: Projection | None
) -> bool:
    """Whether they are no farther apart than a distance."""
    plane = _plane_of(left, proj)
    return bool(shapely.distance(shape_in(left, plane), shape_in(right, plane)) <= distance)


def _declare_set_operation(name: str) -> None:
    function = getattr(shapely, {"symmetricDifference": "symmetric_difference"}.get(name, name))

    @algorithm(f"Geometry.{name}")
    def operation(left: Geometry, right: Geometry, proj: Projection | None) -> Geometry:
        crs = left.crs if proj is None else proj.crs
        shape = function(shape_in(left, crs), shape_in(right, crs))
        return Geometry(shape, crs, left.geodesic and proj is None)


for _name in ("intersection", "union", "difference", "symmetricDifference"):
    _declare_set_operation(_name)


@algorithm("Geometry.convexHull")
def convex_hull(geometry: Geometry, proj: Projection | None) -> Geometry:
    """The convex hull."""
    crs = geometry.crs if proj is None else proj.crs
    return Geometry(shape_in(geometry, crs).convex_hull, crs, geometry.geodesic)


@algorithm("Geometry.simplify")
def simplify(geometry: Geometry, maxError: Any, proj: Projection | None) -> Geometry:
    """With fewer vertices, off by no more than the error."""
    plane = _plane_of(geometry, proj)
    simpler = shape_in(geometry, plane).simplify(maxError.value)
    return _back(simpler, plane, geometry.crs)


@algorithm("Geometry.transform")
def transform(geometry: Geometry, proj: Projection, geodesic: bool | None) -> Geometry:
    """In another projection."""
    shape = shape_in(geometry, proj.crs)
    return Geometry(shape, proj.crs, bool(geodesic))


@algorithm("Geometry.coordinates")
def coordinates(geometry: Geometry) -> list[Any]:
    """GeoJSON coordinates."""
    found: list[Any] = describe_geometry(geometry).get("coordinates", [])
    return found


@algorithm("Geometry.geometries")
def geometries(geometry: Geometry) -> list[Geometry]:
    """The parts of a geometry."""
    parts = getattr(geometry.shape, "geoms", [geometry.shape])
    return [Geometry(part, geometry.crs, geometry.geodesic) for part in parts]


@algorithm("Geometry.geodesic", "Geometry.edgesAreGeodesics")
def geodesic(geometry: Geometry) -> bool:
    """Whether edges are great circles."""
    return geometry.geodesic


@algorithm("Geometry.isUnbounded")
def is_unbounded(geometry: Geometry) -> bool:
    """Whether it is the whole Earth."""
    return geometry.unbounded


@algorithm("Geometry.projection")
def projection(geometry: Geometry) -> Projection:
    """Its CRS."""
    return Projection(geometry.crs)


@algorithm("Geometry.type")
def type_of(geometry: Geometry) -> str:
    """Its GeoJSON type."""
    return str("LinearRing" if geometry.ring else geometry.shape.geom_type)


@algorithm("Geometry.dissolve")
def dissolve(geometry: Geometry) -> Geometry:
    """The union of its parts."""
    return Geometry(shapely.unary_union(geometry.shape), geometry.crs, geometry.geodesic)
