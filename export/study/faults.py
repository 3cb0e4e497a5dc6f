"""What is wrong with a settings file, in the words of its writer: line, key, nearest valid key."""

import difflib
import re
from collections.abc import Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

Location = tuple[str | int, ...]


def describe_faults(error: ValidationError, model: type[BaseModel], text: str) -> list[str]:
    """Return one line a fault, each beginning with ``, line N`` where the key was found.

    Parameters
    ----------
    error : what pydantic raised
    model : the settings that the file was read as
    text : the file's TOML
    """
    return [_describe(fault, model, text) for fault in error.errors()]


def _describe(fault: Any, model: type[BaseModel], text: str) -> str:
    location: Location = fault["loc"]
    line = _line_of(location, text)
    where = f", line {line}" if line else ""
    name = _dotted(location)
    subject = f"{where}: {name}" if name else f"{where}"
    if fault["type"] == "extra_forbidden":
        return f"{subject} is not a known key{_nearest(str(location[-1]), model, location[:-1])}"
    if fault["type"] == "missing":
        return f"{subject} is missing"
    message = fault["msg"].removeprefix("Value error, ")
    given = fault.get("input")
    shown = f" (given: {given!r})" if isinstance(given, str | int | float | bool) and name else ""
    return f"{subject}: {message}{shown}"


def _dotted(location: Location) -> str:
    """Return a location as a reader of TOML would say it; list items count from 1."""
    name = ""
    for part in location:
        name += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if name else str(part)
    return name


def _nearest(key: str, model: type[BaseModel], table: Location) -> str:
    known = _fields(model, table)
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known here: {', '.join(sorted(known))}" if known else ""


def _fields(model: type[BaseModel], table: Location) -> Sequence[str]:
    """Return the keys that the table at a location may hold."""
    chosen_name = False
    for part in table:
        if isinstance(part, int) or chosen_name:
            chosen_name = False
            continue
        field = model.model_fields.get(part)
        chosen_name = field is not None and get_origin(field.annotation) is dict
        inner = settings_in(field.annotation) if field else None
        if inner is None:
            return ()
        model = inner
    return () if chosen_name else list(model.model_fields)


def settings_in(annotation: Any) -> type[BaseModel] | None:
    """Find the settings class within an annotation such as ``tuple[Covariate, ...] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = settings_in(argument)
        if found:
            return found
    return None


def _line_of(location: Location, text: str) -> int | None:
    """Return the line (from 1) of a key, or of the nearest table around it."""
    lines = text.splitlines()
    for depth in range(len(location), 0, -1):
        line = _find(location[:depth], lines)
        if line is not None:
            return line
    return None


def _find(location: Location, lines: list[str]) -> int | None:
    names = [part for part in location if isinstance(part, str)]
    counts = [part for part in location if isinstance(part, int)]
    nth = counts[0] if counts else 0
    for split in range(len(names), -1, -1):
        header, key = ".".join(names[:split]), ".".join(names[split:])
        if key and counts and isinstance(location[-1], int):
            continue
        start = 0
        if header:
            form = re.compile(rf"\s*\[\[?\s*{re.escape(header)}\s*\]\]?")
            found = [index for index, line in enumerate(lines) if form.match(line)]
            if len(found) <= (nth if len(found) > 1 else 0):
                continue
            start = found[nth] if len(found) > 1 else found[0]
            if not key:
                return start + 1
        for index in range(start + bool(header), len(lines)):
            if re.match(r"\s*\[", lines[index]):
                break
            if re.match(rf"\s*\"?{re.escape(key)}\"?\s*=", lines[index]):
                return index + 1
    return None
