"""A benchmark over many worlds writes a line of JSON a world; one that was stopped goes on."""

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def resumed(
    out: Path, keys: Iterable[dict[str, Any]], measure: Callable[..., dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the entries of a file, those of `keys` that it lacked measured and added.

    Parameters
    ----------
    keys : of each world what tells it from others, such as {"world": 3}
    measure : called with a key's fields by name; what it returns joins them, and `seconds`
    """
    lines = out.read_text(encoding="utf-8").splitlines() if out.exists() else []
    entries = [json.loads(line) for line in lines]
    for key in keys:
        if any(key.items() <= entry.items() for entry in entries):
            continue
        start = time.perf_counter()
        entry = key | measure(**key)
        entry["seconds"] = round(time.perf_counter() - start)
        entries.append(entry)
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
    return entries
