"""How far a long step has come: bars on a terminal, plain lines in a log, nothing in tests.

In: a description and the number of parts. Out: text on standard error, so that standard output
stays free for results.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TextIO


class Task(Protocol):
    def advance(self, n: int = 1) -> None:
        """Say that `n` more parts are done; may be called from any thread."""


class Progress(Protocol):
    def task(self, description: str, total: int) -> AbstractContextManager[Task]:
        """Show a task of `total` parts while the context is open."""


def progress_for(stream: TextIO | None = None) -> Progress:
    """Return bars where `stream` (standard error by default) is a terminal, plain lines else."""
    stream = stream or sys.stderr
    return _Bars(stream) if stream.isatty() else PlainLines(stream)


def silent() -> Progress:
    """Return a progress that shows nothing."""
    return _Silent()


# A log has no use for lines that follow each other faster than this.
_SECONDS_APART = 1.0


class PlainLines:
    """One line at the start of a task, one each further 10 %, with the seconds since its start.

    Parameters
    ----------
    seconds_apart : a line that would follow the last one sooner is left out
    """

    def __init__(self, stream: TextIO, seconds_apart: float = _SECONDS_APART) -> None:
        self._stream = stream
        self._seconds_apart = seconds_apart

    @contextmanager
    def task(self, description: str, total: int) -> Iterator[Task]:
        yield _PlainTask(self._stream, description, total, self._seconds_apart)


class _PlainTask:
    def __init__(self, stream: TextIO, description: str, total: int, seconds_apart: float) -> None:
        self._stream = stream
        self._seconds_apart = seconds_apart
        self._description = description
        self._total = total
        self._done = 0
        self._tenths = 0
        self._start = time.monotonic()
        self._said = 0.0
        self._lock = threading.Lock()
        self._say(f"{description}: {total} to do")

    def advance(self, n: int = 1) -> None:
        with self._lock:
            self._done += n
            tenths = 10 * self._done // max(self._total, 1)
            seconds = time.monotonic() - self._start
            if tenths > self._tenths and seconds - self._said >= self._seconds_apart:
                self._tenths = tenths
                self._said = seconds
                self._say(
                    f"{self._description}: {10 * tenths} % "
                    f"({self._done} of {self._total}) after {seconds:.0f} s"
                )

    def _say(self, line: str) -> None:
        # In one piece: tasks that share the stream must not come between a line and its end.
        self._stream.write(line + "\n")
        self._stream.flush()


class _Bars:
    """rich's bars; tasks that are open at the same time share one display."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(file=stream),
        )
        self._open = 0
        self._lock = threading.Lock()

    @contextmanager
    def task(self, description: str, total: int) -> Iterator[Task]:
        from rich.markup import escape

        with self._lock:
            if self._open == 0:
                self._bars.start()
            self._open += 1
        number = self._bars.add_task(escape(description), total=total)
        try:
            yield _Bar(self._bars, number)
        finally:
            self._bars.stop_task(number)
            with self._lock:
                self._open -= 1
                if self._open == 0:
                    self._bars.stop()
                    for shown in self._bars.task_ids:
                        self._bars.remove_task(shown)


class _Bar:
    def __init__(self, bars: object, number: object) -> None:
        self._bars = bars
        self._number = number

    def advance(self, n: int = 1) -> None:
        self._bars.advance(self._number, n)  # type: ignore[attr-defined]


class _Silent:
    @contextmanager
    def task(self, description: str, total: int) -> Iterator[Task]:  # noqa: ARG002
        yield _Nothing()


class _Nothing:
    def advance(self, n: int = 1) -> None:
        pass
