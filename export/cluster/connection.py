"""The way to a scheduler of dask, and whether all of its machines are fit for a run.

In: the address of a scheduler, or the file in which it says so. Out: a connected client; or one
sentence on what is wrong, and on which machine.
"""

import json
import logging
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.cluster.fitness import Needs, faults
from export.errors import ClusterError, ClusterSetupError, MissingPackageError

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 10.0
PATIENCE_SECONDS = 600.0
"""How long a run waits while a cluster has no worker: theirs may be in a queue."""
MOST_NAMED = 3

# Without these a worker cannot even be asked for the rest.
PACKAGES = ("alm90", "distributed")


def scheduler_address(scheduler: str | None, scheduler_file: Path | None) -> str | None:
    """Return the address of the scheduler; None where none is named.

    Raises
    ------
    MissingPackageError
        where dask.distributed is not installed.
    ClusterSetupError
        where the address is none, or the file names none.
    """
    if scheduler is None and scheduler_file is None:
        return None
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(
            "other machines need dask.distributed, which is not installed; "
            "pip install 'alm90[cluster]' on all of them"
        ) from error
    if scheduler_file is not None:
        try:
            scheduler = json.loads(scheduler_file.read_text())["address"]
        except OSError as error:
            raise ClusterSetupError(
                f"{scheduler_file} cannot be read: {error.strerror}. `dask scheduler "
                "--scheduler-file FILE` writes it"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise ClusterSetupError(
                f"{scheduler_file} names no address of a scheduler ({error!r}); it may be half "
                "written, or another file"
            ) from error
    if "://" not in str(scheduler):
        raise ClusterSetupError(f"'{scheduler}' is no address; one is like tcp://HOST:8786")
    return scheduler


@contextmanager
def connected(address: str) -> Iterator["Client"]:
    """Connect to a scheduler, quietly: what goes wrong is told once, by whoever asks.

    Raises
    ------
    ClusterError
        where nobody answers.
    """
    from distributed import Client

    loggers = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    levels = {logger: logger.level for logger in loggers if logger.name.startswith("distributed")}
    for logger in levels:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        try:
            with warnings.catch_warnings():  # of other versions; they are compared below
                warnings.simplefilter("ignore")
                client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, ImportError) as error:
            raise ClusterError(
                f"no scheduler answers at {address} ({_last_cause(error)}). Is it running, and "
                "can this machine reach it?"
            ) from error
        try:
            yield client
        finally:
            client.close(timeout=CONNECT_SECONDS)
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)


def wait_for_worker(client: "Client", say: Callable[[str], None], patience: float) -> None:
    """Wait until there is a worker.

    Raises
    ------
    ClusterError
        where none came for `patience` seconds.
    """
    start, told = time.monotonic(), False
    while not threads_of(client):
        if not told:
            say(f"the scheduler has no worker yet; waiting up to {patience:.0f} s for one")
            told = True
        if time.monotonic() - start > patience:
            raise ClusterError(
                f"the scheduler has had no worker for {patience:.0f} s; start some "
                "(docs/cluster.md). What is finished is kept, the same command resumes"
            )
        time.sleep(min(0.5, patience))


def threads_of(client: "Client") -> dict[str, int]:
    """Return the number of threads of each worker.

    Raises
    ------
    ClusterError
        where the scheduler is lost.
    """
    try:
        found: dict[str, int] = dict(client.nthreads())
    except (OSError, RuntimeError) as error:
        raise lost(client) from error
    return found


def lost(client: "Client") -> ClusterError:
    """Return the error of a run whose scheduler went away."""
    return ClusterError(
        f"the scheduler at {client._start_arg} was lost, or has dropped the tiles of this run. "
        "What is finished is kept, the same command resumes"
    )


def require_all_fit(client: "Client", needs: Needs) -> None:
    """Ask scheduler and workers whether they are fit for a run.

    Raises
    ------
    ClusterSetupError
        where one is not; the text names it.
    """
    try:
        for package in PACKAGES:
            on_scheduler = _on_scheduler(client, package)
            found = {"the scheduler": on_scheduler, **_on_workers(client, version, package)}
            _refuse(
                f"{where} has {package} {its}, here it is {version(package)}: give all machines "
                "one environment (constraints.txt)"
                if isinstance(its, str)
                else f"{where} has no {package}: pip install 'alm90[cluster]' there"
                for where, its in found.items()
                if its != version(package)
            )
        _refuse(
            f"{where} {lack}"
            for where, lacks in _on_workers(client, faults, needs).items()
            for lack in (lacks if isinstance(lacks, list) else [f"cannot be asked: {lacks!r}"])
        )
    except OSError as error:
        raise lost(client) from error


def _refuse(lacks: Iterator[str]) -> None:
    found = list(lacks)
    if found:
        more = f"\nand {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
        raise ClusterSetupError("\n".join(found[:MOST_NAMED]) + more)


def _on_scheduler(client: "Client", package: str) -> Any:
    try:
        return client.run_on_scheduler(version, package)
    except ModuleNotFoundError as error:
        return error


def _on_workers(client: "Client", work: Callable[..., Any], *values: Any) -> Mapping[str, Any]:
    """Return the answer of each worker, an exception where it has none.

    One that went away as it was asked is left out: it gets no tile either.
    """
    from distributed.comm import CommClosedError

    answers = client.run(work, *values, on_error="return")
    there = threads_of(client)  # the scheduler may still list one that has just died
    return {
        f"worker {address}": answer
        for address, answer in answers.items()
        if address in there and not isinstance(answer, CommClosedError)
    }


def _last_cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error) or type(error).__name__
