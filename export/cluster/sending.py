"""Tiles are sent to the workers of a cluster, and what comes back is put in its place.

In: jobs of tiles, one after another. Out: what became of them, as they are done. A bounded number
is under way at a time. A worker that dies costs its tile only, which another one makes; a tile at
which several die is a hole.
"""

import queue
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from export.cluster.connection import (
    PATIENCE_SECONDS,
    connected,
    lost,
    require_all_fit,
    threads_of,
    wait_for_worker,
)
from export.cluster.fitness import MARK, Needs, software
from export.cluster.work import Work, predict_here
from export.errors import ClusterError, ClusterSetupError, WriteError
from export.journal import file_sha256
from export.map.tile_prediction import TileJob, TileOutcome
from export.rasters.remote import is_remote

if TYPE_CHECKING:
    from distributed import Client, Future

A_THREAD = 2
"""Tiles under way for each thread: one at work, one at hand."""
LOOK_SECONDS = 5.0
"""How often the workers are counted."""
SETTLE_SECONDS = 30.0
"""How long a shared folder may take to show what another machine wrote."""

UNFINISHED = ".cluster-"


@contextmanager
def cluster(
    address: str,
    model: Path,
    model_fingerprint: str,
    covariates: Path | None,
    map_folder: Path,
    say: Callable[[str], None],
    patience: float = PATIENCE_SECONDS,
) -> Iterator["Cluster"]:
    """Connect to a cluster whose machines are all fit to predict the tiles of a map.

    Parameters
    ----------
    covariates : folder or file that all must see; None where tiles lie elsewhere
    map_folder : on storage that all share, with those of the tiles in it
    say : prints a line for the user
    patience : seconds to wait while there is no worker

    Raises
    ------
    ClusterError
        where no scheduler answers, or no worker comes.
    ClusterSetupError
        where a machine has other software, or does not see the folders.
    """
    with connected(address) as client:
        unfinished, mark = _unfinished(map_folder.absolute())
        try:
            needs = Needs(
                software=software(),
                model=model.absolute(),
                model_fingerprint=model_fingerprint,
                covariates=None if covariates is None else covariates.absolute(),
                unfinished=unfinished,
                mark=mark,
            )
            wait_for_worker(client, say, patience)
            require_all_fit(client, needs)
            threads = threads_of(client)
            say(f"cluster  {address}: {len(threads)} workers, {sum(threads.values())} threads")
            yield Cluster(client, needs, say, patience)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


