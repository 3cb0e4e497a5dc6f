"""Optical covariates against numpy, from scenes of every sensor on a lattice of their own."""

from __future__ import annotations

import itertools
import warnings
from datetime import UTC, datetime
from typing import Any

import ee
import numpy as np
import pyproj
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from gee.optical.covariates import covariates
from gee.optical.images import images
from gee.optical.settings import OpticalSettings
from gee.scope import Scope
from gee.stack import graph

Array = np.ndarray[Any, Any]

YEARS = (2009, 2024)
NAMES = [entry.name for entry in covariates(OpticalSettings())]
ALL_SENSORS = ("landsat5", "landsat7", "landsat8", "landsat9", "sentinel2")

TM = {"green": "SR_B2", "red": "SR_B3", "nir": "SR_B4", "narrow": "SR_B4", "swir": "SR_B5"}
OLI = {"green": "SR_B3", "red": "SR_B4", "nir": "SR_B5", "narrow": "SR_B5", "swir": "SR_B6"}
MSI = {"green": "B3", "red": "B4", "nir": "B8", "narrow": "B8A", "swir": "B11"}
BANDS = {"landsat5": TM, "landsat7": TM, "landsat8": OLI, "landsat9": OLI, "sentinel2": MSI}
PAIRS = {"ndvi": ("nir", "red"), "ndwi_gao": ("narrow", "swir"), "ndwi_mcfeeters": ("green", "nir")}
"""Written here anew, so that a wrong band in the product shows."""

SEASONS = {"peak": (7, 8), "thaw_end": (9, 10)}
WANTED = {
    "ndvi_peak": ("ndvi", "peak"),
    "ndvi_thaw_end": ("ndvi", "thaw_end"),
    "ndwi_gao": ("ndwi_gao", "thaw_end"),
    "ndwi_mcfeeters": ("ndwi_mcfeeters", "thaw_end"),
    "ndwi_gao_peak": ("ndwi_gao", "peak"),
}

TIMES = {
    "landsat5": ("2009-07-09", "2010-09-03", "2010-07-31", "2011-10-05", "2011-08-11"),
    "landsat7": ("2009-08-01", "2012-09-20", "2012-07-04", "2013-10-31T23:59:00", "2013-08-20"),
    "landsat8": (
        "2014-07-12",
        "2014-08-13",
        "2014-09-14",
        "2015-09-01",
        "2016-07-01",
        "2016-06-30",
    ),
    "landsat9": ("2022-08-31T23:59:00", "2022-09-30", "2023-07-20", "2023-11-01", "2024-10-02"),
    "sentinel2": ("2019-07-05", "2019-09-08", "2020-09-15", "2021-10-11", "2021-08-19"),
}


def noisy_scene(generator: np.random.Generator, sensor: str, shape: tuple[int, int]) -> Any:
    """Bands with negative reflectance, clouds, snow, saturation and edges of the scene."""
    if sensor == "sentinel2":
        bands: dict[str, Array] = {
            name: generator.integers(0, 4000, shape).astype(np.uint16)
            for name in ("B3", "B4", "B8", "B8A", "B11")
        }
        bands["SCL"] = generator.choice([0, 1, 4, 5, 11], shape, p=[0.05, 0.05, 0.4, 0.4, 0.1])
        bands["SCL"] = bands["SCL"].astype(np.uint8)
        bands["cs"] = generator.random(shape).astype(np.float32)
        bands["cs_cdf"] = generator.random(shape).astype(np.float32)
        return bands
    bands = {
        f"SR_B{number}": generator.integers(5500, 22000, shape).astype(np.uint16)
        for number in range(1, 8)
    }
    flags = np.zeros(shape, np.uint16)
    for bit in (0, 1, 2, 3, 4, 5):
        flags |= ((generator.random(shape) < 0.08).astype(np.uint16) << bit).astype(np.uint16)
    bands["QA_PIXEL"] = flags | np.uint16(1 << 7) * (generator.random(shape) < 0.3)
    bands["QA_RADSAT"] = (4 * (generator.random(shape) < 0.05)).astype(np.uint16)
    return bands


@pytest.fixture(scope="module")
def archive(new_archive, scene_lattice):
    """Some twenty-five scenes of all sensors; the last of each sensor covers a part only."""
    generator = np.random.default_rng(3)
    made = new_archive()
    for sensor, times in TIMES.items():
        for place, time in enumerate(times):
            lattice = scene_lattice[4:30, 6:34] if place == len(times) - 1 else scene_lattice
            stamp = time if "T" in time else f"{time}T04:30:00"
            made.add(sensor, stamp, noisy_scene(generator, sensor, lattice.shape.yx), lattice)
    return made


