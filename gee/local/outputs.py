"""Pixels as bytes: NPY, GeoTIFF, PNG, JPEG and zipped GeoTIFF.

In: bands and their pixels on a grid. Out: the bytes that the service would send. Masked pixels are
filled as the service fills them: -inf in floats, the smallest value in signed integers, 0 in
unsigned ones and in NPY.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import rasterio
from rasterio.io import MemoryFile

from gee.local.errors import InvalidRequestError, NotImplementedHereError
from gee.local.grids import PixelGrid
from gee.local.images import Band
from gee.local.last_reads import expect
from gee.local.pixels import Pixels, stacked_rows

Array = np.ndarray[Any, Any]

STRIP_PX = 2**16
"""Pixels of a request that are computed at once."""

CONTENT_TYPES = {
    "NPY": "application/octet-stream",
    "GEO_TIFF": "image/tiff",
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "ZIPPED_GEO_TIFF": "application/zip",
    "ZIPPED_GEO_TIFF_PER_BAND": "application/zip",
}


def masked_fill(dtype: np.dtype[Any]) -> float | int:
    """What the service writes where a pixel of a GeoTIFF is masked."""
    if dtype.kind == "f":
        return float("-inf")
    return int(np.iinfo(dtype).min)


def read_bands(bands: Sequence[Band], grid: PixelGrid) -> list[Pixels]:
    """The pixels of several bands on one grid.

    In strips of rows: what is computed on the way to them then takes the same memory whatever the
    size of the grid.
    """
    expect(bands)
    rows = max(1, STRIP_PX // grid.width)
    if rows >= grid.height:
        return [band.pixels(grid) for band in bands]
    strips = [
        replace(grid, row=grid.row + start, height=min(rows, grid.height - start))
        for start in range(0, grid.height, rows)
    ]
    parts = [[band.pixels(strip) for band in bands] for strip in strips]
    return [stacked_rows(layers) for layers in zip(*parts, strict=True)]


def npy(bands: Sequence[Band], pixels: Sequence[Pixels]) -> bytes:
    """A structured array with a field a band, masked pixels 0."""
    dtype = [(band.name, band.pixel_type.dtype) for band in bands]
    out = np.zeros(pixels[0].values.shape if pixels else (0, 0), dtype=dtype)
    for band, part in zip(bands, pixels, strict=True):
        values = np.asarray(part.values)
        out[band.name] = np.where(part.valid, values, values.dtype.type(0))
    buffer = io.BytesIO()
    np.save(buffer, out)
    return buffer.getvalue()


def common_dtype(bands: Sequence[Band]) -> np.dtype[Any]:
    """The one type of all bands.

    Raises
    ------
    InvalidRequestError
        They differ: a GeoTIFF has one type.
    """
    names = {"float32": "Float32", "float64": "Float64", "uint8": "Byte"}
    kinds = []
    for band in bands:
        dtype = band.pixel_type.dtype
        shown = names.get(dtype.name, dtype.name.capitalize().replace("Uint", "UInt"))
        if shown not in kinds:
            kinds.append(shown)
    if len(kinds) > 1:
        raise InvalidRequestError(
            "Exported bands must have compatible data types; found inconsistent types: "
            f"{' and '.join(kinds[:2])}."
        )
    return bands[0].pixel_type.dtype


def geotiff(
    bands: Sequence[Band],
    pixels: Sequence[Pixels],
    grid: PixelGrid,
    nodata: float | None = None,
    with_mask: bool = False,
) -> bytes:
    """A GeoTIFF; `nodata` is declared in the file, but does not fill masked pixels.

    `with_mask` adds the first band's mask as the file's own, for files that are read again here.
    """
    dtype = common_dtype(bands)
    stored = np.dtype("int16") if dtype == np.int8 else dtype
    fill = masked_fill(dtype)
    profile = {
        "driver": "GTiff",
        "width": grid.width,
        "height": grid.height,
        "count": len(bands),
        "dtype": stored.name,
        "crs": rasterio.crs.CRS.from_user_input(grid.crs),
        "transform": grid.transform,
        "compress": "lzw",
    }
    if nodata is not None:
        profile["nodata"] = nodata
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), MemoryFile() as memory:
        with memory.open(**profile) as target:
            for index, (band, part) in enumerate(zip(bands, pixels, strict=True), start=1):
                values = np.where(part.valid, part.values, np.asarray(fill, dtype=dtype))
                target.write(values.astype(stored), index)
                target.set_band_description(index, band.name)
            if with_mask:
                target.write_mask(np.ascontiguousarray(pixels[0].valid))
        content: bytes = memory.read()
    return content


def zipped(files: dict[str, bytes]) -> bytes:
    """A ZIP archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def picture(channels: Array, file_format: str) -> bytes:
    """A PNG or JPEG from (4, rows, cols) bytes: red, green, blue, opacity."""
    kept = channels if file_format == "PNG" else channels[:3]
    with MemoryFile() as memory:
        with memory.open(
            driver=file_format,
            width=channels.shape[2],
            height=channels.shape[1],
            count=kept.shape[0],
            dtype="uint8",
        ) as target:
            target.write(kept)
        content: bytes = memory.read()
    return content


def encode(
    bands: Sequence[Band], grid: PixelGrid, file_format: str, prefix: str = "download"
) -> tuple[bytes, str]:
    """The bytes of bands on a grid in a format of data, and their content type.

    Raises
    ------
    NotImplementedHereError
        The format is unknown here.
    """
    if not bands:
        raise InvalidRequestError("Image has no bands.")
    if file_format == "NPY":
        content = npy(bands, read_bands(bands, grid))
    elif file_format == "GEO_TIFF":
        common_dtype(bands)
        content = geotiff(bands, read_bands(bands, grid), grid)
    elif file_format == "ZIPPED_GEO_TIFF":
        common_dtype(bands)
        content = zipped({f"{prefix}.tif": geotiff(bands, read_bands(bands, grid), grid)})
    elif file_format == "ZIPPED_GEO_TIFF_PER_BAND":
        content = zipped(
            {
                f"{prefix}.{band.name}.tif": geotiff([band], [band.pixels(grid)], grid)
                for band in bands
            }
        )
    else:
        raise NotImplementedHereError(f"the file format '{file_format}'")
    return content, CONTENT_TYPES[file_format]
