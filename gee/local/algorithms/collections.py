"""Collections of images or features: loading, filtering, mapping, aggregating properties."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import shapely

from gee.local.algorithms import geometries
from gee.local.algorithms.elements import indexed, property_of, with_property
from gee.local.catalogue import current_catalogue
from gee.local.coercion import element_geometry
from gee.local.errors import InvalidRequestError, LocalServiceError, NotImplementedHereError
from gee.local.grids import Projection
from gee.local.images import Image
from gee.local.reducers import Reducer
from gee.local.registry import algorithm
from gee.local.shapes import shape_in
from gee.local.values import Collection, Feature, Filter, Function, Geometry


@algorithm("ImageCollection.load")
def load_images(id: str, version: int | None) -> Collection:  # noqa: A002
    """The image collection of an asset."""
    if version not in (None, -1):
        raise NotImplementedHereError("versions of an asset")
    return current_catalogue().image_collection(id)


@algorithm("Collection.loadTable")
def load_table(tableId: str, version: int | None) -> Collection:
    """The feature collection of an asset."""
    if version not in (None, -1):
        raise NotImplementedHereError("versions of an asset")
    return current_catalogue().table(tableId)


@algorithm("Collection")
def collection(features: list[Any]) -> Collection:
    """From a list of features."""
    images = bool(features) and all(isinstance(element, Image) for element in features)
    return indexed(Collection(tuple(features), of_images=images))


@algorithm("ImageCollection.fromImages")
def from_images(images: list[Image]) -> Collection:
    """From a list of images."""
    return indexed(Collection(tuple(images), of_images=True))


@algorithm("Collection.filter")
def filter_collection(collection: Collection, filter: Any) -> Collection:  # noqa: A002
    """The elements that pass."""
    if not isinstance(filter, Filter):
        raise NotImplementedHereError("filters written as text in 'Collection.filter'")
    return collection.with_elements(one for one in collection.elements if filter.passes(one))


@algorithm("Collection.limit")
def limit(
    collection: Collection,
    limit: int | None,
    key: str | None,
    ascending: bool,
) -> Collection:
    """The first elements, in order of a property where one is named."""
    elements = list(collection.elements)
    if key is not None:
        missing = [one for one in elements if property_of(one, key) is None]
        present = [one for one in elements if property_of(one, key) is not None]
        try:
            present.sort(key=lambda one: property_of(one, key), reverse=not ascending)
        except TypeError as error:
            raise InvalidRequestError(
                f"Collection.limit: The values of '{key}' cannot be compared."
            ) from error
        elements = [*present, *missing] if ascending else [*missing, *present]
    return collection.with_elements(elements if limit is None else elements[:limit])


@algorithm("Collection.map")
def map_collection(collection: Collection, baseAlgorithm: Function, dropNulls: bool) -> Collection:
    """The function's results for every element, each with the index of its element."""
    results = []
    for element in collection.elements:
        index = element.properties.get("system:index")
        try:
            result = baseAlgorithm(element)
        except LocalServiceError as error:
            if error.status == 400:
                raise InvalidRequestError(f"Error in map(ID={index}):\n{error.message}") from error
            raise
        if isinstance(result, Geometry):
            result = Feature(result)
        if result is None:
            if dropNulls:
                continue
            raise InvalidRequestError(
                "Collection.map: A mapped algorithm returned null; set dropNulls to allow it."
            )
        if not isinstance(result, Feature | Image | Collection):
            raise InvalidRequestError(
                "Collection.map: A mapped algorithm must return a Feature or Image."
            )
        if index is not None:
            result = with_property(result, "system:index", index)
        results.append(result)
    return collection.with_elements(results)


@algorithm("Collection.iterate")
def iterate(collection: Collection, function: Function, first: Any) -> Any:
    """The function called with each element and the result before."""
    result = first
    for element in collection.elements:
        result = function(element, result)
    return result


@algorithm("Collection.size")
def size(collection: Collection) -> int:
    """Number of elements."""
    return len(collection.elements)


@algorithm("Collection.first")
def first(collection: Collection) -> Any:
    """The first element, null where there is none."""
    return collection.elements[0] if collection.elements else None


@algorithm("Collection.toList")
def to_list(collection: Collection, count: int, offset: int) -> list[Any]:
    """So many elements from a position on."""
    return list(collection.elements[offset : offset + count])


