"""Tables of features as files: CSV and GeoJSON.

In: a collection of features, and which properties to write. Out: bytes.
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from gee.local.description import describe_feature
from gee.local.errors import NotImplementedHereError
from gee.local.values import Collection


def columns_of(collection: Collection, selectors: list[str] | None) -> list[str]:
    """The properties to write: those chosen, or all in order of their names."""
    if selectors:
        return [name for name in selectors if name]
    return sorted({name for one in collection.elements for name in one.properties})


def encode(collection: Collection, file_format: str, selectors: list[str] | None) -> bytes:
    """The bytes of a table.

    Raises
    ------
    NotImplementedHereError
        The format is unknown here.
    """
    if file_format == "CSV":
        return _csv(collection, selectors)
    if file_format in ("GEO_JSON", "JSON"):
        features = [_described(one, selectors) for one in collection.elements]
        return json.dumps({"type": "FeatureCollection", "features": features}).encode()
    raise NotImplementedHereError(f"the table format '{file_format}'")


def _described(feature: Any, selectors: list[str] | None) -> dict[str, Any]:
    shown = describe_feature(feature)
    if selectors:
        kept = shown["properties"]
        shown["properties"] = {name: kept.get(name) for name in selectors if name != ".geo"}
    return shown


def _csv(collection: Collection, selectors: list[str] | None) -> bytes:
    columns = columns_of(collection, selectors)
    if not selectors:
        columns = [*columns, ".geo"]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for one in collection.elements:
        shown = describe_feature(one)
        row = []
        for name in columns:
            if name == ".geo":
                row.append(json.dumps(shown["geometry"]) if shown["geometry"] else "")
            elif name == "system:index":
                row.append(one.properties.get(name, ""))
            else:
                value = shown["properties"].get(name)
                row.append("" if value is None else value)
        writer.writerow(row)
    return buffer.getvalue().encode()
