"""Why a covariate is made from something else than it was: the words, and what they are taken from.

In: what was recorded when the sites were sampled (`samples.json`), and the same now. Out: reasons
in words: files, settings, the study's grid, the software. Fingerprints tell that something has
changed, and these what.
"""

import json
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, TypeVar

from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)

Path = tuple[str, ...]
"""Of a setting: the names of its tables, then its own."""

_FILES_NAMED = 3
_DIGITS = 16

UNRECORDED = "samples.json was written by a version of alm90 that did not record from what"


def shortened(sha256: str) -> str:
    """Return as much of a hash as tells two files apart."""
    return sha256[:_DIGITS]


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return values as JSON gives them back; what JSON has no number for, such as NaN, as text."""
    found: dict[str, Any] = json.loads(json.dumps(values), parse_constant=str)
    return found


def software(*packages: str) -> dict[str, str]:
    """Return the versions of alm90 and of packages that a recipe depends on."""
    return {name: version(name) for name in ("alm90", *packages)}


def software_reason(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Say that the software computes a covariate otherwise than it did."""
    told = [
        f"{name} {before[name]} → {now[name]}"
        for name in now
        if name in before and before[name] != now[name]
    ]
    unchanged = f"alm90 {now['alm90']} before and now"
    return f"the software's recipe ({', '.join(told) or unchanged})"


def settings_reason(keys: Iterable[str]) -> list[str]:
    """Name the keys of study.toml that a change comes from; nothing where there is none."""
    named = sorted(keys)
    return [f"setting{'s' * (len(named) > 1)} {', '.join(named)}"] if named else []


def files_reason(
    before: Mapping[str, str], now: Mapping[str, str], noun: str, where: str = ""
) -> list[str]:
    """Name the files that hold something else, came or went; nothing where all are equal.

    Parameters
    ----------
    before, now : name of a file → hash of its bytes
    noun : what they are, such as "scene"
    where : to which they belong, such as " of USGS/SRTMGL1_003"
    """
    changed = [name for name in now if name in before and before[name] != now[name]]
    come = [name for name in now if name not in before]
    gone = [name for name in before if name not in now]
    return [
        f"{what}{noun}{'s' * (len(names) > 1)} {_listed(names)}{where}{end}"
        for what, names, end in (("", changed, ""), ("new ", come, ""), ("", gone, " gone"))
        if names
    ]


def _listed(names: list[str]) -> str:
    more = len(names) - _FILES_NAMED
    return ", ".join(names[:_FILES_NAMED]) + (f" and {more} more" if more > 0 else "")


def differing(before: BaseModel, now: BaseModel, of: type[BaseModel]) -> list[Path]:
    """Return the settings that two sets of them give different values, those in tables too.

    Parameters
    ----------
    of : the model whose fields are compared; a subclass may have more
    """
    found: list[Path] = []
    for name in of.model_fields:
        was, is_now = getattr(before, name), getattr(now, name)
        if was == is_now:
            continue
        if isinstance(was, BaseModel) and type(was) is type(is_now):
            found += [(name, *path) for path in differing(was, is_now, type(was))]
        else:
            found.append((name,))
    return found


def with_value_of(now: Model, before: BaseModel, path: Path) -> Model:
    """Return settings with one of them as it was; that they agree is not asked."""
    name, *inner = path
    value = getattr(before, name)
    if inner:
        value = with_value_of(getattr(now, name), value, tuple(inner))
    return now.model_copy(update={name: value})
