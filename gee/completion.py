"""Batch exports brought to their end, whatever becomes of each on the way.

In: exports whose results are not there yet. Out: what became of each. A task that fails is dealt
with by the kind of its error: too heavy, it is divided; passing, it is started anew; anything
else would fail again.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from gee.batch import Export, Task, start, tasks
from gee.errors import BusyError, RefusedError, TooLargeError

LONGEST_POLL_S = 60.0
MOST_ATTEMPTS = 5
"""How often one run starts an export that fails for passing reasons."""


class Ended(NamedTuple):
    """An export and its task, which is done, or failed although it was divided as far as may be."""

    export: Export
    task: Task


def complete(
    exports: Sequence[Export],
    divide: Callable[[Export], Sequence[Export] | None],
    gone: Collection[str] = (),
    poll_s: float = 10.0,
    progress: Callable[[Collection[str]], None] | None = None,
) -> Iterator[Ended]:
    """Start what is not under way, and yield each export as soon as it is seen to have ended.

    Parameters
    ----------
    exports : all are looked up by one listing, at first and at each later look
    divide : from an export that is too heavy to those of its parts that are to be made; None where
        it is not divided any more
    gone : keys of exports whose task was done, but whose result is there no more
    poll_s : seconds to the first look; later ones are farther apart, up to a minute
    progress : called after each look with the keys of all that has not ended

    A run that is stopped loses nothing: the next one finds what is waiting, running or done, for as
    long as the service remembers it.

    Raises
    ------
    ServiceError
        a task failed for a reason that would be the same next time, kept failing, or was
        cancelled. Those that are done were yielded before; the others go on by themselves.
    """
    left = {export.key: export for export in exports}
    looked_at: set[str] = set()
    starts: dict[str, int] = {}
    while left:
        found = tasks(left)
        done = {key for key, task in found.items() if task.state == "done"}
        # First what is done: an error of another export must not hide it.
        for key in sorted(left, key=lambda key: key not in done):
            export, task = left[key], found.get(key)
            if task is not None and isinstance(task.error, TooLargeError):
                parts = divide(export)
                if parts is not None or key in looked_at:
                    del left[key]
                    left |= {part.key: part for part in parts or ()}
                    if parts is None:
                        yield Ended(export, task)
                    continue
            if task is None or _is_to_be_started(task, key in looked_at, key in gone):
                starts[key] = starts.get(key, 0) + 1
                if task is not None and task.error is not None and starts[key] > MOST_ATTEMPTS:
                    raise BusyError(f"{task.error} [{MOST_ATTEMPTS} attempts]")
                task = start(export, (task.attempts if task else 0) + 1)
            elif task.error is not None:
                raise task.error
            elif task.state == "cancelled":
                raise RefusedError(
                    f"task {export.description} was cancelled; the same command starts it anew"
                )
            looked_at.add(key)
            if task.state == "done":
                del left[key]
                yield Ended(export, task)
        if progress is not None:
            progress(left)
        if left.keys() <= looked_at:
            time.sleep(poll_s if left else 0)
            poll_s = min(LONGEST_POLL_S, poll_s * 1.5)


def _is_to_be_started(task: Task, looked_at: bool, gone: bool) -> bool:
    """Say whether an export is to be started anew, by what became of the last attempt."""
    if looked_at:
        return isinstance(task.error, BusyError)
    return task.state in ("failed", "cancelled") or (gone and task.state == "done")
