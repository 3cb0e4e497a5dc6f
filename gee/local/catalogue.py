"""The catalogue of a folder: which assets there are, from which files, with which properties.

In: `catalogue.json` or `catalogue.toml` in the folder, and what exports added in
`exports/catalogue.json`. Out: images, image collections and tables by asset id. The README beside
this file describes the format.
"""

from __future__ import annotations

import json
import threading
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import shapely

from gee.local import rasters
from gee.local.errors import CatalogueError, InvalidRequestError, LocalServiceError, nearest
from gee.local.images import Image
from gee.local.instants import instant_of_text
from gee.local.values import Collection, Feature, Geometry

KINDS = ("IMAGE", "IMAGE_COLLECTION", "TABLE", "FOLDER")
IMAGE_KEYS = {"type", "files", "properties", "time_start", "time_end", "pyramiding"}
COLLECTION_KEYS = {"type", "images", "properties", "pyramiding"}
TABLE_KEYS = {"type", "file", "properties"}
ENTRY_KEYS = IMAGE_KEYS - {"type"} | {"index"}
EXPORTS = "exports"


class Catalogue:
    """The assets of a folder; without a folder there are none, and nothing can be exported."""

    def __init__(self, folder: Path | None, cache_bytes: int = 512 * 2**20) -> None:
        self.folder = folder
        self.cache = rasters.LevelCache(cache_bytes)
        self.lock = threading.RLock()
        self.assets: dict[str, dict[str, Any]] = {}
        self.loaded: dict[str, Any] = {}
        if folder is not None:
            if not folder.is_dir():
                raise CatalogueError(f"{folder}: is not a folder")
            for path in (
                folder / "catalogue.json",
                folder / "catalogue.toml",
                folder / EXPORTS / "catalogue.json",
            ):
                if path.exists():
                    self._read(path)

    def _read(self, path: Path) -> None:
        try:
            text = path.read_text("utf-8")
            document = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
        except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
            raise CatalogueError(f"{path}: {error}") from error
        unknown = document.keys() - {"schema_version", "assets"}
        if unknown:
            raise CatalogueError(f"{path}: unknown key '{min(unknown)}'")
        if document.get("schema_version") != 1:
            raise CatalogueError(f"{path}: schema_version must be 1")
        for asset_id, entry in document["assets"].items():
            self._check(entry, f"{path}: {asset_id}")
            if asset_id in self.assets:
                raise CatalogueError(f"{path}: {asset_id}: is in another catalogue already")
            self.assets[asset_id] = {**entry, "folder": path.parent}

    @staticmethod
    def _check(entry: dict[str, Any], place: str) -> None:
        kind = entry.get("type")
        if kind not in KINDS:
            raise CatalogueError(f"{place}: type must be one of {', '.join(KINDS)}, not {kind!r}")
        allowed = {
            "IMAGE": IMAGE_KEYS,
            "IMAGE_COLLECTION": COLLECTION_KEYS,
            "TABLE": TABLE_KEYS,
            "FOLDER": {"type"},
        }
        _check_keys(entry, allowed[kind], place)
        for number, image in enumerate(entry.get("images", [])):
            _check_keys(image, ENTRY_KEYS, f"{place}: image {image.get('index', number)}")
            if "index" not in image:
                raise CatalogueError(f"{place}: image {number} has no index")

    def find(self, asset_id: str) -> str | None:
        """The id under which an asset is kept, whichever way it is written."""
        return next((name for name in _spellings(asset_id) if name in self.assets), None)

    def contents(self, name: str) -> tuple[dict[str, Any], list[Path]]:
        """What the catalogue says of an asset, and the files that it names, in its order."""
        entry = self.assets[name]
        images = [entry, *entry.get("images", [])]
        files = [file["path"] for image in images for file in image.get("files", [])]
        files += [entry["file"]] if "file" in entry else []
        said = {key: value for key, value in entry.items() if key != "folder"}
        return said, [entry["folder"] / file for file in files]

    def _entry(self, asset_id: str, kind: str, algorithm: str, noun: str) -> tuple[str, Any]:
        name = self.find(asset_id)
        if name is None or self.assets[name]["type"] != kind:
            hint = nearest(asset_id, self.assets)
            raise InvalidRequestError(
                f"{algorithm}: {noun} asset '{asset_id}' not found (does not exist or caller does "
                f"not have access){hint}."
            )
        return name, self.assets[name]

    def image(self, asset_id: str) -> Image:
        """The image of an asset, or one of a collection by "collection/index".

        Raises
        ------
        InvalidRequestError
            There is none.
        """
        parent, _, index = asset_id.rpartition("/")
        name = self.find(parent) if self.find(asset_id) is None else None
        if name is not None and self.assets[name]["type"] == "IMAGE_COLLECTION":
            for image in self.image_collection(parent).elements:
                if image.properties["system:index"] == index:
                    found: Image = image
                    return found
        name, entry = self._entry(asset_id, "IMAGE", "Image.load", "Image")
        with self.lock:
            if name not in self.loaded:
                index = name.rpartition("/")[2]
                self.loaded[name] = self._image(entry, entry, index, name, entry["folder"])
            image_of: Image = self.loaded[name]
            return image_of

    def image_collection(self, asset_id: str) -> Collection:
        """The images of a collection asset in the order of the catalogue.

        Raises
        ------
        InvalidRequestError
            There is none.
        """
        name, entry = self._entry(
            asset_id, "IMAGE_COLLECTION", "ImageCollection.load", "ImageCollection"
        )
        with self.lock:
            if name not in self.loaded:
                images = tuple(
                    self._image(
                        part, entry, part["index"], f"{name}/{part['index']}", entry["folder"]
                    )
                    for part in entry["images"]
                )
                self.loaded[name] = Collection(
                    images, True, dict(entry.get("properties", {})), asset_id=name
                )
            collection: Collection = self.loaded[name]
            return collection

    def table(self, asset_id: str) -> Collection:
        """The features of a table asset.

        Raises
        ------
        InvalidRequestError
            There is none.
        """
        name, entry = self._entry(asset_id, "TABLE", "Collection.loadTable", "Collection")
        with self.lock:
            if name not in self.loaded:
                path = entry["folder"] / entry["file"]
                if not path.exists():
                    raise CatalogueError(f"{path}: does not exist")
                features = read_features(json.loads(path.read_text("utf-8")))
                properties = dict(entry.get("properties", {}))
                self.loaded[name] = Collection(tuple(features), False, properties, asset_id=name)
            collection: Collection = self.loaded[name]
            return collection

    def _image(self, entry: Any, defaults: Any, index: str, asset_id: str, folder: Path) -> Image:
        bands = []
        policies = {**defaults.get("pyramiding", {}), **entry.get("pyramiding", {})}
        default = policies.pop("default", "MEAN")
        for policy in (default, *policies.values()):
            if policy not in rasters.PYRAMIDING:
                raise CatalogueError(f"{asset_id}: unknown pyramiding '{policy}'")
        for file in entry["files"]:
            _check_keys(file, {"path", "bands"}, asset_id)
            path = folder / file["path"]
            bands += rasters.raster_bands(path, file["bands"], policies, default, self.cache)
        names = [band.name for band in bands]
        if len(set(names)) != len(names):
            raise CatalogueError(f"{asset_id}: band names repeat: {names}")
        properties = {"system:index": index, **entry.get("properties", {})}
        for key in ("time_start", "time_end"):
            if key in entry:
                properties[f"system:{key}"] = _milliseconds(entry[key], asset_id)
        if bands[0].footprint is not None:
            outline = bands[0].footprint.outline()
            properties["system:footprint"] = Geometry(
                shapely.Polygon(outline.exterior), geodesic=False, ring=True
            )
        return Image(tuple(bands), properties, asset_id=asset_id)

    def add(self, asset_id: str, entry: dict[str, Any]) -> None:
        """Add an exported asset, and write it down for the next start.

        Raises
        ------
        LocalServiceError
            409: there is one of that name already.
        """
        with self.lock:
            if self.folder is None:
                raise InvalidRequestError("The local service has no folder to export to.")
            if self.find(asset_id) is not None:
                raise LocalServiceError(409, f"Cannot overwrite asset '{asset_id}'.")
            root = self.folder / EXPORTS
            self.assets[asset_id] = {**entry, "folder": root}
            self._write_exports(root)

    def remove(self, asset_id: str) -> None:
        """Forget an exported asset; its files stay."""
        with self.lock:
            name = self.find(asset_id)
            root = None if self.folder is None else self.folder / EXPORTS
            if name is None or root is None or self.assets[name]["folder"] != root:
                raise LocalServiceError(404, f"Asset '{asset_id}' not found.")
            del self.assets[name]
            self.loaded.pop(name, None)
            self._write_exports(root)

    def _write_exports(self, root: Path) -> None:
        exported = {
            name: {key: value for key, value in asset.items() if key != "folder"}
            for name, asset in sorted(self.assets.items())
            if asset["folder"] == root
        }
        root.mkdir(exist_ok=True)
        part = root / "catalogue.json.part"
        part.write_text(json.dumps({"schema_version": 1, "assets": exported}, indent=1), "utf-8")
        part.replace(root / "catalogue.json")


