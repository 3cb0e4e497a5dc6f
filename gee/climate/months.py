"""The mean year of a collection: one image a month, whatever number of looks each has.

A mean over all looks would be that of the months that are looked at most: clouds gather in
summer, and a year may begin or end within the collection.
"""

from collections.abc import Callable, Sequence

import ee

DAYS = (31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""Of each month, in the mean of leap and common years; 365.25 together."""


def monthly_means(collection: ee.ImageCollection, months: Sequence[int]) -> ee.ImageCollection:
    """Return the mean of each month over all years, with the number of its days as `days`."""

    def mean(month_and_days: ee.List) -> ee.Image:
        month = ee.List(month_and_days).getNumber(0)
        looks = collection.filter(ee.Filter.calendarRange(month, month, "month"))
        average: ee.Image = ee.Image(looks.mean()).set("days", ee.List(month_and_days).getNumber(1))
        return average

    pairs = ee.List([[month, DAYS[month - 1]] for month in months])
    means: ee.ImageCollection = ee.ImageCollection(pairs.map(mean))
    return means


def summed(
    means: ee.ImageCollection, months: Sequence[int], of_month: Callable[[ee.Image], ee.Image]
) -> ee.Image:
    """Return the sum of a function of each month's mean, masked where a month has none."""
    parts = means.map(of_month)
    total: ee.Image = parts.sum().updateMask(parts.count().eq(len(months)))
    return total
