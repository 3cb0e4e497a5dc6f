"""Pictures: map tiles and thumbnails.

In: an image and a grid. Out: a PNG (with opacity) or a JPEG, and its content type.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gee.local import outputs
from gee.local.algorithms.visualisation import visualize
from gee.local.errors import InvalidRequestError, NotImplementedHereError
from gee.local.grids import PixelGrid, Projection
from gee.local.images import Image

TILE_PX = 256
MERCATOR_HALF_M = math.pi * 6378137.0
"""Half the side of the web Mercator square in metres."""


def tile_grid(zoom: int, col: int, row: int) -> PixelGrid:
    """The pixel grid of a map tile in EPSG:3857."""
    if not (0 <= zoom <= 24 and 0 <= row < 2**zoom and 0 <= col < 2**zoom):
        raise InvalidRequestError(f"Invalid tile coordinates: zoom {zoom}, col {col}, row {row}.")
    size = 2 * MERCATOR_HALF_M / (TILE_PX * 2**zoom)
    lattice = Projection("EPSG:3857", (size, 0.0, -MERCATOR_HALF_M, 0.0, -size, MERCATOR_HALF_M))
    return PixelGrid(lattice, col * TILE_PX, row * TILE_PX, TILE_PX, TILE_PX)


def with_options(image: Image, options: dict[str, Any]) -> Image:
    """The image stretched and coloured by a request's visualization options."""
    for field in options:
        if field not in ("ranges", "paletteColors", "gamma", "opacity"):
            raise NotImplementedHereError(f"the visualization option '{field}'")
    ranges = options.get("ranges") or []
    low = [part.get("min", 0.0) for part in ranges] or None
    high = [part.get("max", 1.0) for part in ranges] or None
    gamma = (options.get("gamma") or {}).get("value")
    return visualize(
        image,
        None,
        None,
        None,
        low,
        high,
        gamma,
        options.get("opacity"),
        options.get("paletteColors"),
        True,
    )


def render(image: Image, grid: PixelGrid, file_format: str) -> tuple[bytes, str]:
    """A picture of an image that is visualized already, or of its first bands stretched.

    Raises
    ------
    NotImplementedHereError
        The format is unknown here.
    """
    if file_format not in ("PNG", "JPEG", "AUTO_JPEG_PNG"):
        raise NotImplementedHereError(f"the picture format '{file_format}'")
    shown = image if _is_visual(image) else with_options(image, {})
    pixels = [band.pixels(grid) for band in shown.bands]
    colours = [np.asarray(part.values) for part in pixels]
    colours = colours * 3 if len(colours) == 1 else colours
    opacity = np.rint(pixels[0].mask.astype(np.float64) * 255)
    channels = np.stack([*colours, opacity]).astype(np.uint8)
    opaque = bool((opacity == 255).all())
    chosen = file_format
    if chosen == "AUTO_JPEG_PNG":
        chosen = "JPEG" if opaque else "PNG"
    return outputs.picture(channels, chosen), outputs.CONTENT_TYPES[chosen]


def _is_visual(image: Image) -> bool:
    return bool(image.bands) and all(band.name.startswith("vis-") for band in image.bands)
