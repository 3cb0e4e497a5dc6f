"""Fields, climate, sensors and truth: distributions and closed forms that can be checked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.metrics import r2_score

from export.plateau.climate import DAYS_PER_YEAR, SHARE_WITHOUT_PERMAFROST, degree_days
from export.plateau.fields import block_mean, random_field
from export.plateau.grid import PixelGrid
from export.plateau.sensing import LOOKS_PER_SCENE, speckle, speckled_db
from export.plateau.world import Plateau, make_plateau


@given(mean=st.floats(-15, 15), amplitude=st.floats(1, 20))
def test_degree_days_against_sums_over_the_year(mean: float, amplitude: float) -> None:
    """Catches a wrong closed form, and years that thaw or freeze throughout."""
    thawing, freezing = degree_days(np.array(mean), np.array(amplitude))
    days = (np.arange(20_000) + 0.5) / 20_000 * DAYS_PER_YEAR
    temperature = mean + amplitude * np.cos(2 * np.pi * days / DAYS_PER_YEAR)
    step = DAYS_PER_YEAR / 20_000
    assert np.isclose(thawing, np.maximum(temperature, 0).sum() * step, rtol=1e-4, atol=0.05)
    assert np.isclose(freezing, np.maximum(-temperature, 0).sum() * step, rtol=1e-4, atol=0.05)


def test_speckle_has_its_mean_and_its_looks() -> None:
    """Catches speckle that biases linear power, or of another strength; 88 looks are 0.46 dB."""
    generator = np.random.default_rng(3)
    noise = speckle(generator, (700, 700), LOOKS_PER_SCENE)
    assert np.isclose(noise.mean(), 1.0, atol=1e-3)
    assert np.isclose(noise.mean() ** 2 / noise.var(), LOOKS_PER_SCENE, rtol=0.01)
    decibel = speckled_db(np.zeros((700, 700)), generator, LOOKS_PER_SCENE)
    assert np.isclose(decibel.std(), 0.46, atol=0.01)


def test_random_field_has_variance_one_and_falls_off_as_it_says() -> None:
    """Catches a range in pixels instead of metres: correlation at one range is 1/e, both ways."""
    grid = PixelGrid.around_wudaoliang(400, 400)
    fields = [random_field(np.random.default_rng(i), grid, 900.0) for i in range(12)]
    variance = np.mean([np.mean(field**2) for field in fields])
    assert np.isclose(variance, 1.0, atol=0.06)
    south, east = round(900.0 / grid.height_m), round(900.0 / grid.mean_width_m)
    down = np.mean([np.mean(f[south:] * f[:-south]) for f in fields]) / variance
    across = np.mean([np.mean(f[:, east:] * f[:, :-east]) for f in fields]) / variance
    assert np.isclose(down, np.exp(-1), atol=0.06)
    assert np.isclose(across, np.exp(-1), atol=0.06)


def test_block_means_are_those_of_the_pixels_within() -> None:
    """Catches blocks shifted by a row, NaN that spreads, and margins left empty."""
    grid = PixelGrid.around_wudaoliang(60, 70)
    coarse = grid.covering(1 / 120)
    values = np.random.default_rng(5).normal(size=grid.shape)
    values[:20, :20] = np.nan
    means = block_mean(values, grid, coarse)
    assert means.shape == coarse.shape
    west, south, east, north = coarse.bounds_deg
    assert west < grid.bounds_deg[0]
    assert east > grid.bounds_deg[2]
    assert south < grid.bounds_deg[1]
    assert north > grid.bounds_deg[3]
    for row, col in np.ndindex(coarse.shape):
        rows = np.abs(grid.latitude_deg - coarse.latitude_deg[row]) < coarse.pixel_deg / 2
        cols = np.abs(grid.longitude_deg - coarse.longitude_deg[col]) < coarse.pixel_deg / 2
        block = values[np.ix_(rows, cols)]
        if block.size and np.isfinite(block).mean() >= 0.5:
            assert np.isclose(means[row, col], np.nanmean(block))
        elif block.size:
            assert np.isnan(means[row, col])
    assert np.isfinite(means[-1]).all()


def test_permafrost_leaves_out_the_warmest_ground(plateau: Plateau) -> None:
    """Catches a mask turned inside out."""
    permafrost, land = plateau.climate.permafrost, ~plateau.terrain.lake
    assert np.isclose((~permafrost[land]).mean(), SHARE_WITHOUT_PERMAFROST, atol=0.001)
    temperature = plateau.climate.mean_temperature_degc
    assert temperature[land & ~permafrost].mean() > temperature[land & permafrost].mean() + 0.3


def test_truth_lies_between_residual_water_and_pore_space(plateau: Plateau) -> None:
    """Catches moisture that no soil can hold, or that varies less than the published map's."""
    truth = plateau.moisture.truth
    assert np.all(truth >= 0.03)
    assert np.all(truth <= plateau.surface.porosity)
    assert 0.10 < truth[plateau.active_layer].std() < 0.15


