"""What a request asks for: a value, an image, a table, and the pixel grid to compute it on.

In: the body of a request. Out: what its expression evaluates to; pixels of its grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from affine import Affine

from gee.local.algorithms.bands import chosen_bands
from gee.local.coercion import to_collection, to_image
from gee.local.errors import InvalidRequestError, NotImplementedHereError
from gee.local.footprints import RasterFootprint
from gee.local.graph import Expression
from gee.local.grids import PixelGrid, Projection, grid_of_request
from gee.local.images import Band, Image
from gee.local.shapes import shape_in
from gee.local.values import Collection, Feature, Geometry, type_name

Body = dict[str, Any]


def value_of(body: Body) -> Any:
    """The value of a request's expression."""
    return Expression(body.get("expression")).evaluate()


def image_of(body: Body) -> Image:
    """The image of a request's expression, with the bands that the request names."""
    value = value_of(body)
    image = to_image(value)
    if image is None:
        raise InvalidRequestError(f"Expression does not evaluate to an image: {type_name(value)}.")
    if body.get("bandIds"):
        image = image.with_bands(chosen_bands(image, body["bandIds"], "Image.select"))
    return image


def collection_of(body: Body) -> Collection:
    """The features of a request's expression."""
    value = value_of(body)
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
