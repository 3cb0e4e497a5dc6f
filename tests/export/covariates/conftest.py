"""A small study whose covariates come from a local Earth Engine and from a raster of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from typer.testing import CliRunner, Result

from export.cli import app
from export.study.template import study_template
from gee.grid import centres, geobox_of_region
from gee.session import disconnect, local_service
from local_ml.features import Feature

SITES = 342
SECOND = 1 / 3600
PIXEL_DEG = 0.002
TILE_PX = 32
NO_HEIGHT = -32768
GRID = geobox_of_region(93.0, 35.0, 93.128, 35.128, "EPSG:4326", PIXEL_DEG)
"""64 x 64 pixels, four tiles."""

KEPT = ("slope", "wetness", "twi", "elevation")
"""What a model kept, in its own order, of both sources."""


def write_layer(path: Path, values: np.ndarray, transform: Affine, **options: Any) -> None:
    """Write one band."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=values.shape[0], width=values.shape[1],
        dtype=values.dtype.name, crs="EPSG:4326", transform=transform, **options,
    ) as dataset:  # fmt: skip
        dataset.write(values, 1)


def write_scenes(folder: Path) -> None:
    """Write an elevation model without heights in the west, too high in the south-east."""
    west, north, pixels = 92.97, 35.16, 690
    transform = Affine(SECOND, 0, west, 0, -SECOND, north)
    row, col = np.indices((pixels, pixels))
    height = 4600 + 150 * np.sin(col / 31) * np.cos(row / 23) + 0.1 * row
    easting, northing = west + (col + 0.5) * SECOND, north - (row + 0.5) * SECOND
    height[(easting > 93.11) & (northing < 35.02)] = 9500
    heights = height.round().astype(np.int16)
    heights[easting < 93.0 + 0.128 / 3] = NO_HEIGHT
    write_layer(folder / "srtm.tif", heights, transform, nodata=NO_HEIGHT)
    area = (0.01 + 5 * np.random.default_rng(3).random((230, 230)) ** 4).astype(np.float32)
    write_layer(folder / "upa.tif", area, transform * Affine.scale(3))
    assets = {
        "USGS/SRTMGL1_003": {
            "type": "IMAGE",
            "files": [{"path": "srtm.tif", "bands": ["elevation"]}],
        },
        "MERIT/Hydro/v1_0_1": {
            "type": "IMAGE",
            "files": [{"path": "upa.tif", "bands": ["upa"]}],
        },
    }
    document = {"schema_version": 1, "assets": assets}
    (folder / "catalogue.json").write_text(json.dumps(document), "utf-8")


def write_sites(path: Path) -> None:
    """Write a site in each of some pixels."""
    generator = np.random.default_rng(11)
    chosen = np.sort(generator.choice(64 * 64, SITES, replace=False))
    rows, cols = chosen // 64, chosen % 64
    longitude, latitude = centres(GRID, rows, cols)
    table = pd.DataFrame(
        {
            "site": [f"s{number:03d}" for number in range(SITES)],
            "longitude": longitude.round(6),
            "latitude": latitude.round(6),
            "year": 2019,
            "vwc": (0.2 + 0.004 * rows + generator.normal(0, 0.02, SITES)).round(4),
        }
    )
    table.to_csv(path, index=False)


VALUES: dict[str, Any] = {
    "name": "small",
    "region": {"west": 93.0, "south": 35.0, "east": 93.128, "north": 35.128},
    "grid": {"pixel_size": PIXEL_DEG, "tile_px": TILE_PX},
    "sites": {
        "file": "sites.csv",
        "columns": {"site_id": "site", "vwc": "vwc"},
        "groups": {"distance_m": 500.0},
    },
    "covariates": [
        {"name": "wetness", "file": "rasters/wetness.tif", "minimum": -1.0, "maximum": 1.0}
    ],
    "earthengine": {
        "url": "local:scenes",
        "covariates": ["twi", "slope", "elevation"],
        "auxiliary": {"layers": []},
        "workers": 2,
    },
    "domain": {"pixels": 60},
    "map": {"workers": 2},
}


