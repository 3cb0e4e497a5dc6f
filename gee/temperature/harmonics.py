"""Days with gaps → waves of a year, fitted by least squares at every pixel.

T(t) = c0 [+ c1 t] + sum over k of a_k cos(2 pi k t) + b_k sin(2 pi k t), with t in years of 365.25
days from the middle of the period. Gaps need no filling: the fit has a value on every day. It is
the harmonic analysis of time series of Menenti et al. (1993) and HANTS without its iterations.
"""

import math
from datetime import UTC, datetime

import ee

from gee.temperature.overpasses import TEMPERATURE
from gee.temperature.settings import TemperatureSettings

DAYS_PER_YEAR = 365.25
MILLISECONDS_PER_YEAR = DAYS_PER_YEAR * 86_400_000

MEAN = "mean"
TREND = "trend"


def wave_names(settings: TemperatureSettings) -> list[tuple[str, str]]:
    """Return the names of a_k and b_k, k from 1."""
    return [(f"cosine{k}", f"sine{k}") for k in range(1, settings.harmonics + 1)]


def coefficient_names(settings: TemperatureSettings) -> list[str]:
    """Return the names of all coefficients in the order of the fit."""
    waves = [name for pair in wave_names(settings) for name in pair]
    return [MEAN, *([TREND] if settings.trend else []), *waves]


def fitted(
    days: ee.ImageCollection, years: tuple[int, int], settings: TemperatureSettings
) -> ee.Image:
    """Return one band a coefficient (degC, the trend in degC a year), named as above.

    Masked where there are fewer than `minimum_days` days, or where they don't determine the fit.
    """
    names = coefficient_names(settings)
    middle = middle_of(years)

    def with_regressors(image: ee.Image) -> ee.Image:
        time = ee.Number(image.get("system:time_start")).subtract(middle)
        regressors = regressors_at(time.divide(MILLISECONDS_PER_YEAR), settings)
        # Of one type in all images: a constant image has that of its number, which may be whole.
        constant = ee.Image.constant(regressors).rename(names).toDouble()
        combined: ee.Image = constant.addBands(image)
        return combined

    # One day that is masked everywhere: without any day there is still a band to mask.
    nothing = ee.Image.constant(0).toDouble().rename(TEMPERATURE).updateMask(0)
    padded = ee.ImageCollection([nothing.set("system:time_start", middle)]).merge(days)
    regression = padded.map(with_regressors).reduce(ee.Reducer.linearRegression(len(names), 1))
    coefficients = regression.select(["coefficients"]).arrayProject([0]).arrayFlatten([names])
    enough = padded.count().gte(settings.minimum_days)
    masked: ee.Image = coefficients.updateMask(enough)
    return masked


def regressors_at(time: ee.Number, settings: TemperatureSettings) -> list[ee.Number]:
    """Return what each coefficient is multiplied with at a time in years from the middle."""
    waves = []
    for k in range(1, settings.harmonics + 1):
        angle = time.multiply(2 * math.pi * k)
        waves += [angle.cos(), angle.sin()]
    return [ee.Number(1), *([time] if settings.trend else []), *waves]


def middle_of(years: tuple[int, int]) -> float:
    """Return the middle of the years, in milliseconds since 1970."""
    first, last = (datetime(year, 1, 1, tzinfo=UTC) for year in (years[0], years[1] + 1))
    return 500 * (first.timestamp() + last.timestamp())


def averaged_over(fits: list[ee.Image], settings: TemperatureSettings) -> ee.Image:
    """Return the mean of the coefficients of several overpasses: those of their mean curve.

    Masked where any of them is: day without night would not be a mean.
    """
    total = fits[0]
    for fit in fits[1:]:
        total = total.add(fit)
    mean: ee.Image = total.divide(len(fits)).rename(coefficient_names(settings))
    return mean


def amplitude(coefficients: ee.Image) -> ee.Image:
    """Return half the span of the wave of one year, K."""
    half: ee.Image = coefficients.select(["cosine1"]).hypot(coefficients.select(["sine1"]))
    return half
