"""A study's tiles, predicted by a command that is not the study's own.

`alm90 predict --model M --covariates STUDY/covariates/tiles --out OUT`. Faults caught: tiles of
earlier settings that `alm90 predict STUDY` leaves out get into this map, unsaid; the look at the
journal needs the study's lock, or writes to a study that belongs to somebody else.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import rasterio
from typer.testing import CliRunner, Result

from export.cli import app
from export.journal import Journal


@pytest.fixture(autouse=True)
def _model(model: Callable[..., None]) -> None:
    model("slope", "twi")


def predict(tiles: Path, out: Path) -> Result:
    arguments = ["--model", "any", "--covariates", str(tiles), "--out", str(out)]
    return CliRunner().invoke(app, ["predict", *arguments])


def names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.tif"))


@pytest.fixture
def half_stale(earth_engine_study: Any, fault: Callable[..., None]) -> Any:
    """A study two of whose four tiles hold a band of earlier settings; and their names."""
    study = earth_engine_study
    study.write_small_requests()
    study.write(earthengine={"request_mib": 2 * 32 * 32 * 5 / 2**20})  # one band of two tiles
    assert study.alm90("export").exit_code == 0
    before = study.tile_bytes()
    study.write(earthengine={"terrain": {"least_gradient": 0.1}})
    assert study.alm90("sample").exit_code == 0
    fault("memory", times=4)
    assert study.alm90("export").exit_code == 5
    now = study.tile_bytes()
    study.stale = [Path(name).stem for name in sorted(now) if now[name] == before[name]]
    assert len(study.stale) == 2
    return study


def test_outdated_tiles_are_left_out_and_told_as_the_study_does(
    half_stale: Any, tmp_path: Path
) -> None:
    study, out = half_stale, tmp_path / "out"
    tiles = study.folder / "covariates" / "tiles"
    own = study.alm90("predict")
    assert own.exit_code == 5
    (told,) = [line.strip() for line in own.stderr.splitlines() if "earlier settings" in line]
    done = predict(tiles, out)
    assert done.exit_code == 5, done.output
    assert done.stdout.count(told) == 1
    assert all(name in told for name in study.stale)
    assert names(out / "tiles") == sorted(set(names(tiles)) - set(study.stale))
    with rasterio.open(out / "vwc.tif") as dataset:
        assert dataset.shape == (64, 32), "the two tiles of the east"


def test_what_an_earlier_run_made_of_them_goes(half_stale: Any, tmp_path: Path) -> None:
    """Fault: a tile of the map from the earlier settings lies among those of the new ones."""
    study, out = half_stale, tmp_path / "out"
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(study.folder / "covariates" / "tiles", elsewhere)
    assert predict(elsewhere, out).exit_code == 0
    assert set(study.stale) <= set(names(out / "tiles"))
    predict(study.folder / "covariates" / "tiles", out)
    assert not set(study.stale) & set(names(out / "tiles"))
    assert not set(study.stale) & set(names(out / "flag_tiles"))


def test_tiles_that_are_no_study_s_are_taken_as_they_are(half_stale: Any, tmp_path: Path) -> None:
    elsewhere = tmp_path / "covariates" / "tiles"
    shutil.copytree(half_stale.folder / "covariates" / "tiles", elsewhere)
    done = predict(elsewhere, tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "earlier settings" not in done.output
    # nor does a study count whose folder lies two above by chance
    other = half_stale.folder / "other" / "tiles"
    shutil.copytree(elsewhere, other)
    assert predict(other, tmp_path / "out2").exit_code == 0


def test_when_all_are_outdated_there_is_no_map(half_stale: Any, tmp_path: Path) -> None:
    study, tiles = half_stale, half_stale.folder / "covariates" / "tiles"
    for path in tiles.glob("*.tif"):
        if path.stem not in study.stale:
            path.unlink()
    done = predict(tiles, tmp_path / "out")
    assert done.exit_code == 3
    assert f"earlier settings; `alm90 export {study.folder}` makes them anew" in done.stderr


def test_a_study_at_work_is_looked_at_without_its_lock(half_stale: Any, tmp_path: Path) -> None:
    """Another run holds the journal, and its folder may not be written to by this one."""
    study = half_stale
    before = {path: path.stat().st_mtime_ns for path in study.folder.iterdir()}
    journal = Journal(study.folder / "journal.sqlite")
    try:
        done = predict(study.folder / "covariates" / "tiles", tmp_path / "out")
        assert done.exit_code == 5, done.output
        assert "earlier settings" in done.stdout
    finally:
        journal.close()
    after = {path: path.stat().st_mtime_ns for path in study.folder.iterdir()}
    assert {path for path in after if before.get(path) != after[path]} <= {
        study.folder / "journal.sqlite.lock"
    }


def test_a_journal_that_cannot_be_read_is_an_error(half_stale: Any, tmp_path: Path) -> None:
    """Fault: the tiles are then taken for up to date."""
    study = half_stale
    with closing(sqlite3.connect(study.folder / "journal.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 99")
    done = predict(study.folder / "covariates" / "tiles", tmp_path / "out")
    assert done.exit_code == 3
    assert "its version is 99" in done.stderr
    (study.folder / "journal.sqlite").write_bytes(b"no journal" * 100)
    assert (
        "journal.sqlite cannot be read"
        in predict(study.folder / "covariates" / "tiles", tmp_path / "out").stderr
    )


def test_without_a_journal_nothing_is_known(half_stale: Any, tmp_path: Path) -> None:
    (half_stale.folder / "journal.sqlite").unlink()
    done = predict(half_stale.folder / "covariates" / "tiles", tmp_path / "out")
    assert done.exit_code == 0, done.output
