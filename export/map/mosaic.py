"""Map tiles → one Cloud-Optimized GeoTIFF.

In: tiles on one grid, of the map (one float32 band), of its companion (some float32 bands) or of
its flags (one uint8 band). Out: ``map/<target>.tif``, ``map/<target>_companion.tif`` or
``map/<target>_flags.tif``: overviews by average, of flags by the commonest code, blocks of 512 px,
with units, target and fingerprints in its tags and no time of day: the same tiles give the same
bytes. Memory holds some tiles and GDAL's cache, however large the map; the disk holds each map once
more, uncompressed, while it is made.
"""

import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import rasterio
import rasterio.shutil
from odc.geo.geobox import GeoBox
from rasterio._err import CPLE_BaseError
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.windows import Window

from export.covariates.tiles import geobox_of_tiles, tile_origin
from export.errors import RasterError, TileError, WriteError
from export.fingerprints import fingerprint
from export.journal import Journal
from export.map.flags import flag_colours, flag_tags
from export.map.map_tile import TileFolders
from export.parallel import in_order
from export.progress import Progress
from export.rasters.info import open_raster, read_info
from export.rasters.options import (
    FLAG_OPTIONS,
    JOINED_OPTIONS,
    MAP_BLOCK_PX,
    MAP_OPTIONS,
    OVERVIEW_SETTINGS,
)
from export.rasters.stored_numbers import is_mask
from export.rasters.writing import put_in_place

STEP = "mosaic"
FORMAT_VERSION = 4

Colour = tuple[int, int, int, int]
"""Red, green, blue, opacity; 0 to 255."""


@dataclass(frozen=True)
class _Bands:
    """What all tiles have in common; one entry of `names` and `units` a band."""

    names: tuple[str, ...]
    units: tuple[str, ...]
    dtype: str
    nodata: float

    @property
    def are_codes(self) -> bool:
        return self.dtype == "uint8"


@dataclass(frozen=True)
class MosaicReport:
    """file : the map; skipped : found made from the same tiles; holes : tiles that are missing."""

    file: Path
    skipped: bool
    holes: tuple[str, ...]


class _File(NamedTuple):
    """One file that is made of tiles, with the tags and colours that it has beside the map's."""

    folder: Path
    path: Path
    tags: Mapping[str, str] = MappingProxyType({})
    colours: Mapping[int, Colour] | None = None


def write_mosaic(
    tiles: Mapping[str, Path],
    file: Path,
    tags: Mapping[str, str],
    journal: Journal,
    progress: Progress,
    geobox: GeoBox | None = None,
    expected: Sequence[str] = (),
    colours: Mapping[int, Colour] | None = None,
    workers: int = 0,
) -> MosaicReport:
    """Join tiles, unless the journal holds the map as made from the same ones.

    Parameters
    ----------
    tiles : name → tile, all with the same bands; their own place on the ground decides where
        they go
    file : the map to write
    tags : for the map: study, model, title, licence and the like; no dates. The software's name
        and version are added
    geobox : grid of the map; the smallest that holds all tiles where it is left out
    expected : names of the tiles that the region has; those without a file are holes, in which
        the map has no data
    colours : of the codes, where the tiles hold codes
    workers : threads; 0: one a core. The file does not depend on it

    Raises
    ------
    TileError
        where there is no tile, one lies off the grid or upon another, they disagree in the names,
        units, type or nodata of their bands, or have no nodata.
    RasterError
        where a tile cannot be read or the map not be written; no map is then left half written.
    """
    if not tiles:
        raise TileError(f"there is no map tile to make {file} of")
    holes = tuple(name for name in expected if name not in tiles)
    names = sorted(tiles)
    grid = geobox_of_tiles([tiles[name] for name in names]) if geobox is None else geobox
    made_from = fingerprint(
        format=FORMAT_VERSION,
        tiles={name: journal.file_hash(tiles[name]) for name in names},
        tags=dict(tags),
        software=version("alm90"),
        transform=list(grid.transform)[:6],
        shape=list(grid.shape.yx),
        colours=None if colours is None else sorted((code, *c) for code, c in colours.items()),
    )
    if journal.is_done(STEP, file.name, made_from):
        return MosaicReport(file, skipped=True, holes=holes)
    bands = _common_bands([tiles[name] for name in names])
    all_tags = {**tags, "TIFFTAG_SOFTWARE": f"alm90 {version('alm90')}"}
    places = _places([tiles[name] for name in names], grid)
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = file.with_name(file.name + ".scratch.part")
    part = file.with_name(file.name + ".part")
    try:
        checksums = _join(scratch, places, grid, bands, all_tags, colours, progress, workers)
        _add_overviews(scratch, bands, progress)
        _to_cog(scratch, part, bands, progress, workers)
        scratch.unlink()
        _require_equal(part, places, checksums, progress, workers)
        put_in_place(part, file)
    except (RasterioError, CPLE_BaseError, OSError) as error:
        raise WriteError(f"{file} cannot be written: {error.__cause__ or error}") from error
    finally:
        for leftover in (scratch, part, part.with_name(part.name + ".ovr.tmp")):
            leftover.unlink(missing_ok=True)
    journal.record(STEP, file.name, made_from, [file])
    return MosaicReport(file, skipped=False, holes=holes)


