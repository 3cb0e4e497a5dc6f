"""Rules of sampling: which points and which keys do not come back."""

from __future__ import annotations

from typing import Any

import ee
from conformance.place import Place, value
from conformance.record import Check


def _points(place: Place, count: int) -> ee.FeatureCollection:
    window = place.window(1, count)
    features = []
    for number in range(count):
        longitude, latitude = window.transform * (number + 0.5, 0.5)
        point = ee.Geometry.Point([float(longitude), float(latitude)])
        features.append(ee.Feature(point, {"number": number}))
    points: ee.FeatureCollection = ee.FeatureCollection(features)
    return points


def _image(place: Place) -> ee.Image:
    """Band `all` of 1, and `some`, masked at the second point."""
    column = ee.Image.pixelCoordinates(place.projection).select("x").floor().subtract(place.col)
    some = column.updateMask(column.neq(1)).rename("some")
    image: ee.Image = ee.Image(1).rename("all").addBands(some).reproject(place.projection)
    return image


def _sampled(place: Place) -> list[int]:
    sampled = _image(place).sampleRegions(
        collection=_points(place, 3), properties=["number"], projection=place.projection
    )
    return sorted(each["properties"]["number"] for each in value(sampled)["features"])


def _reduced(place: Place) -> list[list[str]]:
    transform = [float(number) for number in tuple(place.grid.transform)[:6]]
    reduced = _image(place).reduceRegions(
        collection=_points(place, 2),
        reducer=ee.Reducer.first(),
        crs=str(place.grid.crs),
        crsTransform=transform,
    )
    return [sorted(each["properties"]) for each in value(reduced)["features"]]


def _region(place: Place) -> dict[str, Any]:
    transform = [float(number) for number in tuple(place.grid.transform)[:6]]
    found = _image(place).reduceRegion(
        reducer=ee.Reducer.mean(),
        geometry=ee.Geometry.Rectangle(place.edges(1, 3), "EPSG:4326", False),
        crs=str(place.grid.crs),
        crsTransform=transform,
    )
    return dict(value(found))


CHECKS = (
    Check(
        "sample_regions",
        "which of three points sampleRegions gives back where a band is masked at the second",
        _sampled,
        [0, 2],
        "documentation",
        "nothing: masked pixels are filled before they are sampled",
    ),
    Check(
        "reduce_regions",
        "properties of two points after reduceRegions, where a band is masked at the second",
        _reduced,
        [["all", "number", "some"], ["all", "number"]],
        "documentation",
        "nothing: sites are not sampled so",
    ),
    Check(
        "reduce_region",
        "means over three whole pixels, of which the second is masked in one band",
        _region,
        {"all": 1.0, "some": 1.0},
        "documentation",
        "directions of look, which are means over a scene",
        tolerance=1e-6,
    ),
)
