"""Which pixels of the grid belong to the region.

In: the study's grid and, where the study names one, a mask raster. Out: (rows, cols) bool per
tile. Without a mask the whole rectangle is the region.
"""

from dataclasses import dataclass
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


def region_tiles(region: Region, tile_px: int) -> list[Tile]:
    """Return the tiles that hold at least one pixel of the region, from the north-west."""
    return [tile for tile in tiles_of(region.geobox, tile_px) if read_region(region, tile).any()]
