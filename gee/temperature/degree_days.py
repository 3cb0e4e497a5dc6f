"""The curve of a year → thawing and freezing degree-days, degC day, both positive.

Thawing degree-days sum what is above 0 degC over a year of 365.25 days, freezing degree-days what
is below, so that thawing - freezing = 365.25 x mean.
"""

import math

import ee

from gee.temperature.harmonics import DAYS_PER_YEAR, MEAN, amplitude, wave_names
from gee.temperature.settings import TemperatureSettings

SAMPLES_PER_YEAR = 365
"""Days in a sum; each stands for 365.25 / 365 days."""
SMALLEST_AMPLITUDE_K = 1e-6
"""Smaller ones count as this: Earth Engine's quotient by 0 is 0, which is not the limit."""


def thawing(coefficients: ee.Image, settings: TemperatureSettings) -> ee.Image:
    """Return thawing degree-days: closed form for one wave, daily sums for two."""
    if settings.harmonics == 1:
        return _of_one_wave(coefficients)
    return _of_days(coefficients, settings)


def freezing(coefficients: ee.Image, settings: TemperatureSettings) -> ee.Image:
    """Return freezing degree-days, from the thawing ones and the mean."""
    balance = coefficients.select([MEAN]).multiply(DAYS_PER_YEAR)
    # Not below 0 by rounding, where it never freezes.
    rest: ee.Image = thawing(coefficients, settings).subtract(balance).max(0)
    return rest


def _of_one_wave(coefficients: ee.Image) -> ee.Image:
    """Return P / pi (T u + A sin u) with u = arccos(-T / A), T the mean and A the amplitude.

    The angle u is half the share of the year that is above 0. Where T >= A, -T / A is held at -1:
    u = pi and the sum P T; where T <= -A, at 1: u = 0 and the sum 0.
    """
    mean = coefficients.select([MEAN])
    height = amplitude(coefficients).max(SMALLEST_AMPLITUDE_K)
    half_season = mean.multiply(-1).divide(height).clamp(-1, 1).acos()
    integral = mean.multiply(half_season).add(height.multiply(half_season.sin()))
    degree_days: ee.Image = integral.multiply(DAYS_PER_YEAR / math.pi)
    return degree_days


def _of_days(coefficients: ee.Image, settings: TemperatureSettings) -> ee.Image:
    """Return the sum of the warm days of the curve, each sampled at its noon."""

    def warmth(day: ee.ComputedObject) -> ee.Image:
        turn = ee.Number(day).add(0.5).multiply(2 * math.pi / SAMPLES_PER_YEAR)
        curve = coefficients.select([MEAN])
        for k, (cosine, sine) in enumerate(wave_names(settings), start=1):
            angle = turn.multiply(k)
            curve = curve.add(coefficients.select([cosine]).multiply(angle.cos()))
            curve = curve.add(coefficients.select([sine]).multiply(angle.sin()))
        warm: ee.Image = curve.max(0)
        return warm

    days = ee.List.sequence(0, SAMPLES_PER_YEAR - 1).map(warmth)
    summed = ee.ImageCollection.fromImages(days).sum()
    degree_days: ee.Image = summed.multiply(DAYS_PER_YEAR / SAMPLES_PER_YEAR)
    return degree_days
