"""Climate and snow: from monthly fields and daily looks to one image a covariate."""

from collections.abc import Callable, Collection

import ee

from gee.climate.covariates import MONTHLY, SNOW
from gee.climate.months import DAYS, monthly_means, summed
from gee.climate.settings import ClimateSettings
from gee.scope import Scope
from gee.ways import interpolated_to_the_edge

ALL_MONTHS = tuple(range(1, 13))
MILLIMETRES_PER_METRE = 1000
ICE_POINT_K = 273.15


def images(names: Collection[str], scope: Scope, settings: ClimateSettings) -> dict[str, ee.Image]:
    """Return one single-band image a name, in the catalogue's unit, on its way to the grid."""
    made: dict[str, Callable[[], ee.Image]] = {
        "precipitation": lambda: _precipitation(scope, ALL_MONTHS),
        "precipitation_summer": lambda: _precipitation(scope, settings.summer_months),
        "air_temperature": lambda: _air_temperature(scope),
        "snow_cover_days": lambda: _snow_cover_days(scope, settings.snow_minimum_percent),
    }
    return {name: made[name]() for name in names}


def _precipitation(scope: Scope, months: tuple[int, ...]) -> ee.Image:
    """Return the sum of the months' mean totals in mm."""
    totals = _of_years(MONTHLY, "total_precipitation_sum", scope)
    total = summed(monthly_means(totals, months), months, lambda mean: mean)
    return _interpolated(total.multiply(MILLIMETRES_PER_METRE), MONTHLY)


def _air_temperature(scope: Scope) -> ee.Image:
    """Return the mean of the year at 2 m in degC; each month weighs as many days as it has."""
    means = _of_years(MONTHLY, "temperature_2m", scope)
    year = summed(monthly_means(means, ALL_MONTHS), ALL_MONTHS, _times_days)
    return _interpolated(year.divide(sum(DAYS)).subtract(ICE_POINT_K), MONTHLY)


def _snow_cover_days(scope: Scope, minimum_percent: float) -> ee.Image:
    """Return the sum over months of their days times the share of looks that saw snow."""
    cover = _of_years(SNOW, "NDSI_Snow_Cover", scope)

    def snow(look: ee.Image) -> ee.Image:
        return look.gte(minimum_percent).copyProperties(look, ["system:time_start"])

    shares = monthly_means(cover.map(snow), ALL_MONTHS)
    return _interpolated(summed(shares, ALL_MONTHS, _times_days), SNOW)


def _times_days(mean: ee.Image) -> ee.Image:
    return mean.multiply(mean.getNumber("days"))


def _of_years(asset: str, band: str, scope: Scope) -> ee.ImageCollection:
    first, last = scope.years
    # Both cover the globe with every image: nothing to look up by bounds.
    dated: ee.ImageCollection = ee.ImageCollection(asset).filterDate(
        f"{first}-01-01", f"{last + 1}-01-01"
    )
    chosen: ee.ImageCollection = dated.select(band)
    return chosen


def _interpolated(image: ee.Image, asset: str) -> ee.Image:
    # Of any image of the asset: the years may have none.
    first = ee.Image(ee.ImageCollection(asset).first()).select([0])
    return interpolated_to_the_edge(image, first.projection())
