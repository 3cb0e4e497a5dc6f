"""The one reader and writer of rasters.

In: arrays (bands, rows, cols) with their grid, band names and units; or the path of a raster.
Out: GeoTIFFs that are whole or absent, the same bytes each time; or what a raster says of itself.

The formats of what is written stand in `raster_options`.
"""

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from rasterio._err import CPLE_BaseError
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from export.errors import RasterError, WriteError
from export.raster_options import (
    FLOAT_PREDICTOR,
    GDAL_CACHE_MB,
    INTEGER_PREDICTOR,
    SCRATCH_OPTIONS,
    TILE_OPTIONS,
)
from export.remote import gdal_name, is_remote
from local_ml.files import write_whole
from local_ml.names import nearest

# GDAL's cache of blocks is 5 % of the memory unless said otherwise, however much that is. Said for
# the process: rasterio.Env takes the number as bytes, and at its end lifts it for all threads.
os.environ.setdefault("GDAL_CACHEMAX", str(GDAL_CACHE_MB))

Window = tuple[tuple[int, int], tuple[int, int]]
"""(row_start, row_stop), (col_start, col_stop)"""


@dataclass(frozen=True)
class RasterInfo:
    """What a raster says of itself.

    Parameters
    ----------
    geobox : its grid; its CRS is None where the file has none
    dtypes, nodata, band_names, units, scales, offsets : one entry a band. `nodata`, `band_names`
        and `units` are None where the file says nothing
    mask_beside : whether the file carries a mask or an alpha band beside nodata
    tags : the file's own tags
    """

    path: Path
    geobox: GeoBox
    dtypes: tuple[str, ...]
    nodata: tuple[float | None, ...]
    band_names: tuple[str | None, ...]
    units: tuple[str | None, ...]
    scales: tuple[float, ...]
    offsets: tuple[float, ...]
    mask_beside: bool
    tags: Mapping[str, str]

    @property
    def count(self) -> int:
        return len(self.dtypes)


@contextmanager
def open_raster(path: Path) -> Iterator[Any]:
    """Open a raster for reading; GDAL's word on a bad file becomes a RasterError with its path."""
    try:
        with rasterio.Env(), rasterio.open(gdal_name(path)) as dataset:
            yield dataset
    except (RasterioError, CPLE_BaseError) as error:
        if not is_remote(path) and not path.exists():
            raise RasterError(f"{path} is not there") from error
        raise RasterError(
            f"{path} cannot be read as a raster ({error.__cause__ or error}). It may be "
            "incomplete or of another kind; copy or download it again"
        ) from error


def read_info(path: Path) -> RasterInfo:
    """Return what a raster says of itself, without reading its pixels.

    Raises
    ------
    RasterError
        where it is missing, or no raster.
    """
    with open_raster(path) as dataset:
        flags = {flag for band in dataset.mask_flag_enums for flag in band}
        return RasterInfo(
            path=path,
            geobox=_geobox_of(dataset),
            dtypes=tuple(dataset.dtypes),
            nodata=tuple(dataset.nodatavals),
            band_names=tuple(name or None for name in dataset.descriptions),
            units=tuple(unit or None for unit in dataset.units),
            scales=tuple(dataset.scales),
            offsets=tuple(dataset.offsets),
            mask_beside=_is_mask(flags),
            tags=dict(dataset.tags()),
        )


def files_of(path: Path) -> list[Path]:
    """Return the files that a raster is read from: itself first, then what stands beside it."""
    with open_raster(path) as dataset:
        beside = {Path(name) for name in dataset.files} - {path}
        return [path, *sorted(name for name in beside if name.is_file())]


