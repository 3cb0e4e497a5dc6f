"""How often pixels are read: by how many others each function of an image's graph is.

In: the bands that a request wants. Out: nothing; the cache of the request learns it, and lets
pixels go after they were read for the last time.

The graph is read off the functions themselves: one reads another where it holds it, in its closure
or as a default, alone or inside bands, images and lists. Where that says too much, pixels stay
until the cache is full; where too little, they are computed once more. No value depends on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import FunctionType
from typing import Any

from gee.local.images import Band, Image
from gee.local.pixels import current_cache


def expect(bands: Sequence[Band]) -> None:
    """Tell the cache of the request that it is these bands that will be read."""
    functions: dict[int, Any] = {}
    readers: dict[int, int] = {}
    waiting = [_functions([band.compute for band in bands])]
    while waiting:
        for name, function in waiting.pop().items():
            readers[name] = readers.get(name, 0) + 1
            if name not in functions:
                functions[name] = function
                held = _functions(list(_held(function)))
                held.pop(name, None)  # one that calls itself
                waiting.append(held)
    current_cache().expect(readers, functions)


def _held(function: Any) -> Iterator[Any]:
    """All that a function holds."""
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a name that is bound only later, if ever
            continue
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()


def _functions(values: list[Any]) -> dict[int, Any]:
    """The functions among some values and inside of them, each once."""
    found: dict[int, Any] = {}
    while values:
        value = values.pop()
        if isinstance(value, FunctionType):
            found[id(value)] = value
        elif isinstance(value, Band):
            found[id(value.compute)] = value.compute
        elif isinstance(value, Image):
            values.extend(value.bands)
        elif isinstance(value, list | tuple):
            values.extend(value)
        elif isinstance(value, dict):
            values.extend(value.values())
    return found
