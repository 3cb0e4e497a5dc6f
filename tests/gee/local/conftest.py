"""The real client, initialised once against a local service in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
from service_requests import grid

from gee.local import LocalEarthEngine


def coordinates_raster(rows: int = 64, cols: int = 96) -> np.ndarray[Any, Any]:
    """(2, rows, cols) int32: each pixel's own column and row."""
    row, col = np.indices((rows, cols))
    return np.stack([col, row]).astype(np.int32)


def terrain_raster(rows: int = 64, cols: int = 96) -> np.ndarray[Any, Any]:
    """(rows, cols) float32 metres: smooth hills."""
    row, col = np.indices((rows, cols))
    return (4500 + 200 * np.sin(col / 9) * np.cos(row / 7) + col * 3 - row).astype(np.float32)


@pytest.fixture(scope="session")
def world(
    tmp_path_factory: pytest.TempPathFactory,
    write_raster: Callable[..., Path],
    write_catalogue: Callable[[Path, dict[str, Any]], None],
) -> Path:
    """A folder of small rasters whose values are known."""
    folder = tmp_path_factory.mktemp("world")
    write_raster(folder / "places.tif", coordinates_raster())
    write_raster(folder / "hills.tif", terrain_raster())
    generator = np.random.default_rng(7)
    images = []
    for day in range(6):
        scene = generator.gamma(2.0, 0.05, (2, 64, 96)).astype(np.float32)
        scene[:, generator.random((64, 96)) < 0.2] = np.nan
        write_raster(folder / f"scene{day}.tif", scene)
        images.append(
            {
                "index": f"S{day}",
                "files": [{"path": f"scene{day}.tif", "bands": ["VV", "VH"]}],
                "properties": {
                    "pass": "ASCENDING" if day % 2 else "DESCENDING",
                    "orbit": day,
                    "polarisations": ["VV", "VH"],
                },
                "time_start": f"2019-09-{day + 1:02d}T12:00:00",
                "time_end": f"2019-09-{day + 1:02d}T12:00:10",
            }
        )
    reflectance = generator.integers(-500, 9000, (3, 64, 96)).astype(np.int16)
    reflectance[:, :4, :4] = -32768
    write_raster(folder / "reflectance.tif", reflectance, nodata=-32768)
    quality = generator.integers(0, 2**10, (64, 96)).astype(np.uint16)
    write_raster(folder / "quality.tif", quality)
    lattice = (0.001, 0.0, 93.0, 0.0, -0.001, 36.2)
    degrees = np.arange(50 * 40, dtype=np.float32).reshape(40, 50)
    write_raster(folder / "degrees.tif", degrees, lattice, "EPSG:4326")
    sites = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": f"site{number}",
                "geometry": {"type": "Point", "coordinates": [93.0 + number / 1000, 36.1]},
                "properties": {"vwc": 0.1 * number, "method": "ring" if number % 2 else "gpr"},
            }
            for number in range(5)
        ],
    }
    (folder / "sites.geojson").write_text(json.dumps(sites), "utf-8")
    write_catalogue(
        folder,
        {
            "PLACES": {
                "type": "IMAGE",
                "files": [{"path": "places.tif", "bands": ["col", "row"]}],
                "pyramiding": {"default": "SAMPLE"},
            },
            "HILLS": {"type": "IMAGE", "files": [{"path": "hills.tif", "bands": ["elevation"]}]},
            "SCENES": {
                "type": "IMAGE_COLLECTION",
                "images": images,
                "properties": {"title": "scenes"},
            },
            "REFLECTANCE": {
                "type": "IMAGE",
                "files": [
                    {"path": "reflectance.tif", "bands": ["green", "red", "nir"]},
                    {"path": "quality.tif", "bands": ["qa"]},
                ],
                "pyramiding": {"qa": "MODE"},
                "properties": {"CLOUD_COVER": 12.5, "SPACECRAFT_ID": "LANDSAT_8"},
                "time_start": "2020-07-15T04:30:00",
            },
            "DEGREES": {"type": "IMAGE", "files": [{"path": "degrees.tif", "bands": ["number"]}]},
            "SITES": {"type": "TABLE", "file": "sites.geojson"},
        },
    )
    return folder


@pytest.fixture(scope="session")
def session_service(world: Path) -> LocalEarthEngine:
    """One service for all tests of a session."""
    return LocalEarthEngine(world)


@pytest.fixture
def service(session_service: LocalEarthEngine, client: Any) -> Iterator[LocalEarthEngine]:
    """The session's service, with the client pointed at it, an empty log and no faults."""
    client.point_at(session_service)
    session_service.requests.clear()
    session_service.faults.clear()
    yield session_service
    session_service.faults.clear()


@pytest.fixture
def point_client_at(
    session_service: LocalEarthEngine, client: Any
) -> Iterator[Callable[..., None]]:
    """A function that points the client at another service; afterwards it points back."""
    yield client.point_at
    client.point_at(session_service)


@pytest.fixture
def make_folder(
    tmp_path: Path,
    write_raster: Callable[..., Path],
    write_catalogue: Callable[[Path, dict[str, Any]], None],
) -> Callable[..., Path]:
    """A function that makes a folder of one-file images from arrays by asset id."""

    def make(assets: dict[str, np.ndarray[Any, Any]], **options: Any) -> Path:
        entries: dict[str, Any] = {}
        for name, array in assets.items():
            write_raster(tmp_path / f"{name}.tif", array, **options)
            count = 1 if array.ndim == 2 else array.shape[0]
            bands = [f"b{place}" for place in range(count)]
            entries[name] = {
                "type": "IMAGE",
                "files": [{"path": f"{name}.tif", "bands": bands}],
            }
        write_catalogue(tmp_path, entries)
        return tmp_path

    return make


@pytest.fixture
def pixels(service: LocalEarthEngine) -> Callable[..., np.ndarray[Any, Any]]:
    """A function that gets an image's pixels as a structured array."""

    def get(image: Any, **where: Any) -> np.ndarray[Any, Any]:
        request = {"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": grid(**where)}
        found: np.ndarray[Any, Any] = ee.data.computePixels(request)
        return found

    return get
