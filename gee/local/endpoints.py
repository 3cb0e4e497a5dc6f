"""The calls of the v1 interface: values, pixels, tables, assets, exports, maps and thumbnails.

In: the parts of a path, the body and the query. Out: a document, or bytes with their type.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from affine import Affine

from gee.local import limits, outputs, rendering
from gee.local.algorithms.bands import chosen_bands
from gee.local.coercion import to_collection, to_image
from gee.local.description import describe, describe_feature
from gee.local.errors import InvalidRequestError, LocalServiceError, NotImplementedHereError
from gee.local.footprints import RasterFootprint
from gee.local.grids import PixelGrid, Projection, grid_of_request
from gee.local.images import Band, Image
from gee.local.shapes import shape_in
from gee.local.values import Collection, Feature, Geometry, type_name

if TYPE_CHECKING:
    from gee.local.service import LocalEarthEngine

Body = dict[str, Any]
PAGE_SIZE = 1000


@dataclass(frozen=True)
class Content:
    """Bytes and their type."""

    body: bytes
    content_type: str


def image_of(service: LocalEarthEngine, body: Body) -> Image:
    """The image of a request's expression, with the bands that the request names."""
    value = service.evaluate(body.get("expression"))
    image = to_image(value)
    if image is None:
        raise InvalidRequestError(f"Expression does not evaluate to an image: {type_name(value)}.")
    if body.get("bandIds"):
        image = image.with_bands(chosen_bands(image, body["bandIds"], "Image.select"))
    return image


def collection_of(service: LocalEarthEngine, body: Body) -> Collection:
    """The features of a request's expression."""
    value = service.evaluate(body.get("expression"))
    collection = to_collection(value)
    if collection is None or not all(isinstance(one, Feature) for one in collection.elements):
        raise InvalidRequestError(
            f"Expression does not evaluate to a table of features: {type_name(value)}."
        )
    return collection


def refuse_unknown(body: Body, known: set[str], call: str) -> None:
    """Refuse the fields of a request that are not known here."""
    for field in body:
        if field not in known:
            raise NotImplementedHereError(f"the field '{field}' of {call}")


def native_grid(bands: Sequence[Band]) -> PixelGrid:
    """The grid of an image for which a request names none: the first band's own.

    Raises
    ------
    InvalidRequestError
        The image is unbounded.
    """
    if not bands:
        raise InvalidRequestError("Image has no bands.")
    band = bands[0]
    if isinstance(band.footprint, RasterFootprint) and band.footprint.projection == band.projection:
        return PixelGrid(band.projection, 0, 0, band.footprint.width, band.footprint.height)
    if band.footprint is None:
        raise InvalidRequestError(
            "Unable to compute bounds for geometry: the image is unbounded; name a region."
        )
    outline = Geometry(band.footprint.outline(), geodesic=False)
    return band.projection.window(*shape_in(outline, band.projection.crs).bounds)


def grid_of(body: Body, bands: Sequence[Band]) -> PixelGrid:
    """The pixel grid that a request names; what it leaves out is the image's own."""
    grid = body.get("grid")
    if not grid:
        return native_grid(bands)
    refuse_unknown(grid, {"crsCode", "crsWkt", "affineTransform", "dimensions"}, "a grid")
    crs = grid.get("crsCode") or grid.get("crsWkt") or bands[0].projection.crs
    matrix = grid.get("affineTransform")
    size = grid.get("dimensions")
    if matrix is None or size is None:
        native = native_grid(bands)
        projection = Projection(crs, tuple(_matrix(matrix))[:6]) if matrix else native.projection
        if size is None:
            outline = bands[0].footprint
            if outline is None:
                raise InvalidRequestError("Pixel grid dimensions must be given.")
            shape = shape_in(Geometry(outline.outline(), geodesic=False), projection.crs)
            return projection.window(*shape.bounds)
        return PixelGrid(
            projection, native.col, native.row, _side(size, "width"), _side(size, "height")
        )
    return grid_of_request(crs, _matrix(matrix), _side(size, "width"), _side(size, "height"))