@algorithm("Collection.merge", "ImageCollection.merge")
def merge(collection1: Collection, collection2: Collection) -> Collection:
    """Both one after the other; indices get the prefixes 1_ and 2_."""
    merged = []
    for prefix, part in (("1", collection1), ("2", collection2)):
        for element in part.elements:
            index = element.properties.get("system:index", "")
            merged.append(with_property(element, "system:index", f"{prefix}_{index}"))
    return collection1.with_elements(merged)


@algorithm("Collection.flatten")
def flatten(collection: Collection) -> Collection:
    """The elements of the collection's collections."""
    elements: list[Any] = []
    for part in collection.elements:
        if not isinstance(part, Collection):
            raise InvalidRequestError("Collection.flatten: An element is not a collection.")
        outer = part.properties.get("system:index")
        for element in part.elements:
            index = element.properties.get("system:index", "")
            joined = str(index) if outer is None else f"{outer}_{index}"
            elements.append(with_property(element, "system:index", joined))
    return collection.with_elements(elements)


@algorithm("Collection.distinct")
def distinct(collection: Collection, properties: Any) -> Collection:
    """Without elements whose properties repeat."""
    names = properties if isinstance(properties, list) else [properties]
    seen: set[str] = set()
    kept = []
    for element in collection.elements:
        values = [property_of(element, name) for name in names]
        shown = repr([v.shape.wkb if isinstance(v, Geometry) else v for v in values])
        if shown not in seen:
            seen.add(shown)
            kept.append(element)
    return collection.with_elements(kept)


@algorithm("Collection.geometry")
def geometry(collection: Collection) -> Geometry:
    """The geometries of all elements together."""
    return element_geometry(collection)


@algorithm("Collection.bounds")
def bounds(collection: Collection, proj: Projection) -> Geometry:
    """The bounding rectangle of all elements."""
    return geometries.bounds(element_geometry(collection), proj)


@algorithm("Collection.union")
def union(collection: Collection) -> Collection:
    """One feature with the union of the geometries."""
    whole = element_geometry(collection)
    merged = Geometry(shapely.unary_union(whole.shape), whole.crs, whole.geodesic)
    return indexed(Collection((Feature(merged),), of_images=False))


@algorithm("Collection.remap")
def remap(
    collection: Collection, lookupIn: list[Any], lookupOut: list[int], columnName: str
) -> Collection:
    """A property's values mapped; elements with other values are dropped."""
    table = dict(zip(lookupIn, lookupOut, strict=True))
    return collection.with_elements(
        with_property(element, columnName, table[property_of(element, columnName)])
        for element in collection.elements
        if property_of(element, columnName) in table
    )


@algorithm("Collection.randomColumn")
def random_column(
    collection: Collection, columnName: str, seed: int, distribution: str, rowKeys: list[str]
) -> Collection:
    """With a column of numbers drawn from the seed and each element's keys.

    The numbers are repeatable, and others than the service's.
    """
    if distribution not in ("uniform", "normal"):
        raise InvalidRequestError(f"Collection.randomColumn: Unknown distribution {distribution}.")
    elements = []
    for element in collection.elements:
        keys = repr([seed, *(property_of(element, key) for key in rowKeys)])
        state = int.from_bytes(hashlib.sha256(keys.encode()).digest()[:8], "big")
        generator = np.random.default_rng(state)
        value = generator.random() if distribution == "uniform" else generator.standard_normal()
        elements.append(with_property(element, columnName, float(value)))
    return replace(collection, elements=tuple(elements))


@algorithm("FeatureCollection.randomPoints")
def random_points(region: Geometry, points: int, seed: int) -> Collection:
    """Points spread evenly over the area of a region, drawn from the seed.

    They are repeatable, and others than the service's.
    """
    shape = shape_in(region, "EPSG:4326")
    if shape.area == 0:
        raise InvalidRequestError("FeatureCollection.randomPoints: The region has no area.")
    shapely.prepare(shape)
    west, south, east, north = shape.bounds
    generator = np.random.default_rng(seed)
    found: list[tuple[float, float]] = []
    while len(found) < points:
        longitude = generator.uniform(west, east, 2 * points)
        # Even over a sphere's area: the sine of the latitude is uniform.
        low, high = np.sin(np.radians([south, north]))
        latitude = np.degrees(np.arcsin(generator.uniform(low, high, 2 * points)))
        inside = shapely.intersects_xy(shape, longitude, latitude)
        found.extend(zip(longitude[inside], latitude[inside], strict=True))
    features = [Feature(Geometry(shapely.Point(place))) for place in found[:points]]
    return indexed(Collection(tuple(features), of_images=False))


