"""Joins of two collections by a filter of two fields, and the link of an image to a collection."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gee.local.algorithms.bands import add_bands, select_bands
from gee.local.algorithms.elements import property_of, with_property
from gee.local.errors import InvalidRequestError
from gee.local.images import Image, map_band
from gee.local.pixels import Pixels, nowhere
from gee.local.registry import algorithm
from gee.local.values import Collection, Feature, Filter, Join


@algorithm("Join.simple")
def simple() -> Join:
    """The primary elements with a match."""
    return Join("simple", {})


@algorithm("Join.inverted")
def inverted() -> Join:
    """The primary elements without a match."""
    return Join("inverted", {})


@algorithm("Join.inner")
def inner(primaryKey: str, secondaryKey: str, measureKey: str | None) -> Join:
    """A feature for each pair that matches."""
    return Join("inner", {"primary": primaryKey, "secondary": secondaryKey, "measure": measureKey})


@algorithm("Join.saveFirst")
def save_first(
    matchKey: str, ordering: str | None, ascending: bool, measureKey: str | None, outer: bool
) -> Join:
    """The primary elements with the first match as a property."""
    return Join("saveFirst", _saving(matchKey, ordering, ascending, measureKey, outer))


@algorithm("Join.saveAll")
def save_all(
    matchesKey: str, ordering: str | None, ascending: bool, measureKey: str | None, outer: bool
) -> Join:
    """The primary elements with the list of matches as a property."""
    return Join("saveAll", _saving(matchesKey, ordering, ascending, measureKey, outer))


@algorithm("Join.saveBest")
def save_best(matchKey: str, measureKey: str, outer: bool) -> Join:
    """The primary elements with the match of the smallest measure as a property."""
    return Join("saveBest", _saving(matchKey, None, True, measureKey, outer))


def _saving(
    key: str, ordering: str | None, ascending: bool, measure: str | None, outer: bool
) -> dict[str, Any]:
    return {
        "key": key,
        "ordering": ordering,
        "ascending": ascending,
        "measure": measure,
        "outer": outer,
    }


@algorithm("Join.apply")
def apply(join: Join, primary: Collection, secondary: Collection, condition: Filter) -> Collection:
    """The joined collection."""
    results: list[Any] = []
    for element in primary.elements:
        matches = [
            (other, measure)
            for other in secondary.elements
            if (measure := condition.match(element, other)) is not None
        ]
        results.extend(_joined(join, element, matches))
    return primary.with_elements(results)


def _joined(join: Join, element: Any, matches: list[tuple[Any, float]]) -> list[Any]:
    options = join.options
    if join.kind == "simple":
        return [element] if matches else []
    if join.kind == "inverted":
        return [] if matches else [element]
    if join.kind == "inner":
        pairs = []
        for other, measure in matches:
            properties: dict[str, Any] = {
                options["primary"]: element,
                options["secondary"]: _measured(other, options["measure"], measure),
            }
            pairs.append(Feature(None, properties))
        return pairs
    if not matches:
        return [element] if options["outer"] else []
    if options["ordering"] is not None:
        matches = sorted(
            matches,
            key=lambda match: property_of(match[0], options["ordering"]),
            reverse=not options["ascending"],
        )
    if join.kind == "saveBest":
        matches = sorted(matches, key=lambda match: match[1])
    saved = [_measured(other, options["measure"], measure) for other, measure in matches]
    value = saved if join.kind == "saveAll" else saved[0]
    return [with_property(element, options["key"], value)]


def _measured(element: Any, key: str | None, measure: float) -> Any:
    return element if key is None else with_property(element, key, measure)


@algorithm("Image.linkCollection")
def link_collection(
    input: Image,  # noqa: A002
    imageCollection: Collection,
    linkedBands: Any,
    linkedProperties: Any,
    matchPropertyName: str,
) -> Image:
    """With the bands and properties of the collection's image of the same property.

    Without a match the bands are masked and the properties null.
    """
    if not imageCollection.elements:
        raise InvalidRequestError("Image.linkCollection: The collection is empty.")
    own = input.properties.get(matchPropertyName)
    match = next(
        (
            image
            for image in imageCollection.elements
            if own is not None and image.properties.get(matchPropertyName) == own
        ),
        None,
    )
    source: Image = imageCollection.elements[0] if match is None else match
    names = _list(linkedBands)
    linked = source if names is None else select_bands(source, names, "Image.linkCollection")
    if names is None and linkedProperties is not None:
        linked = linked.with_bands([])
    if match is None:
        linked = linked.with_bands(
            map_band(band, lambda pixels, grid: Pixels(pixels.values, nowhere(grid)))
            for band in linked.bands
        )
    footprint = input.footprint
    bands = [replace(band, footprint=footprint) for band in linked.bands]
    result = add_bands(input, linked.with_bands(bands), None, overwrite=True)
    for name in _list(linkedProperties) or []:
        value = None if match is None else property_of(match, name)
        result = with_property(result, name, value)
    return result


def _list(value: Any) -> list[Any] | None:
    return value if value is None or isinstance(value, list) else [value]
