"""Covariate tiles: what the model needs of the region's pixels, on disk.

In: covariate sources, the region, its tiles. Out: ``<tile.name>.tif`` each, float32, NaN where
missing; the first band is ``region`` (1 inside, 0 outside), the others carry the covariates'
names and units. Outside the region all covariates are missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from odc.geo.geobox import GeoBox

from export.covariates.region import Region, read_region
from export.covariates.source import CovariateSource, coinciding_origin
from export.covariates.warp import read_tile
from export.errors import ExportError, RasterError, StudyError, TileError, WriteError
from export.fingerprints import fingerprint
from export.journal import Journal
from export.parallel import in_order
from export.progress import Progress
from export.rasters import files_of, read_bands, read_info, write_geotiff
from gee.grid import Tile, grid_to_json

REGION_BAND = "region"
STEP = "covariate_tiles"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class TilesReport:
    """What became of the tiles asked for.

    Parameters
    ----------
    files : tile name → its file, for all that are whole
    written, skipped : names of those made now, and of those found made from the same inputs
    failed : tile name → reason; a hole in what follows
    """

    files: Mapping[str, Path]
    written: tuple[str, ...]
    skipped: tuple[str, ...]
    failed: Mapping[str, str]


class _Outcome(NamedTuple):
    tile: Tile
    file: Path
    skipped: bool
    reason: str | None


def stack_fingerprint(sources: Sequence[CovariateSource], region: Region, journal: Journal) -> str:
    """Return the fingerprint of what the pixels of these covariates are made from.

    It holds the bytes of the rasters and how they are read; neither where they lie nor their age.
    """

    def parts(source: CovariateSource) -> dict[str, object]:
        settings = source.settings.model_dump(mode="json", exclude={"file", "group"})
        return {
            **settings,
            # what the file says of itself may stand beside it: a world file, a mask, a sidecar
            "sha256": [journal.file_hash(path) for path in files_of(source.path)],
            "grid": grid_to_json(source.geobox),
            "stored": [source.dtype, source.nodata, source.scale, source.offset],
            "resampling": source.resampling,
        }

    return fingerprint(
        format=FORMAT_VERSION,
        grid=grid_to_json(region.geobox),
        covariates=[parts(source) for source in sources],
        mask=None if region.mask is None else parts(region.mask),
        mask_values=region.mask_values,
    )


def write_covariate_tiles(
    sources: Sequence[CovariateSource],
    region: Region,
    tiles: Sequence[Tile],
    folder: Path,
    journal: Journal,
    progress: Progress,
    workers: int = 0,
) -> TilesReport:
    """Write the tiles of the given covariates, those that the journal holds as done excepted.

    A tile whose raster cannot be read fails alone: it is recorded, and the others are made.

    Parameters
    ----------
    sources : the covariates kept, in the order of their bands
    tiles : those that touch the region (`region_tiles`)
    folder : where ``<tile.name>.tif`` go
    workers : threads; 0: one a core. The files don't depend on it

    Raises
    ------
    StudyError
        where two covariates have one name, or one is called ``region``.
    """
    names = [REGION_BAND, *(source.name for source in sources)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise StudyError(f"covariates whose names are taken: {', '.join(twice)}")
    stack = stack_fingerprint(sources, region, journal)

    def make(tile: Tile) -> _Outcome:
        file = folder / f"{tile.name}.tif"
        if journal.is_done(STEP, tile.name, _key(stack, tile)):
            return _Outcome(tile, file, skipped=True, reason=None)
        try:
            _write_tile(file, sources, region, tile, stack)
        except WriteError:
            raise
        except ExportError as error:
            return _Outcome(tile, file, skipped=False, reason=str(error))
        return _Outcome(tile, file, skipped=False, reason=None)

    files: dict[str, Path] = {}
    failed: dict[str, str] = {}
    written: list[str] = []
    skipped: list[str] = []
    with progress.task("covariate tiles", len(tiles)) as task:
        for tile, file, was_done, reason in in_order(make, tiles, workers):
            if reason is not None:
                failed[tile.name] = reason
                file.unlink(missing_ok=True)  # one of other inputs must not stand in for it
                journal.record_failure(STEP, tile.name, reason)
            else:
                files[tile.name] = file
                (skipped if was_done else written).append(tile.name)
                if not was_done:
                    journal.record(STEP, tile.name, _key(stack, tile), [file])
            task.advance()
    return TilesReport(files, tuple(written), tuple(skipped), failed)


def read_covariate_tile(
    path: Path, names: Sequence[str] | None = None, band_names: Sequence[str] | None = None
) -> tuple[dict[str, np.ndarray], GeoBox]:
    """Read a covariate tile, ours or another's, each band with its own nodata, scale and offset.

    Parameters
    ----------
    names : the bands wanted; all by default
    band_names : names of all bands, for a file whose bands have none

    Returns
    -------
    bands : name → (rows, cols) float32, NaN where missing
    geobox : grid of the tile

    Raises
    ------
    TileError
        where the file cannot be read, its bands have no names, or one is not there; the text
        names the nearest.
    """
    try:
        return read_bands(path, names, band_names)
    except RasterError as error:
        raise TileError(str(error)) from error


def tile_files(folder: Path) -> list[Path]:
    """Return the GeoTIFFs of a folder, by name.

    Raises
    ------
    TileError
        where there is none.
    """
    files = sorted(folder.glob("*.tif"))
    if not files:
        inner = folder / "tiles"
        hint = f"; did you mean {inner}?" if inner.is_dir() else ""
        raise TileError(f"{folder} holds no GeoTIFF tiles (*.tif){hint}")
    return files


def geobox_of_tiles(files: Sequence[Path]) -> GeoBox:
    """Return the smallest grid that holds all tiles.

    Raises
    ------
    TileError
        where a tile is of another CRS, pixel size or alignment than the first.
    """
    boxes = [(path, read_info(path).geobox) for path in files]
    first_path, first = boxes[0]
    edges = []
    for path, box in boxes:
        row, col = tile_origin(box, first, path, f"the grid of {first_path.name}")
        height, width = box.shape.yx
        edges.append((row, col, row + height, col + width))
    top, left = np.min(edges, axis=0)[:2]
    bottom, right = np.max(edges, axis=0)[2:]
    transform = first.transform * first.transform.translation(int(left), int(top))
    return GeoBox((int(bottom - top), int(right - left)), transform, first.crs)


def tile_origin(box: GeoBox, grid: GeoBox, path: Path, grid_name: str) -> tuple[int, int]:
    """Return row and col of a tile's first pixel in `grid`; TileError where it lies off it."""
    origin = coinciding_origin(box, grid)
    if origin is None:
        raise TileError(
            f"{path} does not lie on {grid_name}: {box.crs}, {tuple(box.transform)[:6]} against "
            f"{grid.crs}, {tuple(grid.transform)[:6]}"
        )
    return origin


def _key(stack: str, tile: Tile) -> str:
    return fingerprint(stack=stack, window=tile.window)


def _write_tile(
    file: Path, sources: Sequence[CovariateSource], region: Region, tile: Tile, stack: str
) -> None:
    inside = read_region(region, tile)
    bands = np.empty((1 + len(sources), *tile.shape), np.float32)
    bands[0] = inside
    for band, source in enumerate(sources, start=1):
        bands[band] = read_tile(source, tile)
        bands[band][~inside] = np.nan
    write_geotiff(
        file,
        bands,
        tile.geobox,
        nodata=float("nan"),
        band_names=[REGION_BAND, *(source.name for source in sources)],
        units=["1", *(source.settings.unit for source in sources)],
        tags={
            "covariate_stack": stack,
            "tile": tile.name,
            "window": " ".join(str(number) for number in tile.window),
            "format_version": str(FORMAT_VERSION),
        },
        categorical=[False, *(source.settings.categorical for source in sources)],
    )
