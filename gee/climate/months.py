"""The mean year of a collection: one image a month, whatever number of looks each has.

A mean over all looks would be that of the months that are looked at most: clouds gather in
summer, and a year may begin or end within the collection.
"""

from collections.abc import Callable, Sequence

import ee

MEAN = "mean"
DAYS = (31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""Of each month, in the mean of leap and common years; 365.25 together."""


def monthly_means(collection: ee.ImageCollection, months: Sequence[int]) -> ee.ImageCollection:
    """Return the mean of each month over all years, with the number of its days as `days`."""
    # Masked everywhere: a month without any look has no band at all otherwise.
    nothing = ee.Image.constant(0).toDouble().rename(MEAN).updateMask(0)

    def mean(month_and_days: ee.List) -> ee.Image:
        month = ee.List(month_and_days).getNumber(0)
        looks = collection.filter(ee.Filter.calendarRange(month, month, "month"))
        alike = looks.map(lambda look: look.select([0], [MEAN]).toDouble())
        padded = ee.ImageCollection([nothing]).merge(alike)
        average: ee.Image = ee.Image(padded.mean()).set(
            "days", ee.List(month_and_days).getNumber(1)
        )
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
