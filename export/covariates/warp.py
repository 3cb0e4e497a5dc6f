"""A covariate's values on one tile of the study's grid.

In: a `CovariateSource` and a `Tile`. Out: (rows, cols) float32 in the covariate's unit, NaN where
missing. Sampling at sites and writing of tiles both call `read_tile` for the tile that holds the
pixel, so that the value sampled at a site is its tile's value to the bit.
"""

import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.io import MemoryFile
from rasterio.vrt import WarpedVRT

from export.covariates.source import FINER_THAN_GRID, CovariateSource, read_source, to_source_pixels
from export.errors import TileError
from export.rasters.info import open_raster
from gee.grid import ALIGNMENT_PX, Tile

_METHODS = {
    "bilinear": Resampling.bilinear,
    "cubic": Resampling.cubic,
    "average": Resampling.average,
    "mode": Resampling.mode,
    "median": Resampling.med,
    "minimum": Resampling.min,
    "maximum": Resampling.max,
}
# These look at the one or few pixels around the centre of ours; the others at all under it.
_AROUND_THE_CENTRE = ("bilinear", "cubic")

# 64 MB of float32, some four times that at once while it is warped. A tile over more source
# pixels is read in quarters.
MOST_SOURCE_PX = 16_000_000

# GDAL otherwise approximates the transformation to an eighth of a source pixel, tile by tile.
_TOLERANCE_PX = 1e-6
_HALF = 0.5 - 1e-6


def read_tile(source: CovariateSource, tile: Tile) -> NDArray[np.float32]:
    """Return the values of a covariate on a tile, (rows, cols) float32, NaN where missing.

    Where the file's pixels coincide with the study's they are taken as they are. Else they are
    resampled; a pixel is then missing where the file's pixel under its centre is (nearest,
    bilinear, cubic), or at least half of what lies under it (the other methods): values don't
    bleed into what is missing.

    Raises
    ------
    RasterError
        where the file cannot be read, with its path.
    TileError
        where the tile is not of the study's grid.
    """
    row_start, col_start, height, width = tile.window
    _require_on_grid(source, tile)
    with open_raster(source.path) as dataset:
        if source.origin is not None:
            row, col = source.origin
            return read_source(
                source, dataset, row_start - row, col_start - col, height, width
            ).values
        return _warped(source, dataset, tile.geobox)


def _warped(source: CovariateSource, dataset: Any, geobox: GeoBox) -> NDArray[np.float32]:
    height, width = geobox.shape.yx
    if source.resampling == "nearest":
        return _nearest(source, dataset, geobox)
    window = source_window(source, geobox)
    if window is None:
        return np.full((height, width), np.nan, np.float32)
    if window[2] * window[3] > MOST_SOURCE_PX and height * width > 1:
        return _in_quarters(source, dataset, geobox)
    values = read_source(source, dataset, *window).values
    present = ~np.isnan(values)
    if not present.any():
        return np.full((height, width), np.nan, np.float32)
    row, col = window[:2]
    grid = GeoBox(
        values.shape,
        source.geobox.transform * source.geobox.transform.translation(col, row),
        source.geobox.crs,
    )
    # GDAL would otherwise take the width of the kernel from the shape of each tile's window.
    scale = 1 / source.fineness if source.fineness > FINER_THAN_GRID else 1.0
    result = _warp(values, grid, geobox, _METHODS[source.resampling], scale)
    if not present.all():
        around_centre = source.resampling in _AROUND_THE_CENTRE
        method = Resampling.nearest if around_centre else Resampling.average
        share_present = _warp(present.astype(np.float32), grid, geobox, method, scale)
        result[~(share_present >= _HALF)] = np.nan
    return result


