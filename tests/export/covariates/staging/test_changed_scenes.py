"""Scenes that change in the folder of a local Earth Engine, where exports of the old ones are kept.

Faults caught: an asset or a file of the old scenes is taken for one of the new, and recorded as
such; from then on no path makes the tile anew.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
import rasterio

from gee.local import LocalEarthEngine
from gee.session import disconnect

FOLDER = "projects/alm90-local/assets/alm90"
PATHS: dict[str, dict[str, Any]] = {
    "staged": {"staging_folder": FOLDER},
    "bucket": {"bucket": "my-bucket"},
    "drive": {"drive_files": "drive"},
}


def warm(staged_study: Any, by: float) -> None:
    """Let each month be warmer."""
    for path in (staged_study.folder / "scenes" / "months").iterdir():
        with rasterio.open(path, "r+") as dataset:
            dataset.write(dataset.read(1) + np.float32(by), 1)


def export(staged_study: Any, path: str, code: int = 0) -> Any:
    """Export; where the files come by way of Drive, put them where they are expected."""
    if path == "drive":
        assert "Download" in staged_study.export(code=4).stderr
        folder = staged_study.study.values["earthengine"].get("drive_folder", "alm90")
        drive = staged_study.exports / "drive" / folder
        shutil.copytree(drive, staged_study.folder / "drive", dirs_exist_ok=True)
    return staged_study.export(code)


def temperatures(staged_study: Any) -> np.ndarray:
    file = staged_study.folder / "covariates" / "tiles" / "tile_r0001_c0000.tif"
    with rasterio.open(file) as dataset:
        band: np.ndarray = dataset.read(dataset.descriptions.index("air_temperature") + 1)
    return band


@pytest.mark.parametrize("path", PATHS)
def test_exports_of_other_scenes_are_not_those_of_these(staged_study: Any, path: str) -> None:
    staged_study.use(path=path, **PATHS[path])
    export(staged_study, path)
    assert staged_study.tiles_are_those_of_the_direct_path()
    before = temperatures(staged_study)
    warm(staged_study, 3)
    sampled = staged_study.study.alm90("sample")
    assert "changed since they were sampled: precipitation, air_temperature" in sampled.stdout
    staged_study.forget_requests()
    export(staged_study, path)
    assert staged_study.sent("image:export") == 1, "of the climate alone"
    np.testing.assert_allclose(temperatures(staged_study) - before, 3, atol=1e-3)
    by_path = staged_study.study.tile_bytes()
    shutil.rmtree(staged_study.folder / "covariates" / "tiles")
    staged_study.use(path="direct")
    staged_study.export()
    assert staged_study.study.tile_bytes() == by_path


@pytest.fixture
def serve(staged_study: Any) -> Iterator[Callable[[], None]]:
    """`serve()`: lets a service at an address compute, begun anew; its scenes cannot be known."""
    with ExitStack() as services:

        def begin() -> None:
            services.close()
            service = LocalEarthEngine(staged_study.folder / "scenes")
            staged_study.service = service
            staged_study.use(url=services.enter_context(service.serve()).url)

        yield begin
        disconnect()


def sample_anew(staged_study: Any) -> None:
    (staged_study.folder / "samples.csv").unlink(missing_ok=True)
    done = staged_study.study.alm90("sample")
    assert done.exit_code == 0, done.output


def test_tiles_that_hold_something_else_are_made_anew(
    staged_study: Any, serve: Callable[[], None]
) -> None:
    """Fault: whatever is done, the same tiles are kept, and the same command fails."""
    staged_study.use(path="direct")
    serve()
    sample_anew(staged_study)
    staged_study.export()
    warm(staged_study, 3)
    serve()
    sample_anew(staged_study)
    done = staged_study.export(code=3)
    assert "sampled values are not what their tiles hold" in done.stderr
    assert "the next export makes 4 tiles anew" in done.stderr
    assert "(4 written, 0 kept)" in staged_study.export().stdout


OTHERS: dict[str, dict[str, Any]] = {
    "staged": {"staging_folder": f"{FOLDER}/other"},
    "bucket": {"bucket_prefix": "other"},
    "drive": {"drive_folder": "other"},
}


@pytest.mark.parametrize("path", PATHS)
def test_the_advice_holds_where_exports_are_kept(
    staged_study: Any, serve: Callable[[], None], path: str
) -> None:
    """Fault: what is advised leaves the assets or files of the old scenes where they are used."""
    staged_study.use(path=path, **PATHS[path])
    serve()
    sample_anew(staged_study)
    export(staged_study, path)
    before = temperatures(staged_study)
    warm(staged_study, 3)
    serve()
    sample_anew(staged_study)
    for _ in range(2):
        done = staged_study.export(code=3)
        assert "first delete samples.csv and covariates/tiles" in done.stderr
        assert f"name another earthengine.{next(iter(OTHERS[path]))}" in done.stderr
    shutil.rmtree(staged_study.folder / "covariates" / "tiles")
    if path == "drive":
        assert "and the files in drive, and" in done.stderr
        shutil.rmtree(staged_study.folder / "drive")
    staged_study.use(**OTHERS[path])
    sample_anew(staged_study)
    export(staged_study, path)
    np.testing.assert_allclose(temperatures(staged_study) - before, 3, atol=1e-3)
