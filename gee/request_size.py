"""How large requests for some bands may be: what the service refused, it is not asked again.

In: what became of requests. Out: how many bands and pixels the next one may hold. What is too
heavy is known only from the refusal, and depends on the composite; asking every window at full size
first would cost a refused request each time.
"""

import threading
from collections.abc import Callable

FIRST_PATIENCE = 32
"""Answers after which a larger request is tried again; doubled whenever that was refused."""


class RequestSize:
    """The largest request for one set of bands, for use by several threads.

    Parameters
    ----------
    bands, pixels : that the byte budget allows
    lowered : bands and pixels that an earlier run came down to
    changed : called after each change, with bands and pixels; None where nothing limits but the
        budget
    """

    def __init__(
        self,
        bands: int,
        pixels: int,
        lowered: tuple[int, int] | None = None,
        changed: Callable[[tuple[int, int] | None], None] | None = None,
    ) -> None:
        self._full = (bands, pixels)
        self._now = self._full if lowered is None else _least(self._full, lowered)
        self._changed = changed
        self._patience = FIRST_PATIENCE
        self.refusals: list[str] = []
        """Why requests were refused, each in one line."""
        self._answers = 0
        self._lock = threading.Lock()

    @property
    def now(self) -> tuple[int, int]:
        """Bands and pixels that the next request may hold."""
        return self._now

    def answered(self) -> None:
        """Count an answer; after many in a row a larger request may be tried again."""
        with self._lock:
            if self._now == self._full:
                return
            self._answers += 1
            if self._answers >= self._patience:
                self._set(self._larger())

    def refused(self, why: str) -> None:
        """Note a refusal; the request may pass in parts."""
        with self._lock:
            self.refusals.append(why)

    def lower(self, bands: int, pixels: int) -> None:
        """Remember what passed where more was refused."""
        with self._lock:
            lower = _least(self._now, (bands, pixels))
            if lower != self._now:
                self._patience *= 2
                self._set(lower)

    def _larger(self) -> tuple[int, int]:
        """Undo one division: those of the window first, since they came last."""
        bands, pixels = self._now
        full_bands, full_pixels = self._full
        if pixels < full_pixels:
            return bands, min(4 * pixels, full_pixels)
        return min(2 * bands, full_bands), pixels

    def _set(self, size: tuple[int, int]) -> None:
        self._now, self._answers = size, 0
        if self._changed is not None:
            self._changed(None if size == self._full else size)


def _least(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return min(one[0], other[0]), min(one[1], other[1])
