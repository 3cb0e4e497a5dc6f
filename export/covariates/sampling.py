"""What the covariates hold at the sites, and at random pixels of the region.

In: positions in degrees, covariate sources, the region. Out: rows and columns of the study's
grid, and values (n, p) float32, NaN where missing. Values come from the tile that holds the
pixel, by the same function that writes tiles; `skew_check` proves it on the files.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from odc.geo.geobox import GeoBox

from export.covariates.region import Region, read_region
from export.covariates.source import CovariateSource
from export.covariates.tiles import read_covariate_tile
from export.covariates.warp import read_tile
from export.errors import StudyError
from export.parallel import in_order
from export.progress import Progress
from gee.grid import Tile, positions, relative_area, tiles_of
from local_ml.randomness import stream


def locate(region: Region, longitude: ArrayLike, latitude: ArrayLike, tile_px: int) -> pd.DataFrame:
    """Find the pixels of positions, whatever they hold.

    Parameters
    ----------
    longitude, latitude : (n,) float, degrees; NaN where unknown

    Returns
    -------
    DataFrame
        n rows in the given order. row, col : int; beyond the grid they count on, -1 where the
        position is unknown. in_grid, in_region : bool. in_region_swapped : bool, whether the
        position would lie in the region with longitude and latitude exchanged.
    """
    longitude, latitude = np.asarray(longitude, float), np.asarray(latitude, float)
    rows, cols, in_grid, in_region = _located(region, longitude, latitude, tile_px)
    *_, swapped = _located(region, latitude, longitude, tile_px)
    return pd.DataFrame(
        {
            "row": rows,
            "col": cols,
            "in_grid": in_grid,
            "in_region": in_region,
            "in_region_swapped": swapped,
        }
    )


def _located(
    region: Region, longitude: NDArray[np.float64], latitude: NDArray[np.float64], tile_px: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    known = np.isfinite(longitude) & np.isfinite(latitude)
    rows, cols = np.full((2, known.size), -1, np.int64)
    in_grid, in_region = np.zeros((2, known.size), bool)
    rows[known], cols[known], in_grid[known] = positions(
        region.geobox, longitude[known], latitude[known]
    )
    for tile, index in _by_tile(region.geobox, tile_px, rows, cols, in_grid):
        inside = read_region(region, tile)
        in_region[index] = inside[rows[index] - tile.window[0], cols[index] - tile.window[1]]
    return rows, cols, in_grid, in_region


def sample_at(
    sources: Sequence[CovariateSource],
    geobox: GeoBox,
    tile_px: int,
    rows: ArrayLike,
    cols: ArrayLike,
    progress: Progress,
    workers: int = 0,
) -> NDArray[np.float32]:
    """Return the covariates at pixels of the grid.

    Parameters
    ----------
    rows, cols : (n,) int, pixels of `geobox`
    tile_px : side of the tiles that are written later

    Returns
    -------
    (n, p) float32, in the order of `sources`, NaN where missing

    Raises
    ------
    StudyError
        where a pixel lies outside the grid.
    RasterError
        where a raster cannot be read.
    """
    rows, cols = np.asarray(rows, np.int64), np.asarray(cols, np.int64)
    height, width = geobox.shape.yx
    outside = (rows < 0) | (rows >= height) | (cols < 0) | (cols >= width)
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        raise StudyError(
            f"pixel {first} to sample (row {rows[first]}, column {cols[first]}) lies outside the "
            f"grid of {height} x {width} pixels"
        )
    parts = _by_tile(geobox, tile_px, rows, cols, ~outside)
    work = [
        (column, source, tile, index)
        for column, source in enumerate(sources)
        for tile, index in parts
    ]

    def read(part: tuple[int, CovariateSource, Tile, NDArray[np.int64]]) -> NDArray[np.float32]:
        _, source, tile, index = part
        row_start, col_start = tile.window[:2]
        found: NDArray[np.float32] = read_tile(source, tile)[
            rows[index] - row_start, cols[index] - col_start
        ]
        return found

    values = np.full((rows.size, len(sources)), np.nan, np.float32)
    with progress.task("sampling", len(work)) as task:
        for (column, _, _, index), found in zip(work, in_order(read, work, workers), strict=True):
            values[index, column] = found
            task.advance()
    return values


def domain_sample(
    region: Region, tile_px: int, n: int, seed: int, progress: Progress, workers: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw `n` different pixels of the region, evenly by ground area.

    In a geographic CRS a pixel's chance is proportional to the cosine of its latitude. Each
    pixel of the region draws the key log(u) / area and the greatest `n` keys win, which is
    weighted sampling without replacement in one pass over the mask (Efraimidis and Spirakis
    2006, doi:10.1016/j.ipl.2005.11.003).

    Returns
    -------
    rows, cols : (n,) int, from the north-west; fewer where the region has fewer pixels
    """
    area = relative_area(region.geobox)

    def draw(tile: Tile) -> NDArray[np.float64]:
        rows, cols = np.nonzero(read_region(region, tile))
        rows, cols = rows + tile.window[0], cols + tile.window[1]
        chance = stream(seed, "domain", tile.name).random(rows.size)
        keys = np.log1p(-chance) / area[rows]
        return _greatest(np.stack([keys, rows, cols]), n)

    best = np.empty((3, 0))
    tiles = tiles_of(region.geobox, tile_px)
    with progress.task("domain sample", len(tiles)) as task:
        for found in in_order(draw, tiles, workers):
            best = _greatest(np.concatenate([best, found], axis=1), n)
            task.advance()
    rows, cols = best[1].astype(np.int64), best[2].astype(np.int64)
    order = np.lexsort((cols, rows))
    return rows[order], cols[order]


