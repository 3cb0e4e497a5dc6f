"""An answer of the service, and what gives one.

In: the method, the URI and the body of a request. Out: status, type and bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """An answer: status, type and bytes."""

    status: int
    content_type: str
    body: bytes


Handle = Callable[[str, str, bytes], Answer]
"""Answers a request, given its method, URI and body; raises ConnectionError to break off."""
