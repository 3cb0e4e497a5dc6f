"""GeoTIFFs that batch exports wrote: whether they are what was exported, and their pixels.

In: pieces, each with the files that hold it. Out: float32 on any window of the grid, NaN where
masked. Masked pixels are −9999 as this software exports them; NaN and minus infinity, with which
the service and other tools fill, are understood alike.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from export.covariates.source import coinciding_origin
from export.covariates.staging.pieces import Piece, Span, overlap
from export.errors import RasterError, TileError
from export.rasters.info import open_raster, read_info
from export.rasters.stored_numbers import missing_pixels
from gee.batch import NODATA

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PieceFile:
    """A file, and which window of the study's grid it holds."""

    path: Path
    window: Span


def check_file(
    path: Path, names: Sequence[str], window: GeoBox, first: tuple[int, int], remedy: str
) -> Span:
    """Return which part of an exported window a file holds, in pixels of that window.

    Parameters
    ----------
    names : bands that it must have, in this order
    window : that was exported
    first : row and column of the file's first pixel in it, as its name tells
    remedy : what to do where it is not what was exported, without a full stop

    Raises
    ------
    RasterError
        where it cannot be read, or tells neither grid nor bands, as one does that is cut off.
    TileError
        where it is of another grid, has other bands, or another type.
    """
    info = read_info(path)
    if info.geobox.crs is None or info.geobox.transform.is_identity or not all(info.band_names):
        raise RasterError(f"{path} is incomplete: it lacks its grid, or names of bands. {remedy}")
    if info.band_names != tuple(names):
        listed = ", ".join(map(str, info.band_names))
        raise TileError(f"{path} has other bands: {listed}, not {', '.join(names)}. {remedy}")
    if set(info.dtypes) != {"float32"}:
        raise TileError(f"{path} holds {info.dtypes[0]}, not float32. {remedy}")
    origin = coinciding_origin(info.geobox, window)
    height, width = (int(side) for side in info.geobox.shape.yx)
    rows, cols = window.shape.yx
    if origin is None:
        raise TileError(
            f"{path} lies on another grid: {info.geobox.crs}, {tuple(info.geobox.transform)[:6]} "
            f"against {window.crs}, {tuple(window.transform)[:6]}. {remedy}"
        )
    if origin != first or height + first[0] > rows or width + first[1] > cols:
        raise TileError(
            f"{path} holds {height} x {width} pixels from row {origin[0]}, column {origin[1]}; by "
            f"its name they begin at row {first[0]}, column {first[1]} of {rows} x {cols}. {remedy}"
        )
    return (*origin, height, width)


def are_whole(spans: Sequence[Span], window: GeoBox) -> bool:
    """Say whether parts, none of which overlap, are all of a window."""
    rows, cols = window.shape.yx
    return sum(height * width for _, _, height, width in spans) == int(rows) * int(cols)


class FilePixels:
    """Pixels of pieces that lie in files (a `PixelSource`).

    Parameters
    ----------
    grid : the study's, whole
    files : piece → the files that hold it
    lacking : pieces that are not there, and why
    """

    def __init__(
        self,
        grid: GeoBox,
        files: Mapping[Piece, Sequence[PieceFile]],
        lacking: Mapping[Piece, Exception],
    ) -> None:
        self._grid, self._files, self._lacking = grid, files, lacking
        known = (*files, *lacking)
        self._groups = {name: piece.group for piece in known for name in piece.names}

    def read(self, names: Sequence[str], window: GeoBox) -> NDArray[np.float32]:
        """Return (len(names), rows, cols) float32, NaN where masked.

        Raises
        ------
        ExportError, ServiceError
            where a piece that reaches into the window is lacking, or a file cannot be read.
        """
        origin = coinciding_origin(window, self._grid)
        assert origin is not None, "a window of the grid"
        height, width = (int(side) for side in window.shape.yx)
        values = np.full((len(names), height, width), np.nan, np.float32)
        span = (*origin, height, width)
        for group in dict.fromkeys(self._groups[name] for name in names):
            wanted = [name for name in names if self._groups[name] == group]
            places = [names.index(name) for name in wanted]
            for piece, error in self._lacking.items():
                if _concerns(piece, group, wanted, span):
                    raise error
            for piece, files in self._files.items():
                if _concerns(piece, group, wanted, span):
                    for file in files:
                        _read_into(values, places, file, piece, wanted, span)
        return values


def _concerns(piece: Piece, group: str, wanted: Sequence[str], span: Span) -> bool:
    return piece.group == group and piece.holds(wanted) and overlap(piece.window, span) is not None


def _read_into(
    values: NDArray[np.float32],
    places: Sequence[int],
    file: PieceFile,
    piece: Piece,
    wanted: Sequence[str],
    span: Span,
) -> None:
    shared = overlap(file.window, span)
    if shared is None:
        return
    row, col, height, width = shared
    first_row, first_col = row - file.window[0], col - file.window[1]
    inside = ((first_row, first_row + height), (first_col, first_col + width))
    top, left = row - span[0], col - span[1]
    with _as_exported(file.path), open_raster(file.path) as dataset:
        for place, name in zip(places, wanted, strict=True):
            band = piece.names.index(name) + 1
            raw = dataset.read(band, window=inside)
            missing = missing_pixels(dataset, band, raw, (NODATA,), inside)
            found = np.where(missing, np.float32(np.nan), raw)
            values[place, top : top + height, left : left + width] = found


@contextmanager
def _as_exported(path: Path) -> Iterator[None]:
    """Say of a damaged file the same for each tile, and not which block GDAL stumbled over."""
    try:
        yield
    except RasterError as error:
        logger.warning("%s", error)
        raise TileError(
            f"{path} is damaged. Put the file as it was exported in its place"
        ) from error