def write_map(
    map_file: Path,
    folders: TileFolders,
    names: Sequence[str],
    tags: Mapping[str, str],
    journal: Journal,
    progress: Progress,
    geobox: GeoBox | None = None,
    expected: Sequence[str] = (),
    workers: int = 0,
) -> list[MosaicReport]:
    """Join the tiles of the map, of its companion and of its flags, as far as there are any.

    What lies beside the map from an earlier run goes where it is no longer wanted: it would pass
    for this map's.

    Parameters
    ----------
    map_file : the map; the others are named after it
    names : of the tiles
    tags, geobox, expected, workers : as for `write_mosaic`

    Returns
    -------
    reports : of the map first
    """
    companion = map_file.with_name(f"{map_file.stem}_companion.tif")
    flags = map_file.with_name(f"{map_file.stem}_flags.tif")
    files = [_File(folders.value, map_file)]
    if folders.companion is not None:
        files.append(_File(folders.companion, companion))
    if folders.flags is not None:
        files.append(_File(folders.flags, flags, flag_tags(), flag_colours()))
    for file in {companion, flags} - {wanted.path for wanted in files}:
        file.unlink(missing_ok=True)

    def write(file: _File) -> MosaicReport:
        tiles = {name: file.folder / f"{name}.tif" for name in names}
        all_tags = {**tags, **file.tags}
        return write_mosaic(
            tiles, file.path, all_tags, journal, progress, geobox, expected, file.colours, workers
        )

    # Side by side: GDAL writes a file by one thread for most of the time.
    return list(in_order(write, files, min(workers or len(files), len(files))))


def _common_bands(files: Sequence[Path]) -> _Bands:
    """Return what the bands of all tiles are."""
    first: _Bands | None = None
    for path in files:
        info = read_info(path)
        nodata = set(info.nodata)
        if len(set(info.dtypes)) > 1 or len(nodata) > 1 or None in nodata:
            raise TileError(f"{path}: all bands of a map tile have one type and one nodata value")
        found = _Bands(
            names=tuple(name or "" for name in info.band_names),
            units=tuple(unit or "" for unit in info.units),
            dtype=info.dtypes[0],
            nodata=float(info.nodata[0] or 0),
        )
        if first is None:
            first = found
        elif found != first:
            raise TileError(f"{path} holds {found}, but {files[0]} holds {first}")
    assert first is not None
    return first


def _places(files: Sequence[Path], grid: GeoBox) -> list[tuple[Path, Window]]:
    """Return each tile's window of the map; TileError where one lies off it or upon another."""
    windows = []
    for path in files:
        box = read_info(path).geobox
        row, col = tile_origin(box, grid, path, "the grid of the map")
        height, width = box.shape.yx
        if row < 0 or col < 0 or row + height > grid.shape.y or col + width > grid.shape.x:
            raise TileError(f"{path} reaches out of the map's grid of {tuple(grid.shape.yx)} px")
        windows.append((row, col, row + height, col + width))
    edges = np.array(windows)
    for i, (top, left, bottom, right) in enumerate(windows):
        others = edges[i + 1 :]
        over = (others[:, 0] < bottom) & (others[:, 2] > top)
        over &= (others[:, 1] < right) & (others[:, 3] > left)
        if over.any():
            other = files[i + 1 + int(np.flatnonzero(over)[0])]
            raise TileError(f"{files[i]} and {other} lie upon each other")
    return [
        (path, Window(left, top, right - left, bottom - top))
        for path, (top, left, bottom, right) in zip(files, windows, strict=True)
    ]


