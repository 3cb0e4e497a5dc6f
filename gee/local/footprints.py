"""Footprints: where an image has pixels, whether masked or not.

In: a raster's rectangle, a geometry, or others' footprints. Out: a mask on any pixel grid, and an
outline in longitude and latitude.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import shapely

from gee.local.grids import PixelGrid, Projection, same_crs, transformer

Array = np.ndarray[Any, Any]
SHELL_POINTS = 32
"""Points along each side of a raster's outline, so that a straight side stays on its curve."""


class Footprint(Protocol):
    """A region of the Earth's surface; an image without one is unbounded."""

    def covers(self, grid: PixelGrid) -> Array:
        """(rows, cols) bool: whether the pixel's centre lies inside."""

    def outline(self) -> shapely.Geometry:
        """The region in EPSG:4326, east before north."""


@dataclass(frozen=True)
class RasterFootprint:
    """The rectangle of a raster in its own projection."""

    projection: Projection
    width: int
    height: int

    def covers(self, grid: PixelGrid) -> Array:
        """(rows, cols) bool: whether the pixel's centre lies inside."""
        cols, rows = grid.pixel_positions(self.projection)
        inside: Array = (cols >= 0) & (cols < self.width) & (rows >= 0) & (rows < self.height)
        return inside

    def outline(self) -> shapely.Geometry:
        """The region in EPSG:4326."""
        ring = shapely.segmentize(
            shapely.box(0, 0, self.width, self.height), max(self.width, self.height) / SHELL_POINTS
        )
        matrix = self.projection.affine
        coordinates = shapely.get_coordinates(ring)
        east = matrix.a * coordinates[:, 0] + matrix.b * coordinates[:, 1] + matrix.c
        north = matrix.d * coordinates[:, 0] + matrix.e * coordinates[:, 1] + matrix.f
        if not same_crs(self.projection.crs, "EPSG:4326"):
            east, north = transformer(self.projection.crs, "EPSG:4326").transform(east, north)
        return shapely.Polygon(np.column_stack([east, north])).normalize()


@dataclass(frozen=True)
class GeometryFootprint:
    """A region given by a geometry of some CRS."""

    shape: shapely.Geometry
    crs: str

    def covers(self, grid: PixelGrid) -> Array:
        """(rows, cols) bool: whether the pixel's centre lies inside."""
        east, north = grid.centres(self.crs)
        shapely.prepare(self.shape)
        inside: Array = shapely.intersects_xy(self.shape, east, north)
        return inside

    def outline(self) -> shapely.Geometry:
        """The region in EPSG:4326."""
        if same_crs(self.crs, "EPSG:4326"):
            return self.shape
        moved = transformer(self.crs, "EPSG:4326")
        return shapely.transform(
            self.shape,
            lambda points: np.column_stack(moved.transform(points[:, 0], points[:, 1])),
        )


@dataclass(frozen=True)
class UnionFootprint:
    """Everything that any of several footprints covers."""

    parts: tuple[Footprint, ...]

    def covers(self, grid: PixelGrid) -> Array:
        """(rows, cols) bool: whether the pixel's centre lies inside."""
        inside = np.zeros(grid.shape, dtype=bool)
        for part in self.parts:
            inside |= part.covers(grid)
        return inside

    def outline(self) -> shapely.Geometry:
        """The region in EPSG:4326."""
        return shapely.union_all([part.outline() for part in self.parts])


@dataclass(frozen=True)
class IntersectionFootprint:
    """What two footprints share."""

    left: Footprint
    right: Footprint

    def covers(self, grid: PixelGrid) -> Array:
        """(rows, cols) bool: whether the pixel's centre lies inside."""
        return self.left.covers(grid) & self.right.covers(grid)

    def outline(self) -> shapely.Geometry:
        """The region in EPSG:4326."""
        return shapely.intersection(self.left.outline(), self.right.outline())


def union(footprints: Sequence[Footprint | None]) -> Footprint | None:
    """The union; unbounded (None) where any part is."""
    parts: list[Footprint] = []
    for footprint in footprints:
        if footprint is None:
            return None
        if footprint not in parts:
            parts.append(footprint)
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else UnionFootprint(tuple(parts))


def intersection(left: Footprint | None, right: Footprint | None) -> Footprint | None:
    """The intersection; None stands for everywhere."""
    if left is None or left == right:
        return right
    return left if right is None else IntersectionFootprint(left, right)
