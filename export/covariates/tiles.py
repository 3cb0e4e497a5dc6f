"""Covariate tiles: what the model needs of the region's pixels, on disk.

In: a stack of covariates, the region, its tiles. Out: ``<tile.name>.tif`` each, float32, NaN where
missing; the first band is ``region`` (1 inside, 0 outside), the others carry the covariates'
names and units. Outside the region all covariates are missing.

Each band says what it was made from, so that a changed covariate is read anew and the others are
taken over from the file that is there.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from export.covariates.provider import CovariateStack
from export.covariates.region import Region, read_region
from export.covariates.source import coinciding_origin, source_parts
from export.errors import ExportError, RasterError, StudyError, TileError, WriteError
from export.fingerprints import fingerprint
from export.journal import Journal
from export.parallel import in_order
from export.progress import Progress
from export.rasters import read_bands, read_info, write_geotiff
from gee.errors import RefusedError, ServiceError, TooLargeError
from gee.grid import Tile, grid_to_json

REGION_BAND = "region"
STEP = "covariate_tiles"
FORMAT_VERSION = 1
REFUSED_AT_FIRST = 20
"""Tiles that Earth Engine refuses before it gave one: the others would be refused, too."""
_MADE_FROM, _OUT_OF_RANGE = "made_from", "pixels_out_of_range"


@dataclass(frozen=True)
class TilePlan:
    """What one tile needs.

    Parameters
    ----------
    file : where it lies or will lie
    made_from : covariate → fingerprint of what its band is made from, in the order of the bands
    stack : fingerprint of the stack, the same for all tiles
    key : that of all that the tile is made from
    done : the file is there, made from all that
    kept : covariates whose bands a file of earlier settings holds already, unaltered
    """

    tile: Tile
    file: Path
    made_from: Mapping[str, str]
    stack: str
    key: str
    done: bool
    kept: tuple[str, ...]

    @property
    def asked(self) -> tuple[str, ...]:
        """Return the covariates to be read from their sources."""
        if self.done:
            return ()
        return tuple(name for name in self.made_from if name not in self.kept)


@dataclass(frozen=True)
class TilesReport:
    """What became of the tiles asked for.

    Parameters
    ----------
    files : tile name → its file, for all that are whole
    written, skipped : names of those made now, and of those found made from the same inputs
    failed : tile name → reason; a hole in what follows
    out_of_range : covariate → pixels of all tiles that lost a value outside the valid range, where
        that happens on the way to the tile and not in a file of the user's
    """

    files: Mapping[str, Path]
    written: tuple[str, ...]
    skipped: tuple[str, ...]
    failed: Mapping[str, str]
    out_of_range: Mapping[str, int]


class _Outcome(NamedTuple):
    plan: TilePlan
    error: ExportError | ServiceError | None
    out_of_range: Mapping[str, int]


def stack_fingerprint(stack: CovariateStack, region: Region, journal: Journal) -> str:
    """Return the fingerprint of what the pixels of these covariates are made from.

    For rasters it holds their bytes and how they are read, neither where they lie nor their age;
    for Earth Engine the graph that it computes.
    """
    return fingerprint(
        covariates=list(stack.fingerprints().items()), region=region_fingerprint(region, journal)
    )


def region_fingerprint(region: Region, journal: Journal) -> str:
    """Return the fingerprint of the grid and of which of its pixels count."""
    return fingerprint(
        format=FORMAT_VERSION,
        grid=grid_to_json(region.geobox),
        mask=None if region.mask is None else source_parts(region.mask, journal.file_hash),
        mask_values=region.mask_values,
    )


def plan_tiles(
    stack: CovariateStack,
    region: Region,
    tiles: Sequence[Tile],
    folder: Path,
    journal: Journal,
) -> list[TilePlan]:
    """Say for each tile what is there and what must be read; nothing is read yet.

    Parameters
    ----------
    stack : the covariates kept, in the order of their bands
    tiles : those that touch the region (`region_tiles`)
    folder : where ``<tile.name>.tif`` go

    Raises
    ------
    StudyError
        where a covariate is called ``region``.
    """
    if REGION_BAND in stack.names:
        raise StudyError(f"a covariate may not be called '{REGION_BAND}': tiles have such a band")
    around = region_fingerprint(region, journal)
    of_covariate = stack.fingerprints()
    whole = stack_fingerprint(stack, region, journal)

    def plan(tile: Tile) -> TilePlan:
        file = folder / f"{tile.name}.tif"
        key = fingerprint(stack=whole, window=tile.window)
        made_from = {
            name: fingerprint(covariate=made, region=around, window=tile.window)
            for name, made in of_covariate.items()
        }
        done = journal.is_done(STEP, tile.name, key)
        held = {} if done or not journal.is_unaltered(STEP, tile.name) else _made_from(file)
        kept = tuple(name for name, made in made_from.items() if held.get(name) == made)
        return TilePlan(tile, file, made_from, whole, key, done, kept)

    return [plan(tile) for tile in tiles]


def write_covariate_tiles(
    stack: CovariateStack,
    region: Region,
    plans: Sequence[TilePlan],
    journal: Journal,
    progress: Progress,
    workers: int = 0,
) -> TilesReport:
    """Write the tiles that are not done, each with what its plan asks for.

    A tile whose raster cannot be read, or that the service refuses, fails alone: it is recorded,
    and the others are made.

    Parameters
    ----------
    plans : of `plan_tiles`, for the same stack and region
    workers : threads; 0: one a core. The files don't depend on it

    Raises
    ------
    WriteError
        where the disk takes no more.
    ServiceError
        where Earth Engine would refuse every tile alike: credentials, a missing asset, a quota
        that is used up; or refused the first ones, and none was made. What is finished is kept.
    """
    refused = 0

    def make(plan: TilePlan) -> _Outcome:
        name = plan.tile.name
        if plan.done:
            return _Outcome(plan, None, _out_of_range(plan.file))
        try:
            out_of_range = _write_tile(plan, stack, region)
        except WriteError:
            raise
        except (ExportError, RefusedError, TooLargeError) as error:
            plan.file.unlink(missing_ok=True)  # one of other inputs must not stand in for it
            journal.record_failure(STEP, name, str(error))
            return _Outcome(plan, error, {})
        # At once, and not when the tiles before it are done: what it cost must not be lost.
        journal.record(STEP, name, plan.key, [plan.file])
        return _Outcome(plan, None, out_of_range)

    files: dict[str, Path] = {}
    failed: dict[str, str] = {}
    written: list[str] = []
    skipped: list[str] = []
    out_of_range: Counter[str] = Counter()
    with progress.task("covariate tiles", len(plans)) as task:
        for plan, error, outside in in_order(make, plans, max(workers, stack.requests_at_once)):
            name = plan.tile.name
            if error is not None:
                failed[name] = str(error)
                refused += isinstance(error, ServiceError)
                if refused >= REFUSED_AT_FIRST and not files:
                    raise error
            else:
                files[name] = plan.file
                (skipped if plan.done else written).append(name)
                out_of_range.update(outside)
            task.advance()
    return TilesReport(files, tuple(written), tuple(skipped), failed, dict(out_of_range))


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


def _write_tile(plan: TilePlan, stack: CovariateStack, region: Region) -> dict[str, int]:
    """Write one tile; return its counts of values out of range."""
    tile = plan.tile
    inside = read_region(region, tile)
    held, out_of_range = _held(plan)
    if plan.asked:
        asked = stack.select(plan.asked).read(tile)
        held |= dict(zip(plan.asked, asked.values, strict=True))
        out_of_range |= {
            name: int((outside & inside).sum()) for name, outside in asked.out_of_range.items()
        }
    bands = np.stack([inside.astype(np.float32), *(held[name] for name in plan.made_from)])
    bands[1:, ~inside] = np.nan
    out_of_range = {name: out_of_range[name] for name in plan.made_from if name in out_of_range}
    covariates = stack.covariates
    write_geotiff(
        plan.file,
        bands,
        tile.geobox,
        nodata=float("nan"),
        band_names=[REGION_BAND, *(info.name for info in covariates)],
        units=["1", *(info.unit for info in covariates)],
        tags={
            "covariate_stack": plan.stack,
            _MADE_FROM: json.dumps(dict(plan.made_from)),
            _OUT_OF_RANGE: json.dumps(out_of_range),
            "tile": tile.name,
            "window": " ".join(str(number) for number in tile.window),
            "format_version": str(FORMAT_VERSION),
        },
        categorical=[False, *(info.categorical for info in covariates)],
    )
    return out_of_range


def _held(plan: TilePlan) -> tuple[dict[str, NDArray[np.float32]], dict[str, int]]:
    """Return the bands that an earlier file holds already, and their counts."""
    if not plan.kept:
        return {}, {}
    bands, _ = read_bands(plan.file, plan.kept)
    counts = _out_of_range(plan.file)
    return bands, {name: counts[name] for name in plan.kept if name in counts}


def _made_from(file: Path) -> dict[str, str]:
    return _tag(file, _MADE_FROM)


def _out_of_range(file: Path) -> dict[str, int]:
    return _tag(file, _OUT_OF_RANGE)


def _tag(file: Path, name: str) -> dict[str, Any]:
    held: dict[str, Any] = json.loads(read_info(file).tags.get(name, "{}"))
    return held
