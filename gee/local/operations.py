"""Batch exports: images and tables to files and assets.

In: export requests. Out: operations that go from PENDING over RUNNING to SUCCEEDED, FAILED or
CANCELLED (the client calls them READY, RUNNING, COMPLETED, FAILED, CANCELLED). Nothing runs on its
own: each look at an operation moves it on by one state, so that a test sees every one of them.
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gee.local import exports, limits
from gee.local.catalogue import Catalogue
from gee.local.errors import CatalogueError, LocalServiceError
from gee.local.faults import Faults

FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")
TASK = "task"
"""The call that faults of running exports go by."""
_RPC_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 429: 8, 500: 13, 501: 12, 503: 14}
"""Operations tell of errors by the codes of gRPC."""


@dataclass
class Operation:
    """One export: its request, its state, and what came of it."""

    name: str
    kind: str
    request: dict[str, Any]
    state: str = "PENDING"
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: datetime | None = None
    updated: datetime | None = None
    error: LocalServiceError | None = None
    destinations: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As the service describes it."""
        metadata: dict[str, Any] = {
            "@type": "type.googleapis.com/google.earthengine.v1.OperationMetadata",
            "state": self.state,
            "description": self.request.get("description", ""),
            "type": self.kind,
            "createTime": _stamp(self.created),
            "updateTime": _stamp(self.updated or self.created),
            "attempt": 1,
        }
        if self.started is not None:
            metadata["startTime"] = _stamp(self.started)
        if self.destinations:
            metadata["destinationUris"] = self.destinations
        document: dict[str, Any] = {"name": self.name, "metadata": metadata}
        if self.state in FINAL:
            document["done"] = True
            metadata["endTime"] = _stamp(self.updated or self.created)
        if self.error is not None:
            document["error"] = {
                "code": _RPC_CODES.get(self.error.status, 2),
                "message": self.error.message,
            }
        elif self.state == "CANCELLED":
            document["error"] = {"code": 1, "message": "Cancelled."}
        elif self.state == "SUCCEEDED":
            document["response"] = {}
        return document


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class OperationQueue:
    """The exports from a catalogue, newest last."""

    def __init__(self, catalogue: Catalogue, faults: Faults | None = None) -> None:
        self.catalogue = catalogue
        self.faults = faults or Faults()
        self.operations: dict[str, Operation] = {}
        self.lock = threading.RLock()

    def submit(self, kind: str, project: str, request: dict[str, Any]) -> dict[str, Any]:
        """A new operation; the same request id gives the operation that it gave before.

        Raises
        ------
        LocalServiceError
            The request is wrong, or the queue is full.
        """
        exports.check_request(kind, request)
        with self.lock:
            number = len(self.operations)
            key = request.get("requestId") or f"{number}:{json.dumps(request, sort_keys=True)}"
            identifier = hashlib.sha256(f"{project}:{key}".encode()).hexdigest()[:24].upper()
            name = f"projects/{project}/operations/{identifier}"
            if name not in self.operations:
                waiting = sum(op.state not in FINAL for op in self.operations.values())
                if waiting >= limits.MAXIMUM_QUEUED_TASKS:
                    raise LocalServiceError(
                        429, f"Too many tasks already in the queue ({waiting})."
                    )
                self.operations[name] = Operation(name, kind, request)
            return self.operations[name].to_json()

    def _find(self, name: str) -> Operation:
        if name not in self.operations:
            raise LocalServiceError(404, f"Operation not found: {name}.")
        return self.operations[name]

    def poll(self, name: str) -> dict[str, Any]:
        """The operation as it is, and one state further at the next look."""
        with self.lock:
            operation = self._find(name)
            shown = operation.to_json()
            self._advance(operation)
            return shown

    def _advance(self, operation: Operation) -> None:
        if operation.state in FINAL:
            return
        operation.updated = datetime.now(UTC)
        if operation.state == "PENDING":
            operation.state = "RUNNING"
            operation.started = operation.updated
            return
        try:
            fault = self.faults.next(TASK, operation.request)
            error = None if fault is None else fault.error()
            if error is not None:
                raise error
            operation.destinations = exports.run(self.catalogue, operation.kind, operation.request)
            operation.state = "SUCCEEDED"
        except LocalServiceError as error:
            operation.error, operation.state = error, "FAILED"
        except CatalogueError as error:
            operation.error, operation.state = LocalServiceError(500, str(error)), "FAILED"

    def cancel(self, name: str) -> dict[str, Any]:
        """Cancel an operation that is not final yet."""
        with self.lock:
            operation = self._find(name)
            if operation.state not in FINAL:
                operation.state = "CANCELLED"
                operation.updated = datetime.now(UTC)
            return {}

    def page(self, project: str, query: dict[str, str]) -> dict[str, Any]:
        """Operations of a project, newest first, and each one state further at the next look."""
        with self.lock:
            prefix = f"projects/{project}/operations/"
            found = [op for name, op in self.operations.items() if name.startswith(prefix)][::-1]
            start = int(query.get("pageToken") or 0)
            stop = start + int(query.get("pageSize") or 500)
            answer: dict[str, Any] = {"operations": [op.to_json() for op in found[start:stop]]}
            if stop < len(found):
                answer["nextPageToken"] = str(stop)
            for operation in reversed(found[start:stop]):
                self._advance(operation)
            return answer
