"""Features as pixels: painting geometries onto an image."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import shapely

from gee.local import pixel_types
from gee.local.algorithms.elements import property_of
from gee.local.coercion import element_geometry
from gee.local.errors import InvalidRequestError, NotImplementedHereError
from gee.local.grids import WGS84, PixelGrid
from gee.local.images import Band, Image, map_band
from gee.local.pixels import Pixels
from gee.local.reducers import Reducer
from gee.local.registry import algorithm
from gee.local.shapes import shape_in
from gee.local.values import Collection


def _colour(feature: Any, color: Any) -> float:
    value = property_of(feature, color) if isinstance(color, str) else color
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequestError(f"Image.paint: The colour '{color}' is not a number.")
    return value


@algorithm("Image.paint")
def paint(image: Image, featureCollection: Collection, color: Any, width: Any) -> Image:
    """The value of a colour wherever a geometry covers a pixel's centre."""
    if width is not None:
        raise NotImplementedHereError("outlines ('width') in 'Image.paint'")
    painted = [(element_geometry(one), _colour(one, color)) for one in featureCollection.elements]
    whole = all(isinstance(value, int) for _, value in painted)
    values = [value for _, value in painted] or [0]
    own = pixel_types.integer_range(min(values), max(values)) if whole else pixel_types.DOUBLE
    bands = []
    for band in image.bands:
        target = pixel_types.union(band.pixel_type, own)

        def apply(pixels: Pixels, grid: PixelGrid, target: Any = target) -> Pixels:
            east, north = grid.centres(grid.crs)
            result = pixel_types.cast(np.asarray(pixels.values), target).copy()
            for geometry, value in painted:
                shape = shape_in(geometry, grid.crs)
                shapely.prepare(shape)
                result[shapely.intersects_xy(shape, east, north)] = value
            return Pixels(result, pixels.mask)

        bands.append(replace(map_band(band, apply, target), size=None))
    return image.with_bands(bands)


@algorithm("Collection.reduceToImage")
def reduce_to_image(collection: Collection, properties: list[str], reducer: Reducer) -> Image:
    """At each pixel the reducer's outputs over the features that cover its centre."""
    if reducer.inputs != len(properties):
        raise InvalidRequestError(
            f"Collection.reduceToImage: Need {reducer.inputs} properties, got {len(properties)}."
        )
    rows = []
    for feature in collection.elements:
        values = [property_of(feature, name) for name in properties]
        if None not in values:
            rows.append((element_geometry(feature), [float(value) for value in values]))

    def output(index: int) -> Any:
        def compute(grid: PixelGrid) -> Pixels:
            east, north = grid.centres(grid.crs)
            points = grid.width * grid.height
            values = np.zeros((len(properties), len(rows), points))
            weights = np.zeros((len(rows), points))
            for place, (geometry, numbers) in enumerate(rows):
                shape = shape_in(geometry, grid.crs)
                shapely.prepare(shape)
                weights[place] = shapely.intersects_xy(shape, east, north).ravel()
                values[:, place] = np.array(numbers)[:, None]
            result, valid = reducer.reduce_stack(values, weights)[index]
            covered: Any = weights.any(axis=0) if reducer.name == "count" else valid
            return Pixels(result.reshape(grid.shape), covered.reshape(grid.shape))

        return compute

    return Image(
        tuple(
            Band(name, pixel_types.DOUBLE, WGS84, output(index))
            for index, name in enumerate(reducer.outputs)
        )
    )