def _map_values(path: Path, bands: _Bands) -> np.ndarray:
    """Return a tile's bands as the map holds them, (bands, rows, cols), its nodata for NaN too."""
    with open_raster(path) as dataset:
        masked = any(is_mask(flags) for flags in dataset.mask_flag_enums)
        values: np.ndarray = np.ma.filled(dataset.read(masked=masked), bands.nodata)
    if not bands.are_codes:
        values[np.isnan(values)] = bands.nodata
    return values


def _join(
    scratch: Path,
    places: Sequence[tuple[Path, Window]],
    grid: GeoBox,
    bands: _Bands,
    tags: Mapping[str, str],
    colours: Mapping[int, Colour] | None,
    progress: Progress,
    workers: int,
) -> list[int]:
    """Write the tiles into one sparse GeoTIFF, which takes no room where there is no tile.

    Returns
    -------
    checksums : of the numbers of each tile
    """
    height, width = grid.shape.yx
    profile: dict[str, Any] = dict(
        JOINED_OPTIONS,
        count=len(bands.names),
        height=height,
        width=width,
        dtype=bands.dtype,
        nodata=bands.nodata,
        crs=str(grid.crs),
        transform=grid.transform,
    )

    def read(place: tuple[Path, Window]) -> tuple[Window, np.ndarray, int]:
        values = _map_values(place[0], bands)
        return place[1], values, zlib.crc32(values.data)

    checksums = []
    with (
        rasterio.Env(),
        progress.task(f"{_name(scratch)}: joining tiles", len(places)) as task,
        rasterio.open(scratch, "w", **profile) as dataset,
    ):
        dataset.descriptions = bands.names
        dataset.units = bands.units
        dataset.update_tags(**tags)
        if colours is not None:
            dataset.write_colormap(1, dict(colours))
        for window, values, checksum in in_order(read, places, workers):
            dataset.write(values, window=window)
            checksums.append(checksum)
            task.advance()
    return checksums


def _name(half_written: Path) -> str:
    """Return the name that a file will have once it is whole."""
    return half_written.name.removesuffix(".part").removesuffix(".scratch")


def _add_overviews(scratch: Path, bands: _Bands, progress: Progress) -> None:
    """Add the overviews that the map is to have, each of half the size, down to one block.

    GDAL would make them itself while it writes the map, but interleaved by pixel, as the map is,
    which takes twice as long.
    """
    with (
        rasterio.Env(**OVERVIEW_SETTINGS),
        progress.task(f"{_name(scratch)}: overviews", 1) as task,
        rasterio.open(scratch, "r+") as dataset,
    ):
        largest, factors = max(dataset.shape), [2]
        while largest > factors[-1] * MAP_BLOCK_PX:
            factors.append(2 * factors[-1])
        if largest > MAP_BLOCK_PX:
            dataset.build_overviews(
                factors, Resampling.mode if bands.are_codes else Resampling.average
            )
        task.advance()


def _to_cog(scratch: Path, part: Path, bands: _Bands, progress: Progress, workers: int) -> None:
    options = dict(FLAG_OPTIONS if bands.are_codes else MAP_OPTIONS)
    options["num_threads"] = workers or os.cpu_count() or 1
    with rasterio.Env(), progress.task(f"{_name(part)}: writing", 1) as task:
        rasterio.shutil.copy(scratch, part, **options)
        task.advance()


def _require_equal(
    part: Path,
    places: Sequence[tuple[Path, Window]],
    checksums: Sequence[int],
    progress: Progress,
    workers: int,
) -> None:
    """Read the map back and hold it against its tiles, bit for bit.

    GDAL writes the last blocks while it closes a file, where a full disk goes unnoticed.
    """
    expected = list(zip(places, checksums, strict=True))
    share = -(-len(expected) // (workers or os.cpu_count() or 1))
    shares = [expected[first : first + share] for first in range(0, len(expected), share)]
    with progress.task(f"{_name(part)}: checking", len(places)) as task:

        def check(tiles: Sequence[tuple[tuple[Path, Window], int]]) -> None:
            with open_raster(part) as dataset:
                for (path, window), checksum in tiles:
                    if zlib.crc32(dataset.read(window=window).data) != checksum:
                        raise RasterError(
                            f"the map differs from {path.name} where it was just written from it: "
                            "is the disk full or failing?"
                        )
                    task.advance()

        for _ in in_order(check, shares, workers):
            pass
