"""Map tiles: the saved model applied to covariate tiles, those that are done excepted.

In: covariate tiles, ours or another's, and a predictor. Out: the files of each tile (see
`export.map_tile`), with counts of what was clipped, unseen or without prediction in their tags.
Features are bound to bands by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from export.errors import ExportError, RasterError, TileError
from export.journal import Journal
from export.map_tile import PixelCounts, PixelPredictor, TileFolders
from export.parallel import in_order
from export.progress import Progress
from export.rasters import read_info
from export.tile_parts import TilePart, tile_parts
from export.tile_prediction import TileJob, TileOutcome, predict_job
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


def predict_tiles(
    tiles: Sequence[Path],
    predictor: PixelPredictor,
    folders: TileFolders,
    journal: Journal,
    progress: Progress,
    workers: int = 0,
    band_names: Sequence[str] | None = None,
) -> PredictReport:
    """Predict tiles, those that the journal holds as done excepted.

    A tile that cannot be read fails alone: it is recorded, and the others are made.

    Parameters
    ----------
    tiles : covariate tiles; each gives tiles of the same file name in `folders`, a large one
        several (see `tile_parts`)
    workers : threads; 0: one a core. The files don't depend on it
    band_names : names of the tiles' bands, where the files have none

    Raises
    ------
    TileError
        where the first tile lacks a band that the model needs (then all do), or two tiles have
        one name.
    """
    parts = [part for found in in_order(_parts, tiles, workers) for part in found]
    if len({part.name for part in parts}) < len(parts):
        raise TileError("two of the covariate tiles have the same name")
    for path in tiles[:1]:
        _require_features(path, predictor, band_names)

    def make(part: TilePart) -> TileOutcome:
        name = part.name
        try:
            job = TileJob(
                name,
                part.tile,
                journal.file_hash(part.tile),
                predictor.fingerprint,
                folders,
                None if band_names is None else tuple(band_names),
                part.window,
            )
            if journal.is_done(STEP, name, job.made_from):
                counts = PixelCounts.from_tags(read_info(folders.files(name)[0]).tags)
                return TileOutcome(name, job.made_from, True, counts)
        except ExportError as error:
            return TileOutcome(name, "", False, PixelCounts(), str(error))
        return predict_job(job, predictor)

    files: dict[str, Path] = {}
    failed: dict[str, str] = {}
    written: list[str] = []
    skipped: list[str] = []
    total = PixelCounts()
    with progress.task("map tiles", len(parts)) as task:
        for outcome in in_order(make, parts, workers):
            name = outcome.name
            if outcome.reason is not None:
                failed[name] = outcome.reason
                for stale in folders.files(name):  # of other inputs, they must not stand in
                    stale.unlink(missing_ok=True)
                journal.record_failure(STEP, name, outcome.reason)
            else:
                files[name] = folders.files(name)[0]
                total += outcome.counts
                (skipped if outcome.skipped else written).append(name)
                if not outcome.skipped:
                    journal.record(STEP, name, outcome.made_from, folders.files(name))
            task.advance()
    return PredictReport(files, tuple(written), tuple(skipped), failed, total)


def _parts(tile: Path) -> list[TilePart]:
    """Return the parts of a tile; one that cannot be read is a part that will fail as a tile."""
    try:
        return tile_parts(tile)
    except RasterError:
        return [TilePart(tile.stem, tile)]


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
