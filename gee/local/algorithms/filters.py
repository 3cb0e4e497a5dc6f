"""Filters: tests of one element's property against a value, or of two elements in a join."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gee.local import instants
from gee.local.algorithms import geometries
from gee.local.algorithms.elements import property_of, stored, time_of
from gee.local.coercion import element_geometry, to_date_range, to_geometry
from gee.local.errors import InvalidRequestError, NotImplementedHereError
from gee.local.registry import algorithm
from gee.local.values import DateRange, Filter, type_name

Test = Callable[[Any, Any], bool]
Getter = Callable[[Any, str], Any]


def comparison(
    name: str,
    test: Test,
    leftField: str | None,
    rightValue: Any,
    rightField: str | None,
    leftValue: Any,
    get: Getter = property_of,
) -> Filter:
    """A filter of a field and a value (either way round), or of two fields."""
    given = (leftField is not None, rightField is not None)
    left_constant, right_constant = stored(leftValue), stored(rightValue)
    if given == (True, True):

        def pair(left: Any, right: Any) -> float | None:
            passes = test(get(left, str(leftField)), get(right, str(rightField)))
            return 0.0 if passes else None

        return Filter(name, pair=pair)
    if given == (True, False):
        if rightValue is None:
            raise InvalidRequestError(f"{name}: Need a right field or a right value.")
        return Filter(name, test=lambda one: test(get(one, str(leftField)), right_constant))
    if given == (False, True):
        if leftValue is None:
            raise InvalidRequestError(f"{name}: Need a left field or a left value.")
        return Filter(name, test=lambda one: test(left_constant, get(one, str(rightField))))
    raise InvalidRequestError(f"{name}: Need a left field or a right field.")


def _comparable(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return False
    numbers = isinstance(left, int | float), isinstance(right, int | float)
    return all(numbers) or type(left) is type(right)


def _ordered(test: Test) -> Test:
    return lambda left, right: bool(_comparable(left, right) and test(left, right))


COMPARISONS: dict[tuple[str, ...], Test] = {
    ("eq", "equals"): lambda left, right: left is not None and left == right,
    ("neq", "notEquals"): lambda left, right: left is not None and left != right,
    ("lt", "lessThan"): _ordered(lambda left, right: left < right),
    ("lte", "lessThanOrEquals"): _ordered(lambda left, right: left <= right),
    ("gt", "greaterThan"): _ordered(lambda left, right: left > right),
    ("gte", "greaterThanOrEquals"): _ordered(lambda left, right: left >= right),
    ("stringStartsWith",): lambda left, right: isinstance(left, str) and left.startswith(right),
    ("stringEndsWith",): lambda left, right: isinstance(left, str) and left.endswith(right),
    ("stringContains",): lambda left, right: isinstance(left, str) and right in left,
    ("listContains",): lambda left, right: isinstance(left, list) and right in left,
    ("inList",): lambda left, right: isinstance(right, list) and left in right,
    ("hasType",): lambda left, right: type_name(left) == right,
}


def _declare_comparison(names: tuple[str, ...], test: Test) -> None:
    @algorithm(*(f"Filter.{name}" for name in names))
    def filter_of(
        leftField: str | None, rightValue: Any, rightField: str | None, leftValue: Any
    ) -> Filter:
        return comparison(f"Filter.{names[0]}", test, leftField, rightValue, rightField, leftValue)


for _names, _test in COMPARISONS.items():
    _declare_comparison(_names, _test)


def _get_time(element: Any, field: str) -> Any:
    return time_of(element) if field == "system:time_start" else property_of(element, field)


def _range_contains(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return False
    span, inner = to_date_range(left), to_date_range(right)
    if span is None or inner is None:
        return False
    return span.start <= inner.start and (
        span.contains(inner.start) if not isinstance(right, DateRange) else inner.end <= span.end
    )


@algorithm("Filter.dateRangeContains")
def date_range_contains(
    leftField: str | None, rightValue: Any, rightField: str | None, leftValue: Any
) -> Filter:
    """Whether a date range (its end excluded) contains a date."""
    name = "Filter.dateRangeContains"
    return comparison(
        name, _range_contains, leftField, rightValue, rightField, leftValue, _get_time
    )


@algorithm("Filter.calendarRange")
def calendar_range(start: int, end: int | None, field: str) -> Filter:
    """Whether a calendar field of the start lies between two values, both included, UTC."""
    if field not in instants.CALENDAR_FIELDS:
        raise InvalidRequestError(f"Filter.calendarRange: Unknown field '{field}'.")
    last = start if end is None else end

    def test(element: Any) -> bool:
        time = time_of(element)
        if time is None:
            return False
        value = instants.CALENDAR_FIELDS[field](instants.moment(time))
        if start <= last:
            return bool(start <= value <= last)
        return bool(value >= start or value <= last)

    return Filter("Filter.calendarRange", test=test)


@algorithm("Filter.dayOfYear")
def day_of_year(start: int, end: int) -> Filter:
    """Whether the day of the year lies from start to before end; it may wrap around."""

    def test(element: Any) -> bool:
        time = time_of(element)
        if time is None:
            return False
        day = instants.moment(time).timetuple().tm_yday
        return start <= day < end if start <= end else day >= start or day < end

    return Filter("Filter.dayOfYear", test=test)


@algorithm("Filter.rangeContains")
def range_contains(field: str, minValue: Any, maxValue: Any) -> Filter:
    """Whether a property lies between two values, both included."""
    low, high = stored(minValue), stored(maxValue)

    def test(element: Any) -> bool:
        value = property_of(element, field)
        return _comparable(value, low) and _comparable(value, high) and low <= value <= high

    return Filter("Filter.rangeContains", test=test)


@algorithm("Filter.notNull")
def not_null(properties: list[str]) -> Filter:
    """Whether every property named has a value."""
    return Filter(
        "Filter.notNull",
        test=lambda one: all(property_of(one, name) is not None for name in properties),
    )


@algorithm("Filter.and")
def and_(filters: list[Filter]) -> Filter:
    """Whether every filter passes; a join measures by the first."""

    def pair(left: Any, right: Any) -> float | None:
        measures = [one.match(left, right) for one in filters]
        return None if any(measure is None for measure in measures) else measures[0]

    return Filter(
        "Filter.and", test=lambda one: all(part.passes(one) for part in filters), pair=pair
    )


@algorithm("Filter.or")
def or_(filters: list[Filter]) -> Filter:
    """Whether any filter passes."""

    def pair(left: Any, right: Any) -> float | None:
        measures = (one.match(left, right) for one in filters)
        return next((measure for measure in measures if measure is not None), None)

    return Filter(
        "Filter.or", test=lambda one: any(part.passes(one) for part in filters), pair=pair
    )


@algorithm("Filter.not")
def not_(filter: Filter) -> Filter:  # noqa: A002
    """Whether the filter does not pass."""
    return Filter(
        "Filter.not",
        test=lambda one: not filter.passes(one),
        pair=lambda left, right: 0.0 if filter.match(left, right) is None else None,
    )


@algorithm("Filter.always")
def always() -> Filter:
    """Passes everything."""
    return Filter("Filter.always", test=lambda _one: True, pair=lambda _left, _right: 0.0)


@algorithm("Filter.never")
def never() -> Filter:
    """Passes nothing."""
    return Filter("Filter.never", test=lambda _one: False, pair=lambda _left, _right: None)


@algorithm("Filter.hasGeometry")
def has_geometry() -> Filter:
    """Whether the element has a geometry."""
    return Filter("Filter.hasGeometry", test=lambda one: not element_geometry(one).shape.is_empty)


@algorithm("Filter.maxDifference")
def max_difference(
    difference: float,
    leftField: str | None,
    rightValue: Any,
    rightField: str | None,
    leftValue: Any,
) -> Filter:
    """Whether two numbers differ by no more than a value; a join measures by the difference."""
    name = "Filter.maxDifference"

    def gap(left: Any, right: Any) -> float | None:
        return None if left is None or right is None else float(abs(left - right))

    def test(left: Any, right: Any) -> bool:
        measure = gap(left, right)
        return measure is not None and measure <= difference

    made = comparison(name, test, leftField, rightValue, rightField, leftValue, _get_time)
    if leftField is None or rightField is None:
        return made

    def pair(left: Any, right: Any) -> float | None:
        measure = gap(_get_time(left, leftField), _get_time(right, rightField))
        return measure if measure is not None and measure <= difference else None

    return Filter(name, pair=pair)


def _get_geometry(element: Any, field: str) -> Any:
    if field in (".geo", ".all"):
        return element_geometry(element)
    return property_of(element, field)


def _spatial(test: Callable[[Any, Any], bool], name: str) -> Test:
    def compare(left: Any, right: Any) -> bool:
        first, second = to_geometry(left), to_geometry(right)
        if first is None or second is None:
            raise NotImplementedHereError(f"'{name}' of values that are not geometries")
        return test(first, second)

    return compare


SPATIAL: dict[str, Callable[[Any, Any], bool]] = {
    "intersects": geometries.intersects,
    "disjoint": geometries.disjoint,
    "contains": geometries.contains,
    "isContained": geometries.contained_in,
}


def _declare_spatial(name: str, test: Callable[[Any, Any], bool]) -> None:
    full = f"Filter.{name}"

    @algorithm(full)
    def filter_of(
        leftField: str | None, rightValue: Any, rightField: str | None, leftValue: Any
    ) -> Filter:
        return comparison(
            full,
            _spatial(test, full),
            leftField,
            rightValue,
            rightField,
            leftValue,
            _get_geometry,
        )


for _name, _relation in SPATIAL.items():
    _declare_spatial(_name, _relation)


@algorithm("Filter.withinDistance")
def within_distance(
    distance: float,
    leftField: str | None,
    rightValue: Any,
    rightField: str | None,
    leftValue: Any,
) -> Filter:
    """Whether two geometries are no farther apart than so many metres; a join measures by it."""
    name = "Filter.withinDistance"

    def test(left: Any, right: Any) -> bool:
        return bool(geometries.distance(left, right, None) <= distance)

    made = comparison(
        name, _spatial(test, name), leftField, rightValue, rightField, leftValue, _get_geometry
    )
    if leftField is None or rightField is None:
        return made

    def pair(left: Any, right: Any) -> float | None:
        ends = _get_geometry(left, leftField), _get_geometry(right, rightField)
        measure = geometries.distance(ends[0], ends[1], None)
        return measure if measure <= distance else None

    return Filter(name, pair=pair)
