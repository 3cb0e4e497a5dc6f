"""Pixels as features: sample, sampleRegions, sampleRectangle, getRegion.

`sampleRegions` leaves out every pixel at which any band is masked, as the service does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from gee.local.algorithms.elements import indexed
from gee.local.algorithms.points import pixel_of_points, values_at
from gee.local.algorithms.projections import chosen_projection
from gee.local.algorithms.regions import coverage, window_of
from gee.local.coercion import element_geometry
from gee.local.errors import InvalidRequestError
from gee.local.grids import PixelGrid, Projection, transformer
from gee.local.images import Image
from gee.local.registry import algorithm
from gee.local.shapes import shape_in
from gee.local.values import Collection, Feature, Geometry

MAXIMUM_RECTANGLE_PX = 262_144
MAXIMUM_REGION_VALUES = 1_048_576


def _number(value: Any, whole: bool) -> int | float:
    return int(value) if whole else float(value)


def centre_of(grid: PixelGrid, row: int, col: int) -> Geometry:
    """The centre of a pixel in longitude and latitude."""
    east, north = grid.transform * (col + 0.5, row + 0.5)
    longitude, latitude = transformer(grid.crs, "EPSG:4326").transform(east, north)
    return Geometry(shapely.Point(longitude, latitude))


def sampled(
    image: Image,
    region: Geometry,
    lattice: Projection,
    drop_masked: bool,
    geometries: bool,
    properties: dict[str, Any],
    keep: Any = None,
) -> list[Feature]:
    """A feature for each pixel of a region, row by row."""
    shape = shape_in(region, lattice.crs)
    grid = window_of(shape, lattice)
    if grid.width * grid.height > 10**8:
        raise InvalidRequestError("Image.sample: Too many pixels in sample.")
    inside = coverage(shape, grid, weighted=False) > 0
    if keep is not None:
        inside &= keep(grid)
    pixels = [band.pixels(grid) for band in image.bands]
    if drop_masked:
        for part in pixels:
            inside = inside & part.valid
    features = []
    for row, col in zip(*np.nonzero(inside), strict=True):
        values = dict(properties)
        for band, part in zip(image.bands, pixels, strict=True):
            if part.valid[row, col]:
                value = part.values[row, col]
                values[band.name] = _number(value, band.pixel_type.is_integer)
        geometry = centre_of(grid, int(row), int(col)) if geometries else None
        features.append(Feature(geometry, values))
    return features


@algorithm("Image.sampleRegions")
def sample_regions(
    image: Image,
    collection: Collection,
    properties: list[str] | None,
    scale: float | None,
    projection: Projection | None,
    geometries: bool,
) -> Collection:
    """The pixels of each feature, with the feature's properties; masked ones are left out."""
    own = image.first_band("Image.sampleRegions").projection
    lattice = chosen_projection(projection, None, scale, own, "Image.sampleRegions")
    pixels = pixel_of_points(collection.elements, lattice)
    if pixels is not None:
        return _sampled_points(image, collection, properties, lattice, pixels, geometries)
    features = []
    for element in collection.elements:
        kept = _kept(element, properties)
        region = element_geometry(element)
        found = sampled(image, region, lattice, True, geometries, kept)
        index = element.properties.get("system:index", "0")
        for place, feature in enumerate(found):
            feature.properties["system:index"] = f"{index}_{place}"
            features.append(feature)
    return Collection(tuple(features), of_images=False)


def _kept(element: Any, properties: list[str] | None) -> dict[str, Any]:
    return {
        name: value
        for name, value in element.properties.items()
        if (not name.startswith("system:") if properties is None else name in properties)
    }


def _sampled_points(
    image: Image,
    collection: Collection,
    properties: list[str] | None,
    lattice: Projection,
    pixels: tuple[Any, Any],
    geometries: bool,
) -> Collection:
    """The pixel of each point, where no band is masked."""
    cols, rows = pixels
    values, masks = values_at(image.bands, cols, rows, lattice)
    features = []
    for place, element in enumerate(collection.elements):
        if any(mask[place] <= 0 for mask in masks):
            continue
        kept = _kept(element, properties)
        for band, found in zip(image.bands, values, strict=True):
            kept[band.name] = _number(found[place], band.pixel_type.is_integer)
        kept["system:index"] = f"{element.properties.get('system:index', '0')}_0"
        one = PixelGrid(lattice, int(cols[place]), int(rows[place]), 1, 1)
        features.append(Feature(centre_of(one, 0, 0) if geometries else None, kept))
    return Collection(tuple(features), of_images=False)


