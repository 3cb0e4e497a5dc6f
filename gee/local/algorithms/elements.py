"""Properties of features, images and collections."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gee.local.coercion import element_geometry
from gee.local.errors import InvalidRequestError, NotImplementedHereError
from gee.local.registry import algorithm
from gee.local.values import Collection, Date, DateRange, Feature, Geometry


def property_of(element: Any, name: str) -> Any:
    """The value of a property, null where there is none."""
    if name in (".geo",) and isinstance(element, Feature):
        return element.geometry
    return element.properties.get(name)


def stored(value: Any) -> Any:
    """A value as a property keeps it: dates as milliseconds."""
    return int(value.milliseconds) if isinstance(value, Date) else value


def with_property(element: Any, name: str, value: Any) -> Any:
    """The element with a property set; null removes it."""
    properties = dict(element.properties)
    if value is None:
        properties.pop(name, None)
    else:
        properties[name] = stored(value)
    return replace(element, properties=properties)


@algorithm("Element.get")
def get(object: Any, property: str) -> Any:  # noqa: A002
    """A property."""
    return property_of(object, property)


@algorithm("Element.getNumber")
def get_number(object: Any, property: str) -> Any:  # noqa: A002
    """A property that is a number."""
    value = property_of(object, property)
    if value is not None and not isinstance(value, int | float):
        raise InvalidRequestError(f"Element.getNumber: The property '{property}' is not a number.")
    return value


@algorithm("Element.getString")
def get_string(object: Any, property: str) -> Any:  # noqa: A002
    """A property that is a string."""
    value = property_of(object, property)
    if value is not None and not isinstance(value, str):
        raise InvalidRequestError(f"Element.getString: The property '{property}' is not a string.")
    return value


@algorithm("Element.set")
def set_property(object: Any, key: str, value: Any) -> Any:  # noqa: A002
    """With one property set."""
    return with_property(object, key, value)


@algorithm("Element.setMulti")
def set_multi(object: Any, properties: dict[str, Any]) -> Any:  # noqa: A002
    """With several properties set."""
    for key, value in properties.items():
        object = with_property(object, key, value)  # noqa: A001
    return object


@algorithm("Element.propertyNames")
def property_names(element: Any) -> list[str]:
    """Names of the properties in order."""
    return sorted(element.properties)


@algorithm("Element.toDictionary")
def to_dictionary(element: Any, properties: list[str] | None) -> dict[str, Any]:
    """The properties named, or all that are not the system's."""
    if properties is None:
        return {k: v for k, v in element.properties.items() if not k.startswith("system:")}
    return {name: property_of(element, name) for name in properties}


@algorithm("Element.copyProperties", "Image.copyProperties")
def copy_properties(
    destination: Any, source: Any, properties: list[str] | None, exclude: list[str] | None
) -> Any:
    """With the source's properties named, or with all that are not the system's."""
    if destination is None:
        return None
    if source is None:
        return destination
    if properties is not None and exclude:
        raise InvalidRequestError(
            "Element.copyProperties: 'exclude' must not be given together with 'properties'."
        )
    copied = dict(destination.properties)
    for name, value in source.properties.items():
        wanted = (
            not name.startswith("system:") and name not in (exclude or [])
            if properties is None
            else name in properties
        )
        if wanted:
            copied[name] = value
    return replace(destination, properties=copied)


@algorithm("Element.replaceProperties")
def replace_properties(destination: Any, source: Any) -> Any:
    """With the source's properties instead of its own."""
    return destination if source is None else replace(destination, properties=source.properties)


@algorithm("Feature.id", "Image.id")
def identifier(element: Any) -> str:
    """The element's index in its collection, or its asset's id."""
    asset = getattr(element, "asset_id", None)
    return str(asset or element.properties.get("system:index", ""))


@algorithm("Image.date")
def date(image: Any) -> Date:
    """The time at which the image starts."""
    value = image.properties.get("system:time_start")
    if value is None:
        raise InvalidRequestError("Image.date: The image has no 'system:time_start'.")
    return Date(value)


@algorithm("Element.geometry", "Feature.geometry", "Image.geometry")
def geometry(feature: Any) -> Geometry:
    """The geometry, or the footprint."""
    return element_geometry(feature)


@algorithm("Feature.setGeometry")
def set_geometry(feature: Any, geometry: Geometry | None) -> Any:
    """With another geometry."""
    if not isinstance(feature, Feature):
        raise NotImplementedHereError("the algorithm 'Feature.setGeometry' of an image")
    return replace(feature, geometry=geometry)


@algorithm("Feature.select")
def select(
    input: Any,  # noqa: A002
    propertySelectors: list[str],
    newProperties: list[str] | None,
    retainGeometry: bool,
) -> Any:
    """Only some properties, under new names where given."""
    names = newProperties or propertySelectors
    if len(names) != len(propertySelectors):
        raise InvalidRequestError("Feature.select: Need as many new names as properties.")
    if any(not name.replace(":", "").replace("_", "").isalnum() for name in propertySelectors):
        raise NotImplementedHereError("patterns in the properties of 'Feature.select'")
    chosen = {
        new: input.properties[old]
        for old, new in zip(propertySelectors, names, strict=True)
        if old in input.properties
    }
    if "system:index" in input.properties:
        chosen["system:index"] = input.properties["system:index"]
    if isinstance(input, Feature):
        return Feature(input.geometry if retainGeometry else None, chosen)
    return replace(input, properties=chosen)


def time_of(element: Any) -> float | None:
    """The element's start in milliseconds."""
    value = element.properties.get("system:time_start")
    if isinstance(value, Date):
        return value.milliseconds
    if isinstance(value, DateRange):
        return value.start
    milliseconds: float | None = value
    return milliseconds


def indexed(collection: Collection) -> Collection:
    """The collection with the position as the index of every element that has none."""
    elements = []
    for place, element in enumerate(collection.elements):
        if "system:index" not in element.properties:
            element = with_property(element, "system:index", str(place))
        elements.append(element)
    return replace(collection, elements=tuple(elements))
