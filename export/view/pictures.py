"""Rasters → small ones → pictures as a web map shows them.

In: a GeoTIFF, or covariate tiles, on any north-up grid. Out: (rows, cols) float32, NaN where
missing, of a few hundred pixels a side; the same rows of pixels along the axes of Web Mercator;
and PNGs whose palette is a key's colours.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from export.covariates.tiles import tile_origin
from export.errors import RasterError
from export.progress import Progress
from export.rasters.bands import read_bands
from export.rasters.info import open_raster, read_info
from gee.grid import positions

MERCATOR = "EPSG:3857"
_MERCATOR_NORTH_DEG = 85.05
"""Where the square of Web Mercator ends."""

Bounds = tuple[float, float, float, float]
"""South, west, north, east in degrees."""


@dataclass(frozen=True, eq=False)
class SmallRaster:
    """values : (rows, cols) float32, NaN where missing; geobox : their grid."""

    values: NDArray[np.float32]
    geobox: GeoBox


def read_small(path: Path, band: str | None, longest_px: int, codes: bool = False) -> SmallRaster:
    """Read a band so that its longer side has at most `longest_px` pixels.

    Parameters
    ----------
    band : its name; None takes the first
    codes : the band holds codes, of which the commonest under a pixel is taken, not the mean

    Raises
    ------
    RasterError
        where the file cannot be read, has no CRS or no such band.
    """
    with open_raster(path) as dataset:
        if dataset.crs is None:
            raise RasterError(f"{path} has no CRS; `alm90 mosaic` makes it again")
        names = list(dataset.descriptions)
        if band is not None and band not in names:
            raise RasterError(f"{path} has no band '{band}'; `alm90 mosaic` makes it again")
        step = max(1.0, max(dataset.shape) / longest_px)
        shape = tuple(max(1, round(side / step)) for side in dataset.shape)
        resampling = Resampling.mode if codes else Resampling.average
        values = dataset.read(
            1 if band is None else names.index(band) + 1,
            out_shape=shape, masked=True, resampling=resampling,
        )  # fmt: skip
        scale = Affine.scale(dataset.width / shape[1], dataset.height / shape[0])
        geobox = GeoBox(shape, dataset.transform * scale, str(dataset.crs.to_wkt()))
    return SmallRaster(np.ma.filled(values.astype(np.float32), np.nan), geobox)


def read_small_tiles(
    files: Sequence[Path],
    codes: Mapping[str, bool],
    grid: GeoBox,
    longest_px: int,
    progress: Progress,
) -> dict[str, SmallRaster]:
    """Read bands of tiles into one small raster each.

    Parameters
    ----------
    codes : name of a band → whether it holds codes. Of values a small pixel is the mean of what
        is there under it, of codes the one in its middle
    grid : the one that the tiles are cut from

    Raises
    ------
    TileError
        where a tile does not lie on the grid.
    RasterError
        where one cannot be read, or lacks a band.
    """
    height, width = grid.shape.yx
    step = max(1, -(-max(height, width) // longest_px))
    shape = (-(-height // step), -(-width // step))
    sums = {name: np.zeros(shape) for name in codes}
    counts = {name: np.zeros(shape, np.int32) for name in codes}
    with progress.task("looking at covariates", len(files)) as task:
        for path in files:
            origin = tile_origin(read_info(path).geobox, grid, path, "the grid of the study")
            bands, _ = read_bands(path, list(codes))
            for name, values in bands.items():
                reduced = _middles if codes[name] else _sums
                place, total, count = reduced(values, origin, step)
                sums[name][place] += total
                counts[name][place] += count
            task.advance()
    geobox = GeoBox(shape, grid.transform * Affine.scale(step), grid.crs)
    with np.errstate(invalid="ignore"):
        return {
            name: SmallRaster((sums[name] / counts[name]).astype(np.float32), geobox)
            for name in codes
        }


_Reduced = tuple[tuple[slice, slice], NDArray[np.float64], NDArray[np.int32]]


def _sums(values: NDArray[np.float32], origin: tuple[int, int], step: int) -> _Reduced:
    """Return where a tile's small pixels lie, the sums of what is there, and how many that are."""
    present = np.isfinite(values)
    totals = np.where(present, values, 0).astype(np.float64)
    counts = present.astype(np.int32)
    slices = []
    for axis, (start, size) in enumerate(zip(origin, values.shape, strict=True)):
        cells = (start + np.arange(size)) // step
        begins = np.flatnonzero(np.diff(cells, prepend=-1))
        totals = np.add.reduceat(totals, begins, axis=axis)
        counts = np.add.reduceat(counts, begins, axis=axis)
        slices.append(slice(int(cells[0]), int(cells[-1]) + 1))
    return (slices[0], slices[1]), totals, counts