def skew_check(
    values: ArrayLike,
    names: Sequence[str],
    rows: ArrayLike,
    cols: ArrayLike,
    geobox: GeoBox,
    tile_px: int,
    files: Mapping[str, Path],
) -> pd.DataFrame:
    """Compare sampled values with the tile files at the same pixels, for exact equality.

    Parameters
    ----------
    values : (n, p) float32 as sampled; names : p, those of the tiles' bands
    rows, cols : (n,) int, pixels of the region
    files : tile name → covariate tile, as `write_covariate_tiles` reports them

    Returns
    -------
    DataFrame
        one row a difference: index (of the pixel), row, col, covariate, sampled, tile. Two
        missing values are equal. Pixels whose tile is not among `files` are left out: such a
        hole is reported by the step that made the tiles.
    """
    values = np.asarray(values, np.float32)
    rows, cols = np.asarray(rows, np.int64), np.asarray(cols, np.int64)
    differences = []
    for tile, index in _by_tile(geobox, tile_px, rows, cols, np.ones(rows.size, bool)):
        if tile.name not in files:
            continue
        bands, _ = read_covariate_tile(files[tile.name], names)
        for column, name in enumerate(names):
            sampled = values[index, column]
            held = bands[name][rows[index] - tile.window[0], cols[index] - tile.window[1]]
            differs = ~((sampled == held) | (np.isnan(sampled) & np.isnan(held)))
            differences.append(
                pd.DataFrame(
                    {
                        "index": index[differs],
                        "row": rows[index[differs]],
                        "col": cols[index[differs]],
                        "covariate": name,
                        "sampled": sampled[differs],
                        "tile": held[differs],
                    }
                )
            )
    if not differences:
        return pd.DataFrame(columns=["index", "row", "col", "covariate", "sampled", "tile"])
    return pd.concat(differences, ignore_index=True).sort_values(
        ["index", "covariate"], ignore_index=True
    )


def _by_tile(
    geobox: GeoBox,
    tile_px: int,
    rows: NDArray[np.int64],
    cols: NDArray[np.int64],
    chosen: NDArray[np.bool_],
) -> list[tuple[Tile, NDArray[np.int64]]]:
    """Return the tiles that hold chosen pixels, each with the indices of its pixels."""
    index = np.flatnonzero(chosen)
    tiles_across = -(-int(geobox.shape.x) // tile_px)
    number = rows[index] // tile_px * tiles_across + cols[index] // tile_px
    tiles = tiles_of(geobox, tile_px)
    return [(tiles[k], index[number == k]) for k in np.unique(number)]


def _greatest(drawn: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Return the columns with the `n` greatest keys (first row)."""
    if drawn.shape[1] <= n:
        return drawn
    if n == 0:
        return drawn[:, :0]
    return drawn[:, np.argpartition(-drawn[0], n - 1)[:n]]
