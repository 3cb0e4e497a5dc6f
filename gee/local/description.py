"""Values as the service shows them to `getInfo`: plain JSON.

In: any value of an expression. Out: numbers, strings, lists and dictionaries. Collections of more
than 5,000 elements are refused with the service's words.
"""

from __future__ import annotations

import math
from typing import Any

import shapely

from gee.local.errors import InvalidRequestError, NotImplementedHereError
from gee.local.grids import Projection
from gee.local.images import Image
from gee.local.limits import MAXIMUM_ELEMENTS
from gee.local.pixel_types import PixelType
from gee.local.values import (
    Collection,
    Date,
    DateRange,
    ErrorMargin,
    Feature,
    Geometry,
    type_name,
)


def describe(value: Any) -> Any:
    """The JSON of a value.

    Raises
    ------
    NotImplementedHereError
        The value is of a type whose description is not known here (reducers, kernels, ...).
    InvalidRequestError
        A collection has more than 5,000 elements.
    """
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]
    if isinstance(value, dict):
        return {key: describe(value[key]) for key in sorted(value)}
    if isinstance(value, Image):
        return describe_image(value)
    if isinstance(value, Feature):
        return describe_feature(value)
    if isinstance(value, Collection):
        return describe_collection(value)
    if isinstance(value, Geometry):
        return describe_geometry(value)
    if isinstance(value, Projection | PixelType):
        return value.to_json()
    if isinstance(value, Date):
        return {"type": "Date", "value": _number(value.milliseconds)}
    if isinstance(value, DateRange):
        return {"type": "DateRange", "dates": [_number(value.start), _number(value.end)]}
    if isinstance(value, ErrorMargin):
        return {"type": "ErrorMargin", "unit": value.unit, "value": _number(value.value)}
    raise NotImplementedHereError(f"the description of a value of type '{type_name(value)}'")


def _number(value: float) -> float | int | str:
    """Whole numbers without a fraction, and what JSON has no number for as a word."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return int(value) if float(value).is_integer() and abs(value) < 2**53 else value


def describe_properties(properties: dict[str, Any]) -> dict[str, Any]:
    """Properties with a value, in order of their names."""
    return {key: describe(properties[key]) for key in sorted(properties)}


def describe_image(image: Image) -> dict[str, Any]:
    """Bands, properties and id."""
    out: dict[str, Any] = {"type": "Image", "bands": [band.to_json() for band in image.bands]}
    if image.asset_id is not None:
        out["id"] = image.asset_id
    if image.properties:
        out["properties"] = describe_properties(image.properties)
    return out


def describe_feature(feature: Feature) -> dict[str, Any]:
    """GeoJSON, with the index as its id."""
    geometry = None if feature.geometry is None else describe_geometry(feature.geometry)
    own = {key: value for key, value in feature.properties.items() if key != "system:index"}
    out = {"type": "Feature", "geometry": geometry, "properties": describe_properties(own)}
    if "system:index" in feature.properties:
        out["id"] = feature.properties["system:index"]
    return out


def describe_collection(collection: Collection) -> dict[str, Any]:
    """Its elements as "features", whether these are features or images."""
    if len(collection.elements) > MAXIMUM_ELEMENTS:
        raise InvalidRequestError(
            f"Collection query aborted after accumulating over {MAXIMUM_ELEMENTS} elements."
        )
    out: dict[str, Any] = {"type": type_name(collection)}
    if collection.asset_id is not None:
        out["id"] = collection.asset_id
    if collection.of_images:
        out["bands"] = []
    else:
        out["columns"] = {}
    if collection.properties:
        out["properties"] = describe_properties(collection.properties)
    out["features"] = [describe(element) for element in collection.elements]
    return out


def describe_geometry(geometry: Geometry) -> dict[str, Any]:
    """GeoJSON, with the CRS where it is not longitude and latitude."""
    shape = geometry.shape
    if geometry.ring:
        shape = shapely.LinearRing(shapely.get_coordinates(shape))
    out = _lists(shapely.geometry.mapping(shape))
    out["geodesic"] = geometry.geodesic
    if geometry.shape.geom_type in ("Point", "MultiPoint"):
        del out["geodesic"]
    if geometry.crs != "EPSG:4326":
        out["crs"] = {"type": "name", "properties": {"name": geometry.crs}}
    result: dict[str, Any] = out
    return result


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_lists(item) for item in value]
    return _number(value) if isinstance(value, float) else value
