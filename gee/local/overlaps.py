"""`reduceResolution`: every native pixel that an output pixel covers, weighted by how much of it.

In: bands in their own projection, a reducer. Out: functions from a pixel grid to the reduced
pixels. The footprint of an output pixel on the native lattice is taken as the upright rectangle of
its own width and height there: exact in the same CRS, close where the CRSs are a little rotated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gee.local import pixel_types
from gee.local.errors import InvalidRequestError
from gee.local.grids import PixelGrid, Projection, pixel_extents
from gee.local.images import Band
from gee.local.pixel_types import DOUBLE, PixelType
from gee.local.pixels import Array, ComputeMany, Pixels, stacked_rows
from gee.local.reducers import Reducer

WINDOW_PX = 4 * 10**6
"""Native pixels that are read at once."""
BLOCK_VALUES = 10**6
"""Native pixels gathered at once, so that memory stays bounded."""


def overlap_reduction(
    members: Sequence[Band], reducer: Reducer, best_effort: bool, maximum: int
) -> tuple[ComputeMany, list[PixelType]]:
    """The function that reduces the bands to a coarser grid, and the types of its outputs."""
    native = members[0].projection
    if any(band.projection != native for band in members):
        raise InvalidRequestError("Image.reduceResolution: The bands differ in projection.")
    kept = reducer.integer and reducer.name not in ("sum", "count")
    own = members[0].pixel_type if kept else DOUBLE
    targets = [own] * len(reducer.outputs)

    def compute_all(grid: PixelGrid) -> list[Pixels]:
        # Strips of rows, so that the window of native pixels stays of bounded size.
        ratio = grid.projection.nominal_scale / native.nominal_scale
        strip = max(1, int(WINDOW_PX / max(grid.width * ratio**2, 1.0)))
        if strip < grid.height:
            parts = [
                compute_all(
                    replace(grid, row=grid.row + start, height=min(strip, grid.height - start))
                )
                for start in range(0, grid.height, strip)
            ]
            return [stacked_rows(layers) for layers in zip(*parts, strict=True)]
        lattice = native
        if best_effort:
            # By nominal scales, so that every tile of a request starts from the same level.
            ratio = grid.projection.nominal_scale / native.nominal_scale
            while ratio**2 > maximum * (1 + 1e-9):
                ratio /= 2
                lattice = lattice.scaled(2, 2)
        cols, rows = (
            np.broadcast_to(part, grid.shape).ravel() for part in grid.pixel_positions(lattice)
        )
        widths, heights = (
            np.maximum(np.broadcast_to(part, grid.shape).ravel(), 1.0)
            for part in pixel_extents(grid, lattice)
        )
        needed = float((widths * heights).max())
        if needed > maximum * (1 + 1e-9) and not best_effort:
            raise InvalidRequestError(
                "Image.reduceResolution: Too many input pixels per output pixel: "
                f"{round(needed)} > maxPixels ({maximum})."
            )
        return _reduce(members, lattice, reducer, targets, grid, (cols, rows, widths, heights))

    return compute_all, targets


def _taps(centres: Array, sizes: Array, origin: int) -> tuple[Array, Array]:
    """Indices (taps, points) of native pixels along one axis, and the length of each inside."""
    low, high = centres - sizes / 2, centres + sizes / 2
    first = np.floor(low + 1e-6)
    count = int(np.ceil(sizes.max() - 1e-6)) + 1
    index = first[None] + np.arange(count)[:, None]
    inside = np.minimum(high[None], index + 1) - np.maximum(low[None], index)
    return index.astype(np.int64) - origin, np.where(inside > 1e-6, inside, 0.0)


def _window(lattice: Projection, places: tuple[Array, Array, Array, Array]) -> PixelGrid:
    cols, rows, widths, heights = places
    col = int(np.floor((cols - widths / 2).min())) - 1
    row = int(np.floor((rows - heights / 2).min())) - 1
    end_col = int(np.ceil((cols + widths / 2).max())) + 1
    end_row = int(np.ceil((rows + heights / 2).max())) + 1
    return PixelGrid(lattice, col, row, end_col - col, end_row - row)


def _reduce(
    members: Sequence[Band],
    lattice: Projection,
    reducer: Reducer,
    targets: Sequence[PixelType],
    grid: PixelGrid,
    places: tuple[Array, Array, Array, Array],
) -> list[Pixels]:
    window = _window(lattice, places)
    layers = [band.pixels(window) for band in members]
    cols, rows, widths, heights = places
    taps = (int(np.ceil(widths.max())) + 1) * (int(np.ceil(heights.max())) + 1)
    step = max(1, BLOCK_VALUES // taps)
    outputs: list[list[tuple[Array, Array]]] = []
    covered = []
    for start in range(0, cols.size, step):
        block = slice(start, start + step)
        col, col_part = _taps(cols[block], widths[block], window.col)
        row, row_part = _taps(rows[block], heights[block], window.row)
        col, row = np.clip(col, 0, window.width - 1), np.clip(row, 0, window.height - 1)
        area = (row_part[:, None] * col_part[None, :]) / (widths[block] * heights[block])
        count = area.shape[0] * area.shape[1]
        weight = area.reshape(count, -1).copy()
        stack = np.empty((len(layers), count, weight.shape[1]))
        for index, layer in enumerate(layers):
            stack[index] = layer.values[row[:, None], col[None, :]].reshape(count, -1)
            weight *= layer.mask[row[:, None], col[None, :]].reshape(count, -1)
        outputs.append(reducer.reduce_stack(stack, weight))
        covered.append(weight.sum(axis=0))
    share = np.minimum(np.concatenate(covered), 1.0).reshape(grid.shape)
    share = np.where(share > 1 - 1e-9, 1.0, share)
    results = []
    for index, target in enumerate(targets):
        found = np.concatenate([part[index][0] for part in outputs]).reshape(grid.shape)
        valid = np.concatenate([part[index][1] for part in outputs]).reshape(grid.shape)
        valid = valid & (share > 0)
        whole = bool(np.all(share[valid] == 1.0))
        mask = valid if whole else np.where(valid, share, 0.0).astype(np.float32)
        results.append(Pixels(pixel_types.cast(np.where(valid, found, 0.0), target), mask))
    return results
