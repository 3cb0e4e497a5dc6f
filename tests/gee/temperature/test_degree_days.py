"""Degree-days of a known curve against integration."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from gee.temperature.degree_days import freezing, thawing
from gee.temperature.settings import TemperatureSettings

Array = np.ndarray[Any, Any]

MEANS = np.array([-30.0, -12.0, -11.99, -5.0, -0.01, 0.0, 0.01, 5.0, 11.99, 12.0, 30.0])
HEIGHTS = np.array([0.0, 1e-9, 0.5, 4.0, 12.0, 25.0])
PHASE = 1.1
GRID = GeoBox((len(MEANS), len(HEIGHTS)), Affine(0.01, 0, 91, 0, -0.01, 34), "EPSG:4326")


@pytest.fixture(scope="module")
def curves(new_scenes):
    """A pixel for each mean (rows) and amplitude (columns); two second waves."""
    mean, height = np.meshgrid(MEANS, HEIGHTS, indexing="ij")
    bands = {
        "mean": mean,
        "cosine1": height * np.cos(PHASE),
        "sine1": height * np.sin(PHASE),
        "cosine2": 0.3 * height,
        "sine2": np.full_like(mean, 1.5),
    }
    scenes = new_scenes()
    scenes.image("projects/test/assets/curve", bands, GRID)
    return scenes, bands


def positive_part(bands: dict[str, Array], waves: int, parts: int) -> Array:
    """Degree-days above 0: the mean of so many equal parts of a year, times its length."""
    turn = 2 * np.pi * (np.arange(parts) + 0.5) / parts
    curve = np.repeat(bands["mean"][..., None], parts, axis=-1)
    for k in range(1, waves + 1):
        curve = curve + bands[f"cosine{k}"][..., None] * np.cos(k * turn)
        curve = curve + bands[f"sine{k}"][..., None] * np.sin(k * turn)
    return np.asarray(np.maximum(curve, 0).mean(axis=-1) * 365.25)


def test_one_wave_equals_integration_and_closed_form(curves, connected, pixels_of):
    """A wrong branch where it always thaws, never does, or has no wave at all."""
    scenes, bands = curves
    connected(scenes)
    image = ee.Image("projects/test/assets/curve")
    settings = TemperatureSettings(harmonics=1)
    found = pixels_of(thawing(image, settings), GRID)
    mean, height = np.meshgrid(MEANS, HEIGHTS, indexing="ij")
    inside = np.abs(mean) < height
    ratio = np.where(inside, -mean / np.where(inside, height, 1), 0)
    angle = np.arccos(ratio)
    closed = 365.25 / np.pi * (mean * angle + height * np.sin(angle))
    expected = np.where(inside, closed, np.maximum(365.25 * mean, 0))
    np.testing.assert_allclose(found, expected, rtol=2e-7, atol=2e-3)
    np.testing.assert_allclose(found, positive_part(bands, 1, 200_000), rtol=1e-6, atol=2e-3)


def test_one_wave_freezes_as_the_mirrored_one_thaws(curves, connected, pixels_of):
    """A sign: freezing degree-days are positive, and those of -T are the thawing ones of T."""
    scenes, bands = curves
    connected(scenes)
    image = ee.Image("projects/test/assets/curve")
    settings = TemperatureSettings(harmonics=1)
    found = pixels_of(freezing(image, settings), GRID)
    mirrored = {name: -band for name, band in bands.items()}
    np.testing.assert_allclose(found, positive_part(mirrored, 1, 200_000), rtol=1e-6, atol=2e-3)
    assert (found >= 0).all()


def test_two_waves_are_daily_sums(curves, connected, pixels_of):
    """A sum over another number of days, or one that leaves the second wave out."""
    scenes, bands = curves
    connected(scenes)
    image = ee.Image("projects/test/assets/curve")
    settings = TemperatureSettings(harmonics=2)
    found = pixels_of(thawing(image, settings), GRID)
    np.testing.assert_allclose(found, positive_part(bands, 2, 365), rtol=5e-7, atol=1e-4)
    # Days are fine enough: within a thousandth of a degree on average of the integral.
    exact = positive_part(bands, 2, 50_000)
    np.testing.assert_allclose(found, exact, atol=0.001 * 365.25)
    frozen = pixels_of(freezing(image, settings), GRID)
    np.testing.assert_allclose(found - frozen, 365.25 * bands["mean"], rtol=1e-6, atol=2e-3)
