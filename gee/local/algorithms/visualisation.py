"""Images for the eye: stretching values to bytes, and colouring them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import shapely
from matplotlib import colors

from gee.local.algorithms.bands import chosen_bands
from gee.local.coercion import element_geometry
from gee.local.errors import InvalidRequestError
from gee.local.grids import WGS84, PixelGrid
from gee.local.images import Band, Image, joint_bands
from gee.local.pixel_types import NAMED
from gee.local.pixels import Array, Pixels
from gee.local.registry import algorithm
from gee.local.shapes import shape_in
from gee.local.values import Collection

RGB = ("vis-red", "vis-green", "vis-blue")


def colour_of(name: str) -> tuple[int, int, int]:
    """Bytes of red, green and blue of a CSS name or of hexadecimal digits."""
    text = name.strip()
    for attempt in (f"#{text.lstrip('#')}", text.lower()):
        try:
            red, green, blue = colors.to_rgb(attempt)
        except ValueError:
            continue
        return round(red * 255), round(green * 255), round(blue * 255)
    raise InvalidRequestError(f"Image.visualize: Invalid color: '{name}'.")


def _numbers(value: Any, count: int, default: float, name: str) -> list[float]:
    """One number a band from a number, a list, or a text of numbers."""
    if value is None:
        return [default] * count
    if isinstance(value, str):
        value = [float(part) for part in value.split(",")]
    numbers = value if isinstance(value, list) else [value]
    if len(numbers) == 1:
        numbers = numbers * count
    if len(numbers) != count:
        raise InvalidRequestError(
            f"Image.visualize: '{name}' must have 1 value or {count}, not {len(numbers)}."
        )
    return [float(number) for number in numbers]


@algorithm("Image.visualize")
def visualize(
    image: Image,
    bands: Any,
    gain: Any,
    bias: Any,
    min: Any,  # noqa: A002
    max: Any,  # noqa: A002
    gamma: Any,
    opacity: float | None,
    palette: Any,
    forceRgbOutput: bool,
) -> Image:
    """Three bands of bytes (or one, of a single band without a palette)."""
    chosen = list(image.bands)
    if bands is not None:
        names = bands if isinstance(bands, list) else str(bands).split(",")
        chosen = chosen_bands(image, [name.strip() for name in names], "Image.visualize")
    if len(chosen) not in (1, 3):
        if bands is not None or len(chosen) == 0:
            raise InvalidRequestError(f"Image.visualize: Need 1 or 3 bands, got {len(chosen)}.")
        chosen = chosen[:3] if len(chosen) > 3 else chosen[:1]
    colours = palette.split(",") if isinstance(palette, str) else palette
    if colours is not None and len(chosen) != 1:
        raise InvalidRequestError(
            "Image.visualize: Cannot provide a palette when visualizing more than one band."
        )
    count = len(chosen)
    if gain is not None or bias is not None:
        if min is not None or max is not None:
            raise InvalidRequestError("Image.visualize: Give either gain and bias or min and max.")
        gains, biases = _numbers(gain, count, 1.0, "gain"), _numbers(bias, count, 0.0, "bias")
        low = [-b / g for g, b in zip(gains, biases, strict=True)]
        high = [255 / g + first for g, first in zip(gains, low, strict=True)]
    else:
        low = _numbers(min, count, 0.0, "min")
        high = _numbers(max, count, 1.0, "max")
        for index, band in enumerate(chosen):
            if max is None and band.pixel_type.is_integer:
                high[index] = band.pixel_type.bounds()[1]
    gammas = _numbers(gamma, count, 1.0, "gamma")
    table = None if not colours else np.array([colour_of(str(name)) for name in colours])

    def compute_all(grid: PixelGrid) -> list[Pixels]:
        layers, mask = [], np.ones(grid.shape, dtype=bool)
        for band, first, last, power in zip(chosen, low, high, gammas, strict=True):
            pixels = band.pixels(grid)
            span = (last - first) or 1.0
            share = np.clip((pixels.values.astype(np.float64) - first) / span, 0, 1)
            layers.append(share ** (1 / power))
            mask &= pixels.valid
        if table is not None:
            layers = list(through(table, layers[0]))
        else:
            layers = [np.rint(layer * 255) for layer in layers]
            if forceRgbOutput or len(layers) == 3:
                layers = layers * 3 if len(layers) == 1 else layers
        shown: Array = mask
        if opacity is not None:
            shown = np.where(mask, np.float32(opacity), np.float32(0))
        return [Pixels(np.where(mask, layer, 0).astype(np.uint8), shown) for layer in layers]

    grey = table is None and count == 1 and not forceRgbOutput
    shown_names: tuple[str, ...] = ("vis-gray",) if grey else RGB
    templates = [
        Band(name, NAMED["uint8"], chosen[0].projection, chosen[0].compute, chosen[0].footprint)
        for name in shown_names
    ]
    return image.with_bands(joint_bands(compute_all, templates))


@algorithm("Collection.draw")
def draw(collection: Collection, color: str, pointRadius: int, strokeWidth: int) -> Image:
    """Features in one colour: discs for points, lines, and areas with half of the opacity."""
    colour = colour_of(color)
    geometries = [element_geometry(element) for element in collection.elements]

    def compute_all(grid: PixelGrid) -> list[Pixels]:
        east, north = grid.centres(grid.crs)
        points = shapely.points(east, north)
        shapely.prepare(points)
        side = abs(grid.projection.transform[0])
        opacity = np.zeros(grid.shape, dtype=np.float32)
        for geometry in geometries:
            shape = shape_in(geometry, grid.crs)
            if shape.area > 0:
                shapely.prepare(shape)
                filled = shapely.intersects_xy(shape, east, north)
                opacity = np.where(filled, np.maximum(opacity, np.float32(0.5)), opacity)
                shape = shape.boundary
            is_point = shape.geom_type in ("Point", "MultiPoint")
            reach = (pointRadius if is_point else strokeWidth / 2) * side
            opacity = np.where(shapely.dwithin(shape, points, reach), np.float32(1), opacity)
        return [
            Pixels(np.broadcast_to(np.uint8(channel), grid.shape), opacity) for channel in colour
        ]

    template = Band(RGB[0], NAMED["uint8"], WGS84, lambda grid: compute_all(grid)[0])
    return Image(tuple(joint_bands(compute_all, [replace(template, name=n) for n in RGB])))


def through(table: Array, share: Array) -> Array:
    """(3, rows, cols) colours of values 0 to 1 along a palette."""
    if len(table) == 1:
        return np.broadcast_to(table[0][:, None, None], (3, *share.shape))
    stops = np.linspace(0, 1, len(table))
    return np.rint([np.interp(share, stops, table[:, channel]) for channel in range(3)])
