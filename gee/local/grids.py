"""Where pixels lie: projections (a CRS with an affine transform) and windows of their lattices.

In: CRS names and six-number transforms in Earth Engine's order (column scale, column shear, west,
row shear, row scale, north), in CRS units. Out: pixel-centre coordinates in any CRS.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyproj
from affine import Affine

from gee.local.errors import InvalidRequestError
from gee.local.recent import Recent

METRES_A_DEGREE = 111319.49079327358
"""One degree on the equator of WGS 84, which is how Earth Engine scales geographic CRSs."""

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)

Coordinates = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


@lru_cache(maxsize=256)
def parse_crs(name: str) -> pyproj.CRS:
    """A CRS from an authority code or WKT.

    Raises
    ------
    InvalidRequestError
        The name is not a CRS.
    """
    try:
        return pyproj.CRS.from_user_input(name)
    except pyproj.exceptions.CRSError as error:
        message = f"Projection: The CRS of a map projection could not be parsed: '{name}'."
        raise InvalidRequestError(message) from error


@lru_cache(maxsize=256)
def transformer(source: str, target: str) -> pyproj.Transformer:
    """Coordinates of one CRS in another, both with east before north."""
    return pyproj.Transformer.from_crs(parse_crs(source), parse_crs(target), always_xy=True)


@lru_cache(maxsize=256)
def same_crs(left: str, right: str) -> bool:
    """Whether two names mean the same CRS."""
    return left == right or parse_crs(left).equals(parse_crs(right), ignore_axis_order=True)


@dataclass(frozen=True)
class Projection:
    """A CRS and the affine transform from pixel to CRS coordinates."""

    crs: str
    transform: tuple[float, float, float, float, float, float] = IDENTITY

    @property
    def affine(self) -> Affine:
        """The transform as an affine matrix."""
        return Affine(*self.transform)

    @property
    def metres_a_unit(self) -> float:
        """Metres in one unit of the CRS at its point of true scale."""
        crs = parse_crs(self.crs)
        if crs.is_geographic:
            return METRES_A_DEGREE
        return float(crs.axis_info[0].unit_conversion_factor)

    @property
    def nominal_scale(self) -> float:
        """Side of a pixel in metres at the point of true scale."""
        column_scale, column_shear, _, row_shear, row_scale, _ = self.transform
        area = abs(column_scale * row_scale - column_shear * row_shear)
        return math.sqrt(area) * self.metres_a_unit

    def scaled(self, columns: float, rows: float) -> Projection:
        """The same origin with pixels that many times as wide and high."""
        matrix = self.affine * Affine.scale(columns, rows)
        return Projection(self.crs, tuple(matrix)[:6])

    def at_scale(self, metres: float) -> Projection:
        """The same origin and orientation, with pixels of so many metres."""
        factor = metres / self.nominal_scale
        return self.scaled(factor, factor)

    @property
    def is_composite_default(self) -> bool:
        """Whether this is WGS 84 at one degree, which computed images without a projection have."""
        return same_crs(self.crs, "EPSG:4326") and self.transform == IDENTITY

    def to_json(self) -> dict[str, Any]:
        """As `getInfo` shows it."""
        return {"type": "Projection", "crs": self.crs, "transform": list(self.transform)}

    def window(
        self, west: float, south: float, east: float, north: float, tolerance_px: float = 1e-6
    ) -> PixelGrid:
        """The smallest window of the lattice that covers a box in CRS units."""
        inverse = ~self.affine
        corners = [inverse * corner for corner in ((west, south), (west, north), (east, south))]
        corners.append(inverse * (east, north))
        cols = [corner[0] for corner in corners]
        rows = [corner[1] for corner in corners]
        col, row = math.floor(min(cols) + tolerance_px), math.floor(min(rows) + tolerance_px)
        width = max(math.ceil(max(cols) - tolerance_px) - col, 1)
        height = max(math.ceil(max(rows) - tolerance_px) - row, 1)
        return PixelGrid(self, col, row, width, height)


WGS84 = Projection("EPSG:4326")


@dataclass(frozen=True)
class PixelGrid:
    """A window of a projection's lattice: whole pixels from (col, row), width by height."""

    projection: Projection
    col: int
    row: int
    width: int
    height: int

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, cols)."""
        return self.height, self.width

    @property
    def crs(self) -> str:
        """The CRS of the lattice."""
        return self.projection.crs

    @property
    def transform(self) -> Affine:
        """From pixel coordinates of this window to CRS coordinates."""
        return self.projection.affine * Affine.translation(self.col, self.row)

    def padded(self, cols: int, rows: int) -> PixelGrid:
        """The window grown by so many pixels on every side."""
        return PixelGrid(
            self.projection,
            self.col - cols,
            self.row - rows,
            self.width + 2 * cols,
            self.height + 2 * rows,
        )

    def bounds(self) -> tuple[float, float, float, float]:
        """west, south, east, north in CRS units."""
        matrix = self.transform
        corners = [
            matrix * corner
            for corner in (
                (0, 0),
                (self.width, 0),
                (0, self.height),
                (self.width, self.height),
            )
        ]
        easts = [corner[0] for corner in corners]
        norths = [corner[1] for corner in corners]
        return min(easts), min(norths), max(easts), max(norths)

    def centres(self, crs: str) -> Coordinates:
        """Coordinates of the pixel centres in a CRS, two arrays (rows, cols)."""
        return _CENTRES.get((self, crs), lambda: _centres(self, crs))

    def pixel_positions(self, other: Projection) -> Coordinates:
        """Fractional (col, row) of the pixel centres on another lattice, two arrays (rows, cols).

        Whole numbers are edges of the other lattice's pixels, so `floor` names the pixel.
        """
        if same_crs(self.crs, other.crs):
            # One affine product: no rounding through coordinates, so that tiles agree exactly.
            matrix = ~other.affine * self.projection.affine
            cols = np.arange(self.width) + (self.col + 0.5)
            rows = np.arange(self.height) + (self.row + 0.5)
            return (
                matrix.a * cols[None, :] + matrix.b * rows[:, None] + matrix.c,
                matrix.d * cols[None, :] + matrix.e * rows[:, None] + matrix.f,
            )
        east, north = self.centres(other.crs)
        inverse = ~other.affine
        return (
            inverse.a * east + inverse.b * north + inverse.c,
            inverse.d * east + inverse.e * north + inverse.f,
        )


def _centres(grid: PixelGrid, crs: str) -> Coordinates:
    matrix = grid.projection.affine
    cols = np.arange(grid.width)[None, :] + (grid.col + 0.5)
    rows = np.arange(grid.height)[:, None] + (grid.row + 0.5)
    east = matrix.a * cols + matrix.b * rows + matrix.c
    north = matrix.d * cols + matrix.e * rows + matrix.f
    if same_crs(grid.crs, crs):
        return east, north
    moved = transformer(grid.crs, crs).transform(east, north)
    return np.asarray(moved[0]), np.asarray(moved[1])


# Transforming coordinates is slow, and many scenes share a lattice.
_CENTRES: Recent[tuple[PixelGrid, str], Coordinates] = Recent(
    24 * 2**20, lambda centres: sum(part.nbytes for part in centres)
)


def pixel_extents(grid: PixelGrid, other: Projection) -> Coordinates:
    """Width and height of each pixel on another lattice, two arrays (rows, cols).

    The upright rectangle about the quadrilateral's middle: in the same CRS it is the pixel itself.
    """
    sides = []
    for col_step, row_step in ((1, 0), (0, 1)):
        ends = []
        for sign in (-1, 1):
            shifted = Projection(
                grid.crs,
                tuple(
                    grid.projection.affine
                    * Affine.translation(sign * col_step / 2, sign * row_step / 2)
                )[:6],
            )
            moved = PixelGrid(shifted, grid.col, grid.row, grid.width, grid.height)
            ends.append(moved.pixel_positions(other))
        sides.append((np.abs(ends[1][0] - ends[0][0]), np.abs(ends[1][1] - ends[0][1])))
    return np.maximum(sides[0][0], sides[1][0]), np.maximum(sides[0][1], sides[1][1])


def grid_of_request(crs: str, transform: Affine, width: int, height: int) -> PixelGrid:
    """The window that a request describes by a transform of its own upper left corner.

    A tile of a larger grid is put on that grid's lattice (`anchored`).
    """
    return anchored(PixelGrid(Projection(crs, tuple(transform)[:6]), 0, 0, width, height))


def anchored(grid: PixelGrid) -> PixelGrid:
    """The same window with its pixels counted from the CRS origin, where that lies on the lattice.

    The tiles of a grid, and the pixels under points, have origins of their own, each rounded. A
    whole number of pixels away from the CRS origin, or nearly so, they are windows of one lattice:
    put on it, they read the very same positions.
    """
    a, b, c, d, e, f = grid.projection.transform
    offsets = ~Affine(a, b, 0.0, d, e, 0.0) * (c, f)
    col, row = round(offsets[0]), round(offsets[1])
    if abs(offsets[0] - col) >= 1e-6 or abs(offsets[1] - row) >= 1e-6:
        return grid
    lattice = Projection(grid.crs, (a, b, 0.0, d, e, 0.0))
    return PixelGrid(lattice, grid.col + col, grid.row + row, grid.width, grid.height)