@dataclass(frozen=True, eq=False)
class OpenBands:
    """A raster held open, whose bands are read by name; see `open_bands`.

    Parameters
    ----------
    bands : name → what the numbers of the band mean, in the order of the file
    """

    path: Path
    dataset: Any
    bands: Mapping[str, "StoredBand"]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.bands)

    @property
    def geobox(self) -> GeoBox:
        return _geobox_of(self.dataset)

    def read(
        self, names: Sequence[str], window: Window | None = None, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Read bands, each with its own nodata, scale and offset applied.

        Parameters
        ----------
        window : ((row_start, row_stop), (col_start, col_stop)); all pixels by default
        out : (bands, rows, cols) float32, filled in place of a new array

        Returns
        -------
        values : (bands, rows, cols) float32, NaN where missing

        Raises
        ------
        RasterError
            where one is not there; the text names the nearest.
        """
        for name in names:
            if name not in self.bands:
                raise RasterError(
                    f"{self.path} has no band '{name}'{nearest(name, self.names)}. "
                    f"It has: {', '.join(self.names)}"
                )
        bands = [self.bands[name] for name in names]
        (top, bottom), (left, right) = window or zip((0, 0), self.dataset.shape, strict=True)
        if out is None:
            out = np.empty((len(bands), bottom - top, right - left), np.float32)
        if not bands:
            return out
        numbers = [band.number for band in bands]
        # At once: where bands are interleaved by pixel, a block is unpacked once for all.
        at_once = len({band.dtype for band in bands}) == 1
        in_place = at_once and bands[0].dtype == "float32"
        raw: Any
        if at_once:
            raw = self.dataset.read(numbers, window=window, out=out if in_place else None)
        else:
            raw = [self.dataset.read(number, window=window) for number in numbers]
        for values, stored, band in zip(out, raw, bands, strict=True):
            missing = missing_numbers(stored, band.nodata)
            if band.mask_beside:
                missing |= self.dataset.read_masks(band.number, window=window) == 0
            if not in_place or (band.scale, band.offset) != (1, 0):
                values[...] = apply_scale(stored, band.scale, band.offset)
            if missing.any():
                values[missing] = np.nan
        return out


@dataclass(frozen=True)
class StoredBand:
    """What the numbers of a band in a file mean.

    Parameters
    ----------
    number : of the band, from 1
    nodata : the numbers that mean 'missing' by the file's own word
    mask_beside : whether a mask or an alpha band says so too
    """

    number: int
    dtype: str
    nodata: tuple[float, ...]
    mask_beside: bool
    scale: float
    offset: float


def _stored_bands(dataset: Any) -> list[StoredBand]:
    """Return what a file says of its bands; GDAL is asked once, not for each part that is read."""
    stated = zip(
        dataset.dtypes,
        dataset.nodatavals,
        dataset.mask_flag_enums,
        dataset.scales,
        dataset.offsets,
        strict=True,
    )
    return [
        StoredBand(
            number, dtype, () if nodata is None else (nodata,), _is_mask(flags), scale, offset
        )
        for number, (dtype, nodata, flags, scale, offset) in enumerate(stated, start=1)
    ]


def _is_mask(flags: Iterable[MaskFlags]) -> bool:
    return bool({MaskFlags.per_dataset, MaskFlags.alpha} & set(flags))


@contextmanager
def open_bands(path: Path, band_names: Sequence[str] | None = None) -> Iterator[OpenBands]:
    """Open a raster whose bands are read by name.

    Parameters
    ----------
    band_names : names of all bands of the file, where it has none of its own

    Raises
    ------
    RasterError
        where it cannot be read, bands have no name, or two have the same.
    """
    with open_raster(path) as dataset:
        names = _band_names(path, dataset, band_names)
        yield OpenBands(path, dataset, dict(zip(names, _stored_bands(dataset), strict=True)))


def read_bands(
    path: Path, names: Sequence[str] | None = None, band_names: Sequence[str] | None = None
) -> tuple[dict[str, np.ndarray], GeoBox]:
    """Read bands by name; see `open_bands` and `OpenBands.read`.

    Parameters
    ----------
    names : the bands wanted; all by default

    Returns
    -------
    bands : name → (rows, cols) float32, NaN where missing
    geobox : grid of the file
    """
    with open_bands(path, band_names) as raster:
        wanted = list(raster.names if names is None else names)
        return dict(zip(wanted, raster.read(wanted), strict=True)), raster.geobox


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


def _geobox_of(dataset: Any) -> GeoBox:
    crs = None if dataset.crs is None else _crs_text(dataset.crs)
    return GeoBox(dataset.shape, dataset.transform, crs)


def _crs_text(crs: Any) -> str:
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.to_wkt())


def _band_names(path: Path, dataset: Any, given: Sequence[str] | None) -> list[str]:
    names = list(dataset.descriptions) if given is None else list(given)
    if len(names) != dataset.count:
        raise RasterError(f"{path} has {dataset.count} bands, but {len(names)} names are given")
    if not all(names):
        unnamed = [band for band, name in enumerate(names, start=1) if not name]
        raise RasterError(
            f"{path}: bands {unnamed} have no name, and bands are bound by name alone. Write the "
            "covariates' names as band descriptions, or give them in order"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RasterError(f"{path}: more than one band is called {', '.join(twice)}")
    return names


def missing_pixels(
    dataset: Any,
    band: int,
    raw: np.ndarray,
    nodata: tuple[float, ...] | None,
    window: Any = None,
) -> np.ndarray:
    """Return which of the stored numbers mean 'missing', (rows, cols) bool.

    Parameters
    ----------
    raw : as stored, (rows, cols)
    nodata : the numbers that mean so, in place of the file's own declaration; None keeps that
    window : where `raw` was read from

    NaN and infinity always do, and so does a mask or an alpha band beside the numbers.
    """
    declared = dataset.nodatavals[band - 1]
    codes = nodata if nodata is not None else () if declared is None else (declared,)
    missing = missing_numbers(raw, codes)
    if _is_mask(dataset.mask_flag_enums[band - 1]):
        missing |= dataset.read_masks(band, window=window) == 0
    return missing


def missing_numbers(raw: np.ndarray, nodata: Iterable[float]) -> np.ndarray:
    """Return which of the stored numbers are one of `nodata`, or NaN, or infinite, bool."""
    missing: np.ndarray
    missing = np.zeros(raw.shape, bool) if raw.dtype.kind in "iu" else ~np.isfinite(raw)
    for code in nodata:
        if representable(code, raw.dtype):
            missing |= raw == np.array(code).astype(raw.dtype)
    return missing


def representable(number: float, dtype: "np.dtype[Any]") -> bool:
    """Say whether a stored number of `dtype` can mean `number`; NaN needs no comparison."""
    if math.isnan(number):
        return False
    if dtype.kind == "f":
        return True
    limits = np.iinfo(dtype)
    return float(number).is_integer() and limits.min <= number <= limits.max


def apply_scale(raw: np.ndarray, scale: float, offset: float) -> np.ndarray:
    """Return stored numbers as values in their unit, float32; what overflows becomes infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        if scale == 1 and offset == 0:
            return raw.astype(np.float32)
        return (raw.astype(np.float64) * scale + offset).astype(np.float32)
