"""The same work on many tiles, by threads, without holding all of them in memory.

In: a function and items. Out: results as they come, in the order of the items. GDAL and numba
release the interpreter's lock, so that threads suffice.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int = 0
) -> Iterator[Result]:
    """Yield ``work(item)`` for each item, in order; at most two a worker are under way.

    Parameters
    ----------
    workers : threads; 0: one a core

    An exception of `work` is raised in its place; what has not begun is then left undone. What has
    begun is waited for, unless it is an interruption by the user.
    """
    workers = workers or os.cpu_count() or 1
    under_way: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(workers)
    wait = True
    try:
        for item in items:
            under_way.append(pool.submit(work, item))
            if len(under_way) >= 2 * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    except KeyboardInterrupt:
        wait = False  # a request to a service may be under way for minutes
        raise
    finally:
        pool.shutdown(wait=wait, cancel_futures=True)
