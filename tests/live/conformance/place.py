"""Where is asked, and how: through the product's own session, pixels and points.

The place is a pixel of the study's grid. Answers are plain numbers, None where masked, as a record
compares and a table writes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ee
import numpy as np
from odc.geo.geobox import GeoBox

from gee.grid import plateau_geobox, positions
from gee.pixels import read_window, request_grid
from gee.points import sample_points
from gee.session import ask
from gee.settings import EarthEngineSettings
from gee.ways import projection_of

LONGITUDE_DEG, LATITUDE_DEG = 93.1, 35.2
"""Near Wudaoliang, on gentle ground."""


@dataclass(frozen=True)
class Place:
    """A pixel of a grid, and how composites are made there.

    Parameters
    ----------
    grid : the study's, whole
    row, col : the pixel; windows begin there
    settings : of the composites
    tile_px : rows and columns of the tile of the full stack
    """

    grid: GeoBox
    row: int
    col: int
    settings: EarthEngineSettings
    tile_px: int = 64

    @property
    def projection(self) -> ee.Projection:
        """The grid as Earth Engine's projection."""
        return projection_of(self.grid)

    def window(self, rows: int, cols: int) -> GeoBox:
        """Return a window of the grid that begins at the pixel."""
        return self.grid[self.row : self.row + rows, self.col : self.col + cols]

    def edges(self, rows: int, cols: int) -> list[float]:
        """Return west, south, east and north of such a window."""
        box = self.window(rows, cols).boundingbox
        return [float(edge) for edge in (box.left, box.bottom, box.right, box.top)]


def known_place() -> Place:
    """Return the place on the grid of the published map; two years are enough for the ranges."""
    grid = plateau_geobox()
    rows, cols, _ = positions(grid, LONGITUDE_DEG, LATITUDE_DEG)
    settings = EarthEngineSettings.model_validate({"years": (2019, 2020)})
    return Place(grid, int(rows[0]), int(cols[0]), settings)


def value(computed: ee.ComputedObject) -> Any:
    """Return what a number, a list, a dictionary or a description is."""
    return ask(computed.getInfo, "a value of the live checks")


def pixel(place: Place, image: ee.Image, *names: str) -> list[float | None]:
    """Return the values of some bands at the pixel."""
    return numbers(read_window(image, names, place.window(1, 1))[:, 0, 0])


def along_row(place: Place, image: ee.Image, name: str, count: int) -> list[float | None]:
    """Return the values of a band at some pixels from west to east."""
    return numbers(read_window(image, [name], place.window(1, count))[0, 0])


def rows_of(place: Place, images: Sequence[ee.Image], count: int) -> list[list[float | None]]:
    """Return such values of several images of one band each, through one request."""
    names = [f"image{number}" for number in range(len(images))]
    image = ee.Image.cat(
        [each.toFloat().rename(name) for each, name in zip(images, names, strict=True)]
    )
    values = read_window(image, names, place.window(1, count))
    return [numbers(band[0]) for band in values]


def at_points(place: Place, image: ee.Image, name: str, count: int) -> list[float | None]:
    """Return the same pixels as `along_row`, asked for as points."""
    cols = place.col + np.arange(count)
    return numbers(sample_points(image, [name], place.grid, place.row, cols)[:, 0])


def raw_pixel(place: Place, image: ee.Image) -> list[float]:
    """Return what the service writes at the pixel, masked or not, in the bands' own types."""
    request = {
        "expression": image,
        "fileFormat": "NUMPY_NDARRAY",
        "grid": request_grid(place.window(1, 1)),
    }
    found = ask(lambda: ee.data.computePixels(request), "a pixel as it is written")
    return [float(number) for number in found[0, 0].tolist()]


def numbers(values: Sequence[float] | np.ndarray[Any, Any]) -> list[float | None]:
    """Return values as floats, None for NaN."""
    return [None if np.isnan(number) else float(number) for number in values]
