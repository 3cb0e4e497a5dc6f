"""A commented study.toml, written from the settings' own descriptions.

What a study gives is written plainly; every other key stands there as a comment with its
default, so that the file is also the manual of its keys.
"""

import textwrap
from collections.abc import Mapping
from typing import Any, get_origin

import tomlkit
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from export.study import StudySettings
from export.study.faults import settings_in

_WIDTH = 96
_FLOW = (
    *("schema_version", "name", "title", "licence", "period", "seed", "outside_files"),
    *("target", "region", "grid", "sites", "covariates", "earthengine", "domain"),
    *("selection", "ensemble", "fusion", "validation", "intervals", "applicability", "map"),
)


def study_template(values: Mapping[str, Any]) -> str:
    """Return the text of a study.toml in which `values` (nested, as TOML has them) are set."""
    head = [
        "# A study of alm90. `alm90 run` on this folder makes the map.",
        "# A key behind # shows its default; take the # away to change it.",
        "",
    ]
    return "\n".join([*head, *_table(StudySettings, values, ())]).rstrip("\n") + "\n"


def _table(
    model: type[BaseModel],
    values: Mapping[str, Any],
    path: tuple[str, ...],
    standing: BaseModel | None = None,
) -> list[str]:
    """Return the lines of a table; `standing`: what holds where the study gives nothing."""
    plain: list[str] = []
    tables: list[str] = []
    for name, field in _fields(model):
        given = values.get(name)
        default = _default(field) if standing is None else getattr(standing, name)
        inner = settings_in(field.annotation)
        if inner is None:
            plain += [*_comment(field), _key(name, default, given)]
        elif isinstance(given, list | tuple) or _is_list(field):
            tables += _array_of_tables(inner, field, given or (), (*path, name))
        elif get_origin(field.annotation) is dict:
            tables += _named_tables(inner, field, given or {}, (*path, name))
        else:
            body = [f"[{'.'.join((*path, name))}]"]
            body += _table(inner, given or {}, (*path, name), default)
            tables += ["", *_comment(field)]
            tables += body if _is_set(inner, default, given) else _commented(body)
    return plain + tables


def _fields(model: type[BaseModel]) -> list[tuple[str, FieldInfo]]:
    """Return the keys of a table; those of the whole study in the order in which data flow."""
    fields = list(model.model_fields.items())
    if model is StudySettings:
        fields.sort(key=lambda item: _FLOW.index(item[0]))
    return fields


def _is_set(model: type[BaseModel], default: Any, given: Any) -> bool:
    """Say whether the table is written: where it is given, or an empty one means the default."""
    if given is not None or default is None:
        return given is not None
    required = any(field.is_required() for field in model.model_fields.values())
    return not required and bool(model() == default)


def _commented(lines: list[str]) -> list[str]:
    return [line if line.startswith("#") or not line else f"# {line}" for line in lines]


def _is_list(field: FieldInfo) -> bool:
    return isinstance(field.default, tuple | list)


def _array_of_tables(
    model: type[BaseModel], field: FieldInfo, entries: Any, path: tuple[str, ...]
) -> list[str]:
    """Document the keys once; then one short table an entry, with its own keys alone."""
    header = f"[[{'.'.join(path)}]]"
    lines = ["", *_comment(field), f"# Each entry is a table {header} with these keys:"]
    for name, inner in model.model_fields.items():
        default = _default(inner)
        shown = "optional" if default is None else f"default {_toml(default)}"
        shown = "required" if inner.is_required() else shown
        lines += _wrap(f"  {name} ({shown}): {inner.description}", hanging="      ")
    for entry in entries:
        lines += ["", header, *(f"{name} = {_toml(value)}" for name, value in entry.items())]
    return lines


def _named_tables(
    model: type[BaseModel], field: FieldInfo, entries: Mapping[str, Any], path: tuple[str, ...]
) -> list[str]:
    """Document the keys of tables whose own names the study chooses; then those given."""
    lines = ["", *_comment(field)]
    if not entries:
        return [*lines, f"# [{'.'.join(path)}.NAME]", *_commented(_table(model, {}, path))]
    for name, entry in entries.items():
        lines += ["", f"[{'.'.join((*path, name))}]", *_table(model, entry, (*path, name))]
    return lines


def _comment(field: FieldInfo) -> list[str]:
    return _wrap(field.description or "")


def _wrap(text: str, hanging: str = "") -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent="# ", subsequent_indent=f"# {hanging}", break_long_words=False
    )


def _key(name: str, default: Any, given: Any) -> str:
    if given is not None:
        return f"{name} = {_toml(given)}"
    return f"# {name} = {'(not set)' if default is None else _toml(default)}"


def _default(field: FieldInfo) -> Any:
    return None if field.is_required() else field.get_default(call_default_factory=True)


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        table = tomlkit.inline_table()
        table.update(dict(value))
        return table.as_string()
    if isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, tuple):
        value = list(value)
    text: str = tomlkit.item(value).as_string()
    return text