def test_radar_sees_moisture_and_frozen_ground_does_not(plateau: Plateau) -> None:
    """Catches a difference of the wrong sign, and a descending pass that covers everything."""
    land = plateau.active_layer
    explained = plateau.moisture.explained[land]
    difference = (plateau.radar.vv_thaw - plateau.radar.vv_frozen)[land]
    assert np.corrcoef(difference, explained)[0, 1] > 0.6
    assert abs(np.corrcoef(plateau.radar.vv_frozen[land], explained)[0, 1]) < 0.4
    absent = np.isnan(plateau.radar.vv_thaw_descending)
    assert 0.2 < absent.mean() < 0.4
    assert np.array_equal(np.isnan(plateau.ndvi), plateau.terrain.lake)


def test_what_can_be_known_of_the_truth_is_bounded() -> None:
    """Catches an example that is too easy or hopeless: a model that sees the noise-free fields."""
    plateau = make_plateau(2026, (400, 400))
    land = plateau.active_layer
    fields = np.column_stack(
        [
            layer[land]
            for layer in (
                plateau.terrain.twi,
                plateau.terrain.slope_deg,
                plateau.terrain.radiation_index,
                plateau.climate.precipitation_mm,
                plateau.surface.ndvi,
                plateau.surface.thaw_depth_m,
                plateau.surface.sand_percent,
                plateau.surface.porosity,
            )
        ]
    )
    truth = plateau.moisture.truth[land]
    order = np.random.default_rng(0).permutation(truth.size)
    train, test = order[:6000], order[6000:12000]
    model = ExtraTreesRegressor(30, min_samples_leaf=5, max_features=0.8, random_state=0)
    score = r2_score(truth[test], model.fit(fields[train], truth[train]).predict(fields[test]))
    assert 0.60 < score < 0.80
    explained = plateau.moisture.explained[land]
    assert 0.60 < r2_score(truth, explained) < 0.80


def test_streams_are_named() -> None:
    """Catches a seed that is ignored, and streams shared by two fields."""
    one, other = make_plateau(1, (100, 100)), make_plateau(2, (100, 100))
    assert not np.allclose(one.terrain.elevation_m, other.terrain.elevation_m)
    layers = (one.radar.vv_thaw, one.radar.vh_thaw)
    speckles = [layer - layer.mean() for layer in layers]
    assert not np.allclose(*speckles)


@pytest.mark.parametrize("shape", [(100, 160), (131, 100)])
def test_odd_shapes_work(shape: tuple[int, int]) -> None:
    """Catches rows and columns exchanged anywhere in the making."""
    plateau = make_plateau(7, shape)
    assert plateau.moisture.truth.shape == shape
    assert np.isfinite(plateau.moisture.truth).all()
    assert plateau.radar.vv_thaw.shape == shape
