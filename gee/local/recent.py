"""What was computed last, as much of it as a number of bytes holds; shared by all threads.

In: keys, and functions that compute what belongs to them. Out: the same values, computed once as
long as they are kept.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """The values used last; the one used longest ago goes first.

    Parameters
    ----------
    capacity_bytes : how much is kept
    size_bytes : from a value to the memory that it takes
    """

    def __init__(self, capacity_bytes: int, size_bytes: Callable[[Value], int]) -> None:
        self.capacity_bytes, self.size_of = capacity_bytes, size_bytes
        self.size_bytes = 0
        self.lock = threading.Lock()
        self.stored: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key, compute: Callable[[], Value]) -> Value:
        """The value of a key, computed where it is not kept."""
        with self.lock:
            if key in self.stored:
                self.stored.move_to_end(key)
                return self.stored[key]
        # Without the lock: two threads may compute the same value, but none waits for another's.
        value = compute()
        with self.lock:
            if key not in self.stored:
                self.stored[key] = value
                self.size_bytes += self.size_of(value)
            while self.size_bytes > self.capacity_bytes:
                _, dropped = self.stored.popitem(last=False)
                self.size_bytes -= self.size_of(dropped)
        return value
