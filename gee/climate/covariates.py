"""Climate and snow: what each covariate is."""

from gee.climate.settings import ClimateSettings
from gee.covariate import Covariate

MONTHLY = "ECMWF/ERA5_LAND/MONTHLY_AGGR"
SNOW = "MODIS/061/MOD10A1"
EVERY_YEAR = "every month of every year"
WAY = "interpolated between its own pixels; beside a gap the pixel's own value"


def covariates(settings: ClimateSettings) -> tuple[Covariate, ...]:
    """Return every covariate of this room."""
    summer = f"months {', '.join(map(str, settings.summer_months))} of every year"
    total = "sum of the months' totals, each the mean of the years"
    sea = "no land in ERA5-Land"
    return (
        _covariate("precipitation", "Precipitation of a year", "mm", 0, 10_000, MONTHLY,
                   EVERY_YEAR, total, sea),
        _covariate("precipitation_summer", "Precipitation of a summer", "mm", 0, 10_000, MONTHLY,
                   summer, total, sea),
        _covariate("air_temperature", "Air temperature at 2 m", "degC", -60, 50, MONTHLY,
                   EVERY_YEAR, "mean of the months weighted by their days, each the mean of the "
                   "years", sea),
        _covariate("snow_cover_days", "Days of a year on which snow lies", "day", 0, 366, SNOW,
                   EVERY_YEAR, "sum over months of their days times the share of clear looks with "
                   f"NDSI_Snow_Cover of at least {settings.snow_minimum_percent:g}, so that cloudy "
                   "months count in full", "a month without any clear look in all years, or water"),
    )  # fmt: skip


def _covariate(
    name: str,
    description: str,
    unit: str,
    minimum: float,
    maximum: float,
    dataset: str,
    period: str,
    reducer: str,
    masked_where: str,
) -> Covariate:
    return Covariate(
        name=name,
        description=description,
        unit=unit,
        minimum=minimum,
        maximum=maximum,
        group="climate",
        datasets=(dataset,),
        period=period,
        reducer=reducer,
        way=WAY,
        masked_where=masked_where,
    )
