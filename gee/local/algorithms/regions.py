"""Aggregation over regions: reduceRegion and reduceRegions.

Weighted reducers (mean, sum, variances, ...) weigh each pixel by the part of it inside the region
times its mask; unweighted ones take the pixels whose centre is inside. A point is the pixel that
it lies in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely

from gee.local import limits
from gee.local.algorithms.points import pixel_of_points, values_at
from gee.local.algorithms.projections import chosen_projection
from gee.local.coercion import element_geometry
from gee.local.errors import InvalidRequestError
from gee.local.grids import PixelGrid, Projection
from gee.local.images import Band, Image
from gee.local.pixels import Array
from gee.local.reducers import Reducer, check_inputs
from gee.local.registry import algorithm
from gee.local.shapes import shape_in
from gee.local.values import Collection, Feature, Geometry

CHUNK_PX = 4 * 10**6
"""Pixels of a region that are read at once."""


def window_of(shape: shapely.Geometry, lattice: Projection) -> PixelGrid:
    """The window of a lattice that covers a shape; a point's own pixel."""
    west, south, east, north = shape.bounds
    if math.isnan(west):
        raise InvalidRequestError("Geometry has no area: it is empty.")
    if west == east and south == north:
        col, row = ~lattice.affine * (west, south)
        return PixelGrid(lattice, math.floor(col + 1e-6), math.floor(row + 1e-6), 1, 1)
    return lattice.window(west, south, east, north)


def coverage(shape: shapely.Geometry, grid: PixelGrid, weighted: bool) -> Array:
    """(rows, cols) part of each pixel inside a shape (0 or 1 by its centre where not weighted)."""
    if shape.geom_type in ("Point", "MultiPoint"):
        inside = np.zeros(grid.shape)
        for point in shapely.get_coordinates(shape):
            col, row = ~grid.transform * tuple(point)
            place = math.floor(row + 1e-6), math.floor(col + 1e-6)
            if 0 <= place[0] < grid.height and 0 <= place[1] < grid.width:
                inside[place] = 1.0
        return inside
    shapely.prepare(shape)
    east, north = grid.centres(grid.crs)
    if not weighted or shape.geom_type in ("LineString", "MultiLineString", "LinearRing"):
        found: Array = shapely.intersects_xy(shape, east, north).astype(float)
        return found
    matrix = grid.transform
    half_east, half_north = abs(matrix.a) / 2, abs(matrix.e) / 2
    boxes = shapely.box(
        (east - half_east).ravel(),
        (north - half_north).ravel(),
        (east + half_east).ravel(),
        (north + half_north).ravel(),
    )
    whole = shapely.contains_properly(shape, boxes)
    parts = whole.astype(float)
    edge = np.flatnonzero(~whole & shapely.intersects(shape, boxes))
    if edge.size:
        parts[edge] = shapely.area(shapely.intersection(shape, boxes[edge]))
        parts[edge] /= 4 * half_east * half_north
    return np.asarray(parts.reshape(grid.shape))


