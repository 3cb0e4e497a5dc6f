"""A benchmark over many worlds writes a line of JSON a world; one that was stopped goes on.

In: a file of lines, what the worlds are measured with, and the worlds. Out: an entry a world, and
the lines that the file lacked. A line that a stopped run left torn counts as none, and what comes
after it begins a line of its own.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


def resumed(
    out: Path,
    settings: Mapping[str, Any],
    worlds: Iterable[Entry],
    measure: Callable[..., Entry],
) -> list[Entry]:
    """Return an entry for each world, from a file or measured now and added to it.

    Parameters
    ----------
    settings : all that an entry depends on besides its world; what the file holds of other
        settings is left there and is no entry
    worlds : of each what tells it from others, such as {"world": 3}
    measure : called with a world's fields by name; what it returns joins them, and `seconds`
    """
    told = {"settings": json.loads(json.dumps(settings))}
    known = read_lines(out)
    entries = []
    for world in worlds:
        key = told | world
        entry = next((line for line in known if key.items() <= line.items()), None)
        if entry is None:
            start = time.perf_counter()
            entry = key | measure(**world)
            entry["seconds"] = round(time.perf_counter() - start)
            append_line(out, entry)
        entries.append(entry)
    return entries


def digest(document: Any) -> str:
    """Return twelve digits that tell one JSON document from others."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:12]


def read_lines(out: Path) -> list[Entry]:
    """Return the whole lines of a file, none if it is not there."""
    if not out.exists():
        return []
    entries = []
    for line in out.read_text(encoding="utf-8").splitlines():
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return entries


def append_line(out: Path, entry: Entry) -> None:
    """Add a line, after the end of the one before, also where that is torn."""
    torn = out.exists() and not out.read_bytes().endswith(b"\n") and out.stat().st_size > 0
    with out.open("a", encoding="utf-8") as file:
        file.write("\n" * torn + json.dumps(entry) + "\n")
