"""Scenes that change in the folder of a local Earth Engine, where exports of the old ones are kept.

Faults caught: an asset or a file of the old scenes is taken for one of the new, and recorded as
such; from then on no path makes the tile anew.
"""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest
import rasterio

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
        drive = staged_study.exports / "drive" / "alm90"
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