def gathered(
    bands: Sequence[Band], geometry: Geometry, lattice: Projection, weighted: bool
) -> tuple[Array, Array]:
    """Values (bands, n) and weights (bands, n) of the pixels in a region."""
    shape = shape_in(geometry, lattice.crs)
    window = window_of(shape, lattice)
    rows = max(1, CHUNK_PX // window.width)
    values: list[list[Array]] = [[] for _ in bands]
    weights: list[list[Array]] = [[] for _ in bands]
    for start in range(0, window.height, rows):
        height = min(rows, window.height - start)
        strip = PixelGrid(lattice, window.col, window.row + start, window.width, height)
        inside = coverage(shape, strip, weighted)
        chosen = inside > 0
        for index, band in enumerate(bands):
            pixels = band.pixels(strip)
            values[index].append(pixels.values[chosen].astype(np.float64))
            weights[index].append(inside[chosen] * pixels.mask[chosen])
    return (
        np.array([np.concatenate(parts) for parts in values]).reshape(len(bands), -1),
        np.array([np.concatenate(parts) for parts in weights]).reshape(len(bands), -1),
    )


def reduced(
    image: Image, reducer: Reducer, geometry: Geometry, lattice: Projection, single: str
) -> dict[str, Any]:
    """The reducer's outputs over a region, by name.

    `single` says how the outputs of a single band are named: "band" or "output".
    """
    values, weights = gathered(image.bands, geometry, lattice, reducer.weighted)
    return outputs_of(image, reducer, values, weights, single)


def outputs_of(
    image: Image, reducer: Reducer, values: Array, weights: Array, single: str
) -> dict[str, Any]:
    """The reducer's outputs, by name, over values and weights (bands, n)."""
    results: dict[str, Any] = {}
    if reducer.inputs > 1:
        groups = [(list(range(len(image.bands))), "")]
    else:
        groups = [([index], band.name) for index, band in enumerate(image.bands)]
    alone = single == "output" and len(image.bands) == 1
    for members, name in groups:
        joint = weights[members].min(axis=0) if members else np.zeros(0)
        keep = joint > 0
        whole = all(image.bands[member].pixel_type.is_integer for member in members)
        columns = [_plain(values[member][keep], whole) for member in members]
        rows = list(zip(*columns, strict=True))
        outputs = reducer.reduce_rows(rows, joint[keep].tolist())
        for output, value in zip(reducer.outputs, outputs, strict=True):
            if not name or alone:
                key = output
            else:
                key = name if len(reducer.outputs) == 1 else f"{name}_{output}"
            results[key] = value
    return results


def _plain(values: Array, whole: bool) -> list[Any]:
    return [int(value) for value in values] if whole else values.tolist()


@algorithm("Image.reduceRegion")
def reduce_region(
    image: Image,
    reducer: Reducer,
    geometry: Geometry | None,
    scale: float | None,
    crs: Projection | None,
    crsTransform: list[float] | None,
    bestEffort: bool,
    maxPixels: int,
) -> dict[str, Any]:
    """A reducer over one region, as a dictionary."""
    name = "Image.reduceRegion"
    own = image.first_band(name).projection
    lattice = chosen_projection(crs, crsTransform, scale, own, name)
    check_inputs(reducer, len(image.bands), name)
    region = geometry if geometry is not None else element_geometry(image)
    if region.unbounded:
        raise InvalidRequestError(
            f"{name}: Unable to perform this geometry operation. The geometry is unbounded; "
            "name a region."
        )
    window = window_of(shape_in(region, lattice.crs), lattice)
    pixels = window.width * window.height
    if pixels > maxPixels and bestEffort:
        factor = math.sqrt(pixels / maxPixels) * 1.01
        lattice = lattice.scaled(factor, factor)
    else:
        limits.check_region(pixels, maxPixels, name)
    return reduced(image, reducer, region, lattice, single="band")


@algorithm("Image.reduceRegions")
def reduce_regions(
    image: Image,
    collection: Collection,
    reducer: Reducer,
    scale: float | None,
    crs: Projection | None,
    crsTransform: list[float] | None,
    maxPixelsPerRegion: int | None,
) -> Collection:
    """A reducer over each feature, whose properties get the outputs; null ones are left out."""
    name = "Image.reduceRegions"
    own = image.first_band(name).projection
    lattice = chosen_projection(crs, crsTransform, scale, own, name)
    check_inputs(reducer, len(image.bands), name)
    features = []
    pixels = pixel_of_points(collection.elements, lattice)
    if pixels is not None:
        values, masks = (np.array(part) for part in values_at(image.bands, *pixels, lattice))
        for place, element in enumerate(collection.elements):
            here = slice(place, place + 1)
            outputs = outputs_of(image, reducer, values[:, here], masks[:, here], "output")
            known = {key: value for key, value in outputs.items() if value is not None}
            features.append(Feature(element.geometry, {**element.properties, **known}))
        return collection.with_elements(features)
    for element in collection.elements:
        region = element_geometry(element)
        if maxPixelsPerRegion is not None:
            window = window_of(shape_in(region, lattice.crs), lattice)
            limits.check_region(window.width * window.height, maxPixelsPerRegion, name)
        outputs = reduced(image, reducer, region, lattice, single="output")
        known = {key: value for key, value in outputs.items() if value is not None}
        features.append(Feature(element.geometry, {**element.properties, **known}))
    return collection.with_elements(features)
