"""The pixels under many points at once.

In: bands, a lattice, positions of pixels on it. Out: the value and mask of every band at every
point. Neighbouring points share a window, since computing some pixels more costs less than
computing once more; the values are those of each pixel alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely

from gee.local.coercion import element_geometry
from gee.local.grids import PixelGrid, Projection, anchored
from gee.local.images import Band
from gee.local.last_reads import expect
from gee.local.pixels import Array
from gee.local.rasters import EDGE_TOLERANCE_PX
from gee.local.shapes import shape_in

PIXELS_A_POINT = 1024
"""A window is worth its size as long as it has no more pixels than this for each of its points."""
LARGEST_WINDOW_PX = 2**16
"""Beyond it a stack's intermediate results outgrow the cache of a request, and are made anew."""


def pixel_of_points(elements: Sequence[Any], lattice: Projection) -> tuple[Array, Array] | None:
    """(n,) columns and rows of the pixels in which features lie; None if any is not a point."""
    shapes = [element_geometry(element) for element in elements]
    if not shapes or any(one.unbounded or one.shape.geom_type != "Point" for one in shapes):
        return None
    if any(one.shape.is_empty for one in shapes):
        return None
    points = np.array(
        [shapely.get_coordinates(shape_in(one, lattice.crs))[0] for one in shapes], dtype=float
    )
    inverse = ~lattice.affine
    cols = inverse.a * points[:, 0] + inverse.b * points[:, 1] + inverse.c
    rows = inverse.d * points[:, 0] + inverse.e * points[:, 1] + inverse.f
    return (
        np.floor(cols + EDGE_TOLERANCE_PX).astype(np.int64),
        np.floor(rows + EDGE_TOLERANCE_PX).astype(np.int64),
    )


def windows(cols: Array, rows: Array) -> list[Array]:
    """Groups of points (as indices) that are best computed in one window each."""
    found: list[Array] = []
    waiting = [np.arange(len(cols))]
    while waiting:
        members = waiting.pop()
        width = int(np.ptp(cols[members])) + 1
        height = int(np.ptp(rows[members])) + 1
        size = width * height
        if size <= min(PIXELS_A_POINT * len(members), LARGEST_WINDOW_PX) or size == 1:
            found.append(members)
            continue
        along = cols[members] if width >= height else rows[members]
        middle = (int(along.min()) + int(along.max())) / 2
        waiting += [members[along <= middle], members[along > middle]]
    return found


def values_at(
    bands: Sequence[Band], cols: Array, rows: Array, lattice: Projection
) -> tuple[list[Array], list[Array]]:
    """For each band its values (n,) and mask (n,) at pixels of a lattice."""
    values = [np.zeros(len(cols), band.pixel_type.dtype) for band in bands]
    masks = [np.zeros(len(cols), dtype=np.float64) for _ in bands]
    expect(bands)
    for members in windows(cols, rows):
        col, row = int(cols[members].min()), int(rows[members].min())
        width = int(cols[members].max()) - col + 1
        height = int(rows[members].max()) - row + 1
        grid = anchored(PixelGrid(lattice, col, row, width, height))
        place = rows[members] - row, cols[members] - col
        for index, band in enumerate(bands):
            pixels = band.pixels(grid)
            values[index][members] = pixels.values[place]
            masks[index][members] = pixels.mask[place]
    return values, masks
