"""How kernels are compiled, and kept for the next process.

In: a function. Out: the same, compiled when it is first called. Numba keeps what it compiled until
the file of that function changes; but kernels are made of functions and numbers of other files too.
So all files of the packages that have kernels of many files are part of what numba compares: none
is left stale by an update.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

_PACKAGES = ("forest", "prediction")
_SOURCES = hashlib.sha256(
    b"".join(
        path.read_bytes()
        for package in _PACKAGES
        for path in sorted((Path(__file__).parents[1] / package).glob("*.py"))
    )
).hexdigest()


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function that threads may run side by side."""
    return _kept(numba.njit(nogil=True, cache=True, error_model="numpy")(function))


def inlined(function: Callable[..., Any]) -> Any:
    """Compile a function into those that call it: calls that pass many arrays are slow."""
    options = {"nogil": True, "cache": True, "error_model": "numpy", "forceinline": True}
    return _kept(numba.njit(**options)(function))


def _kept(compiled: Any) -> Any:
    files = getattr(compiled._cache, "_cache_file", None)  # None where nothing can be kept
    if files is not None:
        files._source_stamp = (files._source_stamp, _SOURCES)
    return compiled