_CURRENT: ContextVar[Catalogue] = ContextVar("local_earth_engine_catalogue")


@contextmanager
def loading_from(catalogue: Catalogue) -> Iterator[None]:
    """A scope in which the algorithms that load assets find them in this catalogue."""
    token = _CURRENT.set(catalogue)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current_catalogue() -> Catalogue:
    """The catalogue of the request that is answered now."""
    return _CURRENT.get()


def _check_keys(entry: dict[str, Any], allowed: Iterable[str], place: str) -> None:
    for key in entry:
        if key not in set(allowed):
            raise CatalogueError(f"{place}: unknown key '{key}'{nearest(key, allowed)}")


def _spellings(asset_id: str) -> list[str]:
    """An id as the client may write it: bare, or under a public project's assets."""
    prefixes = ("projects/earthengine-public/assets/", "projects/earthengine-legacy/assets/")
    bare = [asset_id.removeprefix(one) for one in prefixes if asset_id.startswith(one)]
    return [asset_id, *bare]


def _milliseconds(value: Any, place: str) -> float:
    if isinstance(value, int | float):
        return value
    try:
        return instant_of_text(str(value))
    except InvalidRequestError as error:
        raise CatalogueError(f"{place}: {error.message}") from error


def read_features(document: dict[str, Any]) -> list[Feature]:
    """The features of a GeoJSON document, indexed by their id or their position."""
    features = []
    for place, entry in enumerate(document.get("features", [])):
        geometry = entry.get("geometry")
        shape = None if geometry is None else shapely.geometry.shape(geometry)
        properties = {k: v for k, v in (entry.get("properties") or {}).items() if v is not None}
        properties.setdefault("system:index", str(entry.get("id", place)))
        features.append(Feature(None if shape is None else Geometry(shape), properties))
    return features
