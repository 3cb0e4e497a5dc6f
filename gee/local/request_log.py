"""What was asked of the service and how it answered: for tests, and for the curious.

In: one entry a request. Out: the entries in order of arrival.
"""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RequestRecord:
    """One request and the status of its answer; `fault` names an injected fault.

    `packed` is the body compressed: a graph of 50 bands takes 2 MB as a dictionary, 25 kB packed,
    and a study asks for thousands of tiles.
    """

    method: str
    path: str
    call: str
    packed: bytes
    status: int
    seconds: float
    fault: str | None = None

    @property
    def body(self) -> dict[str, Any]:
        """What was asked for; empty where it was no object of JSON."""
        content = zlib.decompress(self.packed)
        try:
            document = json.loads(content) if content else {}
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}


def packed(body: bytes) -> bytes:
    """A body as a record keeps it."""
    return zlib.compress(body, 1)


class RequestLog:
    """Requests in order of arrival; safe to read while the service answers."""

    def __init__(self) -> None:
        self._records: list[RequestRecord] = []
        self._lock = threading.Lock()

    def add(self, record: RequestRecord) -> None:
        """Append one request."""
        with self._lock:
            self._records.append(record)

    def clear(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._records.clear()

    def __iter__(self) -> Iterator[RequestRecord]:
        with self._lock:
            return iter(list(self._records))

    def __len__(self) -> int:
        return len(self._records)

    def calls(self, call: str, status: int | None = None) -> list[RequestRecord]:
        """The requests of one call, such as "image:computePixels"."""
        return [r for r in self if r.call == call and status in (None, r.status)]


def call_of(path: str) -> str:
    """The call that a path stands for: its last part without project and ids."""
    parts = path.strip("/").split("/")
    if parts[0] == "$discovery":
        return "discovery"
    if parts[0] == "storage":
        return "storage:list" if parts[-1] == "o" else "storage:get"
    rest = parts[3:] if len(parts) > 3 and parts[1] == "projects" else parts[1:]
    if not rest:
        return path
    if "tiles" in rest:
        return "maps.tiles"
    last = rest[-1]
    if len(rest) > 1 and ":" in last:
        return f"{rest[0]}:{last.rpartition(':')[2]}"
    return rest[0]
