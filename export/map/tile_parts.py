"""Covariate tiles in parts of bounded size, and of each part only what lies in the region.

In: a covariate tile, ours or another's, of any size and inner layout. Out: its parts, each of which
becomes a map tile of its own; the bands of one part, float32 in their own units, NaN where missing.
However large a file is, no more than a part of it is held.
"""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from threading import Lock

import numpy as np
from odc.geo.geobox import GeoBox

from export.covariates.tiles import REGION_BAND
from export.errors import RasterError, TileError
from export.rasters.bands import OpenBands, Window, open_bands
from export.rasters.info import open_raster

PART_PX = 1024
"""A tile of no more pixels than a square of this side is predicted as it is."""
FEWEST_PX = 64
"""Narrower parts would cut the evaluator's blocks; narrower pieces would be read one by one."""
LARGE_BLOCK, LARGEST_BLOCK = 2**25, 2**27
"""Pixels of a block times bands: GDAL unpacks a block as a whole, and keeps room for one of all
bands in every open file. From the first on, one file is read at a time; the second would leave no
room for the rest."""


@dataclass(frozen=True)
class TilePart:
    """A covariate tile, or a window of one.

    Parameters
    ----------
    name : of the map tile that is made of it
    tile : the file
    window : its pixels; None: all
    """

    name: str
    tile: Path
    window: Window | None = None


@dataclass(frozen=True, eq=False)
class PartBands:
    """What a part holds.

    Parameters
    ----------
    bands : name → (rows, cols) float32, NaN where missing, or not read; none where no pixel lies
        in the region
    inside : (rows, cols) bool, the pixels of the region
    geobox : grid of the part
    """

    bands: dict[str, np.ndarray]
    inside: np.ndarray
    geobox: GeoBox


def tile_parts(tile: Path) -> list[TilePart]:
    """Return the parts of a covariate tile: itself, unless it is large.

    A part of a large tile is named after the tile and its own first row and col.

    Raises
    ------
    RasterError
        where the tile cannot be read.
    """
    with open_raster(tile) as dataset:
        shape, block = dataset.shape, dataset.block_shapes[0]
    if shape[0] * shape[1] <= PART_PX**2:
        return [TilePart(tile.stem, tile)]
    rows, cols = part_shape(shape, block)
    return [
        TilePart(
            f"{tile.stem}_r{row:05d}_c{col:05d}",
            tile,
            ((row, min(row + rows, shape[0])), (col, min(col + cols, shape[1]))),
        )
        for row in range(0, shape[0], rows)
        for col in range(0, shape[1], cols)
    ]


def parts_or_whole(tile: Path) -> list[TilePart]:
    """Return the parts of a tile; one that cannot be read is a single one, and fails as such."""
    try:
        return tile_parts(tile)
    except RasterError:
        return [TilePart(tile.stem, tile)]


def part_shape(shape: tuple[int, int], block: tuple[int, int]) -> tuple[int, int]:
    """Return rows and cols of the parts of a file, of whole blocks unless these are too large.

    Parameters
    ----------
    shape : of the file
    block : of what its format unpacks at once: a square, or some full rows
    """
    cols = min(-(-PART_PX // block[1]) * block[1], shape[1])
    rows = max(PART_PX**2 // cols, FEWEST_PX)
    if block[0] <= rows:
        rows = rows // block[0] * block[0]
    return min(rows, shape[0]), cols


def read_part(
    part: TilePart,
    names: Sequence[str],
    band_names: Sequence[str] | None = None,
    where_present: Sequence[str] = (),
) -> PartBands:
    """Read the bands of a part where it holds pixels of the region.

    The band ``region``, where there is one, is read first; of the others, blocks without a pixel in
    the region are not even unpacked.

    Parameters
    ----------
    names : the bands wanted; those that are not there are an error, unless nothing is to be read
    band_names : names of all bands of the file, where it has none of its own
    where_present : further bands, wanted where the file has them

    Raises
    ------
    TileError
        where the file cannot be read, its bands have no names, or one is not there; the text names
        the nearest.
    """
    try:
        with open_bands(part.tile, band_names) as raster:
            further = [name for name in where_present if name in raster.names]
            wanted = [name for name in dict.fromkeys([*names, *further]) if name != REGION_BAND]
            large = _require_room(raster)
            with _large_blocks if large else nullcontext():
                return _read(part, raster, wanted)
    except RasterError as error:
        raise TileError(str(error)) from error


_large_blocks = Lock()


def _require_room(raster: OpenBands) -> bool:
    """Say whether a file's blocks are so large that no other such file should be read meanwhile."""
    rows, cols = raster.dataset.block_shapes[0]
    room = rows * cols * raster.dataset.count
    if room > LARGEST_BLOCK:
        raise TileError(
            f"{raster.path} is stored in blocks of {rows:,} x {cols:,} pixels, each of which can "
            "only be unpacked as a whole; write it in smaller ones "
            "(gdal_translate -co TILED=YES -co COMPRESS=ZSTD -co BIGTIFF=IF_SAFER)"
        )
    return bool(room > LARGE_BLOCK)


def _read(part: TilePart, raster: OpenBands, names: Sequence[str]) -> PartBands:
    shape, block = raster.dataset.shape, raster.dataset.block_shapes[0]
    window = part.window or ((0, shape[0]), (0, shape[1]))
    (top, bottom), (left, right) = window
    inside = np.ones((bottom - top, right - left), bool)
    if REGION_BAND in raster.names:
        inside = np.nan_to_num(raster.read([REGION_BAND], window)[0], nan=0.0) != 0
    bands: dict[str, np.ndarray] = {}
    if inside.any():
        bands = dict(zip(names, _read_inside(raster, names, window, inside, block), strict=True))
    return PartBands(bands, inside, raster.geobox[top:bottom, left:right])


def _read_inside(
    raster: OpenBands,
    names: Sequence[str],
    window: Window,
    inside: np.ndarray,
    block: tuple[int, int],
) -> np.ndarray:
    """Return (bands, rows, cols) float32, NaN also where a block holds no pixel of the region."""
    if inside.all():
        return raster.read(names, window)
    (top, _), (left, _) = window
    values = np.empty((len(names), *inside.shape), np.float32)
    for piece, wanted in _pieces(window, inside, block):
        (first_row, end_row), (first_col, end_col) = piece
        rows, cols = slice(first_row - top, end_row - top), slice(first_col - left, end_col - left)
        if wanted:
            raster.read(names, piece, out=values[:, rows, cols])
        else:
            values[:, rows, cols] = np.nan
    return values


def _pieces(
    window: Window, inside: np.ndarray, block: tuple[int, int]
) -> Iterator[tuple[Window, bool]]:
    """Divide a window into runs of blocks side by side that hold pixels inside, or none."""
    (top, bottom), (left, right) = window
    high, wide = (-(-FEWEST_PX // side) * side for side in block)
    for row in range(top // high * high, bottom, high):
        first_row, end_row = max(row, top), min(row + high, bottom)
        strip = inside[first_row - top : end_row - top]
        edges = [
            (max(col, left), min(col + wide, right))
            for col in range(left // wide * wide, right, wide)
        ]
        needed = [(a, b, bool(strip[:, a - left : b - left].any())) for a, b in edges]
        for wanted, run in groupby(needed, key=lambda piece: piece[2]):
            along = list(run)
            yield ((first_row, end_row), (along[0][0], along[-1][1])), wanted
