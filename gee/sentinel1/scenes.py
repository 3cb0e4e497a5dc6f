"""Which scenes: by region, season, years, mode and pass, and the weather at their hour.

In: collections of the catalogue. Out: scenes as they come, or joined with the ERA5-Land image of
the hour nearest to their overpass. A scene without such an hour is left out: it could not be
screened.
"""

from datetime import date, timedelta
from typing import Literal

import ee

from gee.errors import CatalogueError
from gee.scope import Scope
from gee.sentinel1.settings import Sentinel1Settings

Season = Literal["thaw", "frozen"]

ORBIT = "relativeOrbitNumber_start"
HEADING = "platformHeading"
WEATHER = "weather"
FIRST_YEAR = 2014
"""Sentinel-1A was launched in April 2014; earlier years have no scene."""

_HALF_AN_HOUR_MS = 30 * 60 * 1000


def scenes(
    scope: Scope, side: str, season: Season, settings: Sentinel1Settings
) -> ee.ImageCollection:
    """Return the scenes of one pass (ascending, descending) and season, bands VV, VH and angle."""
    found: ee.ImageCollection = (
        ee.ImageCollection("COPERNICUS/S1_GRD_FLOAT")
        .filterBounds(scope.bounds())
        .filter(in_season(scope.years, season, settings))
        .filter(ee.Filter.eq("instrumentMode", "IW"))
        .filter(ee.Filter.eq("orbitProperties_pass", side.upper()))
        .filter(ee.Filter.eq("resolution_meters", 10))
        .filter(ee.Filter.listContains("transmitterReceiverPolarisation", "VV"))
        .filter(ee.Filter.listContains("transmitterReceiverPolarisation", "VH"))
        .select(["VV", "VH", "angle"])
    )
    if settings.slope_model != "none" and settings.look_from == "heading":
        # Without a direction of look a slope can't be corrected, and a null fails the request.
        found = found.filter(ee.Filter.notNull([HEADING]))
    return found


def with_weather(
    collection: ee.ImageCollection, scope: Scope, season: Season, settings: Sentinel1Settings
) -> ee.ImageCollection:
    """Return the scenes that have an ERA5-Land hour, which they carry as property `WEATHER`."""
    # The hour nearest to the last minutes of a season is that of the day after.
    hours = ee.ImageCollection("ECMWF/ERA5_LAND/HOURLY").filter(
        in_season(scope.years, season, settings, margin_days=1)
    )
    nearest = ee.Filter.maxDifference(
        difference=_HALF_AN_HOUR_MS, leftField="system:time_start", rightField="system:time_start"
    )
    join = ee.Join.saveBest(matchKey=WEATHER, measureKey="difference_ms")
    joined: ee.ImageCollection = ee.ImageCollection(join.apply(collection, hours, nearest))
    return joined


def in_season(
    years: tuple[int, int],
    season: Season,
    settings: Sentinel1Settings,
    margin_days: int = 0,
) -> ee.Filter:
    """Return the filter of a season within the years, both of its days included.

    A season over the turn of the year is cut at the first day of the first year and at the last
    day of the last one. One that ends on 28 February holds the 29th as well.
    `margin_days` lengthen it on both sides.

    Raises
    ------
    CatalogueError
        where the years end before Sentinel-1 was there.
    """
    start, end = {
        "thaw": (settings.thaw_start, settings.thaw_end),
        "frozen": (settings.frozen_start, settings.frozen_end),
    }[season]
    first, last = max(years[0], FIRST_YEAR), years[1]
    if last < first:
        raise CatalogueError(
            f"earthengine.years end in {last}, but Sentinel-1 begins in {FIRST_YEAR}: extend the "
            "years, or leave the radar covariates out (earthengine.without)"
        )
    turns, margin = end < start, timedelta(days=margin_days)
    spans = (
        (_day(year, start), _day_after(year + turns, end))
        for year in range(first - turns, last + 1)
    )
    within = (
        (max(begin, date(first, 1, 1)), min(stop, date(last + 1, 1, 1))) for begin, stop in spans
    )
    season_of_years: ee.Filter = ee.Filter.Or(
        *(
            ee.Filter.date((begin - margin).isoformat(), (stop + margin).isoformat())
            for begin, stop in within
        )
    )
    return season_of_years


def _day(year: int, month_and_day: str) -> date:
    month, day = (int(part) for part in month_and_day.split("-"))
    if (month, day) == (2, 29):
        return date(year, 3, 1) - timedelta(days=1)
    return date(year, month, day)


def _day_after(year: int, month_and_day: str) -> date:
    if month_and_day in ("02-28", "02-29"):
        return date(year, 3, 1)
    return _day(year, month_and_day) + timedelta(days=1)