@algorithm("Collection.reduceColumns")
def reduce_columns(
    collection: Collection,
    reducer: Reducer,
    selectors: list[str],
    weightSelectors: list[str] | None,
) -> dict[str, Any]:
    """The reducer's outputs over properties."""
    if weightSelectors is not None and len(weightSelectors) != 1:
        raise NotImplementedHereError("several weights in 'Collection.reduceColumns'")
    if reducer.inputs != len(selectors):
        raise InvalidRequestError(
            f"Collection.reduceColumns: Need {reducer.inputs} selectors, got {len(selectors)}."
        )
    rows = [tuple(property_of(one, name) for name in selectors) for one in collection.elements]
    weights = [
        float(property_of(one, weightSelectors[0]) or 0.0) if weightSelectors else 1.0
        for one in collection.elements
    ]
    return dict(zip(reducer.outputs, reducer.reduce_rows(rows, weights), strict=True))


def values_of(collection: Collection, name: str) -> list[Any]:
    """The values of a property that are not null."""
    values = [property_of(element, name) for element in collection.elements]
    return [value for value in values if value is not None]


@algorithm("AggregateFeatureCollection.array")
def aggregate_array(collection: Collection, property: str) -> list[Any]:  # noqa: A002
    """The values of a property."""
    return values_of(collection, property)


@algorithm("AggregateFeatureCollection.first")
def aggregate_first(collection: Collection, property: str) -> Any:  # noqa: A002
    """The property of the first element."""
    return property_of(collection.elements[0], property) if collection.elements else None


@algorithm("AggregateFeatureCollection.count")
def aggregate_count(collection: Collection, property: str) -> int:  # noqa: A002
    """How many elements have the property."""
    return len(values_of(collection, property))


@algorithm("AggregateFeatureCollection.count_distinct")
def aggregate_count_distinct(collection: Collection, property: str) -> int:  # noqa: A002
    """How many different values the property has."""
    return len({repr(value) for value in values_of(collection, property)})


@algorithm("AggregateFeatureCollection.histogram")
def aggregate_histogram(collection: Collection, property: str) -> dict[str, int]:  # noqa: A002
    """How often each value occurs."""
    counts: dict[str, int] = {}
    for value in values_of(collection, property):
        counts[str(value)] = counts.get(str(value), 0) + 1
    return counts


def _sample(values: list[float]) -> int:
    return max(len(values) - 1, 0)


STATISTICS: dict[str, Any] = {
    "min": min,
    "max": max,
    "sum": sum,
    "product": lambda values: float(np.prod(values)),
    "mean": lambda values: float(np.mean(values)),
    "total_sd": lambda values: float(np.std(values)),
    "total_var": lambda values: float(np.var(values)),
    "sample_sd": lambda values: float(np.std(values, ddof=1)) if _sample(values) else 0.0,
    "sample_var": lambda values: float(np.var(values, ddof=1)) if _sample(values) else 0.0,
}


def _declare_statistic(name: str) -> None:
    @algorithm(f"AggregateFeatureCollection.{name}")
    def statistic(collection: Collection, property: str) -> Any:  # noqa: A002
        values = values_of(collection, property)
        if not values:
            return 0 if name == "sum" else None
        return STATISTICS[name](values)


for _name in STATISTICS:
    _declare_statistic(_name)


@algorithm("AggregateFeatureCollection.stats")
def aggregate_stats(collection: Collection, property: str) -> dict[str, Any]:  # noqa: A002
    """Count, sum, extremes, mean and spreads of a property."""
    values = values_of(collection, property)
    if not values:
        raise InvalidRequestError(f"Collection.aggregate_stats: No element has '{property}'.")
    return {
        "total_count": len(collection.elements),
        "valid_count": len(values),
        "sum_sq": float(np.square(values).sum()),
        "weight_sum": len(values),
        **{name: STATISTICS[name](values) for name in STATISTICS if name != "product"},
    }
