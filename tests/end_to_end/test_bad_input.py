"""Bad input through the command line: one clear error, the exit code of its kind, nothing lost."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from typer.testing import Result

Alm90 = Callable[..., Result]


def covariates_with(values: dict[str, Any], name: str, **changes: Any) -> list[dict[str, Any]]:
    return [
        {**entry, **changes} if entry["name"] == name else entry for entry in values["covariates"]
    ]


def test_a_misspelt_key(alm90: Alm90, study: Path) -> None:
    path = study / "study.toml"
    path.write_text(path.read_text().replace("[validation]", "[validation]\nfold = 3"))
    done = alm90("run", study)
    assert done.exit_code == 2
    assert "validation.fold is not a known key; did you mean 'folds'?" in done.stderr


def test_no_study(alm90: Alm90, tmp_path: Path) -> None:
    done = alm90("run", tmp_path)
    assert done.exit_code == 2
    assert "alm90 init" in done.stderr


@pytest.mark.parametrize("name", ["../elsewhere.tif", "/elsewhere/dem.tif"])
def test_a_file_outside_the_study(
    alm90: Alm90, fresh: Callable[..., Path], plateau_values: tuple[Path, dict[str, Any]], name: str
) -> None:
    folder = fresh(covariates=covariates_with(plateau_values[1], "twi", file=name))
    assert alm90("sites", folder).exit_code == 0
    done = alm90("sample", folder)
    assert done.exit_code == 2
    assert name in done.stderr
    assert "outside_files = true" in done.stderr


def test_a_step_asked_for_too_early(alm90: Alm90, fresh: Callable[..., Path]) -> None:
    done = alm90("train", fresh())
    assert done.exit_code == 3
    assert "alm90 sample" in done.stderr


def test_no_field_table(alm90: Alm90, fresh: Callable[..., Path]) -> None:
    folder = fresh()
    (folder / "sites.csv").unlink()
    done = alm90("run", folder)
    assert done.exit_code == 3
    assert "sites.csv" in done.stderr


def test_an_empty_field_table(alm90: Alm90, fresh: Callable[..., Path]) -> None:
    folder = fresh()
    header = (folder / "sites.csv").read_text(encoding="utf-8").splitlines()[0]
    (folder / "sites.csv").write_text(header + "\n", encoding="utf-8")
    done = alm90("run", folder)
    assert done.exit_code == 3
    assert "sites.csv" in done.stderr


def test_a_column_that_is_not_there(
    alm90: Alm90, fresh: Callable[..., Path], plateau_values: tuple[Path, dict[str, Any]]
) -> None:
    sites = plateau_values[1]["sites"]
    columns = {**sites["columns"], "vwc": "VWC_pct"}
    done = alm90("run", fresh(sites={**sites, "columns": columns}))
    assert done.exit_code == 3
    assert "VWC_pct" in done.stderr
    assert sites["columns"]["vwc"] in done.stderr


@pytest.mark.parametrize("fault", ["truncated", "no raster", "missing"])
def test_a_raster_that_cannot_be_read(alm90: Alm90, fresh: Callable[..., Path], fault: str) -> None:
    folder = fresh()
    path = folder / "rasters" / "twi.tif"
    if fault == "truncated":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif fault == "no raster":
        path.write_text("twi")
    else:
        path.unlink()
    done = alm90("run", folder)
    assert done.exit_code == 3
    assert "twi.tif" in done.stderr
    assert (folder / "sites" / "screened.csv").exists() == (fault != "missing")


def rewrite(path: Path, change: Callable[[np.ndarray], np.ndarray], **profile: Any) -> None:
    with rasterio.open(path) as dataset:
        values, form = dataset.read(), dataset.profile
    form.update(profile)
    with rasterio.open(path, "w", **form) as dataset:
        dataset.write(change(values))


def test_a_raster_without_crs(alm90: Alm90, fresh: Callable[..., Path]) -> None:
    folder = fresh()
    rewrite(folder / "rasters" / "twi.tif", lambda values: values, crs=None)
    done = alm90("run", folder)
    assert done.exit_code == 3
    assert "twi" in done.stderr
    assert "crs" in done.stderr


def test_a_coordinate_system_that_nobody_knows(
    alm90: Alm90, fresh: Callable[..., Path], plateau_values: tuple[Path, dict[str, Any]]
) -> None:
    """Fault: a misspelt setting is told as a fault of the data."""
    folder = fresh(covariates=covariates_with(plateau_values[1], "twi", crs="EPSG:none"))
    assert alm90("sites", folder).exit_code == 0
    done = alm90("sample", folder)
    assert done.exit_code == 2
    assert "covariate 'twi': crs = 'EPSG:none' is not known to PROJ" in done.stderr


def test_a_raster_elsewhere(alm90: Alm90, fresh: Callable[..., Path]) -> None:
    folder = fresh()
    with rasterio.open(folder / "rasters" / "twi.tif") as dataset:
        moved = dataset.transform * dataset.transform.translation(10_000, 0)
    rewrite(folder / "rasters" / "twi.tif", lambda values: values, transform=moved)
    done = alm90("run", folder)
    assert done.exit_code == 3
    assert "twi.tif: does not touch the region" in done.stderr


def test_a_constant_raster_is_warned_of_and_not_chosen(
    alm90: Alm90, fresh: Callable[..., Path]
) -> None:
    folder = fresh()
    rewrite(folder / "rasters" / "twi.tif", np.zeros_like)
    done = alm90("sites", folder)
    done = alm90("sample", folder)
    assert done.exit_code == 0, done.stderr
    assert "twi.tif: is constant" in done.stdout


def test_nodata_that_nobody_declared_is_named(
    alm90: Alm90, fresh: Callable[..., Path], plateau_values: tuple[Path, dict[str, Any]]
) -> None:
    def spoil(values: np.ndarray) -> np.ndarray:
        values[:, :20, :20] = -9999
        return values

    open_range = covariates_with(plateau_values[1], "twi", minimum=None, maximum=None)
    folder = fresh(covariates=[{k: v for k, v in e.items() if v is not None} for e in open_range])
    rewrite(folder / "rasters" / "twi.tif", spoil, nodata=None)
    done = alm90("run", folder)
    assert done.exit_code == 3
    assert "nodata = -9999" in done.stderr


def test_a_tampered_model(alm90: Alm90, study: Path) -> None:
    arrays = study / "model" / "arrays.npz"
    content = bytearray(arrays.read_bytes())
    content[len(content) // 2] ^= 1
    arrays.write_bytes(content)
    done = alm90("predict", study)
    assert done.exit_code == 3
    assert "arrays.npz" in done.stderr
    assert (study / "map" / "vwc.tif").exists()


def test_a_covariate_of_the_model_missing_from_the_tiles(
    alm90: Alm90, study: Path, tmp_path: Path
) -> None:
    manifest = json.loads((study / "model" / "manifest.json").read_text())
    name = manifest["features"][0]["name"]
    tiles = tmp_path / "tiles"
    tiles.mkdir()
    for path in (study / "covariates" / "tiles").glob("*.tif"):
        with rasterio.open(path) as dataset:
            values, form, names = dataset.read(), dataset.profile, list(dataset.descriptions)
        names[names.index(name)] = f"{name}_old"
        with rasterio.open(tiles / path.name, "w", **form) as dataset:
            dataset.write(values)
            dataset.descriptions = names
    done = alm90(
        "predict", "--model", study / "model", "--covariates", tiles, "--out", tmp_path / "map"
    )
    assert done.exit_code in (3, 5)
    assert f"'{name}'" in done.output
    assert f"'{name}_old'" in done.output


def test_a_covariate_that_the_study_no_longer_names(alm90: Alm90, study: Path) -> None:
    manifest = json.loads((study / "model" / "manifest.json").read_text())
    name = manifest["features"][0]["name"]
    path = study / "study.toml"
    path.write_text(path.read_text().replace(f'name = "{name}"', f'name = "{name}_2"'))
    done = alm90("export", study)
    assert done.exit_code == 3
    assert name in done.stderr
    assert "alm90 run" in done.stderr


def test_a_map_beside_its_own_covariate_tiles_is_refused(study: Path, alm90: Alm90) -> None:
    """The map tiles would overwrite the covariate tiles that they are made from."""
    tiles = study / "covariates" / "tiles"
    before = {path.name: path.read_bytes() for path in tiles.iterdir()}
    for out in (study, study / "covariates"):
        done = alm90("predict", "--model", study / "model", "--covariates", tiles, "--out", out)
        assert done.exit_code == 2, done.output
        assert "--out" in done.stderr
    assert {path.name: path.read_bytes() for path in tiles.iterdir()} == before


def test_tiles_of_an_earlier_model_are_not_joined(study: Path, alm90: Alm90) -> None:
    manifest = study / "model" / "manifest.json"
    manifest.write_text(manifest.read_text() + "\n")
    done = alm90("mosaic", study)
    assert done.exit_code == 3
    assert "predicted by another model" in done.stderr
    assert "alm90 predict" in done.stderr


def test_missing_files_are_all_named_before_any_work(
    fresh: Callable[..., Path], alm90: Alm90
) -> None:
    folder = fresh()
    for name in ("sites.csv", "truth.tif", "rasters/twi.tif"):
        (folder / name).unlink()
    done = alm90("run", folder)
    assert done.exit_code == 3
    for name in ("sites.csv", "truth.tif", "twi.tif"):
        assert name in done.stderr
    assert not (folder / "sites").exists()
