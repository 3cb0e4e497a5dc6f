"""Bands that come from raster files, with the image pyramid that the service reads them through.

In: a file, the number of a band, and how coarser levels are made. Out: lazy bands. A request reads
the level whose pixels are no larger than its own (a power of two of the native size), and of that
level the nearest pixel.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import rasterio
from rasterio.errors import RasterioError

from gee.local import pixel_types
from gee.local.errors import CatalogueError
from gee.local.footprints import RasterFootprint
from gee.local.grids import PixelGrid, Projection
from gee.local.images import Band
from gee.local.pixels import Pixels, everywhere, nowhere, restrict, stored_bytes
from gee.local.recent import Recent

Array = np.ndarray[Any, Any]
Pyramiding = Literal["MEAN", "SAMPLE", "MODE", "MIN", "MAX"]
PYRAMIDING = ("MEAN", "SAMPLE", "MODE", "MIN", "MAX")
EDGE_TOLERANCE_PX = 1e-6
"""A position this close below an edge counts as on it, so that rounding never moves a pixel."""


@dataclass(frozen=True)
class RasterBand:
    """Where a band lies on disk; `stamp` tells a file from one that replaced it."""

    path: Path
    index: int
    pyramiding: Pyramiding
    stamp: tuple[int, int]


@dataclass(frozen=True)
class Level:
    """One level of a band's pyramid, in little memory.

    Most masks need no array: all pixels are valid (`mask` and `absent` are None), or those are
    masked that hold one value (`absent`) which no valid pixel has.
    """

    values: Array
    mask: Array | None = None
    absent: Any = None

    @classmethod
    def of(cls, values: Array, mask: Array) -> Level:
        """From values and their mask, each (rows, cols)."""
        whole = np.ascontiguousarray(values)
        if mask.dtype != bool:
            return cls(whole, mask)
        if mask.all():
            return cls(whole)
        absent = whole.ravel()[np.argmin(mask)]
        return (
            cls(whole, None, absent)
            if np.array_equal(whole != absent, mask)
            else cls(whole, np.ascontiguousarray(mask))
        )

    @property
    def size_bytes(self) -> int:
        """What the arrays take."""
        return int(self.values.nbytes + (0 if self.mask is None else self.mask.nbytes))

    def whole_mask(self) -> Array:
        """The mask (rows, cols)."""
        if self.mask is not None:
            return self.mask
        if self.absent is not None:
            return np.asarray(self.values != self.absent)
        return np.ones(self.values.shape, dtype=bool)

    def pick(self, places: Array, inside: Array) -> Pixels:
        """The pixels at flat places, masked where `inside` is false."""
        values = self.values.ravel().take(places)
        if self.mask is not None:
            return Pixels(values, restrict(self.mask.ravel().take(places), inside))
        if self.absent is not None:
            return Pixels(values, (values != self.absent) & inside)
        return Pixels(values, inside)


class LevelCache:
    """Pyramid levels of raster bands that were read last."""

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self.size_bytes = 0
        self.lock = threading.RLock()
        self.levels: OrderedDict[tuple[RasterBand, int], Level] = OrderedDict()

    def level(self, band: RasterBand, level: int) -> Level:
        """A level of the pyramid; level 0 is the file itself."""
        with self.lock:
            key = (band, level)
            if key not in self.levels:
                if level:
                    finer = self.level(band, level - 1)
                    pixels = halved(finer.values, finer.whole_mask(), band.pyramiding)
                else:
                    pixels = read_band(band)
                self.levels[key] = Level.of(*pixels)
                self.size_bytes += self.levels[key].size_bytes
                while self.size_bytes > self.capacity_bytes and len(self.levels) > 1:
                    _, dropped = self.levels.popitem(last=False)
                    self.size_bytes -= dropped.size_bytes
            self.levels.move_to_end(key)
            return self.levels[key]


def read_band(band: RasterBand) -> tuple[Array, Array]:
    """The whole band and its mask, each (rows, cols)."""
    try:
        with rasterio.open(band.path) as source:
            values = source.read(band.index)
            mask = source.read_masks(band.index) > 0
    except RasterioError as error:
        raise CatalogueError(f"{band.path}: cannot be read: {error}") from error
    if values.dtype.kind == "f":
        finite = np.isfinite(values)
        if not finite.all():
            mask &= finite
            values[~finite] = 0
    return values, mask


def halved(values: Array, mask: Array, policy: Pyramiding) -> tuple[Array, Array]:
    """The next coarser level: each pixel from 2 by 2 (fewer at the last row and column).

    MEAN weighs with the mask, whose own mean is the new mask. Integers are rounded.
    """
    rows, cols = values.shape
    if policy == "SAMPLE":
        return values[::2, ::2], mask[::2, ::2]
    if policy == "MEAN" and values.dtype.kind == "f" and mask.dtype == bool and mask.all():
        # The common case, without weights; the last row and column count twice where they must.
        whole = np.pad(values, ((0, rows % 2), (0, cols % 2)), mode="edge").astype(np.float64)
        pairs = whole[::2] + whole[1::2]
        coarse = (pairs[:, ::2] + pairs[:, 1::2]) / 4
        return coarse.astype(values.dtype), np.ones(coarse.shape, dtype=bool)
    padded = ((0, rows % 2), (0, cols % 2))
    weights = np.pad(mask.astype(np.float32), padded)
    inside = np.pad(np.ones(values.shape, dtype=np.float32), padded)
    blocks = [(row, col) for row in (0, 1) for col in (0, 1)]
    stack = np.stack([np.pad(values, padded)[row::2, col::2] for row, col in blocks])
    weight = np.stack([weights[row::2, col::2] for row, col in blocks])
    present = np.stack([inside[row::2, col::2] for row, col in blocks])
    total = weight.sum(axis=0)
    valid = total > 0
    if policy == "MEAN":
        summed = (stack.astype(np.float64) * weight).sum(axis=0)
        result = np.divide(summed, total, out=np.zeros(total.shape), where=valid)
        if values.dtype.kind in "iu":
            result = np.rint(result)
        coarse = total / present.sum(axis=0)
        new_mask = valid if np.all((coarse == 0) | (coarse == 1)) else coarse.astype(np.float32)
        return result.astype(values.dtype), new_mask
    if policy == "MODE":
        votes = np.stack([((stack == layer) * weight).sum(axis=0) for layer in stack])
        votes = np.where(weight > 0, votes, -1)
        chosen = np.argmax(votes, axis=0)
    else:
        sign = 1.0 if policy == "MAX" else -1.0
        chosen = np.argmax(np.where(weight > 0, sign * stack.astype(np.float64), -np.inf), axis=0)
    return np.take_along_axis(stack, chosen[None], axis=0)[0], valid


def level_for(request: PixelGrid, native: Projection) -> int:
    """The pyramid level that a request reads: the coarsest that is no coarser than itself."""
    ratio = request.projection.nominal_scale / native.nominal_scale
    return max(0, math.floor(math.log2(ratio) + 1e-9)) if ratio > 0 else 0


def raster_bands(
    path: Path,
    names: list[str],
    pyramiding: dict[str, Pyramiding],
    default_pyramiding: Pyramiding,
    cache: LevelCache,
) -> list[Band]:
    """The lazy bands of a file, named in the file's order.

    Raises
    ------
    CatalogueError
        The file is missing, has no CRS, or has another number of bands.
    """
    try:
        with rasterio.open(path) as source:
            crs, transform = source.crs, source.transform
            width, height, dtypes = source.width, source.height, source.dtypes
    except RasterioError as error:
        raise CatalogueError(f"{path}: cannot be read: {error}") from error
    if crs is None:
        raise CatalogueError(f"{path}: has no CRS; the service would not ingest it either.")
    if len(dtypes) != len(names):
        raise CatalogueError(
            f"{path}: has {len(dtypes)} bands, but the catalogue names {len(names)}: {names}"
        )
    status = path.stat()
    epsg = crs.to_epsg()
    code = f"EPSG:{epsg}" if epsg else crs.to_wkt()
    projection = Projection(code, tuple(transform)[:6])
    footprint = RasterFootprint(projection, width, height)
    bands = []
    for index, (name, dtype) in enumerate(zip(names, dtypes, strict=True), start=1):
        policy = pyramiding.get(name, default_pyramiding)
        source_band = RasterBand(path, index, policy, (status.st_mtime_ns, status.st_size))
        pixel_type = pixel_types.of_dtype(dtype)
        bands.append(
            Band(
                name=name,
                pixel_type=pixel_type,
                projection=projection,
                compute=_reader(source_band, footprint, pixel_type.dtype, cache),
                footprint=footprint,
                size=(width, height),
            )
        )
    return bands


@dataclass(frozen=True)
class _Picks:
    """Which pixels of a level a grid's pixels are: flat places, and where there is one at all."""

    places: Array
    inside: Array

    @property
    def size_bytes(self) -> int:
        """What the arrays take."""
        return stored_bytes(self.places) + stored_bytes(self.inside)


