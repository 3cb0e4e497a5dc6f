"""Scenes on disk: GeoTIFFs, tables, and the catalogue that tells the local Earth Engine of them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from export.plateau.scenes.lattices import Lattice
from export.rasters.writing import write_bytes

CATALOGUE_FILE = "catalogue.json"


class SceneFolder:
    """A folder that fills with assets; `finish` writes what is in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.assets: dict[str, dict[str, Any]] = {}

    def raster(
        self,
        path: str,
        bands: Mapping[str, np.ndarray],
        lattice: Lattice,
        nodata: float | None = None,
    ) -> dict[str, Any]:
        """Write bands of one type as a GeoTIFF and return its entry among an image's files."""
        layers = np.stack(list(bands.values()))
        with rasterio.MemoryFile() as memory:
            with memory.open(
                driver="GTiff",
                height=lattice.rows,
                width=lattice.cols,
                count=len(layers),
                dtype=layers.dtype,
                crs=lattice.crs,
                transform=lattice.transform,
                nodata=nodata,
                compress="deflate",
                zlevel=1,
                predictor=3 if layers.dtype.kind == "f" else 2,
                interleave="band",
            ) as raster:
                raster.write(layers)
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(target, memory.read())
        return {"path": path, "bands": list(bands)}

    def image(self, asset: str, files: list[dict[str, Any]], **keys: Any) -> None:
        """Add an asset that is one image."""
        self.assets[asset] = {"type": "IMAGE", "files": files, **keys}

    def collection(self, asset: str, images: list[dict[str, Any]], **keys: Any) -> None:
        """Add an asset that is a collection of images, in this order."""
        self.assets[asset] = {"type": "IMAGE_COLLECTION", "images": images, **keys}

    def table(self, asset: str, path: str, features: list[dict[str, Any]]) -> None:
        """Write features as GeoJSON and add them as an asset."""
        document = {"type": "FeatureCollection", "features": features}
        write_bytes(self.folder / path, json.dumps(document, indent=1).encode())
        self.assets[asset] = {"type": "TABLE", "file": path}

    def finish(self) -> None:
        """Write the catalogue."""
        document = {"schema_version": 1, "assets": dict(sorted(self.assets.items()))}
        write_bytes(self.folder / CATALOGUE_FILE, json.dumps(document, indent=1).encode())


def scene(
    index: str, files: list[dict[str, Any]], start: str, end: str | None = None, **properties: Any
) -> dict[str, Any]:
    """Return an image of a collection; `start` and `end` in UTC, `end` as `start` unless given."""
    entry: dict[str, Any] = {
        "index": index,
        "files": files,
        "time_start": start,
        "time_end": end or start,
    }
    return entry | ({"properties": properties} if properties else {})


def with_mantissa_bits(values: np.ndarray, bits: int = 11) -> np.ndarray:
    """Return float32 rounded to so many bits of mantissa: noise beyond them only fills the disk."""
    dropped = 23 - bits
    whole = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    half = np.uint32(1 << (dropped - 1))
    mask = np.uint32(~((1 << dropped) - 1) & 0xFFFFFFFF)
    return ((whole + half) & mask).view(np.float32)
