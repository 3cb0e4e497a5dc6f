"""What the local service answers when it cannot answer with a value.

In: a sentence. Out: an exception that carries the HTTP status and the service's status word.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

STATUS_WORDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
}


class LocalServiceError(Exception):
    """An answer of the local service other than 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def to_json(self) -> dict[str, object]:
        """The body in which the service wraps an error."""
        word = STATUS_WORDS.get(self.status, "UNKNOWN")
        return {"error": {"code": self.status, "message": self.message, "status": word}}


class InvalidRequestError(LocalServiceError):
    """The request is wrong: what the real service answers with 400."""

    def __init__(self, message: str) -> None:
        super().__init__(400, message)


class NotImplementedHereError(LocalServiceError):
    """The request may be right, but this stand-in does not know how to answer it (501)."""

    def __init__(self, what: str) -> None:
        super().__init__(501, f"The local Earth Engine does not implement {what}.")


class CatalogueError(Exception):
    """The catalogue file of the folder is wrong, or a raster that it names is."""


class PortError(OSError):
    """A port of this machine that is taken, or that nobody but the system may use."""


def nearest(name: str, names: Iterable[str]) -> str:
    """' (nearest: "x")' for an error message, or an empty string."""
    matches = difflib.get_close_matches(name, sorted(names), n=1)
    return f' (nearest: "{matches[0]}")' if matches else ""
