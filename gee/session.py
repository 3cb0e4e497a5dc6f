"""The connection to Earth Engine, or to a stand-in for it; the only caller of `ee.Initialize`.

In: `[earthengine]` of a study and its folder. Out: nothing; afterwards the client of this process
asks where the study says, with a deadline, a pool of connections as large as its workers, and a
workload tag. It never prompts.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import ee
from ee import deprecation
from google.auth.credentials import AnonymousCredentials
from google.auth.transport import requests as google_requests

from gee import asking
from gee.credentials import find_credentials
from gee.errors import CredentialsError, RefusedError
from gee.outage import Outage
from gee.settings import LOCAL_PREFIX, EarthEngineSettings
from gee.slots import Slots
from gee.transport import Transport, WholeAnswers

if TYPE_CHECKING:
    from gee.local import LocalEarthEngine

ADDRESSES = {
    "standard": "https://earthengine.googleapis.com",
    "high_volume": "https://earthengine-highvolume.googleapis.com",
}
STORAGE_ADDRESS = "https://storage.googleapis.com"
WORKLOAD_TAG = "alm90"
USER_AGENT = f"alm90/{version('alm90')}"
LOCAL_PROJECT = "alm90-local"
"""The project of requests to a stand-in, which bills nobody."""

CONNECT_PATIENCE_S = 8.0
"""Seconds in which connecting is begun anew; one must soon be told of a dead address."""
CONNECT_DEADLINE_S = 30.0
"""Seconds for each small request that connecting takes."""

Answer = TypeVar("Answer")

_NO_ASSET = deprecation.DeprecatedAsset("none", None, None, None)


@dataclass(frozen=True)
class _Target:
    """What is connected to, and as whom; `where` begins the errors of connecting."""

    where: str
    address: str
    project: str
    credentials: Any
    transport: Any
    service: LocalEarthEngine | None = None
    is_google: bool = False


@dataclass(frozen=True)
class _Session:
    """What the client is connected to: the settings that it came from, and what answers."""

    access: tuple[Any, ...]
    settings: EarthEngineSettings
    target: _Target
    slots: Slots
    outage: Outage


_lock = threading.Lock()
_current: _Session | None = None


def connect(settings: EarthEngineSettings, study_folder: Path) -> None:
    """Point the client of this process at the service that a study names.

    Parameters
    ----------
    settings : `url` says where: 'local:FOLDER' (a folder within the study's, or an absolute path)
        computes in this process; an http address is asked without credentials, so that none ever
        leave for elsewhere than Google; unless given, Earth Engine itself
    study_folder : what relative paths start from

    Nothing happens where the client is so connected already. Else whatever it was connected to is
    left, also where connecting fails.

    Raises
    ------
    CredentialsError
        no project is named; no credentials, or ones that are not accepted.
    RefusedError
        the folder of a local service is none, or its catalogue is wrong.
    BusyError
        the service cannot be reached.
    """
    with _lock:
        access = _access(settings, study_folder)
        # Whoever resets the client or points it elsewhere takes its name away.
        if (
            _current is not None
            and _current.access == access
            and ee.data.is_initialized()
            and ee.data.getUserAgent() == USER_AGENT
        ):
            return
        _disconnect()
        _open(settings, study_folder, access)


def disconnect() -> None:
    """Leave the service, and forget credentials and what a stand-in had computed."""
    with _lock:
        _disconnect()


def ask(call: Callable[[], Answer], what: str) -> Answer:
    """Return what a call of the client gives, with the patience that the study asks for.

    Parameters
    ----------
    call : sends one request, such as ``lambda: ee.data.getAsset(name)``
    what : what is asked for and where; error messages begin with it

    From all threads together no more requests are under way than `workers`, and fewer while the
    service is busy.

    Raises
    ------
    ServiceError
        of the kind that says what to do; `BusyError` once patience is over.
    """
    if _current is None:
        return asking.ask(call, what, EarthEngineSettings().patience_s)
    patience_s, slots = _current.settings.patience_s, _current.slots
    return asking.ask(call, what, patience_s, slots, _current.outage)


def request_storage(
    path: str, headers: Mapping[str, str] | None = None
) -> tuple[Mapping[str, str], bytes]:
    """Send one request to Cloud Storage, as whoever asks Earth Engine; a stand-in serves its own.

    Parameters
    ----------
    path : from ``/storage/v1/`` on, with its query

    Returns
    -------
    fields, content
        the headers of the answer, in lower case, with its ``status``; its bytes

    Raises
    ------
    ConnectionError, TimeoutError, GoogleAuthError
        see `gee.kinds.service_error`; an answer of any status is none.
    """
    assert _current is not None, "connect first"
    target, fields = _current.target, dict(headers or {})
    uri = f"{STORAGE_ADDRESS if target.is_google else target.address}{path}"
    if target.is_google:
        target.credentials.before_request(google_requests.Request(), "GET", uri, fields)
    return WholeAnswers(target.transport).request(uri, "GET", None, fields)


def local_service() -> LocalEarthEngine | None:
    """Return the stand-in that answers in this process, or none: for its log and its faults."""
    return _current.target.service if _current else None


def quota_is_used_up() -> bool:
    """Return whether the service said that the project's quota of the month is used up.

    It then still answers, with fewer requests at once.
    """
    return bool(_current is not None and getattr(_current.target.transport, "restricted", False))


def _silence() -> None:
    """Keep the client's libraries from telling in lines of their own what an error here tells."""
    for name in ("google.auth", "google_auth_httplib2", "googleapiclient"):
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.ERROR)


