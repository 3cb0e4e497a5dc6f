"""Which tile holds a pixel: rows and columns of the grid → tiles, each with its pixels."""

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from gee.grid import Tile, tiles_of


def by_tile(
    geobox: GeoBox,
    tile_px: int,
    rows: NDArray[np.int64],
    cols: NDArray[np.int64],
    chosen: NDArray[np.bool_],
) -> list[tuple[Tile, NDArray[np.int64]]]:
    """Return the tiles that hold chosen pixels, each with the indices of its pixels.

    Parameters
    ----------
    rows, cols : (n,) int; those chosen lie in the grid
    chosen : (n,) bool
    """
    index = np.flatnonzero(chosen)
    tiles_across = -(-int(geobox.shape.x) // tile_px)
    number = rows[index] // tile_px * tiles_across + cols[index] // tile_px
    tiles = tiles_of(geobox, tile_px)
    return [(tiles[k], index[number == k]) for k in np.unique(number)]