def _nearest(source: CovariateSource, dataset: Any, geobox: GeoBox) -> NDArray[np.float32]:
    """Take the file's pixel under each centre; on an edge between two, the southern or eastern.

    GDAL decides such ties by rounding, differently from tile to tile.
    """
    height, width = geobox.shape.yx
    rows, cols = np.meshgrid(np.arange(height) + 0.5, np.arange(width) + 0.5, indexing="ij")
    result = np.full((height, width), np.nan, np.float32)
    places = np.stack(to_source_pixels(source, geobox, rows, cols))
    in_file = np.reshape(source.geobox.shape.yx, (2, 1, 1))
    with np.errstate(invalid="ignore"):
        places = np.floor(places + ALIGNMENT_PX)
        within = ((places >= 0) & (places < in_file)).all(axis=0)
    if not within.any():
        return result
    held_rows, held_cols = places[:, within].astype(np.int64)
    top, left = int(held_rows.min()), int(held_cols.min())
    tall, wide = int(held_rows.max()) - top + 1, int(held_cols.max()) - left + 1
    if tall * wide > MOST_SOURCE_PX and height * width > 1:
        return _in_quarters(source, dataset, geobox)
    values = read_source(source, dataset, top, left, tall, wide).values
    result[within] = values[held_rows - top, held_cols - left]
    return result


def _in_quarters(source: CovariateSource, dataset: Any, geobox: GeoBox) -> NDArray[np.float32]:
    height, width = geobox.shape.yx
    result = np.empty((height, width), np.float32)
    row_edges = sorted({0, (height + 1) // 2, height})
    col_edges = sorted({0, (width + 1) // 2, width})
    for top, bottom in itertools.pairwise(row_edges):
        for left, right in itertools.pairwise(col_edges):
            part = np.s_[top:bottom, left:right]
            result[part] = _warped(source, dataset, geobox[part])
    return result


def source_window(source: CovariateSource, geobox: GeoBox) -> tuple[int, int, int, int] | None:
    """Return row, col, height, width of the part of the file that a grid needs, with a margin.

    The margin holds the kernel of any method and the bend of the grid's edges between the points
    that are projected. It may reach over the file's edges by no more than itself. None where the
    file lies elsewhere.
    """
    height, width = geobox.shape.yx
    rows, cols = np.meshgrid(np.linspace(0, height, 33), np.linspace(0, width, 33), indexing="ij")
    source_rows, source_cols = to_source_pixels(source, geobox, rows, cols)
    reached = np.isfinite(source_rows) & np.isfinite(source_cols)
    if not reached.any():
        return None
    starts, sizes = [], []
    for places, pixels, in_file in zip(
        (source_rows, source_cols), (height, width), source.geobox.shape.yx, strict=True
    ):
        low, high = float(places[reached].min()), float(places[reached].max())
        extent = high - low
        margin = 4 + math.ceil(0.02 * extent) + math.ceil(3 * max(1.0, extent / pixels))
        start = max(math.floor(low) - margin, -margin)
        stop = min(math.ceil(high) + margin, in_file + margin)
        if stop <= 0 or start >= in_file:
            return None
        starts.append(start)
        sizes.append(stop - start)
    return starts[0], starts[1], sizes[0], sizes[1]


def _warp(
    values: NDArray[np.float32], grid: GeoBox, to: GeoBox, method: Resampling, scale: float
) -> NDArray[np.float32]:
    """Resample `values`; `scale` is the study's pixels per pixel of the file, at most 1."""
    height, width = values.shape
    to_height, to_width = to.shape.yx
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            count=1,
            height=height,
            width=width,
            dtype="float32",
            crs=str(grid.crs),
            transform=grid.transform,
            nodata=np.nan,
        ) as dataset:
            dataset.write(values, 1)
        with (
            memory.open() as dataset,
            WarpedVRT(
                dataset,
                crs=str(to.crs),
                transform=to.transform,
                height=to_height,
                width=to_width,
                nodata=np.nan,
                resampling=method,
                tolerance=_TOLERANCE_PX,
                XSCALE=scale,
                YSCALE=scale,
            ) as warped,
        ):
            result: NDArray[np.float32] = warped.read(1)
            return result


def _require_on_grid(source: CovariateSource, tile: Tile) -> None:
    row_start, col_start = tile.window[:2]
    col, row = ~source.study_grid.transform * (tile.geobox.transform * (0, 0))
    if (
        tile.geobox.crs != source.study_grid.crs
        or max(abs(row - row_start), abs(col - col_start)) > ALIGNMENT_PX
    ):
        raise TileError(
            f"{tile.name} is not of the grid that covariate '{source.name}' was opened for"
        )