def _side(size: Body, name: str) -> int:
    side = int(size.get(name, 0))
    if side <= 0:
        raise InvalidRequestError("Pixel grid dimensions must be positive.")
    return side


def _matrix(fields: Body) -> Affine:
    names = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
    refuse_unknown(fields, set(names), "an affine transform")
    return Affine(*(float(fields.get(name, 0)) for name in names))


def compute_value(service: LocalEarthEngine, _path: Body, body: Body, _query: Body) -> Any:
    """value:compute."""
    refuse_unknown(body, {"expression", "workloadTag"}, "value:compute")
    return {"result": describe(service.evaluate(body.get("expression")))}


def compute_pixels(service: LocalEarthEngine, _path: Body, body: Body, _query: Body) -> Content:
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
    image = image_of(service, body)
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


def compute_features(service: LocalEarthEngine, _path: Body, body: Body, _query: Body) -> Any:
    """table:computeFeatures, in pages."""
    refuse_unknown(
        body, {"expression", "pageSize", "pageToken", "workloadTag"}, "table:computeFeatures"
    )
    collection = collection_of(service, body)
    start = int(body.get("pageToken") or 0)
    stop = start + min(int(body.get("pageSize") or PAGE_SIZE), PAGE_SIZE)
    features = [describe_feature(one) for one in collection.elements[start:stop]]
    answer: Body = {"type": "FeatureCollection", "features": features}
    if stop < len(collection.elements):
        answer["nextPageToken"] = str(stop)
    return answer


def create_map(service: LocalEarthEngine, path: Body, body: Body, _query: Body) -> Any:
    """maps.create: keeps the expression for the tiles."""
    return _store(service, f"projects/{path['project']}/maps", body)


def create_thumbnail(service: LocalEarthEngine, path: Body, body: Body, _query: Body) -> Any:
    """thumbnails.create: keeps the expression for the pixels."""
    return _store(service, f"projects/{path['project']}/thumbnails", body)


def create_table(service: LocalEarthEngine, path: Body, body: Body, _query: Body) -> Any:
    """tables.create: keeps the expression for the features."""
    return _store(service, f"projects/{path['project']}/tables", body)


def _store(service: LocalEarthEngine, parent: str, body: Body) -> Any:
    service.evaluate(body.get("expression"))
    name = f"{parent}/{uuid.uuid5(uuid.NAMESPACE_OID, repr(sorted(body.items())))}"
    service.stored[name] = body
    return {"name": name}


def _stored(service: LocalEarthEngine, name: str) -> Body:
    if name not in service.stored:
        raise LocalServiceError(404, f"Not found: {name}.")
    body: Body = service.stored[name]
    return body


def map_tile(service: LocalEarthEngine, path: Body, _body: Body, _query: Body) -> Content:
    """maps.tiles.get: one tile of 256 by 256 pixels in web Mercator."""
    body = _stored(service, path["name"])
    image = image_of(service, body)
    if body.get("visualizationOptions"):
        image = rendering.with_options(image, body["visualizationOptions"])
    tile = rendering.tile_grid(int(path["zoom"]), int(path["col"]), int(path["row"]))
    return Content(*rendering.render(image, tile, body.get("fileFormat") or "AUTO_JPEG_PNG"))


def thumbnail_pixels(service: LocalEarthEngine, path: Body, _body: Body, _query: Body) -> Content:
    """thumbnails.getPixels: an image on the grid it was clipped to."""
    body = _stored(service, path["name"])
    return pixels_of(image_of(service, body), body, download=True)


