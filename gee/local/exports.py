"""What an export writes: GeoTIFF files, tables and assets, under `exports/` in the folder.

In: an export request. Out: the URIs of what was written. Drive and Cloud Storage are folders:
`exports/drive/<folder>/` and `exports/cloud/<bucket>/`; assets come into the catalogue.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

from gee.local import outputs, tables
from gee.local.catalogue import EXPORTS, Catalogue
from gee.local.errors import InvalidRequestError, LocalServiceError, NotImplementedHereError
from gee.local.grids import PixelGrid
from gee.local.images import Image
from gee.local.limits import MAXIMUM_EXPORT_PIXELS
from gee.local.requested import collection_of, grid_of, image_of

IMAGE_FIELDS = {
    "expression",
    "description",
    "fileExportOptions",
    "assetExportOptions",
    "maxPixels",
    "grid",
    "requestId",
    "workloadTag",
    "priority",
}
TABLE_FIELDS = {
    "expression",
    "description",
    "fileExportOptions",
    "assetExportOptions",
    "selectors",
    "requestId",
    "workloadTag",
    "priority",
    "maxErrorMeters",
}
BLOCK_PX = 256
"""Files of an export have a multiple of this as sides."""
SHARD_PX = 16_384
"""Side of the files into which an export without `tileDimensions` is cut."""


def _number(value: Any) -> float:
    """A number that may be wrapped as the service's optional numbers are."""
    if isinstance(value, dict):
        value = next(iter(value.values()))
    return float(value)


def check_request(kind: str, request: dict[str, Any]) -> None:
    """Refuse what an export of this kind does not know, at once and not when it runs."""
    known = IMAGE_FIELDS if kind == "EXPORT_IMAGE" else TABLE_FIELDS
    for name in request:
        if name not in known:
            raise NotImplementedHereError(f"the field '{name}' of an export")
    if "expression" not in request:
        raise InvalidRequestError("Missing expression.")
    if ("fileExportOptions" in request) == ("assetExportOptions" in request):
        raise InvalidRequestError("An export needs either file or asset options.")
    options = request.get("fileExportOptions") or {}
    if options and not {"driveDestination", "cloudStorageDestination"} & options.keys():
        raise NotImplementedHereError("an export to another place than Drive or Cloud Storage")
    size = (options.get("geoTiffOptions") or {}).get("tileDimensions") or {}
    for side in size.values():
        if int(side) % BLOCK_PX:
            raise InvalidRequestError(
                f"fileDimensions must be multiples of the shard size {BLOCK_PX}, not {side}."
            )


def run(catalogue: Catalogue, kind: str, request: dict[str, Any]) -> list[str]:
    """Do what an export asks for; returns the URIs of what it wrote."""
    if kind == "EXPORT_IMAGE":
        return _image(catalogue, request)
    return _table(catalogue, request)


def _root(catalogue: Catalogue) -> Path:
    folder = catalogue.folder
    if folder is None:
        raise InvalidRequestError("The local service has no folder to export to.")
    return folder / EXPORTS


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _safe(text: str) -> str:
    """A path inside its folder.

    Raises
    ------
    InvalidRequestError
        It leads out of it.
    """
    if not text or text.startswith("/") or ".." in Path(text).parts:
        raise InvalidRequestError(f"Invalid export destination '{text}'.")
    return text


def _destination(options: dict[str, Any]) -> tuple[str, str]:
    """Folder under `exports/` with the prefix of the files, and the scheme of their URIs."""
    if "driveDestination" in options:
        place = options["driveDestination"]
        folder = _safe(place.get("folder") or "root")
        return f"drive/{folder}/{_safe(place['filenamePrefix'])}", "drive"
    place = options["cloudStorageDestination"]
    prefix = _safe(place.get("filenamePrefix") or "export")
    return f"cloud/{_safe(place['bucket'])}/{prefix}", "cloud"


