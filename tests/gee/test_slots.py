"""Requests at once: no more than workers, fewer while the service is busy, more again after.

Faults caught: more requests at once than allowed, a number that falls to one because many were
turned away together, or that never rises again; a place that is lost with an error.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gee.errors import BusyError, RefusedError
from gee.slots import Slots


def turned_away(slots: Slots) -> None:
    with pytest.raises(BusyError), slots.taken():
        raise BusyError("busy")


def test_no_more_at_once_than_allowed() -> None:
    slots = Slots(3)
    under_way, most = 0, 0
    lock = threading.Lock()

    def request() -> None:
        nonlocal under_way, most
        with slots.taken():
            with lock:
                under_way += 1
                most = max(most, under_way)
            time.sleep(0.005)
            with lock:
                under_way -= 1

    with ThreadPoolExecutor(12) as executor:
        for _ in range(40):
            executor.submit(request)
    assert most == 3


def test_a_busy_service_is_asked_less_and_then_more_again() -> None:
    slots = Slots(16)
    allowed = []
    for _ in range(6):
        turned_away(slots)
        allowed.append(slots.allowed)
    assert allowed == [8, 4, 2, 1, 1, 1]
    answers = 0
    while slots.allowed < 16:
        with slots.taken():
            answers += 1
        assert answers < 200
    assert answers > 16, "it rises by about one for as many answers as there are places"
    for _ in range(20):
        with slots.taken():
            pass
    assert slots.allowed == 16


def test_those_turned_away_together_count_once() -> None:
    slots = Slots(8)
    together = threading.Barrier(8)

    def request() -> None:
        with slots.taken():
            together.wait()
            raise BusyError("busy")

    with ThreadPoolExecutor(8) as executor:
        for done in [executor.submit(request) for _ in range(8)]:
            assert isinstance(done.exception(), BusyError)
    assert slots.allowed == 4


def test_other_errors_neither_slow_down_nor_lose_a_place() -> None:
    slots = Slots(2)
    for _ in range(5):
        with pytest.raises(RefusedError), slots.taken():
            raise RefusedError("no")
    assert slots.allowed == 2
    with slots.taken(), slots.taken():
        pass


def test_a_place_of_one_worker_is_kept() -> None:
    slots = Slots(1)
    turned_away(slots)
    with slots.taken():
        assert slots.allowed == 1
