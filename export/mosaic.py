"""Map tiles → one single-band Cloud-Optimized GeoTIFF.

In: map tiles on one grid. Out: ``map/<target>.tif``, float32, nodata -9999, overviews by average,
blocks of 512 px, with unit, target and fingerprints in its tags and no time of day: the same
tiles give the same bytes. Memory holds one tile and GDAL's cache, however large the map.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from odc.geo.geobox import GeoBox
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError
from rasterio.windows import Window

from export.covariates.tiles import geobox_of_tiles, tile_origin
from export.errors import RasterError, TileError
from export.fingerprints import fingerprint
from export.journal import Journal
from export.predict import NODATA
from export.progress import Progress
from export.rasters import (
    GDAL_CACHE_MB,
    MAP_OPTIONS,
    SCRATCH_OPTIONS,
    open_raster,
    put_in_place,
    read_info,
)

STEP = "mosaic"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class MosaicReport:
    """file : the map; skipped : found made from the same tiles; holes : tiles that are missing."""

    file: Path
    skipped: bool
    holes: tuple[str, ...]


def write_mosaic(
    tiles: Mapping[str, Path],
    file: Path,
    tags: Mapping[str, str],
    journal: Journal,
    progress: Progress,
    geobox: GeoBox | None = None,
    expected: Sequence[str] = (),
) -> MosaicReport:
    """Join map tiles, unless the journal holds the map as made from the same ones.

    Parameters
    ----------
    tiles : name → map tile, one band each; their own place on the ground decides where they go
    file : the map to write
    tags : for the map: study, model, title, licence and the like; no dates. The software's name
        and version are added
    geobox : grid of the map; the smallest that holds all tiles where it is left out
    expected : names of the tiles that the region has; those without a file are holes, in which
        the map has no data

    Raises
    ------
    TileError
        where there is no tile, one lies off the grid or upon another, or they disagree in band
        name or unit.
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
    )
    if journal.is_done(STEP, file.name, made_from):
        return MosaicReport(file, skipped=True, holes=holes)
    band_name, unit = _common_band([tiles[name] for name in names])
    all_tags = {**tags, "TIFFTAG_SOFTWARE": f"alm90 {version('alm90')}"}
    places = _places([tiles[name] for name in names], grid)
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = file.with_name(file.name + ".scratch.part")
    part = file.with_name(file.name + ".part")
    try:
        _join(scratch, places, grid, band_name, unit, all_tags, progress)
        _to_cog(scratch, part, progress)
        scratch.unlink()
        _require_equal(part, places, progress)
        put_in_place(part, file)
    except (RasterioError, CPLE_BaseError, OSError) as error:
        raise RasterError(f"{file} cannot be written: {error.__cause__ or error}") from error
    finally:
        for leftover in (scratch, part, part.with_name(part.name + ".ovr.tmp")):
            leftover.unlink(missing_ok=True)
    journal.record(STEP, file.name, made_from, [file])
    return MosaicReport(file, skipped=False, holes=holes)


def _common_band(files: Sequence[Path]) -> tuple[str, str]:
    """Return the band name and unit that all tiles have."""
    first: tuple[str, str] | None = None
    for path in files:
        info = read_info(path)
        if info.count != 1:
            raise TileError(f"{path} has {info.count} bands; a map tile has one")
        found = info.band_names[0] or "", info.units[0] or ""
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


def _map_values(path: Path) -> np.ndarray:
    """Return a tile's band as the map holds it: float32, -9999 where missing."""
    with open_raster(path) as dataset:
        values = dataset.read(1, masked=True).astype(np.float32)
    filled: np.ndarray = np.ma.filled(values, NODATA)
    filled[np.isnan(filled)] = NODATA
    return filled


def _join(
    scratch: Path,
    places: Sequence[tuple[Path, Window]],
    grid: GeoBox,
    band_name: str,
    unit: str,
    tags: Mapping[str, str],
    progress: Progress,
) -> None:
    """Write the tiles into one sparse GeoTIFF, which takes no room where there is no tile."""
    height, width = grid.shape.yx
    profile: dict[str, Any] = dict(
        SCRATCH_OPTIONS,
        count=1,
        height=height,
        width=width,
        dtype="float32",
        nodata=NODATA,
        crs=str(grid.crs),
        transform=grid.transform,
    )
    with (
        rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE_MB),
        progress.task("joining tiles", len(places)) as task,
        rasterio.open(scratch, "w", **profile) as dataset,
    ):
        dataset.descriptions = (band_name,)
        dataset.units = (unit,)
        dataset.update_tags(**tags)
        for path, window in places:
            dataset.write(_map_values(path), 1, window=window)
            task.advance()


def _to_cog(scratch: Path, part: Path, progress: Progress) -> None:
    with rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE_MB), progress.task("overviews", 1) as task:
        rasterio.shutil.copy(scratch, part, **MAP_OPTIONS)
        task.advance()


def _require_equal(part: Path, places: Sequence[tuple[Path, Window]], progress: Progress) -> None:
    """Read the map back and hold it against its tiles, bit for bit.

    GDAL writes the last blocks while it closes a file, where a full disk goes unnoticed.
    """
    with (
        progress.task("checking the map", len(places)) as task,
        open_raster(part) as dataset,
    ):
        for path, window in places:
            if not np.array_equal(dataset.read(1, window=window), _map_values(path)):
                raise RasterError(
                    f"the map differs from {path.name} where it was just written from it: "
                    "is the disk full or failing?"
                )
            task.advance()
