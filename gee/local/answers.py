"""An answer of the service, and what gives one.

In: the method, the URI, the body and the headers of a request. Out: status, type and bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Answer:
    """An answer: status, type and bytes, and further headers."""

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Handle(Protocol):
    """Answers a request; raises ConnectionError to break off."""

    def __call__(
        self, method: str, uri: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Answer one request; the names of `headers` are in lower case."""
