"""How large requests for some bands may be: what the service refused, it is not asked again.

In: what became of requests. Out: how many bands and pixels the next one may hold. What is too
heavy is known only from the refusal, and depends on the composite; asking every window at full size
first would cost a refused request each time.
"""

import threading
from collections.abc import Callable

FIRST_PATIENCE = 32
"""Answers after which a larger request is tried again; doubled whenever that was refused."""

Size = tuple[int, int]
"""Bands and pixels."""


class RequestSize:
    """The largest request for one set of bands, for use by several threads.

    Parameters
    ----------
    bands, pixels : that the byte budget allows
    lowered : the size that an earlier run came down to
    changed : called with the size that is known to pass, after each change; None: nothing limits
        but the budget
    """

    def __init__(
        self,
        bands: int,
        pixels: int,
        lowered: Size | None = None,
        changed: Callable[[Size | None], None] | None = None,
    ) -> None:
        self._full = (bands, pixels)
        self._passed = None if lowered is None else _least(self._full, lowered)
        self._now = self._passed or self._full
        self._changed = changed
        self._patience = FIRST_PATIENCE
        self._answers = self._tries = 0
        self._lock = threading.Lock()
        self.refusals: list[str] = []
        """Why requests were refused, each in one line."""

    @property
    def now(self) -> Size:
        """Bands and pixels that the next request may hold."""
        return self._now

    def answered(self) -> None:
        """Count an answer; after many, a larger request is tried again."""
        with self._lock:
            if self._passed is None:
                return
            self._answers += 1
            if self._answers < self._patience:
                return
            self._answers = 0
            if self._now != self._passed:
                self._keep(None if self._now == self._full else self._now)
            if self._passed is not None:
                self._now = self._larger()

    def refused(self, size: Size, why: str) -> Size | None:
        """Note that a request of some size was refused.

        Returns
        -------
        Size or None
            what is known to pass, where that is less; None where nothing is known.
        """
        with self._lock:
            self.refusals.append(why)
            known = self._passed
            if known is None or _least(size, known) == size:
                return None
            if self._now != known:
                self._now, self._answers = known, 0
                self._patience *= 2
            return known

    def passed(self, size: Size) -> None:
        """Note what passed where more was refused; later requests are no larger."""
        with self._lock:
            lower = _least(self._now, size)
            if lower != self._now:
                self._now, self._answers = lower, 0
                self._keep(lower)

    def _larger(self) -> Size:
        """Undo a division: of the window and of the bands by turns."""
        (bands, pixels), (full_bands, full_pixels) = self._now, self._full
        self._tries += 1
        if pixels < full_pixels and (self._tries % 2 or bands == full_bands):
            return bands, min(4 * pixels, full_pixels)
        return min(2 * bands, full_bands), pixels

    def _keep(self, size: Size | None) -> None:
        self._passed = size
        if self._changed is not None:
            self._changed(size)


def _least(one: Size, other: Size) -> Size:
    return min(one[0], other[0]), min(one[1], other[1])
