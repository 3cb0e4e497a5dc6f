"""Shapes from one CRS to another, edges that are great circles included.

In: geometries; coordinates are east before north. Out: shapes in the CRS asked for.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pyproj
import shapely

from gee.local.grids import parse_crs, same_crs, transformer
from gee.local.values import Geometry

ELLIPSOID = pyproj.Geod(ellps="WGS84")
LONGEST_EDGE_M = 10_000.0
"""Geodesic edges get a vertex at least this often before they are drawn on a plane."""


def shape_in(geometry: Geometry, crs: str) -> shapely.Geometry:
    """The shape in another CRS; geodesic edges get vertices along the great circle."""
    shape = geometry.shape
    if geometry.unbounded:
        area = parse_crs(crs).area_of_use
        if not parse_crs(crs).is_geographic and area is not None:
            shape = shapely.box(area.west, area.south, area.east, area.north)
    if geometry.geodesic and parse_crs(geometry.crs).is_geographic:
        shape = densified(shape)
    elif not same_crs(geometry.crs, crs):
        west, south, east, north = shape.bounds
        longest = max(east - west, north - south)
        shape = shapely.segmentize(shape, longest / 64) if longest > 0 else shape
    return moved(shape, geometry.crs, crs)


def moved(shape: shapely.Geometry, source: str, target: str) -> shapely.Geometry:
    """The shape vertex by vertex in another CRS."""
    if same_crs(source, target):
        return shape
    there = transformer(source, target)
    return shapely.transform(
        shape, lambda points: np.column_stack(there.transform(points[:, 0], points[:, 1]))
    )


def densified(shape: shapely.Geometry) -> shapely.Geometry:
    """The shape, in longitude and latitude, with vertices along the great circles of its edges."""
    if shape.geom_type in ("Point", "MultiPoint") or shape.is_empty:
        return shape
    if shape.geom_type == "Polygon":
        rings = [_along(ring.coords) for ring in (shape.exterior, *shape.interiors)]
        return shapely.Polygon(rings[0], rings[1:])
    if shape.geom_type in ("LineString", "LinearRing"):
        return type(shape)(_along(shape.coords))
    return type(shape)([densified(part) for part in shape.geoms])


def _along(coordinates: Any) -> list[tuple[float, float]]:
    points = [tuple(point[:2]) for point in coordinates]
    dense = [points[0]]
    for start, end in pairwise(points):
        # Along a meridian or the equator the great circle is the straight line already.
        straight = start[0] == end[0] or start[1] == end[1] == 0
        if not straight:
            _, _, length = ELLIPSOID.inv(*start, *end)
            count = min(int(length // LONGEST_EDGE_M), 200)
            if count:
                dense.extend(ELLIPSOID.npts(start[0], start[1], end[0], end[1], count))
        dense.append(end)
    return dense
