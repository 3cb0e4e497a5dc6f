"""Strings."""

from __future__ import annotations

import json
import re
from typing import Any

from gee.local.description import describe
from gee.local.errors import InvalidRequestError, NotImplementedHereError
from gee.local.graph import constant
from gee.local.registry import algorithm


def compiled(pattern: str, flags: str, name: str) -> re.Pattern[str]:
    """A regular expression of the service's dialect, as far as Python's has the same meaning."""
    unknown = set(flags) - {"i", "g"}
    if unknown:
        raise NotImplementedHereError(f"the flag '{min(unknown)}' of '{name}'")
    try:
        return re.compile(pattern, re.IGNORECASE if "i" in flags else 0)
    except re.error as error:
        raise InvalidRequestError(f"{name}: Invalid regular expression '{pattern}'.") from error


@algorithm("String")
def string(input: Any) -> str:  # noqa: A002
    """The text of a value."""
    if isinstance(input, str):
        return input
    if isinstance(input, bool):
        return "true" if input else "false"
    if isinstance(input, int | float):
        return str(int(input)) if float(input).is_integer() else repr(float(input))
    raise NotImplementedHereError("the algorithm 'String' of anything but a string or a number")


@algorithm("String.cat")
def cat(string1: str, string2: str) -> str:
    """One after the other."""
    return string1 + string2


@algorithm("String.compareTo")
def compare_to(string1: str, string2: str) -> int:
    """-1, 0 or 1 by order of code points."""
    return (string1 > string2) - (string1 < string2)


@algorithm("String.equals")
def equals(reference: str, target: Any) -> bool:
    """Whether the target is the same string."""
    return bool(reference == target)


@algorithm("String.index")
def index(target: str, pattern: str) -> int:
    """Position of the first occurrence, or -1."""
    return target.find(pattern)


@algorithm("String.rindex")
def rindex(target: str, pattern: str) -> int:
    """Position of the last occurrence, or -1."""
    return target.rfind(pattern)


@algorithm("String.length")
def length(string: str) -> int:
    """Number of characters."""
    return len(string)


@algorithm("String.match")
def match(input: str, regex: str, flags: str) -> list[str]:  # noqa: A002
    """The match and its groups; with the flag g every match."""
    pattern = compiled(regex, flags, "String.match")
    if "g" in flags:
        return [found.group(0) for found in pattern.finditer(input)]
    found = pattern.search(input)
    return [] if found is None else [found.group(0), *(group or "" for group in found.groups())]


@algorithm("String.replace")
def replace(input: str, regex: str, replacement: str, flags: str) -> str:  # noqa: A002
    """The first match replaced; with the flag g every match. `$1` names a group."""
    pattern = compiled(regex, flags, "String.replace")
    template = re.sub(r"\$(\d)", r"\\\1", replacement.replace("\\", r"\\"))
    return pattern.sub(template, input, count=0 if "g" in flags else 1)


@algorithm("String.split")
def split(string: str, regex: str, flags: str) -> list[str]:
    """The parts between matches; an empty pattern gives the characters."""
    if not regex:
        return list(string)
    return compiled(regex, flags, "String.split").split(string)


@algorithm("String.slice")
def slice_string(string: str, start: int, end: int | None) -> str:
    """The characters from start to before end; negative positions count from the end."""
    return string[start:end]


@algorithm("String.toLowerCase")
def to_lower_case(string: str) -> str:
    """In lower case."""
    return string.lower()


@algorithm("String.toUpperCase")
def to_upper_case(string: str) -> str:
    """In upper case."""
    return string.upper()


@algorithm("String.trim")
def trim(string: str) -> str:
    """Without white space at both ends."""
    return string.strip()


@algorithm("String.decodeJSON")
def decode_json(string: str) -> Any:
    """The value of a JSON text."""
    try:
        return constant(json.loads(string))
    except json.JSONDecodeError as error:
        raise InvalidRequestError(f"String.decodeJSON: Invalid JSON: {error}.") from error


@algorithm("String.encodeJSON")
def encode_json(object: Any) -> str:  # noqa: A002
    """The JSON text of a value."""
    return json.dumps(describe(object), separators=(",", ":"))
