"""Climate and snow through the real client, against numpy from the same fields."""

from __future__ import annotations

import calendar
from typing import Any

import ee
import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pydantic import ValidationError
from scipy import ndimage

from gee.climate.covariates import covariates
from gee.climate.images import images
from gee.climate.settings import ClimateSettings
from gee.grid import PLATEAU_PIXEL_DEG
from gee.scope import Scope

Array = np.ndarray[Any, Any]
ERA5_DEG, MODIS_DEG = 0.1, 1 / 240
SETTINGS = ClimateSettings()
NAMES = tuple(entry.name for entry in covariates(SETTINGS))
DAYS = np.array([31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
YEARS = (2019, 2020)
CLOUDY = 255


def coarse(side_deg: float, geobox: GeoBox) -> GeoBox:
    box = geobox.geographic_extent.boundingbox
    west, north = (
        (int(box.left / side_deg) - 2) * side_deg,
        (int(box.top / side_deg) + 3) * side_deg,
    )
    transform = Affine(side_deg, 0, west, 0, -side_deg, north)
    return GeoBox((int(0.02 / side_deg) + 6, int(0.02 / side_deg) + 6), transform, "EPSG:4326")


@pytest.fixture(scope="module")
def fields(geobox: GeoBox) -> dict[tuple[int, int], tuple[Array, Array]]:
    """Precipitation (m) and temperature (K) by year and month; those of 2018 are far off."""
    generator = np.random.default_rng(3)
    shape = coarse(ERA5_DEG, geobox).shape
    made = {}
    for year in (2018, *YEARS):
        for month in range(1, 13):
            wet = 0.09 * np.exp(-(((month - 7.5) / 2) ** 2)) + generator.uniform(0, 0.01, shape)
            warm = 269 + 12 * np.sin((month - 4) / 6 * np.pi) + generator.normal(0, 1, shape)
            off = 10 if year == 2018 else 1
            made[year, month] = ((off * wet).astype("f4"), (off * warm).astype("f4"))
    return made


@pytest.fixture(scope="module")
def looks(geobox: GeoBox) -> list[tuple[str, int, Array]]:
    """Date, month and NDSI_Snow_Cover: six days a month, fewer clear ones in summer."""
    generator = np.random.default_rng(4)
    shape = coarse(MODIS_DEG, geobox).shape
    made = []
    for year in YEARS:
        for month in range(1, 13):
            winter = 0.5 + 0.4 * np.cos((month - 1) / 6 * np.pi)
            for day in (1, 6, 11, 16, 21, calendar.monthrange(year, month)[1]):
                cover = np.where(generator.random(shape) < winter, 70, 10).astype(np.uint8)
                cover[generator.random(shape) < (0.7 if 5 < month < 10 else 0.1)] = CLOUDY
                cover[2, 2] = 40
                if month == 7:
                    cover[1, 1] = CLOUDY
                made.append((f"{year}-{month:02d}-{day:02d}", month, cover))
    return made


@pytest.fixture(scope="module")
def world(new_scenes: Any, geobox: GeoBox, fields: Any, looks: Any) -> Any:
    scenes = new_scenes()
    for (year, month), (wet, warm) in fields.items():
        bands = {"total_precipitation_sum": wet, "temperature_2m": warm}
        date = f"{year}-{month:02d}-01"
        scenes.scene("ECMWF/ERA5_LAND/MONTHLY_AGGR", date, bands, coarse(ERA5_DEG, geobox), date)
    for date, _, cover in looks:
        bands = {"NDSI_Snow_Cover": cover}
        lattice = coarse(MODIS_DEG, geobox)
        scenes.scene("MODIS/061/MOD10A1", date, bands, lattice, date, nodata=CLOUDY)
    return scenes


def asked(names: tuple[str, ...], scope: Scope, settings: ClimateSettings = SETTINGS) -> ee.Image:
    stack = images(names, scope, settings)
    return ee.Image.cat([stack[name].toFloat().rename(name) for name in names])


def bilinear(array: Array, side_deg: float, geobox: GeoBox) -> Array:
    """Between the four neighbours; where one is missing, the pixel's own value."""
    own = coarse(side_deg, geobox).transform
    rows, cols = np.indices(geobox.shape) + 0.5
    east, north = (
        geobox.transform.c + cols * PLATEAU_PIXEL_DEG,
        geobox.transform.f - rows * PLATEAU_PIXEL_DEG,
    )
    place = [(own.f - north) / side_deg, (east - own.c) / side_deg]
    smooth = ndimage.map_coordinates(array, [place[0] - 0.5, place[1] - 0.5], order=1)
    nearest = array[np.floor(place[0]).astype(int), np.floor(place[1]).astype(int)]
    return np.asarray(np.where(np.isnan(smooth), nearest, smooth))


def mean_of(fields: Any, month: int, place: int) -> Array:
    layers = [fields[year, month][place].astype(float) for year in YEARS]
    return np.asarray(np.mean(layers, axis=0))


def test_precipitation_and_temperature(
    world: Any, fields: Any, geobox: GeoBox, scope: Scope, connected: Any, bands_of: Any
) -> None:
    """Catches metres for millimetres, kelvin, other years, a sum over both years."""
    connected(world)
    found = bands_of(
        asked(("precipitation", "precipitation_summer", "air_temperature"), scope), geobox
    )
    wet = {month: mean_of(fields, month, 0) for month in range(1, 13)}
    for name, months in (("precipitation", range(1, 13)), ("precipitation_summer", (6, 7, 8))):
        expected = bilinear(1000 * sum(wet[month] for month in months), ERA5_DEG, geobox)
        np.testing.assert_allclose(found[name], expected, rtol=1e-6)
        assert 100 < expected.mean() < 600
    warm = sum(DAYS[month - 1] * mean_of(fields, month, 1) for month in range(1, 13)) / 365.25
    expected = bilinear(warm - 273.15, ERA5_DEG, geobox)
    np.testing.assert_allclose(found["air_temperature"], expected, atol=2e-5)


def test_snow_days_count_cloudy_months_in_full(
    world: Any, looks: Any, geobox: GeoBox, scope: Scope, connected: Any, pixels_of: Any
) -> None:
    """Catches a share of all clear looks: in cloudy summers that would be winter's share."""
    connected(world)
    found = pixels_of(asked(("snow_cover_days",), scope), geobox)
    shape = coarse(MODIS_DEG, geobox).shape
    days, snow, clear = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for month in range(1, 13):
        layers = [cover for _, this, cover in looks if this == month]
        assert len(layers) == 12
        seen = sum((layer != CLOUDY).astype(int) for layer in layers)
        white = sum(((layer >= 40) & (layer != CLOUDY)).astype(int) for layer in layers)
        snow, clear = snow + white, clear + seen
        days += DAYS[month - 1] * np.where(seen > 0, white / np.maximum(seen, 1), np.nan)
    expected = bilinear(days, MODIS_DEG, geobox)
    assert days[2, 2] == pytest.approx(365.25)
    assert np.isnan(days[1, 1])
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    biased = bilinear(snow / clear * 365.25, MODIS_DEG, geobox)
    assert np.nanmean(biased - expected) > 15


def test_a_month_without_a_look_has_no_days(
    world: Any, looks: Any, geobox: GeoBox, scope: Scope, connected: Any, pixels_of: Any
) -> None:
    """Catches a year of eleven months where one was never seen."""
    connected(world)
    own = coarse(MODIS_DEG, geobox)
    found = pixels_of(asked(("snow_cover_days",), scope), own)
    seen = np.zeros((12, *own.shape), bool)
    for _, month, cover in looks:
        seen[month - 1] |= cover != CLOUDY
    assert not seen[6, 1, 1]
    np.testing.assert_array_equal(np.isnan(found), ~seen.all(axis=0))


def test_years_and_months_without_an_image_are_masked(
    new_scenes: Any, fields: Any, geobox: GeoBox, connected: Any, bands_of: Any
) -> None:
    """Catches an empty month, which has no band, or no lattice to interpolate from."""
    scenes, lattice = new_scenes(), coarse(ERA5_DEG, geobox)
    for month in range(1, 12):
        wet, warm = fields[2019, month]
        bands = {"total_precipitation_sum": wet, "temperature_2m": warm}
        date = f"2019-{month:02d}-01"
        scenes.scene("ECMWF/ERA5_LAND/MONTHLY_AGGR", date, bands, lattice, date)
    snow = {"NDSI_Snow_Cover": np.full(coarse(MODIS_DEG, geobox).shape, 70, np.uint8)}
    scenes.scene("MODIS/061/MOD10A1", "old", snow, coarse(MODIS_DEG, geobox), "2018-01-01")
    connected(scenes)
    found = bands_of(asked(NAMES, Scope(geobox, (2019, 2019))), geobox)
    for name in NAMES:
        # December has no image; summer has all of its months.
        assert np.isnan(found[name]).all() == (name != "precipitation_summer"), name


def test_settings_are_used(
    world: Any, fields: Any, geobox: GeoBox, scope: Scope, connected: Any, bands_of: Any
) -> None:
    """Catches months or a limit that are fixed in the code."""
    connected(world)
    names = ("precipitation_summer", "snow_cover_days")
    other = ClimateSettings(summer_months=(1,), snow_minimum_percent=80)
    found = bands_of(asked(names, scope, other), geobox)
    expected = bilinear(1000 * mean_of(fields, 1, 0), ERA5_DEG, geobox)
    np.testing.assert_allclose(found["precipitation_summer"], expected, rtol=1e-6)
    assert np.nanmax(found["snow_cover_days"]) == 0


@pytest.mark.parametrize("name", NAMES)
def test_four_quarters_are_one_request(
    world: Any, scope: Scope, geobox: GeoBox, connected: Any, pixels_of: Any,
    pixels_in_quarters: Any, name: str,
) -> None:  # fmt: skip
    """Catches interpolation that depends on the tile, and scenes looked up by tile."""
    connected(world)
    image = asked((name,), scope)
    whole = pixels_of(image, geobox)
    np.testing.assert_array_equal(pixels_in_quarters(image, geobox), whole)
    part = np.s_[6:9, 1:4]
    narrow = asked((name,), Scope(geobox, YEARS, window=geobox[part]))
    np.testing.assert_array_equal(pixels_of(narrow, geobox[part]), whole[part])


def test_months_that_are_none() -> None:
    """Catches a summer of a thirteenth month."""
    with pytest.raises(ValidationError, match="month"):
        ClimateSettings(summer_months=(6, 13))