def _picks_of(grid: PixelGrid, footprint: RasterFootprint, level: int) -> _Picks | None:
    """The nearest pixels of a level; None where a grid lies beside the raster."""
    cols, rows = grid.pixel_positions(footprint.projection)
    factor = 2**level
    # Pixels of a level may hang over the last row or column: the footprint decides.
    inside = (
        (cols >= -EDGE_TOLERANCE_PX)
        & (cols < footprint.width)
        & (rows >= -EDGE_TOLERANCE_PX)
        & (rows < footprint.height)
    )
    if not inside.any():
        return None
    width, height = -(-footprint.width // factor), -(-footprint.height // factor)
    col = np.floor(cols / factor + EDGE_TOLERANCE_PX).astype(np.int64)
    row = np.floor(rows / factor + EDGE_TOLERANCE_PX).astype(np.int64)
    places = np.clip(row, 0, height - 1) * width + np.clip(col, 0, width - 1)
    return _Picks(places, everywhere(grid) if inside.all() else inside)


# All bands of a scene, and often all scenes of a collection, lie alike.
_PICKS: Recent[tuple[PixelGrid, RasterFootprint, int], _Picks | None] = Recent(
    24 * 2**20, lambda picks: 0 if picks is None else picks.size_bytes
)


def _reader(
    band: RasterBand, footprint: RasterFootprint, dtype: np.dtype[Any], cache: LevelCache
) -> Any:
    native = footprint.projection

    def compute(grid: PixelGrid) -> Pixels:
        level = level_for(grid, native)
        picks = _PICKS.get((grid, footprint, level), lambda: _picks_of(grid, footprint, level))
        if picks is None:
            return Pixels(np.zeros(grid.shape, dtype), nowhere(grid))
        return cache.level(band, level).pick(picks.places, picks.inside)

    return compute
