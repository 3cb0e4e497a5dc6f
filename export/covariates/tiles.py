"""Covariate tiles as files: what the model needs of the region's pixels, on disk.

In: arrays on a tile, or files. Out: ``<tile.name>.tif`` each, float32, NaN where missing; the first
band is ``region`` (1 inside, 0 outside), the others carry the covariates' names and units. Outside
the region all covariates are missing.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from export.covariates.provider import CovariateInfo
from export.covariates.source import coinciding_origin
from export.errors import RasterError, TileError
from export.paths import is_geotiff
from export.rasters.bands import read_bands
from export.rasters.info import read_info
from export.rasters.writing import write_geotiff
from gee.grid import Tile

REGION_BAND = "region"
FORMAT_VERSION = 1
STACK, MADE_FROM, OUT_OF_RANGE = "covariate_stack", "made_from", "pixels_out_of_range"


def write_covariate_tile(
    path: Path,
    tile: Tile,
    bands: NDArray[np.float32],
    covariates: Sequence[CovariateInfo],
    tags: Mapping[str, str],
) -> None:
    """Write one tile.

    Parameters
    ----------
    bands : (1 + p, rows, cols), the region first
    covariates : those of the other bands, in order
    tags : what the file says of itself, besides which tile it is
    """
    write_geotiff(
        path,
        bands,
        tile.geobox,
        nodata=float("nan"),
        band_names=[REGION_BAND, *(info.name for info in covariates)],
        units=["1", *(info.unit for info in covariates)],
        tags={
            **tags,
            "tile": tile.name,
            "window": " ".join(str(number) for number in tile.window),
            "format_version": str(FORMAT_VERSION),
        },
        categorical=[False, *(info.categorical for info in covariates)],
    )


def tag(path: Path, name: str) -> dict[str, Any]:
    """Return a tag of a tile of ours that holds a table; empty where there is none."""
    held: dict[str, Any] = json.loads(read_info(path).tags.get(name, "{}"))
    return held


def read_covariate_tile(
    path: Path, names: Sequence[str] | None = None, band_names: Sequence[str] | None = None
) -> tuple[dict[str, np.ndarray], GeoBox]:
    """Read a covariate tile, ours or another's, each band with its own nodata, scale and offset.

    Parameters
    ----------
    names : the bands wanted; all by default
    band_names : names of all bands, for a file whose bands have none

    Returns
    -------
    bands : name → (rows, cols) float32, NaN where missing
    geobox : grid of the tile

    Raises
    ------
    TileError
        where the file cannot be read, its bands have no names, or one is not there; the text
        names the nearest.
    """
    try:
        return read_bands(path, names, band_names)
    except RasterError as error:
        raise TileError(str(error)) from error


def tile_files(folder: Path) -> list[Path]:
    """Return the GeoTIFFs of a folder, by name.

    Raises
    ------
    TileError
        where there is none.
    """
    files = sorted(path for path in folder.glob("*") if is_geotiff(path))
    if not files:
        inner = folder / "tiles"
        hint = f"; did you mean {inner}?" if inner.is_dir() else ""
        raise TileError(f"{folder} holds no GeoTIFF tiles (*.tif){hint}")
    return files


def geobox_of_tiles(files: Sequence[Path]) -> GeoBox:
    """Return the smallest grid that holds all tiles.

    Raises
    ------
    TileError
        where a tile is of another CRS, pixel size or alignment than the first.
    """
    boxes = [(path, read_info(path).geobox) for path in files]
    first_path, first = boxes[0]
    edges = []
    for path, box in boxes:
        row, col = tile_origin(box, first, path, f"the grid of {first_path.name}")
        height, width = box.shape.yx
        edges.append((row, col, row + height, col + width))
    top, left = np.min(edges, axis=0)[:2]
    bottom, right = np.max(edges, axis=0)[2:]
    transform = first.transform * first.transform.translation(int(left), int(top))
    return GeoBox((int(bottom - top), int(right - left)), transform, first.crs)


def tile_origin(box: GeoBox, grid: GeoBox, path: Path, grid_name: str) -> tuple[int, int]:
    """Return row and col of a tile's first pixel in `grid`; TileError where it lies off it."""
    origin = coinciding_origin(box, grid)
    if origin is None:
        raise TileError(
            f"{path} does not lie on {grid_name}: {box.crs}, {tuple(box.transform)[:6]} against "
            f"{grid.crs}, {tuple(grid.transform)[:6]}"
        )
    return origin