@dataclass
class EarthEngineStudy:
    """A study's folder, and ways to change it and to run commands on it."""

    folder: Path
    values: dict[str, Any]

    def write(self, **changes: Any) -> None:
        """Write study.toml; a table given is merged into what was there."""
        for name, value in changes.items():
            before = self.values.get(name)
            merged = {**before, **value} if isinstance(before, dict) else value
            self.values = {**self.values, name: merged}
        text = study_template({k: v for k, v in self.values.items() if v is not None})
        (self.folder / "study.toml").write_text(text, encoding="utf-8")

    def write_small_requests(self) -> None:
        """Let a request hold a tile of the three covariates and no more."""
        mib = TILE_PX**2 * 3 * 5 / 2**20
        self.write(earthengine={"request_mib": mib, "workers": 1}, map={"workers": 1})

    def alm90(self, command: str, *arguments: str) -> Result:
        """Run a command in this process."""
        return CliRunner().invoke(app, [command, str(self.folder), *arguments])

    def start(self, command: str) -> subprocess.Popen[bytes]:
        """Start a command in a process of its own; it says nothing."""
        return subprocess.Popen(
            [sys.executable, "-m", "export.cli", command, str(self.folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def pixel_requests(self) -> list[str]:
        """Return the bodies of the requests for pixels that the service in this process got."""
        service = local_service()
        assert service is not None
        return [json.dumps(one.body) for one in service.requests.calls("image:computePixels")]

    def remove_tiles(self) -> None:
        for path in (self.folder / "covariates" / "tiles").iterdir():
            path.unlink()

    def tile_bytes(self) -> dict[str, bytes]:
        tiles = sorted((self.folder / "covariates" / "tiles").iterdir())
        return {path.name: path.read_bytes() for path in tiles}


@pytest.fixture(scope="session")
def earth_engine_grid() -> GeoBox:
    return GRID


@pytest.fixture(scope="session")
def sampled_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that is sampled, and the names that a model kept; not to be changed."""
    folder = tmp_path_factory.mktemp("earthengine") / "study"
    write_scenes(folder / "scenes")
    wetness = np.random.default_rng(5).uniform(-0.9, 0.9, (64, 60)).astype(np.float32)
    wetness[5, 5], wetness[7, :] = 1.3, np.nan
    write_layer(folder / "rasters" / "wetness.tif", wetness, GRID.transform)
    write_sites(folder / "sites.csv")
    study = EarthEngineStudy(folder, VALUES)
    study.write()
    for command in ("sites", "sample"):
        done = study.alm90(command)
        assert done.exit_code == 0, done.output
    disconnect()
    # Of a model, the export reads the names of its features, and of what bounds its target.
    manifest = {"features": [{"name": name} for name in KEPT], "maximum": None}
    (folder / "model").mkdir()
    (folder / "model" / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return folder


@pytest.fixture(scope="session")
def make_study() -> Callable[[Path], EarthEngineStudy]:
    """`make_study(folder)`: of the settings that `sampled_study` has."""
    return lambda folder: EarthEngineStudy(folder, VALUES)


@pytest.fixture
def earth_engine_study(sampled_study: Path, tmp_path: Path) -> Iterator[EarthEngineStudy]:
    """A copy of it, to be changed; the client is left disconnected."""
    folder = tmp_path / "study"
    shutil.copytree(sampled_study, folder)
    yield EarthEngineStudy(folder, VALUES)
    disconnect()


@pytest.fixture
def fault() -> Callable[..., None]:
    """`fault(kind, **options)` injects a fault into requests for pixels of this process."""

    def inject(kind: str, **options: Any) -> None:
        service = local_service()
        assert service is not None
        service.faults.inject(kind, call="image:computePixels", **options)

    return inject


@dataclass(frozen=True)
class Sum:
    """A model whose value is the sum of two covariates."""

    features: tuple[Feature, ...]
    fingerprint: str = "f1"
    target_name: str = "vwc"
    target_unit: str = "m3 m-3"
    has_distribution: bool = False
    no_skill: str | None = None

    def predict(self, bands: dict[str, np.ndarray], within: np.ndarray | None = None) -> Any:
        value = sum(bands[feature.name] for feature in self.features)
        if within is not None:
            value = np.where(within, value, np.nan).astype(np.float32)
        no = np.zeros(value.shape, bool)
        return SimpleNamespace(
            value=value, lower=value, upper=value, dissimilarity_index=value,
            local_point_density=value, clipped=no, outside_area=no, distribution=None,
            unseen_levels=0, without_maximum=0,
        )  # fmt: skip


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`model(*names)` puts a sum of covariates in the place of what a study learned."""

    def put(*names: str) -> None:
        found = Sum(tuple(Feature(name, "1") for name in names))
        monkeypatch.setattr("export.steps.predict.Predictor.load", lambda _folder: found)

    return put
