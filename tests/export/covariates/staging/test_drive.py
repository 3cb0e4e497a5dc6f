"""Files that a user brings from Drive: other fills, some missing, some that are not ours.

Faults caught: a masked pixel that becomes a number; a file of another window, of other bands or
cut off that enters a tile; a missing one that stops all, or leaves its tile without a word.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from gee.session import disconnect


@pytest.fixture(scope="module")
def brought_folder(
    staged_folder: tuple[Path, dict[str, Any], dict[str, bytes]],
    tmp_path_factory: pytest.TempPathFactory,
    make_study: Callable[..., Any],
) -> tuple[Path, dict[str, Any]]:
    """All is exported, and the user has put the files into the folder; not to be changed."""
    folder, values, _ = staged_folder
    made = tmp_path_factory.mktemp("brought") / "study"
    shutil.copytree(folder, made)
    study = make_study(made)
    study.values = values
    study.write(
        earthengine={"path": "drive", "drive_files": "drive", "export_px": 32, "poll_s": 0.01}
    )
    assert study.alm90("export").exit_code == 4
    shutil.copytree(made / "scenes" / "exports" / "drive" / "alm90", made / "drive")
    disconnect()
    return made, study.values


@pytest.fixture
def brought(brought_folder: tuple[Path, dict[str, Any]], staged_study: Any) -> Any:
    folder, values = brought_folder
    shutil.rmtree(staged_study.folder)
    shutil.copytree(folder, staged_study.folder)
    staged_study.study.values = values
    return staged_study


def file_of(brought: Any, group: str) -> Any:
    return min((brought.folder / "drive").glob(f"{group}_*.tif"))


def rewrite(path: Any, change: Any, **profile: Any) -> None:
    with rasterio.open(path) as dataset:
        values, names = dataset.read(), dataset.descriptions
        options = {**dataset.profile, **profile}
    with rasterio.open(path, "w", **options) as dataset:
        dataset.write(change(values))
        dataset.descriptions = names


def test_other_fills_of_masked_pixels(brought: Any) -> None:
    for number, path in enumerate(sorted((brought.folder / "drive").iterdir())):
        fill = np.float32([np.nan, -np.inf][number % 2])
        rewrite(path, lambda v, f=fill: np.where(v == -9999, f, v), nodata=None)
    brought.export()
    assert brought.tiles_are_those_of_the_direct_path()


def test_a_missing_file_leaves_a_hole_that_is_filled_later(brought: Any) -> None:
    path = file_of(brought, "climate")
    kept = path.read_bytes()
    path.unlink()
    done = brought.export(code=5)
    assert path.name in done.stdout
    assert f"waits for {path.name}" in done.stderr
    assert sorted(brought.study.tile_bytes()) == sorted(brought.expected)[1:]
    path.write_bytes(kept)
    brought.export()
    assert brought.tiles_are_those_of_the_direct_path()


def test_a_file_of_another_grid_is_refused(brought: Any) -> None:
    path = file_of(brought, "climate")
    others = sorted((brought.folder / "drive").glob("climate_*.tif"))
    shutil.copy(others[-1], path)
    done = brought.export(code=3)
    assert str(path) in done.stderr
    assert "by its name they begin at row 0" in done.stderr
    rewrite(path, lambda v: v, transform=rasterio.Affine(0.003, 0, 93, 0, -0.003, 35.1))
    done = brought.export(code=3)
    assert f"{path} lies on another grid" in done.stderr


def test_a_file_of_other_bands_is_refused(brought: Any) -> None:
    path = file_of(brought, "climate")
    shutil.copy(file_of(brought, "terrain"), path)
    done = brought.export(code=3)
    assert f"{path} has other bands: elevation, slope, not precipitation" in done.stderr


@pytest.mark.parametrize("length", [0, 200, 3000])
def test_a_file_that_is_cut_off_is_still_to_come(brought: Any, length: int) -> None:
    """Fault: one file that is still being copied stops all the others, and what is to be exported
    yet."""
    path = file_of(brought, "climate")
    whole = path.read_bytes()
    assert length < len(whole)
    path.write_bytes(whole[:length])
    done = brought.export(code=5)
    assert path.name in done.stderr
    assert sorted(brought.study.tile_bytes()) == sorted(brought.expected)[1:]
    path.write_bytes(whole)
    brought.export()
    assert brought.tiles_are_those_of_the_direct_path()


def test_other_files_in_the_folder_are_left_alone(brought: Any) -> None:
    (brought.folder / "drive" / "notes.txt").write_text("mine")
    (brought.folder / "drive" / "climate_r00000_c00000.tif").write_bytes(b"not ours")
    brought.export()
    assert brought.tiles_are_those_of_the_direct_path()


def test_a_file_yet_to_come_costs_no_band_of_its_tile(staged_study: Any) -> None:
    """Fault: what was there already is exported again, for hours, when the file has come."""
    study = staged_study
    study.use(path="direct", export_px=32, drive_files="drive")
    study.export()
    before = study.study.tile_bytes()
    study.use(path="drive", years=[2018, 2019])
    study.export(code=4)
    exported = sorted((study.folder / "scenes" / "exports" / "drive" / "alm90").iterdir())
    assert [path.name.split("_")[0] for path in exported] == ["climate"] * 4
    (study.folder / "drive").mkdir()
    shutil.copy(exported[0], study.folder / "drive")
    study.export(code=5)
    now = study.study.tile_bytes()
    assert sorted(now) == sorted(before)
    assert sum(now[name] != before[name] for name in now) == 1
    for path in exported[1:]:
        shutil.copy(path, study.folder / "drive")
    sent = study.sent("image:export")
    study.export()
    assert study.sent("image:export") == sent
    in_part = study.study.tile_bytes()
    shutil.rmtree(study.folder / "covariates" / "tiles")
    study.use(path="direct")
    study.export()
    assert study.study.tile_bytes() == in_part
