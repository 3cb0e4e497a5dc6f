"""What tests of the Earth Engine side share.

`new_scenes()` makes a folder to which scenes are added; `connected(folder)` points the unmodified
client at a local service over it; `pixels_of(image, geobox)` asks for pixels as the product does.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
import rasterio
from affine import Affine
from ee import _state, deprecation
from google.auth.credentials import AnonymousCredentials
from odc.geo.geobox import GeoBox

from gee import session
from gee.grid import PLATEAU_PIXEL_DEG
from gee.local import LocalEarthEngine
from gee.local.transport import InProcessTransport
from gee.scope import Scope
from gee.settings import EarthEngineSettings

Array = np.ndarray[Any, Any]

MISSING = float(np.float32(-1e30))
"""Stands for masked pixels on their way from the service; no covariate comes near it."""


class Client:
    """The client of this process, which knows one service at a time."""

    def point_at(self, service: LocalEarthEngine, **options: Any) -> None:
        """Point it at a service, and keep it from waiting or calling elsewhere."""
        if not options and self.points_at(service):
            return
        ee.Reset()
        # A non-empty list keeps Initialize from fetching the public list of deprecated assets.
        deprecation.deprecated_assets = {"none": None}
        transport = {} if "url" in options else {"http_transport": service.transport()}
        ee.Initialize(AnonymousCredentials(), project="local-project", **transport, **options)
        ee.data.setMaxRetries(0)

    def points_at(self, service: LocalEarthEngine) -> bool:
        """Whether the client asks this very service, in process."""
        transport = _state.get_state().http_transport
        return isinstance(transport, InProcessTransport) and transport.handle == service.handle


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """The client, reset at the end."""
    yield Client()
    ee.Reset()


def raster_written(
    path: Path,
    array: Array,
    transform: tuple[float, ...] = (10.0, 0.0, 500_000.0, 0.0, -10.0, 4_000_000.0),
    crs: str = "EPSG:32646",
    nodata: float | None = None,
) -> Path:
    """Write (bands, rows, cols) or (rows, cols) as a GeoTIFF."""
    layers = array[None] if array.ndim == 2 else array
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=layers.shape[2],
        height=layers.shape[1],
        count=layers.shape[0],
        dtype=layers.dtype.name,
        crs=crs,
        transform=rasterio.Affine(*transform),
        nodata=nodata,
    ) as target:
        target.write(layers)
    return path


def catalogue_written(folder: Path, assets: dict[str, Any]) -> None:
    """Write a folder's catalogue."""
    document = {"schema_version": 1, "assets": assets}
    (folder / "catalogue.json").write_text(json.dumps(document), "utf-8")


@pytest.fixture(scope="session")
def write_raster() -> Callable[..., Path]:
    """`write_raster(path, array, transform, crs, nodata)`."""
    return raster_written


@pytest.fixture(scope="session")
def write_catalogue() -> Callable[[Path, dict[str, Any]], None]:
    """`write_catalogue(folder, assets)`."""
    return catalogue_written


