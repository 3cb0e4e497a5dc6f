"""The calls of the v1 interface: values, pixels, tables, assets, exports, maps and thumbnails.

In: the parts of a path, the body and the query. Out: a document, or bytes with their type.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gee.local import limits, outputs, rendering, tables
from gee.local.catalogue import Catalogue
from gee.local.description import describe, describe_feature
from gee.local.errors import InvalidRequestError, LocalServiceError, NotImplementedHereError
from gee.local.images import Image
from gee.local.operations import OperationQueue
from gee.local.requested import Body, collection_of, grid_of, image_of, refuse_unknown, value_of

PAGE_SIZE = 1000


@dataclass(frozen=True)
class Workspace:
    """What the service keeps from request to request; `stored` are maps, thumbnails and tables."""

    catalogue: Catalogue
    operations: OperationQueue
    stored: dict[str, Body] = field(default_factory=dict)


@dataclass(frozen=True)
class Content:
    """Bytes and their type."""

    body: bytes
    content_type: str


def compute_value(_workspace: Workspace, _path: Body, body: Body, _query: Body) -> Any:
    """value:compute."""
    refuse_unknown(body, {"expression", "workloadTag"}, "value:compute")
    return {"result": describe(value_of(body))}


def compute_pixels(_workspace: Workspace, _path: Body, body: Body, _query: Body) -> Content:
    """image:computePixels."""
    known = {
        "expression",
        "fileFormat",
        "grid",
        "bandIds",
        "visualizationOptions",
        "workloadTag",
    }
    refuse_unknown(body, known, "image:computePixels")
    image = image_of(body)
    return pixels_of(image, body, download=False)


def pixels_of(image: Image, body: Body, download: bool) -> Content:
    """The pixels of an image in the format that a request names."""
    file_format = body.get("fileFormat") or "AUTO_JPEG_PNG"
    grid = grid_of(body, image.bands)
    if body.get("visualizationOptions"):
        image = rendering.with_options(image, body["visualizationOptions"])
    limits.check_pixels(image.bands, grid.width, grid.height, download)
    if file_format in ("PNG", "JPEG", "AUTO_JPEG_PNG"):
        return Content(*rendering.render(image, grid, file_format))
    prefix = body.get("filenamePrefix") or "download"
    return Content(*outputs.encode(image.bands, grid, file_format, prefix))


def compute_features(_workspace: Workspace, _path: Body, body: Body, _query: Body) -> Any:
    """table:computeFeatures, in pages."""
    refuse_unknown(
        body, {"expression", "pageSize", "pageToken", "workloadTag"}, "table:computeFeatures"
    )
    collection = collection_of(body)
    start = int(body.get("pageToken") or 0)
    stop = start + min(int(body.get("pageSize") or PAGE_SIZE), PAGE_SIZE)
    features = [describe_feature(one) for one in collection.elements[start:stop]]
    answer: Body = {"type": "FeatureCollection", "features": features}
    if stop < len(collection.elements):
        answer["nextPageToken"] = str(stop)
    return answer


def create_map(workspace: Workspace, path: Body, body: Body, _query: Body) -> Any:
    """maps.create: keeps the expression for the tiles."""
    return _store(workspace, f"projects/{path['project']}/maps", body)


def create_thumbnail(workspace: Workspace, path: Body, body: Body, _query: Body) -> Any:
    """thumbnails.create: keeps the expression for the pixels."""
    return _store(workspace, f"projects/{path['project']}/thumbnails", body)


def create_table(workspace: Workspace, path: Body, body: Body, _query: Body) -> Any:
    """tables.create: keeps the expression for the features."""
    return _store(workspace, f"projects/{path['project']}/tables", body)


def _store(workspace: Workspace, parent: str, body: Body) -> Any:
    value_of(body)
    name = f"{parent}/{uuid.uuid5(uuid.NAMESPACE_OID, repr(sorted(body.items())))}"
    workspace.stored[name] = body
    return {"name": name}


def _stored(workspace: Workspace, name: str) -> Body:
    if name not in workspace.stored:
        raise LocalServiceError(404, f"Not found: {name}.")
    return workspace.stored[name]


def map_tile(workspace: Workspace, path: Body, _body: Body, _query: Body) -> Content:
    """maps.tiles.get: one tile of 256 by 256 pixels in web Mercator."""
    body = _stored(workspace, path["name"])
    image = image_of(body)
    if body.get("visualizationOptions"):
        image = rendering.with_options(image, body["visualizationOptions"])
    tile = rendering.tile_grid(int(path["zoom"]), int(path["col"]), int(path["row"]))
    return Content(*rendering.render(image, tile, body.get("fileFormat") or "AUTO_JPEG_PNG"))


def thumbnail_pixels(workspace: Workspace, path: Body, _body: Body, _query: Body) -> Content:
    """thumbnails.getPixels: an image on the grid it was clipped to."""
    body = _stored(workspace, path["name"])
    return pixels_of(image_of(body), body, download=True)


def table_features(workspace: Workspace, path: Body, _body: Body, _query: Body) -> Content:
    """tables.getFeatures: a table as CSV or GeoJSON."""
    body = _stored(workspace, path["name"])
    collection = collection_of(body)
    content = tables.encode(collection, body.get("fileFormat") or "CSV", body.get("selectors"))
    return Content(content, "text/csv" if body.get("fileFormat") == "CSV" else "application/json")


def export_image(workspace: Workspace, path: Body, body: Body, _query: Body) -> Any:
    """image:export."""
    return workspace.operations.submit("EXPORT_IMAGE", path["project"], body)


def export_table(workspace: Workspace, path: Body, body: Body, _query: Body) -> Any:
    """table:export."""
    return workspace.operations.submit("EXPORT_FEATURES", path["project"], body)


def get_operation(workspace: Workspace, path: Body, _body: Body, _query: Body) -> Any:
    """operations.get: each look moves the operation on by one state."""
    return workspace.operations.poll(path["name"])


def list_operations(workspace: Workspace, path: Body, _body: Body, query: Body) -> Any:
    """operations.list, in pages."""
    return workspace.operations.page(path["project"], query)


def cancel_operation(workspace: Workspace, path: Body, _body: Body, _query: Body) -> Any:
    """operations.cancel."""
    return workspace.operations.cancel(path["name"])


def get_asset(workspace: Workspace, path: Body, _body: Body, _query: Body) -> Any:
    """assets.get."""
    asset_id = path["name"]
    name = workspace.catalogue.find(asset_id)
    if name is None:
        parent = workspace.catalogue.find(asset_id.rpartition("/")[0])
        if parent is None:
            raise LocalServiceError(404, f"Asset '{asset_id}' not found.")
        return _asset(workspace.catalogue.image(asset_id), asset_id)
    kind = workspace.catalogue.assets[name]["type"]
    if kind == "IMAGE":
        return _asset(workspace.catalogue.image(name), asset_id)
    return {"type": kind, "name": asset_id, "id": name}


def _asset(image: Image, asset_id: str) -> Body:
    properties = {
        key: value
        for key, value in image.properties.items()
        if not key.startswith("system:") and isinstance(value, str | int | float)
    }
    return {
        "type": "IMAGE",
        "name": asset_id,
        "id": image.asset_id or asset_id,
        "properties": properties,
        "bands": [{"id": band.name} for band in image.bands],
    }


def list_assets(workspace: Workspace, path: Body, _body: Body, query: Body) -> Any:
    """assets.listAssets: the images of a collection, or the assets below a folder."""
    refuse_unknown(query, {"pageSize", "pageToken", "alt", "view", "prettyPrint"}, "listAssets")
    parent = path["name"].rstrip("/")
    name = workspace.catalogue.find(parent)
    if name is not None and workspace.catalogue.assets[name]["type"] == "IMAGE_COLLECTION":
        images = workspace.catalogue.image_collection(name).elements
        found = [_asset(image, f"{parent}/{image.properties['system:index']}") for image in images]
    else:
        bare = parent.removeprefix("projects/earthengine-public/assets")
        prefix = f"{bare.strip('/')}/" if bare.strip("/") else ""
        found = [
            {"type": entry["type"], "name": key, "id": key}
            for key, entry in sorted(workspace.catalogue.assets.items())
            if key.startswith(prefix)
        ]
    start = int(query.get("pageToken") or 0)
    stop = start + int(query.get("pageSize") or PAGE_SIZE)
    answer: Body = {"assets": found[start:stop]}
    if stop < len(found):
        answer["nextPageToken"] = str(stop)
    return answer


def create_asset(workspace: Workspace, path: Body, body: Body, query: Body) -> Any:
    """assets.create: a folder to export to."""
    kind = body.get("type")
    if kind != "FOLDER":
        raise NotImplementedHereError(f"the creation of an asset of type '{kind}'")
    refuse_unknown(body, {"type", "name"}, "a folder")
    if "assetId" not in query:
        raise InvalidRequestError("Missing assetId.")
    asset_id = f"projects/{path['project']}/assets/{query['assetId']}"
    stored = asset_id.removeprefix("projects/earthengine-legacy/assets/")
    workspace.catalogue.add(stored, {"type": "FOLDER"})
    return {"type": "FOLDER", "name": asset_id, "id": stored}


def delete_asset(workspace: Workspace, path: Body, _body: Body, _query: Body) -> Any:
    """assets.delete: of exported assets."""
    workspace.catalogue.remove(path["name"])
    return {}


Route = tuple[str, re.Pattern[str], Callable[..., Any]]


def _route(verb: str, pattern: str, handler: Callable[..., Any]) -> Route:
    return verb, re.compile(f"/v1/{pattern}"), handler


PROJECT = r"projects/(?P<project>[^/]+)"
ROUTES: list[Route] = [
    _route("POST", f"{PROJECT}/value:compute", compute_value),
    _route("POST", f"{PROJECT}/image:computePixels", compute_pixels),
    _route("POST", f"{PROJECT}/table:computeFeatures", compute_features),
    _route("POST", f"{PROJECT}/image:export", export_image),
    _route("POST", f"{PROJECT}/table:export", export_table),
    _route("POST", f"{PROJECT}/maps", create_map),
    _route(
        "GET",
        rf"(?P<name>{PROJECT}/maps/[^/]+)/tiles/(?P<zoom>\d+)/(?P<col>\d+)/(?P<row>\d+)",
        map_tile,
    ),
    _route("POST", f"{PROJECT}/thumbnails", create_thumbnail),
    _route("GET", f"(?P<name>{PROJECT}/thumbnails/[^/:]+):getPixels", thumbnail_pixels),
    _route("POST", f"{PROJECT}/tables", create_table),
    _route("GET", f"(?P<name>{PROJECT}/tables/[^/:]+):getFeatures", table_features),
    _route("GET", f"{PROJECT}/operations", list_operations),
    _route("GET", f"(?P<name>{PROJECT}/operations/[^/:]+)", get_operation),
    _route("POST", f"(?P<name>{PROJECT}/operations/[^/:]+):cancel", cancel_operation),
    _route("GET", "(?P<name>projects/[^/]+/assets.*):listAssets", list_assets),
    _route("GET", "(?P<name>projects/[^/]+/assets/.+)", get_asset),
    _route("POST", f"{PROJECT}/assets", create_asset),
    _route("DELETE", "(?P<name>projects/[^/]+/assets/.+)", delete_asset),
]
