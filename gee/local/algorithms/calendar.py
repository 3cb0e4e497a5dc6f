"""Dates and date ranges, in UTC."""

from __future__ import annotations

import math
from typing import Any

from gee.local import instants
from gee.local.coercion import to_date, to_date_range
from gee.local.errors import InvalidRequestError, NotImplementedHereError
from gee.local.registry import algorithm
from gee.local.values import Date, DateRange

FORMAT_LETTERS = {
    "YYYY": "%Y",
    "yyyy": "%Y",
    "MM": "%m",
    "MMM": "%b",
    "MMMM": "%B",
    "dd": "%d",
    "DDD": "%j",
    "D": None,
    "M": None,
    "d": None,
    "H": None,
    "HH": "%H",
    "mm": "%M",
    "ss": "%S",
    "SSS": None,
    "y": "%Y",
    "Y": "%Y",
}
"""Letters of a date pattern, and their strftime form where there is one."""


@algorithm("Date")
def date(value: Any, timeZone: str | None) -> Date:
    """From milliseconds or a text."""
    instants.require_utc(timeZone)
    made = to_date(value)
    if made is None:
        raise InvalidRequestError("Date: The value is neither a number nor a text.")
    return made


@algorithm("Date.fromYMD")
def from_ymd(year: int, month: int, day: int, timeZone: str | None) -> Date:
    """From a year, a month and a day."""
    instants.require_utc(timeZone)
    return Date(instants.instant_of_text(f"{year:04d}-{month:02d}-{day:02d}"))


@algorithm("Date.advance")
def advance(date: Date, delta: float, unit: str, timeZone: str | None) -> Date:
    """So many units later."""
    instants.require_utc(timeZone)
    return Date(instants.advance(date.milliseconds, delta, unit))


@algorithm("Date.difference")
def difference(date: Date, start: Date, unit: str) -> float:
    """Units from the start to the date, by the average length of a unit."""
    length = instants.MILLISECONDS[instants.unit_of(unit)]
    return (date.milliseconds - start.milliseconds) / length


@algorithm("Date.get")
def get(date: Date, unit: str, timeZone: str | None) -> int:
    """A calendar field, counted from 1 where the calendar does."""
    instants.require_utc(timeZone)
    return instants.field(date.milliseconds, unit)


@algorithm("Date.getRelative")
def get_relative(date: Date, unit: str, inUnit: str, timeZone: str | None) -> int:
    """A calendar field within a larger unit, counted from 0."""
    instants.require_utc(timeZone)
    return instants.relative(date.milliseconds, unit, inUnit)


@algorithm("Date.getFraction")
def get_fraction(date: Date, unit: str, timeZone: str | None) -> float:
    """The part of the calendar unit that has passed, from 0 to 1."""
    instants.require_utc(timeZone)
    start = instants.start_of(date.milliseconds, unit)
    return (date.milliseconds - start) / (instants.advance(start, 1, unit) - start)


@algorithm("Date.getRange")
def get_range(date: Date, unit: str, timeZone: str | None) -> DateRange:
    """The calendar unit that the date lies in."""
    instants.require_utc(timeZone)
    start = instants.start_of(date.milliseconds, unit)
    return DateRange(start, instants.advance(start, 1, unit))


@algorithm("Date.update")
def update(
    date: Date,
    year: int | None,
    month: int | None,
    day: int | None,
    hour: int | None,
    minute: int | None,
    second: float | None,
    timeZone: str | None,
) -> Date:
    """With some calendar fields set."""
    instants.require_utc(timeZone)
    fields = {"year": year, "month": month, "day": day, "hour": hour, "minute": minute}
    chosen: dict[str, Any] = {key: value for key, value in fields.items() if value is not None}
    if second is not None:
        chosen["second"] = int(second)
        chosen["microsecond"] = round((second - int(second)) * 1e6)
    try:
        return Date(instants.instant(instants.moment(date.milliseconds).replace(**chosen)))
    except ValueError as error:
        raise InvalidRequestError(f"Date.update: {error}.") from error


@algorithm("Date.millis")
def millis(date: Date) -> int:
    """Milliseconds since 1970-01-01."""
    return int(date.milliseconds)


