"""The real signatures of Earth Engine's algorithms, as they lie in the client's own package.

In: the installed `earthengine-api` (its `ee/tests/algorithms.json`, read without importing `ee`).
Out: per algorithm its arguments with type, default and whether it may be left out.
"""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from gee.local.errors import CatalogueError


@dataclass(frozen=True)
class Argument:
    """One argument of an algorithm; `type` is Earth Engine's own name of the type."""

    name: str
    type: str
    optional: bool
    default: Any


@dataclass(frozen=True)
class Signature:
    """An algorithm's name, arguments in order, and type of result."""

    name: str
    arguments: tuple[Argument, ...]
    returns: str


def client_file(name: str) -> Path:
    """The path of a file in the installed client's `tests` folder."""
    spec = importlib.util.find_spec("ee")
    if spec is None or spec.origin is None:
        raise CatalogueError("earthengine-api is not installed: pip install earthengine-api")
    path = Path(spec.origin).parent / "tests" / name
    if not path.exists():
        raise CatalogueError(f"This earthengine-api has no {path.name}; version 1.7.50 has it.")
    return path


@cache
def algorithm_list() -> dict[str, Any]:
    """The service's answer to the request for its algorithms."""
    document: dict[str, Any] = json.loads(client_file("algorithms.json").read_text("utf-8"))
    return document


@cache
def signatures() -> dict[str, Signature]:
    """Every algorithm of the service by name."""
    found = {}
    for entry in algorithm_list()["algorithms"]:
        name = entry["name"].removeprefix("algorithms/")
        arguments = tuple(
            Argument(
                name=argument["argumentName"],
                type=argument["type"],
                optional=bool(argument.get("optional", False)),
                default=argument.get("defaultValue"),
            )
            for argument in entry.get("arguments", [])
        )
        found[name] = Signature(name, arguments, entry["returnType"])
    return found
