"""Land surface temperature against numpy: screening, waves, degree-days, interpolation."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import ee
import numpy as np
import pyproj
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pydantic import ValidationError

from gee.scope import Scope
from gee.stack import graph
from gee.temperature.covariates import covariates
from gee.temperature.harmonics import coefficient_names, fitted
from gee.temperature.images import images
from gee.temperature.overpasses import Overpass, good_days
from gee.temperature.settings import TemperatureSettings

Array = np.ndarray[Any, Any]

YEARS = (2018, 2019)
OVERPASSES = tuple(itertools.product(("terra", "aqua"), ("Day", "Night")))
OFFSET = {"Day": 9.0, "Night": -11.0}
NAMES = [entry.name for entry in covariates(TemperatureSettings())]
R = 90 / 111319.49079327358
GRID = GeoBox((15, 19), Affine(R, 0, 112556 * R, 0, -R, 42066 * R), "EPSG:4326")


def centred(time: Array) -> Array:
    """Years from the middle of YEARS."""
    start, end = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (2018, 2020))
    return np.asarray(time - (start + end) / 2 / 86400 / 365.25)


@pytest.fixture(scope="module")
def world(new_scenes, write_days, some_days, lattice_of):
    """Two years, every thirteenth day, of weather with gaps and errors; and years beside them."""
    lattice = lattice_of(9, 14)
    shape = lattice.shape.yx
    generator = np.random.default_rng(11)
    mean = generator.normal(-3, 4, shape)
    height = generator.uniform(8, 16, shape)
    allowed = np.array([0b00, 0b01, 0b01000001])
    refused = np.array([0b10, 0b11, 0b10000001, 0b11000001])
    nonsense: dict[Any, Array] = {}

    def quality(overpass: Any, place: int) -> Array:
        good = generator.random(shape) < 0.6
        nonsense[overpass, place] = ~good
        return np.where(good, generator.choice(allowed, shape), generator.choice(refused, shape))

    def curve(overpass: Any, time: Array) -> Array:
        angle = 2 * np.pi * centred(time)[:, None, None]
        second = 3 * np.cos(2 * angle + 0.4) + generator.normal(0, 2.0, (len(time), *shape))
        wave = mean + OFFSET[overpass[1]] + height * np.cos(angle - 0.3)
        return wave + second + 0.8 * centred(time)[:, None, None]

    scenes = new_scenes()
    days = some_days(datetime(2018, 1, 3, tzinfo=UTC), datetime(2019, 12, 31, tzinfo=UTC), 13)
    made = write_days(scenes, lattice, days, curve, quality)
    beside = [datetime(2017, 12, 31, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)]
    write_days(
        scenes,
        lattice,
        beside,
        lambda _, time: np.full((len(time), *shape), 70.0),
        lambda *_: np.zeros(shape),
    )
    return scenes, made


@pytest.fixture
def at_world(world, connected):
    """The client pointed at the world; returns what was written."""
    connected(world[0])
    return world[1]


def design_of(time: Array, settings: TemperatureSettings) -> Array:
    """(n, p) regressors, in the order of the coefficients."""
    t = centred(time)
    columns = [np.ones_like(t)] + ([t] if settings.trend else [])
    for k in range(1, settings.harmonics + 1):
        columns += [np.cos(2 * np.pi * k * t), np.sin(2 * np.pi * k * t)]
    return np.stack(columns, axis=1)


def fitted_by_numpy(made: Any, overpass: Any, settings: TemperatureSettings) -> Array:
    """(p, rows, cols) least squares of the good days of each pixel; NaN where they are few."""
    design = design_of(made.time[overpass[0]], settings)
    values, flags = made.celsius[overpass], made.quality[overpass]
    good = ((flags & 3) <= settings.quality_maximum) & ((flags >> 6) <= settings.error_flag_maximum)
    found = np.full((design.shape[1], *values.shape[1:]), np.nan)
    for row, col in np.ndindex(*values.shape[1:]):
        days = good[:, row, col]
        if days.sum() >= settings.minimum_days:
            found[:, row, col] = np.linalg.lstsq(design[days], values[days, row, col])[0]
    return found


def thawing_by_numpy(coefficients: Array, settings: TemperatureSettings, days: int) -> Array:
    """Degree-days above 0 by a sum over so many equal parts of a year, without the trend."""
    turn = 2 * np.pi * (np.arange(days) + 0.5) / days
    waves = coefficients[2 if settings.trend else 1 :]
    total = np.zeros(coefficients.shape[1:])
    for angle in turn:
        curve = coefficients[0] + sum(
            waves[2 * k] * np.cos((k + 1) * angle) + waves[2 * k + 1] * np.sin((k + 1) * angle)
            for k in range(settings.harmonics)
        )
        total += np.maximum(curve, 0)
    return np.asarray(total * 365.25 / days)


def on_grid(values: Array, lattice: GeoBox, grid: GeoBox) -> Array:
    """Bilinear interpolation of a lattice's pixels at the centres of the grid's."""
    rows, cols = np.indices(grid.shape.yx)
    east, north = grid.transform * (cols + 0.5, rows + 0.5)
    moved = pyproj.Transformer.from_crs("EPSG:4326", str(lattice.crs), always_xy=True)
    x, y = moved.transform(east, north)
    col, row = ~lattice.transform * (x, y)
    col, row = col - 0.5, row - 0.5
    left, top = np.floor(col).astype(int), np.floor(row).astype(int)
    across, down = col - left, row - top
    upper = values[top, left] * (1 - across) + values[top, left + 1] * across
    lower = values[top + 1, left] * (1 - across) + values[top + 1, left + 1] * across
    return np.asarray(upper * (1 - down) + lower * down)


VARIANTS = [
    TemperatureSettings(minimum_days=12),
    TemperatureSettings(minimum_days=12, harmonics=2, trend=True),
    TemperatureSettings(minimum_days=12, satellites=("aqua",), error_flag_maximum=3),
]


@pytest.mark.parametrize("settings", VARIANTS, ids=["one wave", "two and a trend", "one satellite"])
def test_every_covariate_equals_numpy(at_world, bands_of, settings):
    """Wrong scale, season, quality bits, days of other years, mean of the wrong overpasses."""
    made = at_world
    used = [overpass for overpass in OVERPASSES if overpass[0] in settings.satellites]
    fits = {overpass: fitted_by_numpy(made, overpass, settings) for overpass in used}
    mean = np.mean(list(fits.values()), axis=0)
    first_wave = 2 if settings.trend else 1
    # Fine parts where the product has the closed form, its own 365 where it sums days.
    thawing = thawing_by_numpy(mean, settings, 5000 if settings.harmonics == 1 else 365)
    by_time = {
        time: np.mean([fit[0] for overpass, fit in fits.items() if overpass[1] == time], axis=0)
        for time in ("Day", "Night")
    }
    expected = {
        "lst_mean": mean[0],
        "lst_amplitude": np.hypot(mean[first_wave], mean[first_wave + 1]),
        "thawing_degree_days": thawing,
        "freezing_degree_days": thawing - 365.25 * mean[0],
        "lst_diurnal_range": by_time["Day"] - by_time["Night"],
    }
    made_images = images(NAMES, Scope(GRID, YEARS), settings)
    found = bands_of(ee.Image.cat([made_images[name].toFloat() for name in NAMES]), GRID)
    assert list(found) == NAMES
    for name in NAMES:
        wanted = on_grid(expected[name], made.lattice, GRID)
        assert np.isfinite(wanted).all()
        assert wanted.std() > 0.01, "a flat field would not show a shift"
        np.testing.assert_allclose(found[name], wanted, rtol=2e-6, atol=2e-5, err_msg=name)


def test_known_waves_come_back_through_gaps(
    new_scenes, connected, write_days, some_days, lattice_of, bands_of
):
    """A fit that fills gaps with something, or counts time from elsewhere."""
    lattice = lattice_of(3, 4)
    shape = lattice.shape.yx
    generator = np.random.default_rng(5)
    truth = generator.normal(0, 8, (6, *shape))
    settings = TemperatureSettings(satellites=("terra",), harmonics=2, trend=True, minimum_days=10)
    scenes = new_scenes()
    days = some_days(datetime(2018, 1, 1, tzinfo=UTC), datetime(2019, 12, 31, tzinfo=UTC), 11)
    write_days(
        scenes,
        lattice,
        days,
        lambda _, time: np.tensordot(design_of(time, settings), truth, axes=1),
        lambda *_: np.where(generator.random(shape) < 0.5, 0, 0b10),
        satellites=("terra",),
        whole_numbers=False,
    )
    connected(scenes)
    scope = Scope(GRID, YEARS)
    image = fitted(good_days(Overpass("terra", "Night"), scope, settings), YEARS, settings)
    found = bands_of(image, lattice)
    assert list(found) == coefficient_names(settings)
    for place, layer in enumerate(found.values()):
        np.testing.assert_allclose(layer, truth[place], rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize(("quality", "error"), [(0, 0), (0, 3), (1, 0), (1, 1), (1, 2), (1, 3)])
def test_each_quality_code(codes, connected, pixels_of, quality, error):
    """A shifted bit, or a comparison that takes cloud for good."""
    scenes, lattice = codes
    connected(scenes)
    settings = TemperatureSettings(
        satellites=("terra",), quality_maximum=quality, error_flag_maximum=error, minimum_days=4
    )
    days = good_days(Overpass("terra", "Day"), Scope(GRID, YEARS), settings)
    found = np.isfinite(pixels_of(days.mean(), lattice)).ravel()
    code = np.arange(256)
    mandatory, mean_error = code % 4, code // 64
    np.testing.assert_array_equal(found, (mandatory <= quality) & (mean_error <= error))


@pytest.fixture(scope="module")
def codes(new_scenes, write_days, some_days, lattice_of):
    """A pixel for each value that QC can have."""
    lattice = lattice_of(16, 16)
    scenes = new_scenes()
    write_days(
        scenes,
        lattice,
        some_days(datetime(2018, 3, 1, tzinfo=UTC), datetime(2018, 3, 2, tzinfo=UTC), 1),
        lambda _, time: np.full((len(time), 16, 16), 4.0),
        lambda *_: np.arange(256).reshape(16, 16),
        satellites=("terra",),
    )
    return scenes, lattice


def test_too_few_days_are_masked(
    new_scenes, connected, write_days, some_days, lattice_of, pixels_of
):
    """A pixel with one day less than asked for, in a single overpass, that has a value."""
    lattice = lattice_of(1, 3)
    scenes = new_scenes()
    days = some_days(datetime(2018, 1, 5, tzinfo=UTC), datetime(2019, 12, 20, tzinfo=UTC), 60)
    limits = {("aqua", "Night"): [len(days), 10, 9]}
    write_days(
        scenes,
        lattice,
        days,
        lambda _, time: np.full((len(time), 1, 3), 4.0),
        lambda overpass, place: np.array(
            [[0 if place < many else 2 for many in limits.get(overpass, [99] * 3)]]
        ),
    )
    connected(scenes)
    settings = TemperatureSettings(minimum_days=10)
    image = images(["lst_mean"], Scope(GRID, YEARS), settings)["lst_mean"]
    found = pixels_of(image, lattice)[0]
    np.testing.assert_array_equal(np.isfinite(found), [True, True, False])
    np.testing.assert_allclose(found[:2], 4.0, atol=0.011)


def test_a_gap_is_no_wider_than_its_own_pixels(
    new_scenes, connected, write_days, some_days, lattice_of, pixels_of
):
    """Interpolation that loses a coarse pixel on every side of a masked one."""
    lattice = lattice_of(9, 14)
    scenes = new_scenes()
    gap = np.zeros((9, 14), bool)
    gap[5, 6] = True
    write_days(
        scenes,
        lattice,
        some_days(datetime(2018, 1, 5, tzinfo=UTC), datetime(2019, 12, 20, tzinfo=UTC), 40),
        lambda _, time: np.full((len(time), 9, 14), 4.0),
        lambda *_: np.where(gap, 2, 0),
        satellites=("terra",),
    )
    connected(scenes)
    settings = TemperatureSettings(minimum_days=10, satellites=("terra",))
    image = images(["lst_mean"], Scope(GRID, YEARS), settings)["lst_mean"]
    missing = np.isnan(pixels_of(image, GRID))
    rows, cols = np.indices(GRID.shape.yx)
    moved = pyproj.Transformer.from_crs("EPSG:4326", str(lattice.crs), always_xy=True)
    col, row = ~lattice.transform * moved.transform(*(GRID.transform * (cols + 0.5, rows + 0.5)))
    own = gap[np.floor(row).astype(int), np.floor(col).astype(int)]
    assert own.any()
    np.testing.assert_array_equal(missing, own)


@pytest.mark.parametrize("years", [(2010, 2011), (2001, 2001)])
def test_years_without_a_day_are_masked(world, connected, pixels_of, years):
    """An empty collection that ends in an error, or in zeros."""
    connected(world[0])
    settings = TemperatureSettings(minimum_days=12, harmonics=2)
    for image in images(NAMES, Scope(GRID, years), settings).values():
        assert np.isnan(pixels_of(image, GRID)).all()


def test_one_satellite_alone_is_no_mean_of_two(
    new_scenes, connected, write_days, some_days, lattice_of, pixels_of
):
    """A mean over whatever overpasses there are, which mixes day and night unevenly."""
    lattice = lattice_of(9, 14)
    scenes = new_scenes()
    scenes.collection("MODIS/061/MYD11A1")
    write_days(
        scenes,
        lattice,
        some_days(datetime(2018, 1, 5, tzinfo=UTC), datetime(2019, 12, 20, tzinfo=UTC), 30),
        lambda overpass, time: np.full((len(time), 9, 14), OFFSET[overpass[1]]),
        lambda *_: np.zeros((9, 14)),
        satellites=("terra",),
    )
    connected(scenes)
    scope = Scope(GRID, YEARS)
    both = images(["lst_mean"], scope, TemperatureSettings(minimum_days=10))["lst_mean"]
    assert np.isnan(pixels_of(both, GRID)).all()
    terra = TemperatureSettings(minimum_days=10, satellites=("terra",))
    alone = images(["lst_mean"], scope, terra)["lst_mean"]
    np.testing.assert_allclose(pixels_of(alone, GRID), -1.0, atol=0.011)


@pytest.mark.parametrize("settings", VARIANTS[:2], ids=["one wave", "two and a trend"])
def test_tiles_and_narrower_windows_change_nothing(at_world, bands_of, settings):
    """A value that depends on what else is asked for."""

    def found(part: GeoBox, window: GeoBox | None = None) -> Array:
        made = images(NAMES, Scope(GRID, YEARS, window), settings)
        layers = bands_of(ee.Image.cat([made[name].toFloat() for name in NAMES]), part)
        return np.stack(list(layers.values()))

    whole = found(GRID)
    assert np.isfinite(whole).all()
    for rows, cols in itertools.product((slice(0, 7), slice(7, 15)), (slice(0, 9), slice(9, 19))):
        np.testing.assert_array_equal(found(GRID[rows, cols]), whole[:, rows, cols])
    narrow = GRID[2:7, 10:16]
    np.testing.assert_array_equal(found(narrow, window=narrow), whole[:, 2:7, 10:16])


def test_graph_is_small_and_the_same_each_time():
    """A graph that holds a day or a scene each, or something of the moment."""
    settings = TemperatureSettings(harmonics=2, trend=True)

    def encoded() -> bytes:
        made = images(NAMES, Scope(GRID, (2009, 2024)), settings)
        return graph(ee.Image.cat([made[name] for name in NAMES]))

    assert encoded() == encoded()
    assert len(encoded()) < 60_000


def test_only_what_is_asked_for_is_in_the_graph():
    """The mean temperature does not carry the sums of degree-days with it."""
    made = images(["lst_mean"], Scope(GRID, YEARS), TemperatureSettings(harmonics=2))
    assert list(made) == ["lst_mean"]
    assert b"List.sequence" not in graph(made["lst_mean"])


def test_settings_refuse_a_fit_of_too_few_days():
    """As many numbers as days fit anything."""
    with pytest.raises(ValidationError, match="needs more days"):
        TemperatureSettings(minimum_days=6, harmonics=2, trend=True)
    assert TemperatureSettings(minimum_days=7, harmonics=2, trend=True).coefficients == 6
    with pytest.raises(ValidationError, match="twice"):
        TemperatureSettings(satellites=("terra", "terra"))
