"""How many requests are under way at once: as many as there are workers, fewer while it is busy.

In: what became of each request. Out: leave to send the next one. Additive increase and
multiplicative decrease, as TCP finds the width of a road it cannot see (Chiu and Jain 1989,
Computer Networks 17, 1-14): the quota of a project isn't known beforehand and changes by the hour.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gee.errors import BusyError, QuotaError


class Slots:
    """Places for requests that are under way.

    Parameters
    ----------
    most : how many there are while the service is not busy, at least 1
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._allowed = float(most)
        self._taken = 0
        self._round = 0
        self.used_up = 0
        """How many requests were told that a quota is used up: waiting longer is then in vain."""
        self._changed = threading.Condition()

    @property
    def allowed(self) -> int:
        """How many requests may be under way now."""
        return int(self._allowed)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for a place, and hold it for one request.

        Where a `BusyError` ends the request, there are half as many places from now on, at least
        one; each request that is answered adds a part of a place, all that are under way together
        about one. Requests that were under way when the number was halved don't halve it again.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._taken < self.allowed)
            self._taken += 1
            begun = self._round
        try:
            yield
        except BusyError:
            with self._changed:
                if begun == self._round:
                    self._allowed = max(1.0, self._allowed / 2)
                    self._round += 1
            raise
        except QuotaError:
            with self._changed:
                self.used_up += 1
            raise
        else:
            with self._changed:
                self._allowed = min(float(self.most), self._allowed + 1 / self._allowed)
        finally:
            with self._changed:
                self._taken -= 1
                self._changed.notify_all()