def table_features(service: LocalEarthEngine, path: Body, _body: Body, _query: Body) -> Content:
    """tables.getFeatures: a table as CSV or GeoJSON."""
    from gee.local import tables

    body = _stored(service, path["name"])
    collection = collection_of(service, body)
    content = tables.encode(collection, body.get("fileFormat") or "CSV", body.get("selectors"))
    return Content(content, "text/csv" if body.get("fileFormat") == "CSV" else "application/json")


def export_image(service: LocalEarthEngine, path: Body, body: Body, _query: Body) -> Any:
    """image:export."""
    return service.operations.submit("EXPORT_IMAGE", path["project"], body)


def export_table(service: LocalEarthEngine, path: Body, body: Body, _query: Body) -> Any:
    """table:export."""
    return service.operations.submit("EXPORT_FEATURES", path["project"], body)


def get_operation(service: LocalEarthEngine, path: Body, _body: Body, _query: Body) -> Any:
    """operations.get: each look moves the operation on by one state."""
    return service.operations.poll(path["name"])


def list_operations(service: LocalEarthEngine, path: Body, _body: Body, query: Body) -> Any:
    """operations.list, in pages."""
    return service.operations.page(path["project"], query)


def cancel_operation(service: LocalEarthEngine, path: Body, _body: Body, _query: Body) -> Any:
    """operations.cancel."""
    return service.operations.cancel(path["name"])


def get_asset(service: LocalEarthEngine, path: Body, _body: Body, _query: Body) -> Any:
    """assets.get."""
    asset_id = path["name"]
    name = service.catalogue.find(asset_id)
    if name is None:
        parent = service.catalogue.find(asset_id.rpartition("/")[0])
        if parent is None:
            raise LocalServiceError(404, f"Asset '{asset_id}' not found.")
        return _asset(service.catalogue.image(asset_id), asset_id)
    kind = service.catalogue.assets[name]["type"]
    if kind == "IMAGE":
        return _asset(service.catalogue.image(name), asset_id)
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


def list_assets(service: LocalEarthEngine, path: Body, _body: Body, query: Body) -> Any:
    """assets.listAssets: the images of a collection, or the assets below a folder."""
    refuse_unknown(query, {"pageSize", "pageToken", "alt", "view", "prettyPrint"}, "listAssets")
    parent = path["name"].rstrip("/")
    name = service.catalogue.find(parent)
    if name is not None and service.catalogue.assets[name]["type"] == "IMAGE_COLLECTION":
        images = service.catalogue.image_collection(name).elements
        found = [_asset(image, f"{parent}/{image.properties['system:index']}") for image in images]
    else:
        bare = parent.removeprefix("projects/earthengine-public/assets")
        prefix = f"{bare.strip('/')}/" if bare.strip("/") else ""
        found = [
            {"type": entry["type"], "name": key, "id": key}
            for key, entry in sorted(service.catalogue.assets.items())
            if key.startswith(prefix)
        ]
    start = int(query.get("pageToken") or 0)
    stop = start + int(query.get("pageSize") or PAGE_SIZE)
    answer: Body = {"assets": found[start:stop]}
    if stop < len(found):
        answer["nextPageToken"] = str(stop)
    return answer


def create_asset(service: LocalEarthEngine, path: Body, body: Body, query: Body) -> Any:
    """assets.create: a folder to export to."""
    kind = body.get("type")
    if kind != "FOLDER":
        raise NotImplementedHereError(f"the creation of an asset of type '{kind}'")
    refuse_unknown(body, {"type", "name"}, "a folder")
    if "assetId" not in query:
        raise InvalidRequestError("Missing assetId.")
    asset_id = f"projects/{path['project']}/assets/{query['assetId']}"
    stored = asset_id.removeprefix("projects/earthengine-legacy/assets/")
    service.catalogue.add(stored, {"type": "FOLDER"})
    return {"type": "FOLDER", "name": asset_id, "id": stored}


def delete_asset(service: LocalEarthEngine, path: Body, _body: Body, _query: Body) -> Any:
    """assets.delete: of exported assets."""
    service.catalogue.remove(path["name"])
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