def _open(settings: EarthEngineSettings, study_folder: Path, access: tuple[Any, ...]) -> None:
    global _current
    _silence()
    target = _target(settings, study_folder)
    try:
        patience_s = min(settings.deadline_s, CONNECT_PATIENCE_S)
        asking.ask(partial(_initialize, target), target.where, patience_s)
    except BaseException:
        ee.Reset()
        target.transport.close()
        raise
    if isinstance(target.transport, Transport):
        target.transport.deadline_s = settings.deadline_s
    slots = Slots(settings.workers)
    _current = _Session(access, settings, target, slots, Outage())


def _target(settings: EarthEngineSettings, study_folder: Path) -> _Target:
    nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]
    free_of_charge = settings.project or LOCAL_PROJECT
    if settings.url is not None and settings.url.startswith(LOCAL_PREFIX):
        service = _local_service(settings.url, study_folder)
        where = f"earthengine.url = '{settings.url}'"
        # The address is never asked: the transport answers.
        address = "http://127.0.0.1"
        return _Target(where, address, free_of_charge, nobody, service.transport(), service)
    address = (settings.url or ADDRESSES[settings.endpoint]).rstrip("/")
    where = f"Earth Engine at {address}"
    deadline_s = min(settings.deadline_s, CONNECT_DEADLINE_S)
    transport = Transport(deadline_s, settings.workers, address)
    if settings.url is not None:
        return _Target(where, address, free_of_charge, nobody, transport)
    project = _project(settings)
    credentials = find_credentials(_key_file(settings, study_folder))
    where = f"{where}, project '{project}'"
    return _Target(where, address, project, credentials, transport, is_google=True)


def _initialize(target: _Target) -> None:
    ee.Reset()
    # A list that is not empty keeps Initialize from fetching one from elsewhere, unbounded.
    deprecation.deprecated_assets = {"none": _NO_ASSET}
    ee.data.setMaxRetries(0)  # `gee.asking` repeats, and nothing else
    ee.data.setUserAgent(USER_AGENT)
    ee.data.setDefaultWorkloadTag(WORKLOAD_TAG)
    try:
        ee.Initialize(
            target.credentials,
            url=target.address,
            project=target.project,
            http_transport=WholeAnswers(target.transport),
        )
    except (AttributeError, KeyError, TypeError) as error:
        # The client takes what it gets for a description of the service.
        raise RefusedError(
            f"{target.where}: what answers there is no Earth Engine ({type(error).__name__} in "
            "what it says of itself); check earthengine.url, or a proxy"
        ) from None


def _disconnect() -> None:
    global _current
    if _current is not None:
        _current.target.transport.close()
        _current = None
    ee.Reset()


def _local_service(url: str, study_folder: Path) -> LocalEarthEngine:
    # Imported here: evaluating graphs is no part of a run against the service itself.
    from gee.local import LocalEarthEngine
    from gee.local.errors import CatalogueError

    folder = local_folder(url, study_folder)
    try:
        return LocalEarthEngine(folder)
    except CatalogueError as error:
        raise RefusedError(
            f"earthengine.url = '{url}': {error}. Name a folder with a catalogue.json, relative "
            "to the study"
        ) from None


def local_folder(url: str, study_folder: Path) -> Path:
    """Return the folder that 'local:FOLDER' names, from a study's."""
    return study_folder / Path(url.removeprefix(LOCAL_PREFIX)).expanduser()


def _project(settings: EarthEngineSettings) -> str:
    if settings.project is None:
        # Without one the client would ask in the name of a project that is not the user's.
        raise CredentialsError(
            "earthengine.project is missing: name the Google Cloud project that is registered for "
            "Earth Engine, or compute without an account by url = 'local:FOLDER'"
        )
    return settings.project


def _key_file(settings: EarthEngineSettings, study_folder: Path) -> Path | None:
    name = settings.service_account_key
    return None if name is None else study_folder / Path(name).expanduser()


def _access(settings: EarthEngineSettings, study_folder: Path) -> tuple[Any, ...]:
    """Return all that makes one connection another."""
    catalogue: tuple[Any, ...] = ()
    if settings.url is not None and settings.url.startswith(LOCAL_PREFIX):
        catalogue = _stamps(local_folder(settings.url, study_folder))
    return (
        study_folder.resolve(),
        settings.project,
        settings.url,
        settings.endpoint,
        settings.service_account_key,
        settings.deadline_s,
        settings.patience_s,
        settings.workers,
        catalogue,
    )


def _stamps(folder: Path) -> tuple[Any, ...]:
    """Return size and time of all files that a local service has read or will read."""
    from gee.local.catalogue import EXPORTS, Catalogue
    from gee.local.errors import CatalogueError

    try:
        catalogue = Catalogue(folder)
    except CatalogueError:
        return ()  # connecting says what is wrong with it
    found = {file for name in catalogue.assets for file in catalogue.contents(name)[1]}
    # What exports write is known to the service that writes it.
    found = {file for file in found if not file.is_relative_to(folder / EXPORTS)}
    found |= {folder / "catalogue.json", folder / "catalogue.toml"}
    stamps = ((file, file.stat()) for file in sorted(found) if file.is_file())
    return tuple((file, stat.st_size, stat.st_mtime_ns) for file, stat in stamps)
