"""Rasters that are whole or absent; the same input gives the same bytes.

In: arrays (bands, rows, cols) with their grid, band names and units. Out: GeoTIFFs.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from export.errors import RasterError, WriteError
from export.rasters.options import (
    FLOAT_PREDICTOR,
    INTEGER_PREDICTOR,
    SCRATCH_OPTIONS,
    TILE_OPTIONS,
)
from local_ml.files import write_whole


def write_geotiff(
    path: Path,
    array: np.ndarray,
    geobox: GeoBox,
    nodata: float | None,
    band_names: Sequence[str],
    units: Sequence[str],
    tags: Mapping[str, str],
    categorical: Sequence[bool] | None = None,
) -> None:
    """Write a tile as a GeoTIFF that is whole or absent; the same input gives the same bytes.

    Parameters
    ----------
    array : (bands, rows, cols), of the type that the file is to have
    geobox : its grid, with the same rows and cols
    nodata : the value that means 'missing', NaN or None
    band_names, units : one a band
    tags : of the file
    categorical : which bands hold codes of categories; none by default

    Raises
    ------
    RasterError
        where the parts do not fit each other, or the disk does not take the file; no file of
        that name is then left half written.
    """
    count, height, width = array.shape
    if (height, width) != tuple(geobox.shape.yx):
        raise RasterError(f"{path}: {height} x {width} pixels for a grid of {geobox.shape.yx}")
    categories = [False] * count if categorical is None else list(categorical)
    if not len(band_names) == len(units) == len(categories) == count:
        raise RasterError(f"{path}: {count} bands need as many names, units and kinds")
    options = dict(
        TILE_OPTIONS,
        count=count,
        height=height,
        width=width,
        dtype=array.dtype.name,
        nodata=nodata,
        crs=str(geobox.crs),
        transform=geobox.transform,
    )
    with rasterio.Env(), MemoryFile() as memory:
        with memory.open(**options) as dataset:
            dataset.write(array)
            dataset.descriptions = tuple(band_names)
            dataset.units = tuple(units)
            dataset.update_tags(**tags)
            for band, is_category in enumerate(categories, start=1):
                if is_category:
                    dataset.update_tags(band, categorical="yes")
        content = bytes(memory.getbuffer())
    write_bytes(path, content)


def write_windows(
    path: Path,
    geobox: GeoBox,
    dtype: str,
    band_name: str,
    parts: Iterable[tuple[tuple[int, int, int, int], np.ndarray]],
) -> None:
    """Write one band window by window, for a raster too large to be held at once.

    Parameters
    ----------
    parts : ((row_start, col_start, height, width), (height, width) array) each

    Raises
    ------
    WriteError
        where the disk refuses; no file of that name is then left half written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    height, width = geobox.shape.yx
    options = dict(
        SCRATCH_OPTIONS,
        predictor=FLOAT_PREDICTOR if np.dtype(dtype).kind == "f" else INTEGER_PREDICTOR,
        count=1,
        height=height,
        width=width,
        dtype=dtype,
        crs=str(geobox.crs),
        transform=geobox.transform,
    )
    try:
        with (
            rasterio.Env(),
            rasterio.open(part, "w", **options) as dataset,
        ):
            dataset.descriptions = (band_name,)
            for (row, col, rows, cols), values in parts:
                dataset.write(values, 1, window=((row, row + rows), (col, col + cols)))
        put_in_place(part, path)
    except (RasterioError, CPLE_BaseError, OSError) as error:
        raise WriteError(f"{path} cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a raster's bytes through ``<name>.part``; RasterError where the disk refuses them."""
    try:
        write_whole(path, content)
    except OSError as error:
        path.with_name(path.name + ".part").unlink(missing_ok=True)
        raise WriteError(f"{path} cannot be written: {error.strerror or error}") from error


def put_in_place(part: Path, path: Path) -> None:
    """Force a finished file to disk and give it its name."""
    try:
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror or error}") from error