def clear_index(scene: Any, index: str, settings: OpticalSettings) -> Array:
    """The index of a scene on its own lattice, NaN where the look is not clear."""
    names = [BANDS[scene.sensor][role] for role in PAIRS[index]]
    values = [scene.bands[name].astype(float) for name in names]
    if scene.sensor == "sentinel2":
        reflectance = [value * 1e-4 for value in values]
        clear = (scene.bands["cs_cdf"] >= 0.6) & ~np.isin(scene.bands["SCL"], (0, 1, 11))
    else:
        reflectance = [value * 2.75e-5 - 0.2 for value in values]
        clear = ((scene.bands["QA_PIXEL"] & 0b111111) == 0) & (scene.bands["QA_RADSAT"] == 0)
    a, b = (np.maximum(value, settings.reflectance_floor) for value in reflectance)
    return np.where(clear, (a - b) / (a + b), np.nan)


def seen_from(values: Array, lattice: GeoBox, fine: GeoBox) -> Array:
    """The nearest pixel of a scene for each pixel of another lattice, NaN outside the scene."""
    rows, cols = np.indices(fine.shape.yx)
    longitude, latitude = fine.transform * (cols + 0.5, rows + 0.5)
    moved = pyproj.Transformer.from_crs("EPSG:4326", str(lattice.crs), always_xy=True)
    col, row = ~lattice.transform * moved.transform(longitude, latitude)
    col, row = np.floor(col).astype(int), np.floor(row).astype(int)
    height, width = values.shape
    inside = (col >= 0) & (col < width) & (row >= 0) & (row < height)
    picked = values[np.clip(row, 0, height - 1), np.clip(col, 0, width - 1)]
    return np.where(inside, picked, np.nan)


def expected(archive: Any, name: str, grid: GeoBox, settings: OpticalSettings) -> Array:
    """One covariate by numpy; parts of a third of a pixel."""
    index, season = WANTED[name]
    first, last = SEASONS[season]
    fine = GeoBox(
        (grid.shape.y * 3, grid.shape.x * 3), grid.transform * Affine.scale(1 / 3), grid.crs
    )
    looks: dict[int, list[Array]] = {}
    for scene in archive.made:
        time = datetime.fromisoformat(scene.time).replace(tzinfo=UTC)
        if scene.sensor in settings.sensors and first <= time.month <= last:
            found = clear_index(scene, index, settings)
            looks.setdefault(time.year, []).append(seen_from(found, scene.lattice, fine))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # pixels without a single look
        if name == "ndvi_peak":
            # Hazen's rule, as the stand-in has it; the service's own differs for few values.
            layers = [
                np.nanpercentile(np.stack(year), 90, axis=0, method="hazen")
                for year in looks.values()
            ]
        else:
            layers = [layer for year in looks.values() for layer in year]
        parts = np.nanmedian(np.stack(layers), axis=0)
        rows, cols = grid.shape.yx
        return np.asarray(np.nanmean(parts.reshape(rows, 3, cols, 3), axis=(1, 3)))


@pytest.mark.parametrize("sensors", [ALL_SENSORS, ("landsat7",), ("sentinel2",)])
def test_every_covariate_equals_numpy(archive, connected, bands_of, study_grid, sensors):
    """Wrong bands, scale, season, mask, order of reducers, or a mean over other pixels."""
    connected(archive.scenes)
    settings = OpticalSettings(sensors=sensors)
    made = images(NAMES, Scope(study_grid, YEARS), settings)
    found = bands_of(ee.Image.cat([made[name].rename(name) for name in NAMES]), study_grid)
    masked = 0
    for name in NAMES:
        wanted = expected(archive, name, study_grid, settings)
        masked += int(np.isnan(wanted).sum())
        assert np.nanstd(wanted) > 0.01
        np.testing.assert_allclose(found[name], wanted, rtol=1e-6, atol=2e-7, err_msg=name)
    assert masked < study_grid.shape.y * study_grid.shape.x * len(NAMES) / 2


def test_tiles_and_narrower_windows_change_nothing(archive, connected, bands_of, study_grid):
    """A value that depends on what else is asked for."""
    connected(archive.scenes)

    def found(part: GeoBox, window: GeoBox | None = None) -> Array:
        settings = OpticalSettings(sensors=ALL_SENSORS)
        made = images(NAMES, Scope(study_grid, YEARS, window), settings)
        layers = bands_of(ee.Image.cat([made[name].rename(name) for name in NAMES]), part)
        return np.stack(list(layers.values()))

    whole = found(study_grid)
    for rows, cols in itertools.product((slice(0, 3), slice(3, 8)), (slice(0, 5), slice(5, 11))):
        np.testing.assert_array_equal(found(study_grid[rows, cols]), whole[:, rows, cols])
    narrow = study_grid[2:4, 7:10]
    np.testing.assert_array_equal(found(narrow, window=narrow), whole[:, 2:4, 7:10])


def test_graph_is_small_and_the_same_each_time(study_grid):
    """A graph that grows with years or scenes, or holds something of the moment."""

    def encoded(years: tuple[int, int]) -> bytes:
        settings = OpticalSettings(sensors=ALL_SENSORS, harmonise=True)
        made = images(NAMES, Scope(study_grid, years), settings)
        return graph(ee.Image.cat([made[name] for name in NAMES]))

    assert encoded(YEARS) == encoded(YEARS)
    assert len(encoded(YEARS)) < 60_000
    assert len(encoded((2000, 2024))) == len(encoded((2009, 2024)))
