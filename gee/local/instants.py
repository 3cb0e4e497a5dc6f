"""Instants in UTC: texts, calendar fields and units of time.

Instants are milliseconds since 1970-01-01 UTC. Other time zones are refused.
"""

from __future__ import annotations

import calendar
import math
import re
from datetime import UTC, datetime, timedelta

from gee.local.errors import InvalidRequestError, NotImplementedHereError

MILLISECONDS = {
    "millisecond": 1.0,
    "second": 1000.0,
    "minute": 60_000.0,
    "hour": 3_600_000.0,
    "day": 86_400_000.0,
    "week": 7 * 86_400_000.0,
    "month": 365.25 / 12 * 86_400_000.0,
    "year": 365.25 * 86_400_000.0,
}
"""Average length of each unit in milliseconds."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_TEXT = re.compile(
    r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?(?:[T ](\d{2})(?::(\d{2})(?::(\d{2})(\.\d+)?)?)?)?Z?$"
)
_DAY_OF_YEAR = re.compile(r"(\d{4})-(\d{3})$")


def unit_of(name: str) -> str:
    """The singular, lower-case name of a unit of time.

    Raises
    ------
    InvalidRequestError
        There is no such unit.
    """
    unit = name.lower()
    if unit not in MILLISECONDS and unit.endswith("s"):
        unit = unit[:-1]
    if unit not in MILLISECONDS:
        raise InvalidRequestError(f"Date: Unknown unit of time '{name}'.")
    return unit


def require_utc(zone: str | None) -> None:
    """Refuse any time zone but UTC."""
    if zone not in (None, "UTC", "Etc/UTC", "GMT", "Z"):
        raise NotImplementedHereError(f"the time zone '{zone}'")


def instant(moment: datetime) -> float:
    """Milliseconds of a datetime in UTC."""
    return (moment - EPOCH) / timedelta(milliseconds=1)


def moment(milliseconds: float) -> datetime:
    """The datetime in UTC of an instant."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def instant_of_text(text: str) -> float:
    """The instant of a text such as "2019-09-01", "2019-244" or "2019-09-01T06:00:00".

    Raises
    ------
    InvalidRequestError
        The text is not a date.
    """
    failure = InvalidRequestError(f"Date: Cannot parse date '{text}'.")
    if match := _DAY_OF_YEAR.match(text):
        return instant(datetime(int(match.group(1)), 1, 1, tzinfo=UTC)) + (
            int(match.group(2)) - 1
        ) * int(MILLISECONDS["day"])
    match = _TEXT.match(text)
    if match is None:
        raise failure
    year, month, day, hour, minute, second, fraction = match.groups()
    try:
        base = datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            tzinfo=UTC,
        )
    except ValueError as error:
        raise failure from error
    return int(instant(base)) + round(float(fraction or 0) * 1000)


def advance(milliseconds: float, delta: float, unit: str) -> float:
    """The instant so many units later; months and years keep the day where the month has it."""
    name = unit_of(unit)
    if name not in ("month", "year"):
        return milliseconds + delta * MILLISECONDS[name]
    whole = math.floor(delta)
    if whole != delta:
        # A part of a month is that part of the month it falls into.
        first = advance(milliseconds, whole, unit)
        return first + (delta - whole) * (advance(first, 1, unit) - first)
    start = moment(milliseconds)
    months = start.year * 12 + start.month - 1 + whole * (12 if name == "year" else 1)
    year, month = divmod(months, 12)
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return instant(start.replace(year=year, month=month + 1, day=day))


def start_of(milliseconds: float, unit: str) -> float:
    """The start of the calendar unit that an instant lies in; weeks begin on Monday."""
    name = unit_of(unit)
    when = moment(milliseconds)
    if name == "year":
        return instant(datetime(when.year, 1, 1, tzinfo=UTC))
    if name == "month":
        return instant(datetime(when.year, when.month, 1, tzinfo=UTC))
    day = instant(datetime(when.year, when.month, when.day, tzinfo=UTC))
    if name == "week":
        return day - when.weekday() * MILLISECONDS["day"]
    length = MILLISECONDS[name]
    return day + math.floor((milliseconds - day) / length) * length


def field(milliseconds: float, unit: str) -> int:
    """A calendar field as `Date.get` gives it: months, days of month and weeks count from 1."""
    name = unit_of(unit)
    when = moment(milliseconds)
    if name == "week":
        return when.isocalendar().week
    if name == "millisecond":
        return when.microsecond // 1000
    return int(getattr(when, name))


def relative(milliseconds: float, unit: str, inside: str) -> int:
    """How many whole units have passed since the start of a larger unit, from 0."""
    name, larger = unit_of(unit), unit_of(inside)
    start = start_of(milliseconds, larger)
    if name == "month":
        first, now = moment(start), moment(milliseconds)
        return (now.year - first.year) * 12 + now.month - first.month
    if name == "year":
        raise InvalidRequestError(f"Date.getRelative: '{unit}' does not lie in '{inside}'.")
    return math.floor((milliseconds - start) / MILLISECONDS[name])


CALENDAR_FIELDS = {
    "year": lambda when: when.year,
    "month": lambda when: when.month,
    "hour": lambda when: when.hour,
    "minute": lambda when: when.minute,
    "day_of_year": lambda when: when.timetuple().tm_yday,
    "day_of_month": lambda when: when.day,
    "day_of_week": lambda when: when.isoweekday(),
    "week_of_year": lambda when: when.isocalendar().week,
}
"""Fields of `Filter.calendarRange`."""
