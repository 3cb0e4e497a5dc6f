"""A study with covariates of many scenes, and the tiles that the direct path gives it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from gee.local import LocalEarthEngine
from gee.session import disconnect, local_service

FOLDER = "projects/alm90-local/assets/alm90"
MONTHLY = "ECMWF/ERA5_LAND/MONTHLY_AGGR"
KEPT = ("slope", "air_temperature", "wetness", "precipitation", "elevation")


def add_months(scenes: Path) -> None:
    """Add a year of months of 0.02 degrees, without values in the north-east."""
    transform = Affine(0.02, 0, 92.9, 0, -0.02, 35.3)
    row, col = np.indices((20, 20))
    images = []
    for month in range(1, 13):
        air = 263 + 12 * np.sin(month / 2) + 0.3 * col - 0.2 * row
        rain = 0.01 * month + 0.001 * (row * col % 7)
        bands = np.stack([air, rain]).astype(np.float32)
        bands[:, (row < 10) & (col > 9)] = np.nan
        name = f"months/2019{month:02d}.tif"
        (scenes / "months").mkdir(exist_ok=True)
        with rasterio.open(
            scenes / name, "w", driver="GTiff", count=2, height=20, width=20, dtype="float32",
            crs="EPSG:4326", transform=transform, nodata=np.nan,
        ) as dataset:  # fmt: skip
            dataset.write(bands)
        images.append(
            {
                "index": f"2019{month:02d}",
                "files": [{"path": name, "bands": ["temperature_2m", "total_precipitation_sum"]}],
                "time_start": f"2019-{month:02d}-01T00:00:00",
            }
        )
    catalogue = json.loads((scenes / "catalogue.json").read_text("utf-8"))
    catalogue["assets"][MONTHLY] = {"type": "IMAGE_COLLECTION", "images": images}
    (scenes / "catalogue.json").write_text(json.dumps(catalogue), "utf-8")


@dataclass
class StagedStudy:
    """A study, its tiles as the direct path makes them, and what its service was asked."""

    study: Any
    expected: dict[str, bytes]
    service: LocalEarthEngine | None = None

    @property
    def folder(self) -> Path:
        folder: Path = self.study.folder
        return folder

    @property
    def exports(self) -> Path:
        return self.folder / "scenes" / "exports"

    def use(self, **settings: Any) -> None:
        """Change `[earthengine]`."""
        self.study.write(earthengine={"poll_s": 0.01, **settings})

    def export(self, code: int = 0) -> Any:
        done = self.study.alm90("export")
        assert done.exit_code == code, done.output
        return done

    def sent(self, call: str) -> int:
        """Return how many requests of a call the service got."""
        service = self.service or local_service()
        assert service is not None
        return len(service.requests.calls(call))

    def forget_requests(self) -> None:
        service = self.service or local_service()
        if service is not None:
            service.requests.clear()

    def tiles_are_those_of_the_direct_path(self) -> bool:
        tiles: dict[str, bytes] = self.study.tile_bytes()
        return tiles == self.expected


@pytest.fixture(scope="session")
def staged_folder(
    sampled_study: Path, tmp_path_factory: pytest.TempPathFactory, make_study: Callable[..., Any]
) -> tuple[Path, dict[str, Any], dict[str, bytes]]:
    """The folder of the study, sampled and exported once by the direct path; not to be changed."""
    folder = tmp_path_factory.mktemp("staging") / "study"
    shutil.copytree(sampled_study, folder)
    add_months(folder / "scenes")
    study = make_study(folder)
    study.write(
        earthengine={
            "covariates": ["slope", "elevation", "air_temperature", "precipitation"],
            "years": [2019, 2019],
        }
    )
    manifest = {"features": [{"name": name} for name in KEPT], "maximum": None}
    (folder / "model" / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    for command in ("sample", "export"):
        done = study.alm90(command)
        assert done.exit_code == 0, done.output
    expected = study.tile_bytes()
    disconnect()
    shutil.rmtree(folder / "covariates" / "tiles")
    return folder, study.values, expected


@pytest.fixture
def staged_study(
    staged_folder: tuple[Path, dict[str, Any], dict[str, bytes]],
    tmp_path: Path,
    make_study: Callable[..., Any],
) -> Iterator[StagedStudy]:
    """A copy of it without tiles, to be changed; the client is left disconnected."""
    folder, values, expected = staged_folder
    shutil.copytree(folder, tmp_path / "study")
    study = make_study(tmp_path / "study")
    study.values = values
    yield StagedStudy(study, expected)
    disconnect()
