"""Composites: one image from a collection, and one band from the bands of an image.

A composite has the default projection: WGS 84 at one degree. Its footprint is the union of its
images'. Reducers that average give doubles; those that pick a value keep its type.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gee.local import footprints, pixel_types
from gee.local.algorithms import reducers as named
from gee.local.algorithms.bands import add_bands
from gee.local.errors import InvalidRequestError
from gee.local.grids import WGS84, PixelGrid
from gee.local.images import Band, Image, joint_bands
from gee.local.pixel_types import DOUBLE, PixelType
from gee.local.pixels import Array, Pixels, read
from gee.local.reducers import Reducer, check_inputs, extreme, output_names
from gee.local.registry import algorithm
from gee.local.values import Collection

STACK_BYTES = 32 * 2**20
"""A stack of more than this is reduced in strips of rows."""


def output_type(reducer: Reducer, inputs: Sequence[PixelType], dimensions: int) -> PixelType:
    """The pixel type of a reducer's outputs over inputs of some types."""
    if dimensions:
        return PixelType("double", dimensions=dimensions)
    if not reducer.integer:
        return DOUBLE
    if reducer.name in ("count", "countDistinctNonNull"):
        return pixel_types.NAMED["int64"]
    if reducer.name in ("allNonZero", "anyNonZero"):
        return pixel_types.BOOLEAN
    joined = inputs[0]
    for other in inputs[1:]:
        joined = pixel_types.union(joined, other)
    if reducer.name == "sum":
        return pixel_types.NAMED["int64"] if joined.is_integer else DOUBLE
    return joined


def typed(values: Array, valid: Array, target: PixelType) -> Pixels:
    """A reducer's output as pixels of a type; (rows, cols, ...) values."""
    finite: Array = np.isfinite(values)
    if values.ndim > 2:
        finite = np.asarray(finite.reshape(*values.shape[:2], -1).all(axis=-1))
    kept = valid & finite
    shaped = kept.reshape(kept.shape + (1,) * (values.ndim - 2))
    return Pixels(pixel_types.cast(np.where(shaped, values, 0.0), target), kept)


