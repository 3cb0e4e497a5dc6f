"""Which pixels of the grid belong to the region.

In: the study's grid and, where the study names one, a mask raster. Out: (rows, cols) bool per
tile. Without a mask the whole rectangle is the region.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from export.covariates.settings import CovariateSettings
from export.covariates.source import CovariateSource, open_source
from export.covariates.warp import read_tile
from gee.grid import Tile, tiles_of


@dataclass(frozen=True)
class Region:
    """geobox : the study's grid; mask : its raster or None; mask_values : what counts as inside."""

    geobox: GeoBox
    mask: CovariateSource | None = None
    mask_values: tuple[int, ...] | None = None


def open_region(
    geobox: GeoBox,
    mask: Path | None = None,
    mask_values: tuple[int, ...] | None = None,
    crs: str | None = None,
) -> Region:
    """Return the region of a study.

    Parameters
    ----------
    mask : raster of which the pixel under the centre of ours decides
    mask_values : its values that are inside; None: all but 0 and missing
    crs : that of the mask, where the file has none

    Raises
    ------
    RasterError
        where the mask cannot be read or has no CRS.
    """
    if mask is None:
        return Region(geobox)
    settings = CovariateSettings.model_validate(
        {"name": "region", "file": str(mask), "crs": crs, "resampling": "nearest"}
    )
    return Region(geobox, open_source(settings, mask, geobox), mask_values)


def read_region(region: Region, tile: Tile) -> NDArray[np.bool_]:
    """Return which pixels of a tile lie in the region, (rows, cols) bool."""
    if region.mask is None:
        return np.ones(tile.shape, bool)
    values = read_tile(region.mask, tile)
    if region.mask_values is not None:
        inside: NDArray[np.bool_] = np.isin(values, np.asarray(region.mask_values, np.float32))
        return inside
    return np.asarray(~np.isnan(values) & (values != 0))


@dataclass(frozen=True, eq=False)
class Extent:
    """Where the region's pixels lie in a tile.

    Parameters
    ----------
    tile : that holds at least one
    first, beyond : (cols,) int, rows of the grid: in each column the first one of the region, and
        the one after the last; where a column holds none, `beyond` is not above `first`
    pixels : how many there are
    """

    tile: Tile
    first: NDArray[np.int32]
    beyond: NDArray[np.int32]
    pixels: int

    @cached_property
    def name(self) -> str:
        return self.tile.name


def whole_extent(tile: Tile) -> Extent:
    """Return the extent of a tile that lies in the region with all its pixels."""
    row_start, _, height, width = tile.window
    first = np.full(width, row_start, np.int32)
    return Extent(tile, first, first + np.int32(height), height * width)


def extent_of(tile: Tile, inside: NDArray[np.bool_]) -> Extent:
    """Return where the region lies in a tile, given which of its pixels are inside."""
    row_start, _, height, _ = tile.window
    some = inside.any(axis=0)
    first = np.where(some, row_start + inside.argmax(axis=0), row_start + height)
    beyond = np.where(some, row_start + height - inside[::-1].argmax(axis=0), row_start)
    return Extent(tile, first.astype(np.int32), beyond.astype(np.int32), int(inside.sum()))


def region_extents(region: Region, tile_px: int) -> list[Extent]:
    """Return the tiles that hold at least one pixel of the region, from the north-west."""
    tiles = tiles_of(region.geobox, tile_px)
    if region.mask is None:
        return [whole_extent(tile) for tile in tiles]
    found = (extent_of(tile, read_region(region, tile)) for tile in tiles)
    return [extent for extent in found if extent.pixels]


def region_tiles(region: Region, tile_px: int) -> list[Tile]:
    """Return the tiles that hold at least one pixel of the region, from the north-west."""
    return [extent.tile for extent in region_extents(region, tile_px)]