@algorithm("Image.sample")
def sample(
    image: Image,
    region: Geometry | None,
    scale: float | None,
    projection: Projection | None,
    factor: float | None,
    numPixels: int | None,
    seed: int,
    dropNulls: bool,
    geometries: bool,
) -> Collection:
    """The pixels of a region, or a part of them chosen by the seed.

    The choice is repeatable, and another than the service's.
    """
    own = image.first_band("Image.sample").projection
    lattice = chosen_projection(projection, None, scale, own, "Image.sample")
    area = region if region is not None else element_geometry(image)
    if area.unbounded:
        raise InvalidRequestError("Image.sample: The image is unbounded; name a region.")
    if factor is not None and numPixels is not None:
        raise InvalidRequestError("Image.sample: Give either 'factor' or 'numPixels'.")
    share = factor
    if numPixels is not None:
        window = window_of(shape_in(area, lattice.crs), lattice)
        share = min(1.0, numPixels / (window.width * window.height))

    def keep(grid: PixelGrid) -> Any:
        return np.random.default_rng(seed).random(grid.shape) < (share or 0.0)

    chosen = None if share is None else keep
    features = sampled(image, area, lattice, dropNulls, geometries, {}, chosen)
    return indexed(Collection(tuple(features), of_images=False))


@algorithm("Image.sampleRectangle")
def sample_rectangle(
    image: Image, region: Geometry | None, properties: list[str] | None, defaultValue: float | None
) -> Feature:
    """The pixels of each band in a rectangle as lists of rows; masked ones need a default."""
    name = "Image.sampleRectangle"
    area = region if region is not None else element_geometry(image)
    if area.unbounded:
        raise InvalidRequestError(f"{name}: The image is unbounded; name a region.")
    kept = {
        key: value
        for key, value in image.properties.items()
        if (not key.startswith("system:") if properties is None else key in properties)
    }
    for band in image.bands:
        grid = window_of(shape_in(area, band.projection.crs), band.projection)
        count = grid.width * grid.height
        if count > MAXIMUM_RECTANGLE_PX:
            raise InvalidRequestError(
                f"{name}: Too many pixels in sample; must be <= {MAXIMUM_RECTANGLE_PX}. "
                f"Got {count}."
            )
        pixels = band.pixels(grid)
        if defaultValue is None and not pixels.valid.all():
            raise InvalidRequestError(
                f"{name}: Fully or partially masked pixels in band '{band.name}'; set a "
                "defaultValue."
            )
        filled = pixels.filled(0.0 if defaultValue is None else defaultValue)
        whole = band.pixel_type.is_integer and float(defaultValue or 0).is_integer()
        kept[band.name] = [[_number(value, whole) for value in row] for row in filled]
    return Feature(area, kept)


@algorithm("ImageCollection.getRegion")
def get_region(
    collection: Collection,
    geometry: Geometry,
    scale: float | None,
    crs: Projection,
    crsTransform: list[float] | None,
) -> list[Any]:
    """Rows of id, longitude, latitude, time and all bands, for each pixel and image."""
    name = "ImageCollection.getRegion"
    lattice = chosen_projection(crs, crsTransform, scale, crs, name)
    shape = shape_in(geometry, lattice.crs)
    grid = window_of(shape, lattice)
    names = collection.elements[0].band_names if collection.elements else []
    inside = list(zip(*np.nonzero(coverage(shape, grid, weighted=False)), strict=True))
    count = len(inside) * len(collection.elements) * (len(names) + 4)
    if count > MAXIMUM_REGION_VALUES:
        raise InvalidRequestError(
            f"{name}: Too many values: {len(inside)} points x {len(names)} bands x "
            f"{len(collection.elements)} images > {MAXIMUM_REGION_VALUES}."
        )
    rows: list[Any] = [["id", "longitude", "latitude", "time", *names]]
    for row, col in inside:
        centre = centre_of(grid, int(row), int(col)).shape
        for image in collection.elements:
            pixels = [(band, band.pixels(grid)) for band in image.bands]
            values = [
                _number(part.values[row, col], band.pixel_type.is_integer)
                if part.valid[row, col]
                else None
                for band, part in pixels
            ]
            index = image.properties.get("system:index")
            time = image.properties.get("system:time_start")
            rows.append([index, centre.x, centre.y, time, *values])
    return rows
