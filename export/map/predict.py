"""Map tiles: the saved model applied to covariate tiles, those that are done excepted.

In: covariate tiles, ours or another's, and a predictor. Out: the files of each tile (see
`export.map.map_tile`), with counts of what was clipped, unseen or without prediction in their tags.
Features are bound to bands by name.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from export.errors import ExportError, RasterError, TileError
from export.journal import Journal
from export.map.map_tile import PixelCounts, PixelPredictor, TileFolders
from export.map.tile_parts import TilePart, parts_or_whole
from export.map.tile_prediction import TileJob, TileOutcome, predict_job
from export.parallel import in_order
from export.progress import Progress
from export.rasters.info import read_info
from export.rasters.remote import is_remote
from local_ml.names import nearest

STEP = "map_tiles"


@dataclass(frozen=True)
class PredictReport:
    """What became of the tiles.

    Parameters
    ----------
    files : tile name → map tile, for all that are whole (those beside it are whole then too)
    written, skipped : names of those made now, and of those found made from the same inputs
    failed : tile name → reason; a hole in the map
    counts : of the pixels of all tiles that are whole
    """

    files: Mapping[str, Path]
    written: tuple[str, ...]
    skipped: tuple[str, ...]
    failed: Mapping[str, str]
    counts: PixelCounts


class Machines(Protocol):
    """Other machines, to which tiles are sent."""

    def outcomes(self, jobs: Iterable[TileJob | TileOutcome]) -> Iterator[TileOutcome]:
        """Yield what became of tiles, in any order, with their files in place.

        What is an outcome already is passed on. Of `jobs` only a few are taken beforehand.
        """


def predict_tiles(
    tiles: Sequence[Path],
    predictor: PixelPredictor,
    folders: TileFolders,
    journal: Journal,
    progress: Progress,
    workers: int = 0,
    band_names: Sequence[str] | None = None,
    machines: Machines | None = None,
) -> PredictReport:
    """Predict tiles, those that the journal holds as done excepted.

    A tile that cannot be read fails alone: it is recorded, and the others are made.

    Parameters
    ----------
    tiles : covariate tiles; each gives tiles of the same file name in `folders`, a large one
        several (see `tile_parts`)
    workers : threads; 0: one a core. The files don't depend on it
    band_names : names of the tiles' bands, where the files have none
    machines : that predict in place of this process

    Raises
    ------
    TileError
        where the first tile lacks a band that the model needs (then all do), or two tiles have
        one name.
    """
    parts = [part for found in in_order(parts_or_whole, tiles, workers) for part in found]
    if len({part.name for part in parts}) < len(parts):
        raise TileError("two of the covariate tiles have the same name")
    names = None if band_names is None else tuple(band_names)
    for path in tiles[:1]:
        _require_features(path, predictor, band_names)

    def look(part: TilePart) -> TileJob | TileOutcome:
        """Say what is to be done for one tile; where it lies elsewhere, its reader must look."""
        name = part.name
        job = TileJob(name, part.tile, None, predictor.fingerprint, folders, names, part.window)
        if is_remote(part.tile):
            return replace(job, made_already=journal.made_from(STEP, name))
        try:
            job = replace(job, tile_sha256=journal.file_hash(part.tile))
        except ExportError as error:
            return TileOutcome(name, "", reason=str(error))
        made_from = job.made_from(str(job.tile_sha256))
        if journal.is_done(STEP, name, made_from):
            return TileOutcome(name, made_from, skipped=True)
        return job

    def make(part: TilePart) -> TileOutcome:
        found = look(part)
        return found if isinstance(found, TileOutcome) else predict_job(found, predictor)

    if machines is None:
        outcomes = in_order(make, parts, workers)
    else:
        outcomes = machines.outcomes(in_order(look, parts, workers))
    kept: dict[str, bool] = {}
    failed: dict[str, str] = {}
    total = PixelCounts()
    with progress.task("map tiles", len(parts)) as task:
        for outcome in outcomes:
            name = outcome.name
            if outcome.reason is not None:
                failed[name] = outcome.reason
                for stale in folders.files(name):  # of other inputs, they must not stand in
                    stale.unlink(missing_ok=True)
                journal.record_failure(STEP, name, outcome.reason)
            else:
                kept[name] = outcome.skipped
                if outcome.skipped:
                    total += PixelCounts.from_tags(read_info(folders.files(name)[0]).tags)
                else:
                    total += outcome.counts
                    files, hashes = folders.files(name), outcome.files_sha256
                    journal.record(STEP, name, outcome.made_from, files, hashes)
            task.advance()
    made = [part.name for part in parts if part.name in kept]  # other machines keep no order
    return PredictReport(
        {name: folders.files(name)[0] for name in made},
        tuple(name for name in made if not kept[name]),
        tuple(name for name in made if kept[name]),
        {part.name: failed[part.name] for part in parts if part.name in failed},
        total,
    )


def _require_features(
    path: Path, predictor: PixelPredictor, band_names: Sequence[str] | None
) -> None:
    """Raise TileError where a tile lacks a band of the model, before any is read."""
    try:
        present = [name for name in band_names or read_info(path).band_names if name]
    except RasterError:
        return  # it fails as a tile, not as the run
    for feature in predictor.features:
        if present and feature.name not in present:
            raise TileError(
                f"the model needs '{feature.name}', but {path} has no such band"
                f"{nearest(feature.name, present)}. "
                f"It has: {', '.join(present)}"
            )