def _middles(values: NDArray[np.float32], origin: tuple[int, int], step: int) -> _Reduced:
    """Return the same of codes: those in the middle of small pixels, each once."""
    taken, slices = [], []
    for start, size in zip(origin, values.shape, strict=True):
        middle = np.flatnonzero((start + np.arange(size)) % step == step // 2)
        first = (start + int(middle[0])) // step if middle.size else 0
        taken.append(middle)
        slices.append(slice(first, first + middle.size))
    codes = values[np.ix_(taken[0], taken[1])]
    present = np.isfinite(codes)
    totals = np.where(present, codes, 0).astype(np.float64)
    return (slices[0], slices[1]), totals, present.astype(np.int32)


@dataclass(frozen=True, eq=False)
class MercatorGrid:
    """Where the pixels of a picture in Web Mercator come from.

    Parameters
    ----------
    bounds : of the picture: south, west, north, east in degrees
    rows, cols : of the raster's pixel under the centre of each of the picture's
    inside : whether there is one
    """

    bounds: Bounds
    rows: NDArray[np.int64]
    cols: NDArray[np.int64]
    inside: NDArray[np.bool_]

    def warp(self, places: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return places in a list of colours as the picture has them; 0 where it has no pixel."""
        warped = np.zeros(self.inside.shape, np.uint8)
        warped[self.inside] = places[self.rows[self.inside], self.cols[self.inside]]
        return warped


@lru_cache(maxsize=4)
def mercator_grid(geobox: GeoBox) -> MercatorGrid:
    """Return the picture of a raster, with as many rows and columns as the raster.

    Each pixel takes the raster's one under its centre, so that it lies at most half a pixel of
    the raster off.
    """
    box = geobox.boundingbox
    to_degrees = Transformer.from_crs(str(geobox.crs), "EPSG:4326", always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(*box.bbox)
    south, north = (
        float(np.clip(edge, -_MERCATOR_NORTH_DEG, _MERCATOR_NORTH_DEG)) for edge in (south, north)
    )
    to_mercator = Transformer.from_crs("EPSG:4326", MERCATOR, always_xy=True)
    (left, right), (bottom, top) = to_mercator.transform([west, east], [south, north])
    height, width = geobox.shape.yx
    easting = left + (np.arange(width) + 0.5) / width * (right - left)
    northing = top - (np.arange(height) + 0.5) / height * (top - bottom)
    across, up = np.meshgrid(easting, northing)
    rows, cols, inside = positions(geobox, across.ravel(), up.ravel(), crs=MERCATOR)
    shape = (height, width)
    return MercatorGrid(
        (south, west, north, east), rows.reshape(shape), cols.reshape(shape), inside.reshape(shape)
    )


def palette_png(places: NDArray[np.uint8], colours: Sequence[str]) -> bytes:
    """Return a PNG of places in a list of colours (#rrggbb); 0 is transparent."""
    height, width = places.shape
    palette = {0: (0, 0, 0, 0)} | {
        place: (int(one[1:3], 16), int(one[3:5], 16), int(one[5:7], 16), 255)
        for place, one in enumerate(colours, start=1)
    }
    options = {"driver": "PNG", "height": height, "width": width, "count": 1, "dtype": "uint8"}
    with warnings.catch_warnings(), MemoryFile() as file:
        # A picture need not say where it lies: the page does.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with file.open(**options, zlevel=9) as picture:
            picture.write(places, 1)
            picture.write_colormap(1, palette)
        content: bytes = file.read()
    return content
