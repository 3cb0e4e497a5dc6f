"""What a raster says of itself, without its pixels.

In: the path of a raster, on a disk or where GDAL reads from elsewhere. Out: its grid, types, names,
units and tags; or the dataset, open for reading.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rasterio
from odc.geo.geobox import GeoBox
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

from export.advice import remedy_of
from export.errors import RasterError
from export.rasters.remote import gdal_name, is_remote
from export.rasters.stored_numbers import is_mask


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
            f"incomplete or of another kind; {remedy_of(path)}"
        ) from error


def read_info(path: Path) -> RasterInfo:
    """Return what a raster says of itself, without reading its pixels.

    Raises
    ------
    RasterError
        where it is missing, or no raster.
    """
    with open_raster(path) as dataset:
        return RasterInfo(
            path=path,
            geobox=geobox_of(dataset),
            dtypes=tuple(dataset.dtypes),
            nodata=tuple(dataset.nodatavals),
            band_names=tuple(name or None for name in dataset.descriptions),
            units=tuple(unit or None for unit in dataset.units),
            scales=tuple(dataset.scales),
            offsets=tuple(dataset.offsets),
            mask_beside=any(is_mask(flags) for flags in dataset.mask_flag_enums),
            tags=dict(dataset.tags()),
        )


def files_of(path: Path) -> list[Path]:
    """Return the files that a raster is read from: itself first, then what stands beside it."""
    with open_raster(path) as dataset:
        beside = {Path(name) for name in dataset.files} - {path}
        return [path, *sorted(name for name in beside if name.is_file())]


def geobox_of(dataset: Any) -> GeoBox:
    """Return the grid of an open raster; its CRS is None where the file has none."""
    crs = None if dataset.crs is None else _crs_text(dataset.crs)
    return GeoBox(dataset.shape, dataset.transform, crs)


def _crs_text(crs: Any) -> str:
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.to_wkt())
