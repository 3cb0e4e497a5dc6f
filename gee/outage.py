"""That a busy service keeps everybody waiting is told once, and not for each attempt.

In: what became of each attempt, from all threads. Out: one warning on this module's logger, as
soon as nothing will have been answered for long: since when, and until when at most.
"""

import logging
import threading
import time

LONG_S = 20.0
"""Seconds without an answer after which it is told."""
_log = logging.getLogger(__name__)


class Outage:
    """What all requests together know of a service that answers none of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since: float | None = None
        self._until = 0.0
        self._told = False

    def answered(self) -> None:
        """Take note that the service has answered somebody, if only by a refusal."""
        with self._lock:
            self._since, self._told = None, False

    def turned_away(self, why: str, wait_s: float, patience_s: float) -> None:
        """Take note that a request found the service busy, and will be sent again.

        Parameters
        ----------
        why : in one line
        wait_s : seconds until then
        patience_s : seconds left for this request; the shortest of all ends the waiting
        """
        with self._lock:
            now = time.monotonic()
            if self._since is None:
                self._since, self._until = now, now + patience_s
            self._until = min(self._until, now + patience_s)
            if self._told or now + wait_s - self._since <= LONG_S:
                return
            self._told = True
            since, until = self._since - now, self._until - now
        _log.warning(
            "waiting for Earth Engine since %s, until %s at most; Ctrl-C loses nothing that is "
            "done. It is asked again and again, for: %s",
            _clock(since), _clock(until), why,
        )  # fmt: skip


def _clock(seconds_from_now: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(time.time() + seconds_from_now))
