"""What the covariates hold at the sites, and at random pixels of the region.

In: positions in degrees, a stack of covariates, the region. Out: rows and columns of the study's
grid, and values (n, p) float32, NaN where missing. They are those of the tile that holds the pixel;
`skew_check` proves it on the files.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from odc.geo.geobox import GeoBox

from export.covariates.places import by_tile
from export.covariates.provider import CovariateInfo, CovariateStack, Sampled
from export.covariates.region import Region, read_region
from export.covariates.tiles import read_covariate_tile
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
    for tile, index in by_tile(region.geobox, tile_px, rows, cols, in_grid):
        inside = read_region(region, tile)
        in_region[index] = inside[rows[index] - tile.window[0], cols[index] - tile.window[1]]
    return rows, cols, in_grid, in_region


def sample_at(
    stack: CovariateStack,
    geobox: GeoBox,
    rows: ArrayLike,
    cols: ArrayLike,
    progress: Progress,
) -> Sampled:
    """Return the covariates at pixels of the grid, a row each, and why values are missing.

    Parameters
    ----------
    rows, cols : (n,) int, pixels of `geobox`

    Raises
    ------
    StudyError
        where a pixel lies outside the grid.
    ExportError, ServiceError
        where a source cannot be read.
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
    return stack.sample(rows, cols, progress)


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
    covariates: Sequence[CovariateInfo],
    rows: ArrayLike,
    cols: ArrayLike,
    geobox: GeoBox,
    tile_px: int,
    files: Mapping[str, Path],
) -> pd.DataFrame:
    """Compare sampled values with the tile files at the same pixels.

    Parameters
    ----------
    values : (n, p) float32 as sampled; covariates : p, whose names are those of the tiles' bands.
        A value may differ by the covariate's `tolerance`
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
    names = [info.name for info in covariates]
    differences = []
    for tile, index in by_tile(geobox, tile_px, rows, cols, np.ones(rows.size, bool)):
        if tile.name not in files:
            continue
        bands, _ = read_covariate_tile(files[tile.name], names)
        for column, info in enumerate(covariates):
            sampled = values[index, column]
            held = bands[info.name][rows[index] - tile.window[0], cols[index] - tile.window[1]]
            apart = np.abs(sampled.astype(np.float64) - held)
            same = (apart <= info.tolerance) | (np.isnan(sampled) & np.isnan(held))
            differs = ~same
            differences.append(
                pd.DataFrame(
                    {
                        "index": index[differs],
                        "row": rows[index[differs]],
                        "col": cols[index[differs]],
                        "covariate": info.name,
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


def _greatest(drawn: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Return the columns with the `n` greatest keys (first row)."""
    if drawn.shape[1] <= n:
        return drawn
    if n == 0:
        return drawn[:, :0]
    return drawn[:, np.argpartition(-drawn[0], n - 1)[:n]]
