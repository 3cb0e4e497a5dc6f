"""The local Earth Engine: answers the client's requests from a folder of rasters.

In: requests of the v1 interface. Out: answers, in process (`transport`) or over loopback (`serve`).
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import gee.local.algorithms  # noqa: F401  (declares what expressions may call)
from gee.local import endpoints, limits, storage
from gee.local.answers import Answer
from gee.local.catalogue import Catalogue, loading_from
from gee.local.discovery import discovery_document
from gee.local.errors import CatalogueError, LocalServiceError, NotImplementedHereError
from gee.local.faults import Fault, Faults
from gee.local.operations import OperationQueue
from gee.local.pixels import caching
from gee.local.request_log import RequestLog, RequestRecord, call_of, packed
from gee.local.server import LoopbackServer
from gee.local.signatures import algorithm_list
from gee.local.transport import InProcessTransport

RECURSION_LIMIT = 20_000
"""Expressions nest deeply: each operation on an image adds a few calls to reading its pixels."""


class LocalEarthEngine:
    """A stand-in for Earth Engine over the rasters of a folder.

    Parameters
    ----------
    folder : Path or str, optional
        A folder with `catalogue.json` or `catalogue.toml`. Without a catalogue there are no
        assets; without a folder nothing can be exported either.
    request_cache_bytes : int
        How many bytes of computed pixels one request may keep to avoid computing them twice.

    Raises
    ------
    CatalogueError
        The folder is not one, or its catalogue is wrong.

    Examples
    --------
    >>> service = LocalEarthEngine()
    >>> service.transport().request("http://x/v1/projects/p/algorithms")[0].status
    200
    """

    def __init__(
        self, folder: Path | str | None = None, request_cache_bytes: int = 96 * 2**20
    ) -> None:
        sys.setrecursionlimit(max(sys.getrecursionlimit(), RECURSION_LIMIT))
        catalogue = Catalogue(None if folder is None else Path(folder))
        self.requests = RequestLog()
        self.faults = Faults()
        self.workspace = endpoints.Workspace(catalogue, OperationQueue(catalogue, self.faults))
        self.request_cache_bytes = request_cache_bytes

    def transport(self) -> InProcessTransport:
        """What to give to `ee.Initialize(http_transport=...)`."""
        return InProcessTransport(self.handle)

    def serve(self, port: int = 0) -> LoopbackServer:
        """A server on 127.0.0.1 that answers already (port 0: any free one)."""
        return LoopbackServer(self.handle, port).start()

    def serve_forever(self, port: int, ready: Callable[[str], None] | None = None) -> None:
        """Answer on 127.0.0.1 until interrupted; `ready` is told the address beforehand."""
        server = LoopbackServer(self.handle, port)
        if ready is not None:
            ready(server.url)
        try:
            server.serve_forever()
        finally:
            server.close()

    def handle(
        self, method: str, uri: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Answer one request, and write it into the log.

        Raises
        ------
        ConnectionError
            An injected fault breaks the connection.
        """
        started = time.monotonic()
        parts = urlsplit(uri)
        path = unquote(parts.path)
        call = call_of(path)
        document: dict[str, Any] = {}
        fault: Fault | None = None
        try:
            limits.check_payload(len(body))
            document = _parsed(body)
            fault = self.faults.next(call, document)
            answer = self._faulty(fault) or self._route(
                method, parts, path, document, headers or {}
            )
            if fault is not None and fault.kind == "truncated":
                half = answer.body[: len(answer.body) // 2]
                answer = replace(answer, body=half)
        except LocalServiceError as error:
            answer = _json(error.to_json(), error.status)
        except CatalogueError as error:
            answer = _json(LocalServiceError(500, f"Catalogue: {error}").to_json(), 500)
        except ConnectionError:
            self._log(method, path, call, body, 0, started, fault)
            raise
        except Exception as error:
            # A fault of the stand-in itself must look like one, and not like a broken connection.
            logging.getLogger(__name__).exception("%s %s", method, path)
            what = f"The local Earth Engine failed: {type(error).__name__}: {error}"
            answer = _json(LocalServiceError(500, what).to_json(), 500)
        self._log(method, path, call, body, answer.status, started, fault)
        return answer

    def _log(
        self,
        method: str,
        path: str,
        call: str,
        body: bytes,
        status: int,
        started: float,
        fault: Fault | None,
    ) -> None:
        seconds = time.monotonic() - started
        name = None if fault is None else fault.kind
        self.requests.add(RequestRecord(method, path, call, packed(body), status, seconds, name))

    def _faulty(self, fault: Fault | None) -> Answer | None:
        if fault is None:
            return None
        error = fault.error()
        if error is not None:
            raise error
        if fault.kind == "dropped":
            raise ConnectionError("The local service broke the connection, as it was told to.")
        if fault.kind == "slow":
            time.sleep(fault.seconds)
        return None

    def _route(
        self,
        method: str,
        parts: Any,
        path: str,
        body: dict[str, Any],
        headers: Mapping[str, str],
    ) -> Answer:
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if path.startswith(storage.PREFIX):
            return storage.answer(self.workspace.catalogue.folder, method, path, query, headers)
        if path == "/$discovery/rest":
            return _json(discovery_document(f"{parts.scheme}://{parts.netloc}"))
        if method == "GET" and path.endswith("/algorithms"):
            return _json(algorithm_list())
        for verb, matches, handler in endpoints.ROUTES:
            found = matches.fullmatch(path) if verb == method else None
            if found is not None:
                catalogue = self.workspace.catalogue
                with loading_from(catalogue), caching(self.request_cache_bytes):
                    result = handler(self.workspace, found.groupdict(), body, query)
                if isinstance(result, endpoints.Content):
                    return Answer(200, result.content_type, result.body)
                return _json(result)
        raise NotImplementedHereError(f"the request {method} {path}")


def _parsed(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        document = json.loads(body)
    except json.JSONDecodeError as error:
        raise LocalServiceError(400, f"Invalid JSON payload received. {error}") from error
    if not isinstance(document, dict):
        raise LocalServiceError(400, "Invalid JSON payload received. Need an object.")
    return document


def _json(document: Any, status: int = 200) -> Answer:
    return Answer(status, "application/json; charset=UTF-8", json.dumps(document).encode())
