"""The examples as `alm90 init` writes them, small; the default one from scenes to the map."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from typer.testing import Result

from export import plateau
from export.plateau.scenes.landsat import ndvi_thaw_end, ndwi_gao
from export.plateau.sensing import backscatter
from export.plateau.world import Plateau, make_plateau
from export.study import Study
from export.study.template import study_template
from gee.catalogue import candidates
from gee.grid import PLATEAU_PIXEL_DEG, geobox_of_region
from gee.pixels import read_window
from gee.scope import Scope
from gee.session import connect, disconnect
from gee.stack import stack

SHAPE, N_SITES = (130, 130), 60
Alm90 = Callable[..., Result]


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    """Make the examples of `init` small."""
    with pytest.MonkeyPatch.context() as patch:
        made = partial(plateau.write_plateau, shape=SHAPE, n_sites=N_SITES)
        patch.setattr(plateau, "write_plateau", made)
        yield


@pytest.fixture(scope="module")
def mapped(
    small: None,
    alm90: Alm90,
    alm90_process: Alm90,
    light_learning: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The default example, run whole with as little learning as there can be."""
    folder = tmp_path_factory.mktemp("example") / "study"
    written = alm90("init", folder, "--example", "plateau")
    assert written.exit_code == 0, written.output
    settings = Study.load(folder).settings.model_dump(exclude_unset=True)
    lighter = {**settings, **light_learning, "grid": {"tile_px": 128}}
    (folder / "study.toml").write_text(study_template(lighter), encoding="utf-8")
    done = alm90_process("run", folder, "--force")  # so few sites may show no skill
    assert done.returncode == 0, done.stderr + done.stdout
    return folder


@pytest.fixture(scope="module")
def world() -> Plateau:
    return make_plateau(2026, SHAPE)


@pytest.fixture(scope="module")
def covariates(mapped: Path, world: Plateau) -> Iterator[dict[str, np.ndarray]]:
    """Every covariate of Earth Engine over the region, whether the model kept it or not."""
    settings = Study.load(mapped).settings.earthengine
    assert settings is not None
    names = [entry.name for entry in candidates(settings)]
    geobox = geobox_of_region(*world.grid.bounds_deg, "EPSG:4326", PLATEAU_PIXEL_DEG)
    connect(settings, mapped)
    image = stack(names, settings, Scope(geobox, settings.years))
    yield dict(zip(names, read_window(image, names, geobox), strict=True))
    disconnect()


def test_the_default_example_asks_the_local_earth_engine(mapped: Path) -> None:
    """Catches an example that quietly runs on rasters alone."""
    settings = Study.load(mapped).settings
    assert settings.earthengine is not None
    assert settings.earthengine.url == "local:earthengine"
    assert [covariate.name for covariate in settings.covariates] == [
        *("precipitation", "land_cover", "magnetic_anomaly")
    ]
    samples = pd.read_csv(mapped / "samples.csv")
    assert len(samples) == N_SITES
    names = {entry.name for entry in candidates(settings.earthengine)}
    assert len(names) > 20
    assert names <= set(samples.columns)
    comparison = json.loads((mapped / "map" / "comparison.json").read_text())
    assert comparison["pixels"] > 0.6 * SHAPE[0] * SHAPE[1]


def test_the_raster_example_holds_every_covariate_as_a_file(
    small: None,
    alm90: Alm90,
    tmp_path: Path,
) -> None:
    """Catches scenes, or a section of Earth Engine, in the example that needs neither."""
    written = alm90("init", tmp_path / "a", "--example", "plateau-rasters")
    assert written.exit_code == 0, written.output
    settings = Study.load(tmp_path / "a").settings
    assert settings.earthengine is None
    assert len(settings.covariates) == 28
    assert not (tmp_path / "a" / "earthengine").exists()


def _correlation(found: np.ndarray, truth: np.ndarray, world: Plateau) -> float:
    # A scene's pixel on the shore may lie in the lake.
    known = np.isfinite(found) & ~ndimage.binary_dilation(world.terrain.lake, iterations=2)
    assert known.mean() > 0.4
    return float(np.corrcoef(found[known], truth[known])[0, 1])


def test_backscatter_is_that_of_thawed_ground_on_level_land(
    world: Plateau, covariates: dict[str, np.ndarray]
) -> None:
    """Catches frozen mornings, snow, slopes and dark borders that find their way into the mean."""
    passes = backscatter(
        world.seed, world.grid, world.terrain, world.surface, world.moisture.explained
    )
    for side, seen in passes.items():
        for name, truth in (("vv", seen.vv_thaw), ("vh", seen.vh_thaw)):
            found = covariates[f"{name}_thaw_{side}"]
            assert _correlation(found, truth, world) > 0.9, (name, side)
            difference = (found - truth)[~world.terrain.lake]
            assert abs(np.nanmean(difference)) < 0.35, (name, side)
    west = covariates["vv_thaw_descending"][:, :10]
    assert np.isnan(west).all()
    assert np.isfinite(covariates["vv_thaw_ascending"]).all()


def test_indices_are_those_of_clear_and_snow_free_days(
    world: Plateau, covariates: dict[str, np.ndarray]
) -> None:
    """Catches clouds, shadows, snow and stripes in the indices, and holes over water."""
    ndvi = world.surface.ndvi
    for name, truth, least in (
        ("ndvi_peak", ndvi, 0.93),
        ("ndvi_thaw_end", ndvi_thaw_end(ndvi), 0.9),
        ("ndwi_gao", ndwi_gao(world), 0.93),
    ):
        assert _correlation(covariates[name], truth, world) > least, name
    difference = covariates["ndvi_peak"] - ndvi
    assert abs(np.nanmean(difference[~world.terrain.lake])) < 0.03
    lake = covariates["ndwi_mcfeeters"][world.terrain.lake]
    assert np.isfinite(lake).mean() > 0.8
    assert np.nanmedian(lake) > 0.5


def test_temperature_and_terrain_are_the_world_s(
    world: Plateau, covariates: dict[str, np.ndarray]
) -> None:
    """Catches cloud in the temperatures, and terrain derived on the wrong pixels."""
    climate, terrain = world.climate, world.terrain
    for name, truth, tolerance in (
        ("lst_mean", climate.mean_temperature_degc, 0.6),
        ("thawing_degree_days", climate.thawing_degree_days, 120.0),
        ("freezing_degree_days", climate.freezing_degree_days, 150.0),
    ):
        assert abs(np.nanmean(covariates[name] - truth)) < tolerance, name
    for name, truth, least in (
        ("elevation", terrain.elevation_m, 0.999),
        ("slope", terrain.slope_deg, 0.98),
        ("radiation_index", terrain.radiation_index, 0.98),
        ("tpi_900m", terrain.tpi_m[900], 0.95),
        ("twi", terrain.twi, 0.85),
    ):
        assert _correlation(covariates[name], truth, world) > least, name
