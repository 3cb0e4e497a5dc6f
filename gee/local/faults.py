"""Faults on request: what the service does on a bad day.

In: a kind of fault, which calls it hits, how often. Out: instead of the answer, an error, a delay,
half a body or a broken connection.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from gee.local.errors import LocalServiceError, nearest

ERRORS: dict[str, tuple[int, str]] = {
    "429": (
        429,
        "Too Many Requests: Request was rejected because the request rate or concurrency limit "
        "was exceeded.",
    ),
    "quota_minute": (
        429,
        "Quota exceeded for quota metric 'Number of read requests' and limit 'Number of read "
        "requests per minute per user' of service 'earthengine.googleapis.com' for consumer "
        "'project_number:1'.",
    ),
    "quota_day": (
        429,
        "Your usage exceeded the custom quota for "
        "'earthengine.googleapis.com/daily_eecu_usage_time', which is adjustable by your "
        "administrator in the Google Cloud console: "
        "https://console.cloud.google.com/quotas/?project=_.",
    ),
    "500": (500, "An internal error has occurred."),
    "503": (503, "The service is currently unavailable."),
    "memory": (400, "User memory limit exceeded."),
    "timeout": (400, "Computation timed out."),
    "aggregations": (429, "Too many concurrent aggregations."),
    "unauthenticated": (401, "Request had invalid authentication credentials."),
    "forbidden": (403, "Caller does not have required permission to use project."),
}
"""Faults that are answers, with the service's status and words."""

KINDS = (*ERRORS, "slow", "truncated", "dropped")


@dataclass
class Fault:
    """A fault that hits some requests.

    Parameters
    ----------
    kind : str
        One of `KINDS`. "slow" answers `seconds` later, "truncated" sends the first half of the
        body as if it were the whole, "dropped" breaks the connection.
    call : str
        The call that it hits, such as "image:computePixels"; empty for every call. "task" is no
        call, but the running of an export, which then fails.
    times : int, optional
        How many requests it hits; None for all.
    after : int
        How many matching requests pass before it begins.
    larger_than_px : int
        It hits only requests for more pixels than this, so that smaller tiles get through.
    seconds : float
        The delay of "slow".
    """

    kind: str
    call: str = ""
    times: int | None = 1
    after: int = 0
    larger_than_px: int = 0
    seconds: float = 1.0
    seen: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of fault '{self.kind}'{nearest(self.kind, KINDS)}")

    def matches(self, call: str, body: dict[str, Any]) -> bool:
        """Whether the fault concerns such a request at all."""
        if self.call and self.call != call:
            return False
        return _pixels_of(body) > self.larger_than_px if self.larger_than_px else True

    def error(self) -> LocalServiceError | None:
        """The error that it answers with, if it is of that kind."""
        if self.kind not in ERRORS:
            return None
        return LocalServiceError(*ERRORS[self.kind])


def _pixels_of(body: dict[str, Any]) -> int:
    dimensions = body.get("grid", {}).get("dimensions", {})
    return int(dimensions.get("width", 0)) * int(dimensions.get("height", 0))


class Faults:
    """The faults that wait to happen."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        """Let a fault happen from now on."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def inject(self, kind: str, **options: Any) -> Fault:
        """Let a fault of a kind happen from now on (options as in `Fault`)."""
        return self.add(Fault(kind, **options))

    def clear(self) -> None:
        """No faults any more."""
        with self._lock:
            self._faults.clear()

    def next(self, call: str, body: dict[str, Any]) -> Fault | None:
        """The fault that hits this request, if any."""
        with self._lock:
            for fault in self._faults:
                if not fault.matches(call, body):
                    continue
                fault.seen += 1
                begun = fault.seen > fault.after
                left = fault.times is None or fault.seen <= fault.after + fault.times
                if begun and left:
                    return fault
        return None
