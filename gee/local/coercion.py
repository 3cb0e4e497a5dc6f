"""From the value that an expression holds to the type that an algorithm's signature asks for.

The client hands computed values over as they are and leaves their promotion to the service: a
number where an image is wanted becomes a constant image, a feature a collection of one, and so on.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import shapely.geometry

from gee.local import pixel_types
from gee.local.errors import InvalidRequestError, NotImplementedHereError
from gee.local.grids import Projection, parse_crs
from gee.local.images import Image, constant_band, unique_name
from gee.local.instants import instant_of_text
from gee.local.kernels import Kernel
from gee.local.reducers import Reducer
from gee.local.shapes import shape_in
from gee.local.values import (
    Collection,
    Date,
    DateRange,
    ErrorMargin,
    Feature,
    Filter,
    Function,
    Geometry,
    Join,
    type_name,
)

_LIST = re.compile(r"List<(.*)>$")
_DICTIONARY = re.compile(r"Dictionary<(.*)>$")


def coerce(value: Any, wanted: str, place: str) -> Any:
    """The value as the type named by a signature.

    Raises
    ------
    InvalidRequestError
        The service itself would not take it (`place` says which argument).
    NotImplementedHereError
        The stand-in knows no such type.
    """
    wanted = wanted.strip()
    if value is None or wanted in ("Object", "<any>"):
        return value
    if match := _LIST.match(wanted):
        if not isinstance(value, list | tuple):
            raise _mismatch(value, wanted, place)
        return [coerce(item, match.group(1), place) for item in value]
    if match := _DICTIONARY.match(wanted):
        if not isinstance(value, dict):
            raise _mismatch(value, wanted, place)
        return {key: coerce(item, match.group(1), place) for key, item in value.items()}
    name = wanted.split("<")[0]
    if name not in _CONVERTERS:
        raise NotImplementedHereError(f"values of the type '{wanted}' ({place})")
    converted = _CONVERTERS[name](value)
    if converted is None:
        raise _mismatch(value, wanted, place)
    return converted


def _mismatch(value: Any, wanted: str, place: str) -> InvalidRequestError:
    shown = f"\nActual value: {value}" if isinstance(value, str | int | float | bool) else ""
    return InvalidRequestError(
        f"{place}: Invalid type.\nExpected type: {wanted}.\nActual type: {type_name(value)}.{shown}"
    )


def to_number(value: Any) -> float | int | None:
    """A number from a number or a truth value."""
    if isinstance(value, bool):
        return int(value)
    return value if isinstance(value, int | float) else None


def to_integer(value: Any) -> int | None:
    """A whole number; a fraction is not one."""
    number = to_number(value)
    if number is None or number != int(number):
        return None
    return int(number)


def to_boolean(value: Any) -> bool | None:
    """A truth value, or a number that is not zero."""
    return bool(value) if isinstance(value, bool | int | float) else None


def to_image(value: Any) -> Image | None:
    """An image; a number becomes a constant, a list one band for each element."""
    if isinstance(value, Image):
        return value
    number = to_number(value)
    if number is not None:
        return Image((constant_band("constant", number, pixel_types.of_number(value)),))
    if isinstance(value, list) and value:
        bands: list[Any] = []
        for item in value:
            part = to_image(item)
            if part is None:
                return None
            for band in part.bands:
                name = unique_name(band.name, [known.name for known in bands])
                bands.append(replace(band, name=name))
        return Image(tuple(bands))
    return None


def to_collection(value: Any) -> Collection | None:
    """A collection of images or features; a single element becomes a collection of one."""
    if isinstance(value, Collection):
        return value
    if isinstance(value, Image):
        return Collection((value,), of_images=True)
    if isinstance(value, Feature):
        return Collection((value,), of_images=False)
    if isinstance(value, Geometry):
        return Collection((Feature(value),), of_images=False)
    if isinstance(value, list) and all(isinstance(item, Feature | Image) for item in value):
        images = bool(value) and all(isinstance(item, Image) for item in value)
        return Collection(tuple(value), of_images=images)
    return None


def to_image_collection(value: Any) -> Collection | None:
    """A collection of images."""
    collection = to_collection(value)
    if collection is None:
        return None
    if not all(isinstance(element, Image) for element in collection.elements):
        return None
    return Collection(
        collection.elements, True, properties=collection.properties, asset_id=collection.asset_id
    )


def to_element(value: Any) -> Any:
    """A feature, an image or a collection, which has properties too."""
    if isinstance(value, Feature | Image | Collection):
        return value
    return Feature(value) if isinstance(value, Geometry) else None


def to_feature(value: Any) -> Feature | None:
    """A feature."""
    if isinstance(value, Geometry):
        return Feature(value)
    return value if isinstance(value, Feature) else None


def to_geometry(value: Any) -> Geometry | None:
    """A geometry, or that of a feature, an image or a collection."""
    if isinstance(value, Geometry):
        return value
    if isinstance(value, Feature):
        return value.geometry
    if isinstance(value, Image | Collection):
        return element_geometry(value)
    if isinstance(value, dict) and "coordinates" in value:
        return Geometry(shapely.geometry.shape(value), geodesic=bool(value.get("geodesic", True)))
    return None


def element_geometry(value: Any) -> Geometry:
    """The geometry of a feature, an image's footprint, or the union of a collection's."""
    if isinstance(value, Feature):
        return value.geometry or Geometry(shapely.GeometryCollection())
    if isinstance(value, Image):
        footprint = value.footprint
        if footprint is None:
            return Geometry(shapely.box(-180, -90, 180, 90), geodesic=False, unbounded=True)
        return Geometry(footprint.outline(), geodesic=False)
    parts = [element_geometry(element) for element in value.elements]
    if any(part.unbounded for part in parts):
        return Geometry(shapely.box(-180, -90, 180, 90), geodesic=False, unbounded=True)
    if not parts:
        return Geometry(shapely.GeometryCollection())
    # One CRS stays; several meet in longitude and latitude.
    crs = parts[0].crs if len({part.crs for part in parts}) == 1 else "EPSG:4326"
    shape = shapely.union_all(
        [part.shape if part.crs == crs else shape_in(part, crs) for part in parts]
    )
    return Geometry(shape, crs, parts[0].geodesic)


def to_projection(value: Any) -> Projection | None:
    """A projection, or the one a CRS name stands for."""
    if isinstance(value, Projection):
        return value
    if isinstance(value, str):
        parse_crs(value)
        return Projection(value)
    if isinstance(value, dict) and value.get("type") == "Projection":
        return Projection(value["crs"], tuple(value["transform"]))
    return None


def to_date(value: Any) -> Date | None:
    """A date, or the instant that milliseconds or a text stand for."""
    if isinstance(value, Date):
        return value
    if isinstance(value, str):
        return Date(instant_of_text(value))
    number = to_number(value)
    return None if number is None else Date(number)


def to_date_range(value: Any) -> DateRange | None:
    """A date range, or the millisecond that a date stands for."""
    if isinstance(value, DateRange):
        return value
    date = to_date(value)
    return None if date is None else DateRange(date.milliseconds, date.milliseconds + 1)


def to_error_margin(value: Any) -> ErrorMargin | None:
    """An error margin, or a number of metres."""
    if isinstance(value, ErrorMargin):
        return value
    if isinstance(value, dict) and value.get("type") == "ErrorMargin":
        return ErrorMargin(value["value"], value["unit"])
    number = to_number(value)
    return None if number is None else ErrorMargin(number)


def to_pixel_type(value: Any) -> pixel_types.PixelType | None:
    """A pixel type, or the one a name stands for."""
    if isinstance(value, pixel_types.PixelType):
        return value
    return pixel_types.named(value) if isinstance(value, str) else None


def _only(kind: type) -> Any:
    return lambda value: value if isinstance(value, kind) else None


_CONVERTERS: dict[str, Any] = {
    "Algorithm": _only(Function),
    "Boolean": to_boolean,
    "Date": to_date,
    "DateRange": to_date_range,
    "Element": to_element,
    "ErrorMargin": to_error_margin,
    "Feature": to_feature,
    "FeatureCollection": to_collection,
    "Filter": _only(Filter),
    "Float": to_number,
    "Geometry": to_geometry,
    "Image": to_image,
    "ImageCollection": to_image_collection,
    "Integer": to_integer,
    "Join": _only(Join),
    "Kernel": _only(Kernel),
    "Long": to_integer,
    "Number": to_number,
    "PixelType": to_pixel_type,
    "Projection": to_projection,
    "Reducer": _only(Reducer),
    "String": _only(str),
}
