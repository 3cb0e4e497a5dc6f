"""Rules of collections: days at the ends of filters, few values, fits and joins."""

from __future__ import annotations

from typing import Any

import ee
from conformance.place import Place, pixel, value
from conformance.record import Check
from conformance.together import AtPixel, Computed


def _numbered(values: list[float], name: str = "v") -> ee.ImageCollection:
    images = [ee.Image.constant(number).toFloat().rename(name) for number in values]
    collection: ee.ImageCollection = ee.ImageCollection(images)
    return collection


def _days() -> ee.ImageCollection:
    days = ["2019-08-31T23:59:59", "2019-09-01", "2019-10-15", "2019-10-31T23:59:59", "2019-11-01"]
    images = [
        ee.Image(number).set("system:time_start", ee.Date(day).millis(), "number", number)
        for number, day in enumerate(days)
    ]
    collection: ee.ImageCollection = ee.ImageCollection(images)
    return collection


def _ends_of_filters(place: Place) -> ee.ComputedObject:
    days = _days()
    kept = [
        days.filterDate("2019-09-01", "2019-10-15"),
        days.filter(ee.Filter.calendarRange(9, 10, "month")),
        days.filter(ee.Filter.calendarRange(11, 8, "month")),
    ]
    return ee.List([each.aggregate_array("number") for each in kept])


def _percentiles(place: Place) -> ee.Image:
    reducer = ee.Reducer.percentile([10, 25, 50, 75, 90])
    image: ee.Image = ee.Image.cat(
        _numbered([1, 2, 4, 8]).reduce(reducer),
        _numbered([1, 2, 4, 8]).median().rename("of_four"),
        _numbered([8, 1, 2]).median().rename("of_three"),
    )
    return image


def _mean_of_unlike_types(place: Place) -> list[float | None]:
    images = [ee.Image(1).toByte().rename("v"), ee.Image(2.5).toFloat().rename("v")]
    return pixel(place, ee.ImageCollection(images).mean(), "v")


def _regression(place: Place) -> ee.Image:
    def one(time: float) -> ee.Image:
        day: ee.Image = ee.Image.constant([1, time, 3 + 2 * time]).toDouble()
        return day

    images = [one(time) for time in (0.0, 1.0, 2.0, 5.0)]
    fit = ee.ImageCollection(images).reduce(ee.Reducer.linearRegression(2, 1))
    coefficients = fit.select(["coefficients"]).arrayProject([0]).arrayFlatten([["a", "b"]])
    few = ee.ImageCollection(images[:1]).reduce(ee.Reducer.linearRegression(2, 1))
    without = few.select(["coefficients"]).arrayProject([0]).arrayFlatten([["c", "d"]])
    return ee.Image.cat(coefficients, without)


def _join(place: Place) -> dict[str, Any]:
    def feature(time: int, name: str) -> ee.Feature:
        made: ee.Feature = ee.Feature(None, {"time": time, "name": name})
        return made

    scenes = ee.FeatureCollection([feature(0, "early"), feature(100, "late")])
    hours = ee.FeatureCollection([feature(8, "eight"), feature(-3, "before"), feature(40, "far")])
    near = ee.Filter.maxDifference(difference=10, leftField="time", rightField="time")
    joined = ee.Join.saveBest(matchKey="hour", measureKey="difference").apply(scenes, hours, near)
    found = value(joined)["features"]
    return {
        each["properties"]["name"]: each["properties"]["hour"]["properties"]["name"]
        for each in found
    }


PERCENTILES = ("v_p10", "v_p25", "v_p50", "v_p75", "v_p90", "of_four", "of_three")

CHECKS = (
    Check(
        "ends_of_filters",
        "days kept of 31 August (0), 1 September (1), 15 October (2), 31 October (3) and "
        "1 November (4) by filterDate to 15 October, by calendarRange of months 9 to 10, and "
        "of months 11 to 8",
        Computed(_ends_of_filters),
        [[1], [1, 2, 3], [0, 4]],
        "documentation",
        "seasons would gain or lose a day or a month",
    ),
    Check(
        "percentiles",
        "10th, 25th, 50th, 75th and 90th percentile of 1, 2, 4, 8; their median, and that of "
        "8, 1, 2",
        AtPixel(_percentiles, PERCENTILES),
        [1.0, 1.5, 3.0, 6.0, 8.0, 3.0, 2.0],
        "stand-in",
        "a year's peak of few clear looks moves by less than the gap of two neighbours; the "
        "table gives the service's own numbers",
        tolerance=1e-6,
        pixels=7,
    ),
    Check(
        "unlike_types",
        "mean of an image of bytes (1) and one of floats (2.5)",
        _mean_of_unlike_types,
        [1.75],
        "stand-in",
        "an error would be no surprise: the service may ask for a homogeneous collection. Nothing "
        "here, where images are given one type before they are reduced",
        tolerance=1e-6,
        pixels=1,
    ),
    Check(
        "linear_regression",
        "intercept and slope of 3 + 2 t at t = 0, 1, 2, 5; the same from one day alone",
        AtPixel(_regression, "abcd"),
        [3.0, 2.0, None, None],
        "stand-in",
        "harmonics of land surface temperature; of too few days the fit is masked by their "
        "number anyway",
        tolerance=1e-5,
        pixels=4,
    ),
    Check(
        "join_without_match",
        "saveBest within 10 of scenes at 0 and 100 with hours at 8, -3 and 40",
        _join,
        {"early": "before"},
        "documentation",
        "scenes without weather would stay, and fail where it is read; or the wrong hour",
    ),
)
