"""Waiting for a busy service: told once, with its times; ended at once where it is in vain.

Faults caught: a quarter of an hour without a word; a line for each attempt, or one for each thread;
a wait of a minute for a quota that begins anew tomorrow.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gee import asking, outage
from gee.asking import ask
from gee.errors import BusyError, QuotaError, TooLargeError
from gee.outage import LONG_S, Outage
from gee.slots import Slots

AT_NOON = time.mktime((2026, 7, 1, 12, 0, 0, 0, 0, -1))


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def monotonic(self) -> float:
        return 1000.0 + self.seconds

    def time(self) -> float:
        return AT_NOON + self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    for name in ("sleep", "monotonic", "time"):
        monkeypatch.setattr(time, name, getattr(found, name))
    # Each wait is as long as it may be.
    monkeypatch.setattr("random.uniform", lambda _low, high: high)
    return found


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """The lines that a user sees."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("gee.outage")
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


class Busy:
    """A call that finds the service busy some times."""

    def __init__(self, times: int) -> None:
        self.times = times

    def __call__(self) -> str:
        self.times -= 1
        if self.times >= 0:
            raise ConnectionError("reset")
        return "pixels"


def test_a_long_wait_is_told_once_with_its_times(clock: Clock, told: list[str]) -> None:
    assert ask(Busy(9), "pixels of m", 900, Slots(2), Outage()) == "pixels"
    assert clock.seconds > 200
    (line,) = told
    assert line.startswith(
        "waiting for Earth Engine since 12:00:00, until 12:15:00 at most; Ctrl-C loses nothing"
    )
    assert line.endswith("pixels of m: no connection (reset); check the network, a proxy "
                         "(HTTPS_PROXY) and earthengine.url, and go on later")  # fmt: skip


def test_a_short_wait_is_not_told(clock: Clock, told: list[str]) -> None:
    assert ask(Busy(3), "pixels", 900, Slots(2), Outage()) == "pixels"
    assert 0 < clock.seconds <= LONG_S
    assert told == []


def test_it_is_told_when_it_begins_to_be_long_and_not_at_its_end(
    clock: Clock, told: list[str]
) -> None:
    at: list[float] = []
    handler = logging.Handler()
    handler.emit = lambda _record: at.append(clock.seconds)  # type: ignore[method-assign]
    logging.getLogger("gee.outage").addHandler(handler)
    try:
        with pytest.raises(BusyError, match="asked"):
            ask(Busy(99), "pixels", 900, Slots(2), Outage())
    finally:
        logging.getLogger("gee.outage").removeHandler(handler)
    assert len(at) == len(told) == 1
    assert at[0] <= LONG_S


def test_the_shortest_patience_of_all_is_told(clock: Clock, told: list[str]) -> None:
    """Requests that began at other times: the first that gives up ends the run."""
    one = Outage()
    one.turned_away("a", wait_s=1, patience_s=500)
    clock.seconds = 10
    one.turned_away("b", wait_s=15, patience_s=900)
    (line,) = told
    assert "since 12:00:00, until 12:08:20 at most" in line
    one.turned_away("a", wait_s=60, patience_s=300)
    assert len(told) == 1


def test_an_answer_ends_it_and_the_next_one_is_told_anew(clock: Clock, told: list[str]) -> None:
    """Fault: a service that answers others is called dead; one that dies again is not told of."""
    one = Outage()
    for _ in range(10):
        one.turned_away("a", wait_s=15, patience_s=900)
        clock.seconds += 15
        one.answered()
    assert told == []
    one.turned_away("a", wait_s=60, patience_s=900)
    one.answered()
    one.turned_away("a", wait_s=60, patience_s=900)
    assert len(told) == 2


def test_a_refusal_is_an_answer(clock: Clock, told: list[str]) -> None:
    one = Outage()
    one.turned_away("a", wait_s=15, patience_s=900)
    clock.seconds = 15

    def too_large() -> None:
        raise TooLargeError("too large")

    with pytest.raises(TooLargeError):
        ask(too_large, "pixels", 900, Slots(1), one)
    one.turned_away("a", wait_s=15, patience_s=900)
    assert told == []


def test_all_threads_together_tell_once(monkeypatch: pytest.MonkeyPatch, told: list[str]) -> None:
    monkeypatch.setattr(outage, "LONG_S", 0.05)
    monkeypatch.setattr(asking, "LONGEST_WAIT_S", 0.05)
    slots, one = Slots(4), Outage()

    def busy() -> None:
        raise ConnectionError("reset")

    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(ask, busy, "pixels", 0.6, slots, one) for _ in range(4)]
        for done in waiting:
            assert isinstance(done.exception(), BusyError)
    assert len(told) == 1


def test_whoever_waits_ends_when_a_quota_is_used_up() -> None:
    """Fault: threads that were turned away before sleep on for up to a minute, and the run."""
    slots, turned_away = Slots(2), threading.Event()
    asked: list[str] = []

    def later() -> None:
        asked.append("later")
        if len(asked) == 1:
            turned_away.set()
            raise ConnectionError("reset")
        raise QuotaError("used up")

    def used_up() -> None:
        raise QuotaError("used up")

    # The first wait is up to two seconds; it is made long.
    def long_wait(state: object) -> float:
        return 50.0

    started = time.monotonic()
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as pool:
        patch.setattr(asking, "wait_random_exponential", lambda **_: long_wait)
        waiting = pool.submit(ask, later, "pixels", 900, slots, Outage())
        assert turned_away.wait(5)
        time.sleep(0.2)
        with pytest.raises(QuotaError):
            ask(used_up, "pixels", 900, slots, Outage())
        assert isinstance(waiting.exception(timeout=10), QuotaError)
    assert time.monotonic() - started < 8
    assert re.fullmatch("later,later", ",".join(asked))