def _image(catalogue: Catalogue, request: dict[str, Any]) -> list[str]:
    image = image_of(request)
    grid = grid_of(request, image.bands)
    allowed = _number(request.get("maxPixels", MAXIMUM_EXPORT_PIXELS))
    count = grid.width * grid.height
    if count > allowed:
        raise InvalidRequestError(
            f"Export too large: specified {count} pixels (max: {int(allowed)}). Specify higher "
            "maxPixels value if you intend to export a large area."
        )
    outputs.common_dtype(image.bands)
    if "assetExportOptions" in request:
        return [_image_asset(catalogue, request, image, grid)]
    options = request["fileExportOptions"]
    if options.get("fileFormat", "GEO_TIFF") != "GEO_TIFF":
        raise NotImplementedHereError(f"exports of the format '{options['fileFormat']}'")
    settings = options.get("geoTiffOptions") or {}
    for name in settings:
        if name not in ("noData", "tileDimensions", "cloudOptimized", "skipEmptyFiles"):
            raise NotImplementedHereError(f"the GeoTIFF option '{name}'")
    nodata = _number(settings["noData"]) if "noData" in settings else None
    size = settings.get("tileDimensions") or {}
    width, height = int(size.get("width", SHARD_PX)), int(size.get("height", SHARD_PX))
    base, scheme = _destination(options)
    root = _root(catalogue)
    uris = []
    for row in range(0, grid.height, height):
        for col in range(0, grid.width, width):
            window = PixelGrid(
                grid.projection,
                grid.col + col,
                grid.row + row,
                min(width, grid.width - col),
                min(height, grid.height - row),
            )
            whole = math.ceil(grid.height / height) * math.ceil(grid.width / width) == 1
            suffix = "" if whole else f"-{row:010d}-{col:010d}"
            pixels = outputs.read_bands(image.bands, window)
            if settings.get("skipEmptyFiles") and not any(part.valid.any() for part in pixels):
                continue
            name = f"{base}{suffix}.tif"
            _write(root / name, outputs.geotiff(image.bands, pixels, window, nodata))
            uris.append(f"{scheme}://{name.partition('/')[2]}")
    return uris


def _asset_name(request: dict[str, Any]) -> str:
    name = request["assetExportOptions"]["earthEngineDestination"]["name"]
    return str(name).removeprefix("projects/earthengine-legacy/assets/")


def _file_of(asset_id: str, suffix: str) -> str:
    return f"assets/{re.sub(r'[^A-Za-z0-9._-]', '_', asset_id)}{suffix}"


def _may_write(catalogue: Catalogue, request: dict[str, Any], asset_id: str) -> None:
    if catalogue.find(asset_id) is None:
        return
    if not request["assetExportOptions"]["earthEngineDestination"].get("overwrite"):
        raise LocalServiceError(409, f"Cannot overwrite asset '{asset_id}'.")
    catalogue.remove(asset_id)


def _image_asset(
    catalogue: Catalogue, request: dict[str, Any], image: Image, grid: PixelGrid
) -> str:
    """An asset has a mask band of its own, so that any value may be a valid one."""
    asset_id = _asset_name(request)
    _may_write(catalogue, request, asset_id)
    pixels = outputs.read_bands(image.bands, grid)
    files = []
    for place, (band, part) in enumerate(zip(image.bands, pixels, strict=True)):
        content = outputs.geotiff([band], [part], grid, with_mask=True)
        name = _file_of(asset_id, f"_{place}.tif")
        _write(_root(catalogue) / name, content)
        files.append({"path": name, "bands": [band.name]})
    policy = request["assetExportOptions"].get("pyramidingPolicy", "MEAN")
    policies = request["assetExportOptions"].get("pyramidingPolicyOverrides", {})
    entry: dict[str, Any] = {
        "type": "IMAGE",
        "files": files,
        "pyramiding": {"default": policy, **policies},
        "properties": {
            key: value
            for key, value in image.properties.items()
            if isinstance(value, str | int | float) and key != "system:index"
        },
    }
    catalogue.add(asset_id, entry)
    return asset_id


def _table(catalogue: Catalogue, request: dict[str, Any]) -> list[str]:
    collection = collection_of(request)
    selectors = request.get("selectors")
    if "assetExportOptions" in request:
        asset_id = _asset_name(request)
        _may_write(catalogue, request, asset_id)
        name = _file_of(asset_id, ".geojson")
        _write(_root(catalogue) / name, tables.encode(collection, "GEO_JSON", selectors))
        catalogue.add(asset_id, {"type": "TABLE", "file": name})
        return [asset_id]
    options = request["fileExportOptions"]
    file_format = options.get("fileFormat", "CSV")
    suffix = {"CSV": "csv", "GEO_JSON": "geojson"}.get(file_format)
    if suffix is None:
        raise NotImplementedHereError(f"exports of the format '{file_format}'")
    base, scheme = _destination(options)
    name = f"{base}.{suffix}"
    _write(_root(catalogue) / name, tables.encode(collection, file_format, selectors))
    return [f"{scheme}://{name.partition('/')[2]}"]