@algorithm("Date.unitRatio")
def unit_ratio(numerator: str, denominator: str) -> float:
    """How many of the second unit the first one has on average."""
    top = instants.MILLISECONDS[instants.unit_of(numerator)]
    return top / instants.MILLISECONDS[instants.unit_of(denominator)]


@algorithm("Date.format")
def format_date(date: Date, format: str | None, timeZone: str | None) -> str:  # noqa: A002
    """The date by a pattern of Joda's letters; ISO 8601 without one."""
    instants.require_utc(timeZone)
    when = instants.moment(date.milliseconds)
    if format is None:
        return when.strftime("%Y-%m-%dT%H:%M:%S")
    out: list[str] = []
    place = 0
    while place < len(format):
        letter = format[place]
        if letter == "'":
            end = format.find("'", place + 1)
            end = len(format) if end < 0 else end
            out.append(format[place + 1 : end])
            place = end + 1
            continue
        if not letter.isalpha():
            out.append(letter)
            place += 1
            continue
        end = place
        while end < len(format) and format[end] == letter:
            end += 1
        out.append(_field_text(when, format[place:end]))
        place = end
    return "".join(out)


def _field_text(when: Any, letters: str) -> str:
    if letters not in FORMAT_LETTERS:
        raise NotImplementedHereError(f"the letters '{letters}' of a date format")
    form = FORMAT_LETTERS[letters]
    if form is not None:
        return str(when.strftime(form))
    numbers = {
        "D": when.timetuple().tm_yday,
        "M": when.month,
        "d": when.day,
        "H": when.hour,
    }
    if letters == "SSS":
        return f"{when.microsecond // 1000:03d}"
    return str(numbers[letters])


@algorithm("DateRange")
def date_range(start: Any, end: Any, timeZone: str | None) -> DateRange:
    """From a start to before an end; one millisecond without an end."""
    instants.require_utc(timeZone)
    first = to_date(start)
    last = to_date(end)
    if first is None:
        raise InvalidRequestError("DateRange: The start is not a date.")
    if last is None:
        return DateRange(first.milliseconds, first.milliseconds + 1)
    if last.milliseconds <= first.milliseconds:
        raise InvalidRequestError("DateRange: The end must come after the start.")
    return DateRange(first.milliseconds, last.milliseconds)


@algorithm("DateRange.start")
def start(dateRange: DateRange) -> Date:
    """Its start."""
    return Date(dateRange.start)


@algorithm("DateRange.end")
def end(dateRange: DateRange) -> Date:
    """Its end, which it does not contain."""
    return Date(dateRange.end)


@algorithm("DateRange.contains")
def contains(dateRange: DateRange, other: Any) -> bool:
    """Whether a date or a whole range lies in it."""
    inner = to_date_range(other)
    if inner is None:
        raise InvalidRequestError("DateRange.contains: The value is neither a date nor a range.")
    return dateRange.start <= inner.start and inner.end <= dateRange.end


@algorithm("DateRange.intersects")
def intersects(dateRange: DateRange, other: DateRange) -> bool:
    """Whether they share an instant."""
    return dateRange.start < other.end and other.start < dateRange.end


@algorithm("DateRange.intersection")
def intersection(dateRange: DateRange, other: DateRange) -> DateRange:
    """What they share."""
    return DateRange(max(dateRange.start, other.start), min(dateRange.end, other.end))


@algorithm("DateRange.union")
def union(dateRange: DateRange, other: DateRange) -> DateRange:
    """From the earlier start to the later end."""
    return DateRange(min(dateRange.start, other.start), max(dateRange.end, other.end))


@algorithm("DateRange.isEmpty")
def is_empty(dateRange: DateRange) -> bool:
    """Whether it holds no instant."""
    return dateRange.end <= dateRange.start


@algorithm("DateRange.unbounded")
def unbounded() -> DateRange:
    """All of time."""
    return DateRange(-math.inf, math.inf)


@algorithm("DateRange.isUnbounded")
def is_unbounded(dateRange: DateRange) -> bool:
    """Whether it is all of time."""
    return dateRange.is_unbounded
