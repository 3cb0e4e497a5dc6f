"""What a worker does with one tile.

In: the job of a tile, and what its run needs. Out: what became of it, and its files with their
hashes, which lie beside their place: only the machine that keeps the journal puts them into it, so
that a worker that comes late cannot overwrite what a later run has made.
"""

import platform
import shutil
import threading
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from uuid import uuid4

from export.cluster.fitness import MARK, Needs, require_fit
from export.errors import ClusterSetupError, WriteError
from export.journal import file_sha256
from export.map.map_tile import TileFolders
from export.map.tile_prediction import TileJob, TileOutcome, predict_job
from export.rasters.remote import is_remote
from local_ml.prediction.predictor import Predictor

_loading = threading.Lock()


@dataclass(frozen=True)
class Work:
    """What a worker made of one tile.

    Parameters
    ----------
    files : path and SHA-256 of each, in the order of `TileFolders.files`; none where it failed
    machine : name of the worker's machine
    """

    outcome: TileOutcome
    files: tuple[tuple[Path, str], ...]
    machine: str


def predict_here(job: TileJob, needs: Needs) -> Work:
    """Predict one tile in this process, if it sees the tile that the journal's machine saw.

    Raises
    ------
    ClusterSetupError
        where this process is not fit for the run.
    WriteError
        where the disk takes no more.
    """
    require_fit(needs)
    machine = platform.node()
    reason = _unlike(job, needs.mark)
    if reason is not None:
        outcome = TileOutcome(job.name, "", reason=f"{machine} {reason}")
        return Work(outcome, (), machine)
    with _loading:
        predictor = _predictor(needs.model, needs.model_fingerprint)
    # Two workers may be at one tile, where one passed for dead.
    own = needs.unfinished / uuid4().hex
    folders = TileFolders(
        own / "value",
        None if job.folders.companion is None else own / "companion",
        None if job.folders.flags is None else own / "flags",
    )
    try:
        outcome = predict_job(replace(job, folders=folders), predictor)
        made = outcome.reason is None and not outcome.skipped
        files = folders.files(job.name) if made else []
        return Work(outcome, tuple((path, file_sha256(path)) for path in files), machine)
    except WriteError as error:
        raise WriteError(f"{machine}: {error}") from None
    finally:
        if not (needs.unfinished / MARK).exists():  # the run is over, nobody will fetch them
            shutil.rmtree(needs.unfinished, ignore_errors=True)


def _unlike(job: TileJob, mark: str) -> str | None:
    """Say what is unlike the tile that was hashed where the journal is kept; None if nothing is."""
    if job.tile_sha256 is None or is_remote(job.tile):
        return None  # hashed as it is predicted
    try:
        if job.window is None:
            found = file_sha256(job.tile)
        else:  # one of many parts
            status = job.tile.stat()
            stamp = status.st_size, status.st_mtime_ns, status.st_ino
            found = _hash_of_large(job.tile, stamp, mark)
    except OSError as error:
        return f"cannot read {job.tile}: {error.strerror}"
    if found != job.tile_sha256:
        return f"sees other bytes in {job.tile} than there are where the journal is kept"
    return None


@lru_cache(maxsize=64)
def _hash_of_large(tile: Path, _stamp: tuple[int, int, int], _mark: str) -> str:
    """Hash a tile once a run, while its size, its time and its place on the disk stay."""
    return file_sha256(tile)


@lru_cache(maxsize=2)
def _predictor(folder: Path, fingerprint: str) -> Predictor:
    """Load a model once a process."""
    predictor = Predictor.load(folder)
    if predictor.fingerprint != fingerprint:
        raise ClusterSetupError(
            f"a worker on {platform.node()} found another model in {folder} than the run began with"
        )
    return predictor
