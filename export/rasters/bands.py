"""Bands of a raster, read by name.

In: the path of a raster whose bands have names. Out: float32 in each band's unit, NaN where
missing.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

from export.errors import RasterError
from export.rasters.info import geobox_of, open_raster
from export.rasters.stored_numbers import apply_scale, is_mask, missing_in
from local_ml.names import nearest

Window = tuple[tuple[int, int], tuple[int, int]]
"""(row_start, row_stop), (col_start, col_stop)"""


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


@dataclass(frozen=True, eq=False)
class OpenBands:
    """A raster held open, whose bands are read by name; see `open_bands`.

    Parameters
    ----------
    bands : name → what the numbers of the band mean, in the order of the file
    """

    path: Path
    dataset: Any
    bands: Mapping[str, StoredBand]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.bands)

    @property
    def geobox(self) -> GeoBox:
        return geobox_of(self.dataset)

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
            missing = missing_in(
                self.dataset, band.number, stored, band.nodata, band.mask_beside, window
            )
            if not in_place or (band.scale, band.offset) != (1, 0):
                values[...] = apply_scale(stored, band.scale, band.offset)
            if missing.any():
                values[missing] = np.nan
        return out


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
            number, dtype, () if nodata is None else (nodata,), is_mask(flags), scale, offset
        )
        for number, (dtype, nodata, flags, scale, offset) in enumerate(stated, start=1)
    ]


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
