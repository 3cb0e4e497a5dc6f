"""The example on disk: same bytes, valid settings, every convention there to be met."""

import hashlib
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio

from export.covariates.settings import CovariateSettings
from export.covariates.source import open_source
from export.covariates.warp import read_tile
from export.plateau import PlateauExample, write_plateau
from export.plateau.fieldwork import plan_visits
from export.plateau.world import Plateau
from gee.grid import PLATEAU_PIXEL_DEG, geobox_of_region, tiles_of


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_two_runs_give_the_same_bytes_in_seconds(tmp_path: Path) -> None:
    """Catches randomness without a name, times in files, and a generator too slow for tests."""
    start = time.process_time()
    first = write_plateau(tmp_path / "a", seed=5, shape=(120, 140), n_sites=30)
    assert time.process_time() - start < 8
    second = write_plateau(tmp_path / "b", seed=5, shape=(120, 140), n_sites=30)
    assert first == second
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")
    assert not list(tmp_path.rglob("*.part"))
    other = write_plateau(tmp_path / "c", seed=6, shape=(120, 140), n_sites=30)
    assert other.region == first.region
    same = {
        name
        for name, digest in hashes(tmp_path / "c").items()
        if digest == hashes(tmp_path / "a")[name]
    }
    assert same == set()


def test_entries_are_valid_and_name_their_files(
    example: PlateauExample, plateau_folder: Path
) -> None:
    """Catches an unknown key or unit, and a layer that was not written."""
    entries = [CovariateSettings.model_validate(entry) for entry in example.covariates]
    assert len({entry.name for entry in entries}) == len(entries) == 28
    on_disk = {f"rasters/{path.name}" for path in (plateau_folder / "rasters").iterdir()}
    assert {entry.file for entry in entries} == on_disk
    assert {entry.group for entry in entries} == {
        *("terrain", "temperature", "radar", "optical", "soil", "climate", "other")
    }


def test_files_differ_in_the_ways_real_ones_do(
    example: PlateauExample, plateau_folder: Path
) -> None:
    """Catches an example so tidy that it exercises nothing."""
    types, missing, pixels, scales, undeclared = set(), set(), set(), set(), []
    for entry in example.covariates:
        with rasterio.open(plateau_folder / entry["file"]) as raster:
            types.add(raster.dtypes[0])
            missing.add(str(raster.nodata))
            pixels.add(round(raster.res[0], 6))
            scales.add(raster.scales[0])
            if raster.nodata is None:
                undeclared.append(entry["name"])
    assert {"float32", "int16", "uint16", "uint8"} <= types
    assert {"-9999.0", "nan", "-32768.0", "255.0", "None"} <= missing
    assert len(pixels) == 4
    assert {1.0, 0.01, 0.001} <= scales
    assert undeclared == ["sand"]


def test_as_the_study_reads_them_all_required_values_are_there_at_the_sites(
    example: PlateauExample, plateau: Plateau, plateau_folder: Path
) -> None:
    """Catches a wrong scale or range, a grid that falls short, and sites at the shore."""
    geobox = geobox_of_region(*example.region, "EPSG:4326", PLATEAU_PIXEL_DEG)
    (tile,) = tiles_of(geobox, 256)
    visits = plan_visits(plateau, 60)
    rows, cols = [v.row for v in visits], [v.col for v in visits]
    for entry in example.covariates:
        settings = CovariateSettings.model_validate(entry)
        source = open_source(settings, plateau_folder / settings.file, geobox)
        values = read_tile(source, tile)
        at_sites = values[rows, cols]
        if settings.missing == "native":
            assert 0 < np.isnan(values).mean() < 0.6
        else:
            assert np.isfinite(at_sites).all(), entry["name"]
            assert np.isfinite(values[plateau.active_layer]).mean() > 0.98, entry["name"]
        assert np.nanstd(values) > 0
        if entry["name"] == "lst_mean":
            true = plateau.climate.mean_temperature_degc[rows, cols]
            assert np.corrcoef(at_sites, true)[0, 1] > 0.8
            assert abs(np.mean(at_sites - true)) < 0.5
        if entry["name"] in ("ndvi", "land_cover", "sand", "porosity"):
            assert np.isnan(values[plateau.terrain.lake]).mean() > 0.8


def test_truth_and_mask_are_on_the_study_s_grid(
    example: PlateauExample, plateau: Plateau, plateau_folder: Path
) -> None:
    """Catches a truth outside the permafrost, or shifted against the covariates."""
    with rasterio.open(plateau_folder / example.truth_file) as raster:
        truth = raster.read(1, masked=True)
        assert raster.nodata == -9999.0
        assert raster.dtypes == ("float32",)
        assert raster.bounds == pytest.approx(example.region)
    np.testing.assert_array_equal(~truth.mask, plateau.active_layer)
    np.testing.assert_array_equal(
        truth.compressed(), plateau.moisture.truth[plateau.active_layer].astype(np.float32)
    )
    with rasterio.open(plateau_folder / example.mask_file) as raster:
        np.testing.assert_array_equal(raster.read(1) == 1, plateau.climate.permafrost)


def test_a_region_too_small_is_refused(tmp_path: Path) -> None:
    """Catches a crash deep in the making instead of a sentence."""
    with pytest.raises(ValueError, match="at least 100 rows"):
        write_plateau(tmp_path, shape=(50, 300))