class Cluster:
    """Workers that predict tiles; see `export.map.predict.Machines`.

    Parameters
    ----------
    client : connected
    needs : of the run
    say : prints a line for the user
    patience : seconds to wait while there is no worker
    """

    def __init__(
        self, client: "Client", needs: Needs, say: Callable[[str], None], patience: float
    ) -> None:
        self._client = client
        self._needs = needs
        self._say = say
        self._patience = patience
        self._threads = 1
        self._counted = float("-inf")

    def outcomes(self, jobs: Iterable[TileJob | TileOutcome]) -> Iterator[TileOutcome]:
        """Yield what became of tiles, as they are done, with their files in place.

        Raises
        ------
        ClusterError
            where the scheduler is lost, or no worker is left. What is under way is cancelled, then
            and whenever no more is asked for.
        WriteError
            where the disk takes no more.
        """
        under_way: dict[str, tuple[Future, TileJob]] = {}
        arrived: queue.SimpleQueue[Future] = queue.SimpleQueue()
        try:
            for job in jobs:
                if isinstance(job, TileOutcome):
                    yield job
                    continue
                future = self._send(job)
                under_way[future.key] = future, job
                future.add_done_callback(arrived.put)
                while len(under_way) >= self._window():
                    yield from self._next(under_way, arrived)
            while under_way:
                yield from self._next(under_way, arrived)
        finally:
            if under_way and self._client.status == "running":
                self._client.cancel([future for future, _ in under_way.values()], force=True)

    def _send(self, job: TileJob) -> "Future":
        if not is_remote(job.tile):
            job = replace(job, tile=job.tile.absolute())
        key = f"alm90-{self._needs.mark}-{job.name}"
        try:
            return self._client.submit(predict_here, job, self._needs, key=key, pure=False)
        except (OSError, RuntimeError) as error:
            raise lost(self._client) from error

    def _window(self) -> int:
        """Return how many tiles may be under way; workers come and go."""
        if time.monotonic() - self._counted > LOOK_SECONDS:
            self._threads = sum(threads_of(self._client).values())
            self._counted = time.monotonic()
            if not self._threads:
                wait_for_worker(self._client, self._say, self._patience)
        return A_THREAD * max(self._threads, 1)

    def _next(
        self,
        under_way: "dict[str, tuple[Future, TileJob]]",
        arrived: "queue.SimpleQueue[Future]",
    ) -> Iterator[TileOutcome]:
        """Yield the next outcome, or nothing where none came for a while."""
        self._window()
        try:
            future = arrived.get(timeout=1)
        except queue.Empty:
            if self._client.status != "running":
                raise lost(self._client) from None
            return
        work = self._result(future)
        if work is None:
            future.add_done_callback(arrived.put)
            return
        _, job = under_way.pop(future.key)
        yield (
            in_place(work, job)
            if isinstance(work, Work)
            else TileOutcome(job.name, "", reason=work)
        )

    def _result(self, future: "Future") -> Work | str | None:
        """Return the work on a tile, or the reason why there is none.

        None where its worker went before it handed the result over: the tile is made again.
        """
        from distributed import KilledWorker

        if future.status == "cancelled":
            raise lost(self._client)
        if future.status in ("lost", "pending"):
            return None
        if future.status == "error":
            error = future.exception()
            if isinstance(error, KilledWorker):
                last = getattr(error.last_worker, "address", error.last_worker)
                return (
                    f"{error.allowed_failures + 1} workers died at it, the last was {last}; "
                    "their logs may tell why, too little memory for one"
                )
            if isinstance(error, MemoryError):
                return "a worker has too little memory for it"
            if isinstance(error, ImportError | AttributeError):  # it came after all were asked
                raise ClusterSetupError(
                    f"a worker has other software than this machine ({error}): give all machines "
                    "one environment (constraints.txt)"
                ) from error
            raise error
        try:
            work: Work = future.result(timeout=LOOK_SECONDS)
        except TimeoutError:
            return None
        except OSError as error:
            raise lost(self._client) from error
        return work


def in_place(work: Work, job: TileJob) -> TileOutcome:
    """Put the files of a tile in their place, that of the map last; check them before.

    The outcome holds the hashes that were checked: they are what the journal is to remember.

    Raises
    ------
    ClusterError
        where a file does not come into sight.
    WriteError
        where a place takes no file.
    """
    places = job.folders.files(job.name)
    for path, sha256 in work.files:
        if _settled_hash(path, sha256) != sha256:
            reason = f"{path.name} arrived with other bytes than {work.machine} wrote"
            return TileOutcome(job.name, "", reason=reason)
    for (path, _), place in reversed(list(zip(work.files, places, strict=False))):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)
        except OSError as error:
            raise WriteError(f"{place} cannot be written: {error.strerror}") from error
    if work.files:
        shutil.rmtree(work.files[0][0].parents[1], ignore_errors=True)
    return replace(work.outcome, files_sha256=tuple(sha256 for _, sha256 in work.files) or None)


def _settled_hash(path: Path, sha256: str) -> str:
    """Return the hash of a file of another machine, which may be some seconds late."""
    end = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            found = file_sha256(path)
            if found == sha256 or time.monotonic() > end:
                return found
        except OSError as error:
            if time.monotonic() > end:
                raise ClusterError(
                    f"{path} was written by a worker, but cannot be read here ({error.strerror}): "
                    "is the folder of the map on storage that all machines share?"
                ) from error
        time.sleep(0.5)


def _unfinished(map_folder: Path) -> tuple[Path, str]:
    """Make the folder for files that are not in their place yet; those of a dead run go."""
    for stale in map_folder.glob(UNFINISHED + "*"):
        shutil.rmtree(stale, ignore_errors=True)
    mark = uuid4().hex
    folder = map_folder / (UNFINISHED + mark)
    try:
        folder.mkdir(parents=True)
        (folder / MARK).write_text(mark)
    except OSError as error:
        raise WriteError(f"{folder} cannot be written: {error.strerror}") from error
    return folder, mark