def reduce_layers(reducer: Reducer, layers: Sequence[Sequence[Band]], grid: PixelGrid) -> Any:
    """Reduce tuples of bands (one band an input) at every pixel of a grid.

    Returns
    -------
    list of (values (rows, cols, ...), valid (rows, cols))
    """
    count = len(layers)
    times = Counter(id(band.compute) for bands in layers for band in bands)
    row_bytes = 8 * grid.width * max(count, 1) * (reducer.inputs + 2)
    rows = max(1, min(grid.height, STACK_BYTES // row_bytes))
    parts = []
    for start in range(0, grid.height, rows):
        height = min(rows, grid.height - start)
        strip = replace(grid, row=grid.row + start, height=height)
        points = height * grid.width
        values = np.zeros((reducer.inputs, count, points))
        weights = np.zeros((count, points))
        for place, bands in enumerate(layers):
            weight: Any = 1.0
            for index, band in enumerate(bands):
                once = times[id(band.compute)] == 1
                pixels = band.last_pixels(strip) if once else band.pixels(strip)
                values[index, place] = pixels.values.reshape(-1)
                weight = np.minimum(weight, pixels.mask.reshape(-1).astype(np.float64))
            weights[place] = weight
        outputs = reducer.reduce_stack(values, weights)
        parts.append(
            [
                (value.reshape(height, grid.width, *value.shape[1:]), ok.reshape(height, -1))
                for value, ok in outputs
            ]
        )
    return [
        (
            np.concatenate([part[index][0] for part in parts]),
            np.concatenate([part[index][1] for part in parts]),
        )
        for index in range(len(reducer.outputs))
    ]


def reduced_bands(
    reducer: Reducer,
    layers: Sequence[Sequence[Band]],
    names: Sequence[str],
    template: Band,
) -> list[Band]:
    """The lazy outputs of a reducer over layers of bands."""
    types = [band.pixel_type for bands in layers for band in bands]
    dimensions = [reducer.dimensions] * len(reducer.outputs)
    if reducer.name in ("linearRegression", "ridgeRegression"):
        dimensions = [2, 1]
    targets = [output_type(reducer, types, size) for size in dimensions]

    def compute_all(grid: PixelGrid) -> list[Pixels]:
        outputs = reduce_layers(reducer, layers, grid)
        return [
            typed(values, valid, target)
            for (values, valid), target in zip(outputs, targets, strict=True)
        ]

    templates = [
        replace(template, name=name, pixel_type=target, size=None)
        for name, target in zip(names, targets, strict=True)
    ]
    return joint_bands(compute_all, templates)


def reduce_collection(collection: Collection, reducer: Reducer, prefixed: bool, name: str) -> Image:
    """A reducer over the images of a collection, per band or over all bands together."""
    images: tuple[Image, ...] = collection.elements
    if not images:
        return Image(())
    if reducer.inputs > 1:
        check_inputs(reducer, len(images[0].bands), name)
        for image in images:
            check_inputs(reducer, len(image.bands), name)
        layers = [image.bands for image in images]
        return Image(
            tuple(reduced_bands(reducer, layers, reducer.outputs, _composite_band(layers)))
        )
    order: dict[str, list[Band]] = {}
    for image in images:
        for band in image.bands:
            order.setdefault(band.name, []).append(band)
    result: list[Band] = []
    for band_name, bands in order.items():
        names = output_names(reducer, [band_name], prefixed)
        singles = [(band,) for band in bands]
        result += reduced_bands(reducer, singles, names, _composite_band(singles))
    return Image(tuple(result))


def _composite_band(layers: Sequence[Sequence[Band]]) -> Band:
    footprint = footprints.union([band.footprint for bands in layers for band in bands])
    first = layers[0][0]
    return replace(first, projection=WGS84, footprint=footprint, size=None)


@algorithm("ImageCollection.reduce")
def reduce(collection: Collection, reducer: Reducer) -> Image:
    """A reducer over the images; output names are added to the bands' names."""
    return reduce_collection(collection, reducer, prefixed=True, name="ImageCollection.reduce")


def _declare_composite(name: str, reducer: Reducer) -> None:
    @algorithm(f"reduce.{name}")
    def composite(collection: Collection) -> Image:
        return reduce_collection(collection, reducer, prefixed=False, name=f"reduce.{name}")


COMPOSITES: dict[str, Reducer] = {
    **{name: named.SIMPLE[name] for name in ("mean", "sum", "count", "product")},
    "and": named.SIMPLE["allNonZero"],
    "or": named.SIMPLE["anyNonZero"],
    "median": named.median(),
    "mode": named.mode_reducer(),
    "min": Reducer(
        "min",
        1,
        ("min",),
        lambda v, w: extreme(v, w, largest=False),
        integer=True,
    ),
    "max": Reducer(
        "max",
        1,
        ("max",),
        lambda v, w: extreme(v, w, largest=True),
        integer=True,
    ),
}

for _name, _reducer in COMPOSITES.items():
    _declare_composite(_name, _reducer)


@algorithm("Image.reduce")
def reduce_image(image: Image, reducer: Reducer) -> Image:
    """A reducer of one input over the bands of each pixel, or of several over them in turn."""
    if not image.bands:
        raise InvalidRequestError("Image.reduce: The image has no bands.")
    if reducer.inputs == 1:
        layers: list[Sequence[Band]] = [(band,) for band in image.bands]
    else:
        if len(image.bands) % reducer.inputs:
            raise InvalidRequestError(
                f"Image.reduce: Need bands in multiples of {reducer.inputs}, got "
                f"{len(image.bands)}."
            )
        step = reducer.inputs
        layers = [image.bands[k : k + step] for k in range(0, len(image.bands), step)]
    template = replace(image.bands[0], footprint=image.footprint)
    return image.with_bands(reduced_bands(reducer, layers, reducer.outputs, template))


def _over(bands: Sequence[Band], target: PixelType, grid: PixelGrid) -> Pixels:
    """Bands over one another, the last on top, each opaque by its mask."""
    values = np.zeros(grid.shape, target.dtype)
    mask: Array = np.zeros(grid.shape, dtype=bool)
    for band in bands:
        pixels = band.pixels(grid)
        top = pixel_types.cast(np.asarray(pixels.values), target)
        if pixels.mask.dtype == bool and mask.dtype == bool:
            values = np.where(pixels.mask, top, values)
            mask = mask | pixels.mask
            continue
        opacity = pixels.mask.astype(np.float64)
        under = np.where(mask > 0, values, top).astype(np.float64)
        mixed = opacity * top + (1 - opacity) * under
        values = pixel_types.cast(np.rint(mixed) if target.is_integer else mixed, target)
        mask = np.maximum(mask.astype(np.float32), pixels.mask.astype(np.float32))
    return Pixels(values, mask)


@algorithm("ImageCollection.mosaic")
def mosaic(collection: Collection) -> Image:
    """All images over one another, the last on top."""
    order: dict[str, list[Band]] = {}
    for image in collection.elements:
        for band in image.bands:
            order.setdefault(band.name, []).append(band)
    bands = []
    for name, parts in order.items():
        target = parts[0].pixel_type
        for part in parts[1:]:
            target = pixel_types.union(target, part.pixel_type)

        def compute(
            grid: PixelGrid, parts: list[Band] = parts, target: PixelType = target
        ) -> Pixels:
            return _over(parts, target, grid)

        footprint = footprints.union([part.footprint for part in parts])
        bands.append(Band(name, target, WGS84, compute, footprint))
    return Image(tuple(bands))


@algorithm("ImageCollection.qualityMosaic")
def quality_mosaic(collection: Collection, qualityBand: str) -> Image:
    """At each pixel the image whose quality band is largest."""
    images: tuple[Image, ...] = collection.elements
    if not images:
        return Image(())
    name = "ImageCollection.qualityMosaic"
    quality = [image.band(qualityBand, name) for image in images]

    def best(grid: PixelGrid) -> Pixels:
        scores = np.stack([band.pixels(grid).filled(-np.inf) for band in quality])
        return Pixels(np.argmax(scores, axis=0), np.isfinite(scores).any(axis=0))

    bands = []
    for template in images[0].bands:
        parts = [image.band(template.name, name) for image in images]
        target = parts[0].pixel_type
        for part in parts[1:]:
            target = pixel_types.union(target, part.pixel_type)

        def compute(
            grid: PixelGrid, parts: list[Band] = parts, target: PixelType = target
        ) -> Pixels:
            chosen: Pixels = read(best, grid)
            values = np.zeros(grid.shape, target.dtype)
            mask = np.zeros(grid.shape, dtype=bool)
            for place, part in enumerate(parts):
                pixels = part.pixels(grid)
                here = chosen.mask & (chosen.values == place) & pixels.valid
                values = np.where(here, pixel_types.cast(np.asarray(pixels.values), target), values)
                mask |= here
            return Pixels(values, mask)

        footprint = footprints.union([part.footprint for part in parts])
        bands.append(Band(template.name, target, WGS84, compute, footprint))
    return Image(tuple(bands))


@algorithm("ImageCollection.toBands")
def to_bands(collection: Collection) -> Image:
    """Every band of every image, its name after the image's index."""
    bands = []
    for image in collection.elements:
        index = image.properties.get("system:index", "")
        bands += [replace(band, name=f"{index}_{band.name}") for band in image.bands]
    if len(bands) > 5000:
        raise InvalidRequestError("ImageCollection.toBands: The maximum number of bands is 5000.")
    return Image(tuple(bands))


@algorithm("ImageCollection.combine")
def combine(primary: Collection, secondary: Collection, overwrite: bool) -> Collection:
    """The primary images with the bands of the secondary images of the same index."""
    others = {image.properties.get("system:index"): image for image in secondary.elements}
    combined = [
        add_bands(image, others[image.properties.get("system:index")], None, overwrite)
        for image in primary.elements
        if image.properties.get("system:index") in others
    ]
    return primary.with_elements(combined)
