"""Scenes of the example plateau: whole, the same each time, and true to the world behind them.

What is read here is read with rasterio alone; that composites of them recover the world is proved
in `tests/end_to_end`.
"""

import hashlib
import json
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.warp import transform_bounds

from export.plateau.scenes import scene_settings, write_scenes
from export.plateau.scenes.landsat import BANDS, CLOUD, FILL, OFFSET, SCALE, SNOW, WATER
from export.plateau.scenes.lattices import UTM, View, lattice_over
from export.plateau.scenes.modis import KELVIN_PER_NUMBER, season_of
from export.plateau.scenes.overpasses import ORBITS, OVERPASSES
from export.plateau.scenes.sentinel1 import slope_factor
from export.plateau.world import Plateau, make_plateau
from gee.settings import EarthEngineSettings

Catalogue = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def small() -> Plateau:
    """A seventh of it is lake."""
    return make_plateau(2026, (130, 130))


@pytest.fixture(scope="module")
def folder(small: Plateau, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scenes")
    start = time.process_time()
    write_scenes(small, path)
    assert time.process_time() - start < 8
    return path


@pytest.fixture(scope="module")
def assets(folder: Path) -> Catalogue:
    document = json.loads((folder / "catalogue.json").read_text())
    found: Catalogue = document["assets"]
    return found


def bands(folder: Path, image: dict[str, Any]) -> dict[str, np.ndarray]:
    """Every band of an image by name, NaN where the file says missing."""
    found = {}
    for entry in image["files"]:
        with rasterio.open(folder / entry["path"]) as raster:
            assert raster.count == len(entry["bands"])
            layers = raster.read(masked=True)
        for name, layer in zip(entry["bands"], layers, strict=True):
            found[name] = layer.astype(float).filled(np.nan)
    return found


def images(assets: Catalogue, asset: str) -> dict[str, dict[str, Any]]:
    return {image["index"]: image for image in assets[asset]["images"]}


def test_the_same_seed_gives_the_same_bytes(small: Plateau, folder: Path, tmp_path: Path) -> None:
    """Catches draws that depend on the order in which threads come to them."""

    def hashes(of: Path) -> dict[str, str]:
        return {
            str(path.relative_to(of)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in of.rglob("*")
            if path.is_file()
        }

    write_scenes(small, tmp_path)
    assert hashes(tmp_path) == hashes(folder)
    assert not list(tmp_path.rglob("*.part"))


def test_every_file_of_the_catalogue_is_there_and_covers_the_region(
    small: Plateau, folder: Path, assets: Catalogue
) -> None:
    """Catches a scene that ends within the region, or a file that nobody reads."""
    named = {"catalogue.json"}
    west, south, east, north = small.grid.bounds_deg
    for asset in assets.values():
        if asset["type"] == "TABLE":
            named.add(asset["file"])
            continue
        for image in asset.get("images", [asset]):
            for entry in image["files"]:
                if entry["path"] in named:
                    continue
                named.add(entry["path"])
                with rasterio.open(folder / entry["path"]) as raster:
                    box = transform_bounds(raster.crs, "EPSG:4326", *raster.bounds)
                assert box[0] < west
                assert box[1] < south
                assert box[2] > east
                assert box[3] > north
    on_disk = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert named == on_disk


def test_the_section_of_the_study_is_valid() -> None:
    """Catches a key that the settings no longer know."""
    settings = EarthEngineSettings.model_validate(scene_settings())
    assert settings.url == "local:earthengine"


def test_frozen_mornings_show_in_the_backscatter_and_in_the_weather_model(
    folder: Path, assets: Catalogue
) -> None:
    """Catches a scene whose ground and weather disagree: no screening could be right then."""
    radar = images(assets, "COPERNICUS/S1_GRD_FLOAT")
    hours = assets["ECMWF/ERA5_LAND/HOURLY"]["images"]
    level = {}
    for overpass, image in zip(OVERPASSES, radar.values(), strict=True):
        assert image["time_start"] == overpass.start
        nearest = min(hours, key=lambda hour: _seconds_between(hour, image))
        assert _seconds_between(nearest, image) <= 1800
        soil_k = bands(folder, nearest)["soil_temperature_level_1"]
        if overpass.ground == "frozen":
            assert soil_k.max() < 272.15
        elif overpass.ground == "thawed":
            assert soil_k.min() > 273.15
        else:
            assert soil_k.min() < 273.15 < 274.15 < soil_k.max()
        scene = bands(folder, image)
        if overpass.orbit == 143:
            level[overpass.date] = 10 * np.log10(np.nanmedian(scene["VV"]))
    frozen = [level["2017-01-06"], level["2020-01-15"]]
    thawed = [level["2016-09-08"], level["2021-10-08"]]  # wet days
    assert max(frozen) < min(thawed) - 1


def _seconds_between(one: dict[str, Any], other: dict[str, Any]) -> float:
    times = [np.datetime64(image["time_start"], "s") for image in (one, other)]
    return float(abs(times[0] - times[1]).astype(float))


def test_a_slope_that_faces_the_sensor_is_brighter_and_the_swath_ends_where_it_should(
    small: Plateau, folder: Path, assets: Catalogue
) -> None:
    """Catches a mirrored aspect, and descending scenes that reach the west."""
    ascending, descending = ORBITS[143], ORBITS[150]
    incidence = np.full(1, np.deg2rad(38.0))
    towards_west, towards_east = np.array([-0.2]), np.array([0.2])
    level = np.zeros(1)
    assert slope_factor(towards_west, level, incidence, ascending) > 1.1
    assert slope_factor(towards_east, level, incidence, ascending) < 0.95
    assert slope_factor(towards_east, level, incidence, descending) > 1.1
    assert slope_factor(level, level, incidence, descending) == pytest.approx(1.0)
    radar = images(assets, "COPERNICUS/S1_GRD_FLOAT")
    scene = bands(folder, radar["S1_IW_GRDH_20210907_150"])
    view = View(small.grid, lattice_over(small.grid, UTM, 90.0, 1500.0))
    eastward = view.position_share[1]
    seen = np.isfinite(scene["VV"])
    assert not seen[eastward < 0.1].any()
    assert seen[eastward > 0.5].all()
    assert scene["angle"].min() > 20
    assert "VH" not in bands(folder, radar["S1_IW_GRDH_20150914_143"])


def test_clear_reflectance_holds_the_world_s_greenness_and_the_flags_tell_the_rest(
    small: Plateau, folder: Path, assets: Catalogue
) -> None:
    """Catches swapped bands, a wrong scale, and clouds that no quality bit tells of."""
    scenes = images(assets, "LANDSAT/LC08/C02/T1_L2")
    grid = small.grid
    view = View(grid, lattice_over(grid, UTM, 90.0, 1500.0, (0.5, 0.5)))
    greenness = view.interpolated(small.surface.ndvi)
    summer = bands(folder, scenes["LC08_137036_20180730"])
    quality = summer["QA_PIXEL"].astype(int)
    green, red, near, shortwave = (summer[name] * SCALE + OFFSET for name in BANDS["LC08"])
    ndvi = (near - red) / (near + red)
    clear = (quality & (0b111111 | WATER)) == 0
    assert clear.mean() > 0.1
    assert np.corrcoef(ndvi[clear], greenness[clear])[0, 1] > 0.97
    cloudy = (quality & CLOUD) > 0
    assert red[cloudy].mean() > red[clear].mean() + 0.3
    np.testing.assert_array_equal((quality & FILL) > 0, np.isnan(red))
    water = (quality & (WATER | CLOUD)) == WATER
    assert water.any()
    assert (near[water] < 0).mean() > 0.5
    snowy = bands(folder, scenes["LC08_138036_20181009"])
    snow = (snowy["QA_PIXEL"].astype(int) & SNOW) > 0
    green, red, near, shortwave = (snowy[name] * SCALE + OFFSET for name in BANDS["LC08"])
    assert np.nanmedian(shortwave[snow]) < 0 < 0.5 < np.nanmedian(green[snow])
    striped = images(assets, "LANDSAT/LE07/C02/T1_L2")["LE07_137036_20120806"]
    lost = (bands(folder, striped)["QA_PIXEL"].astype(int) & FILL) > 0
    middle, edge = abs(view.position_share[1] - 0.5) < 0.05, view.position_share[1] > 0.9
    assert lost[edge].mean() > lost[middle].mean() + 0.1


def test_daily_temperatures_swing_about_the_world_s_mean(
    small: Plateau, folder: Path, assets: Catalogue
) -> None:
    """Catches kelvin taken for degrees, a swapped day and night, and cloud without a flag."""
    totals = []
    for asset in ("MODIS/061/MOD11A1", "MODIS/061/MYD11A1"):
        for time_of_day in ("Day", "Night"):
            amplitude = small.climate.amplitude_degc.mean()
            residual = []
            for index, image in images(assets, asset).items():
                looked = bands(folder, image)
                celsius = looked[f"LST_{time_of_day}_1km"] * KELVIN_PER_NUMBER - 273.15
                flags = looked[f"QC_{time_of_day}"].astype(int)
                np.testing.assert_array_equal(np.isnan(celsius), (flags & 3) == 2)
                day = date.fromisoformat(index.replace("_", "-"))
                good = celsius[flags == 0]
                residual.append(np.mean(good) - amplitude * season_of(day))
            totals.append(np.mean(residual))
    assert totals[0] > totals[1] + 10
    assert totals[2] > totals[3] + 10
    assert np.mean(totals) == pytest.approx(small.climate.mean_temperature_degc.mean(), abs=0.6)