class Scenes:
    """A folder of scenes; its catalogue is written anew with whatever is added.

    Arrays are (rows, cols) on the geobox given. Masked are NaN in floats and `nodata` in integers.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.assets: dict[str, Any] = {}
        self._numbers = itertools.count()
        catalogue_written(folder, self.assets)

    def collection(
        self,
        asset: str,
        pyramiding: Mapping[str, str] | None = None,
        properties: Mapping[str, Any] | None = None,
    ) -> None:
        """Add a collection without scenes; only needed for an empty one or for its options."""
        self.assets[asset] = {
            "type": "IMAGE_COLLECTION",
            "images": [],
            "pyramiding": dict(pyramiding or {}),
            "properties": dict(properties or {}),
        }
        catalogue_written(self.folder, self.assets)

    def scene(
        self,
        collection: str,
        index: str,
        bands: Mapping[str, Array],
        geobox: GeoBox,
        time: str,
        properties: Mapping[str, Any] | None = None,
        end: str | None = None,
        nodata: float | None = None,
        others: Sequence[tuple[GeoBox, Mapping[str, Array]]] = (),
    ) -> None:
        """Add one image of a collection.

        `time` and `end` are ISO dates in UTC; `others` are bands on lattices of their own.
        """
        if collection not in self.assets:
            self.collection(collection)
        self.assets[collection]["images"].append(
            {
                "index": index,
                "files": self._files([(geobox, bands), *others], nodata),
                "properties": dict(properties or {}),
                "time_start": time,
                **({"time_end": end} if end else {}),
            }
        )
        catalogue_written(self.folder, self.assets)

    def image(
        self,
        asset: str,
        bands: Mapping[str, Array],
        geobox: GeoBox,
        properties: Mapping[str, Any] | None = None,
        nodata: float | None = None,
        pyramiding: Mapping[str, str] | None = None,
        others: Sequence[tuple[GeoBox, Mapping[str, Array]]] = (),
    ) -> None:
        """Add a single image, such as an elevation model."""
        self.assets[asset] = {
            "type": "IMAGE",
            "files": self._files([(geobox, bands), *others], nodata),
            "properties": dict(properties or {}),
            "pyramiding": dict(pyramiding or {}),
        }
        catalogue_written(self.folder, self.assets)

    def table(self, asset: str, feature_collection: Mapping[str, Any]) -> None:
        """Add a table of GeoJSON features, such as outlines of glaciers."""
        name = f"table{next(self._numbers)}.geojson"
        (self.folder / name).write_text(json.dumps(feature_collection), "utf-8")
        self.assets[asset] = {"type": "TABLE", "file": name}
        catalogue_written(self.folder, self.assets)

    def _files(
        self, layers: Sequence[tuple[GeoBox, Mapping[str, Array]]], nodata: float | None
    ) -> list[dict[str, Any]]:
        files = []
        for geobox, bands in layers:
            # A file has one type: bands of several types go into several files.
            types = list(dict.fromkeys(array.dtype for array in bands.values()))
            for dtype in types:
                names = [name for name, array in bands.items() if array.dtype == dtype]
                path = self.folder / f"raster{next(self._numbers)}.tif"
                array = np.stack([np.broadcast_to(bands[name], geobox.shape) for name in names])
                fill = nodata if dtype.kind != "f" else None
                transform = tuple(geobox.transform)[:6]
                raster_written(path, array, transform, str(geobox.crs), fill)
                files.append({"path": path.name, "bands": names})
        return files


@pytest.fixture(scope="session")
def new_scenes(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Scenes]:
    """`new_scenes()` makes an empty folder of scenes; use it in fixtures of a module."""
    return lambda: Scenes(tmp_path_factory.mktemp("scenes"))


@pytest.fixture(scope="session")
def services() -> dict[Path, tuple[str, LocalEarthEngine]]:
    """The service over each folder, with the catalogue that it was started from."""
    return {}


@pytest.fixture
def connected(
    client: Client, services: dict[Path, tuple[str, LocalEarthEngine]]
) -> Callable[[Scenes | Path], LocalEarthEngine]:
    """`connected(scenes)` points the client at a service over them, and returns it.

    Call it in every test that builds or asks for images: another test may have pointed the client
    elsewhere. Where it points there already, it does nothing but empty the log and the faults.
    """

    def connect(scenes: Scenes | Path) -> LocalEarthEngine:
        folder = scenes if isinstance(scenes, Path) else scenes.folder
        catalogue = (folder / "catalogue.json").read_text("utf-8")
        if services.get(folder, ("", None))[0] != catalogue:
            services[folder] = (catalogue, LocalEarthEngine(folder))
        service = services[folder][1]
        service.requests.clear()
        service.faults.clear()
        client.point_at(service)
        return service

    return connect


def grid_of(geobox: GeoBox) -> dict[str, Any]:
    """A geobox as the grid of a computePixels request."""
    names = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
    numbers = [float(number) for number in tuple(geobox.transform)[:6]]
    rows, cols = geobox.shape.yx
    return {
        "crsCode": str(geobox.crs),
        "affineTransform": dict(zip(names, numbers, strict=True)),
        "dimensions": {"width": int(cols), "height": int(rows)},
    }


def bands_asked_for(image: ee.Image, geobox: GeoBox) -> dict[str, Array]:
    """Each band of an image, (rows, cols) float32 with NaN where masked, by name."""
    request = {
        "expression": image.toFloat().unmask(MISSING, False),
        "fileFormat": "NUMPY_NDARRAY",
        "grid": grid_of(geobox),
    }
    found: Array = ee.data.computePixels(request)
    layers = {name: found[name].astype(np.float32) for name in found.dtype.names}
    return {
        name: np.where(layer == np.float32(MISSING), np.float32(np.nan), layer)
        for name, layer in layers.items()
    }


@pytest.fixture(scope="session")
def bands_of() -> Callable[[ee.Image, GeoBox], dict[str, Array]]:
    """`bands_of(image, geobox)`: every band by name, (rows, cols) float32, NaN where masked."""
    return bands_asked_for


@pytest.fixture(scope="session")
def pixels_of() -> Callable[[ee.Image, GeoBox], Array]:
    """`pixels_of(image, geobox)`: an image of one band, (rows, cols) float32, NaN where masked."""

    def asked_for(image: ee.Image, geobox: GeoBox) -> Array:
        layers = list(bands_asked_for(image, geobox).values())
        assert len(layers) == 1, f"one band expected, {len(layers)} came"
        return layers[0]

    return asked_for


@pytest.fixture(scope="session")
def pixels_in_quarters() -> Callable[[ee.Image, GeoBox], Array]:
    """`pixels_in_quarters(image, geobox)`: the same through four requests of a quarter each."""

    def asked_for(image: ee.Image, geobox: GeoBox) -> Array:
        rows, cols = geobox.shape.yx
        upper, left = rows // 2, cols // 2
        whole = np.empty((rows, cols), np.float32)
        for part in itertools.product(
            (slice(0, upper), slice(upper, rows)), (slice(0, left), slice(left, cols))
        ):
            (whole[part],) = bands_asked_for(image, geobox[part]).values()
        return whole

    return asked_for


@pytest.fixture(scope="session")
def geobox() -> GeoBox:
    """A few pixels of the published map's grid."""
    transform = Affine(
        PLATEAU_PIXEL_DEG, 0, 115_150 * PLATEAU_PIXEL_DEG,
        0, -PLATEAU_PIXEL_DEG, 43_540 * PLATEAU_PIXEL_DEG,
    )  # fmt: skip
    return GeoBox((10, 12), transform, "EPSG:4326")


@pytest.fixture(scope="session")
def scope(geobox: GeoBox) -> Scope:
    """All of them, in two years."""
    return Scope(geobox, (2019, 2020))


@pytest.fixture(scope="session")
def service_of() -> Callable[[Scenes], LocalEarthEngine]:
    """`service_of(scenes)` connects to a stand-in of this process, its log and faults empty."""

    def connect(scenes: Scenes) -> LocalEarthEngine:
        session.connect(EarthEngineSettings(url=f"local:{scenes.folder}"), Path())
        found = session.local_service()
        assert found is not None
        found.requests.clear()
        found.faults.clear()
        return found

    return connect
