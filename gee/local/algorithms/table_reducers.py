"""Reducers of rows to lists, dictionaries and groups: over tables and regions, not over pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from gee.local.errors import NotImplementedHereError
from gee.local.reducers import Reducer
from gee.local.registry import algorithm


@algorithm("Reducer.repeat")
def repeat(reducer: Reducer, count: int) -> Reducer:
    """A reducer over each of several inputs; each output is a list."""

    def table(rows: list[tuple[Any, ...]], weights: list[float]) -> list[Any]:
        width = reducer.inputs
        parts = [
            reducer.reduce_rows([row[k * width : (k + 1) * width] for row in rows], weights)
            for k in range(count)
        ]
        return [list(column) for column in zip(*parts, strict=True)]

    return Reducer("repeat", reducer.inputs * count, reducer.outputs, None, table)


@algorithm("Reducer.toList")
def to_list(tupleSize: int | None, numOptional: int) -> Reducer:
    """All inputs as a list; of tuples where a size is given."""
    if numOptional:
        raise NotImplementedHereError("'numOptional' of 'Reducer.toList'")
    size = tupleSize or 1

    def table(rows: list[tuple[Any, ...]], _weights: list[float]) -> list[Any]:
        kept = [row for row in rows if None not in row]
        return [[row[0] for row in kept] if tupleSize is None else [list(row) for row in kept]]

    return Reducer("toList", size, ("list",), None, table)


def _key(value: Any) -> str:
    number = isinstance(value, int | float) and float(value).is_integer()
    return str(int(value)) if number else str(value)


@algorithm("Reducer.frequencyHistogram")
def frequency_histogram() -> Reducer:
    """How much weight each value has."""

    def table(rows: list[tuple[Any, ...]], weights: list[float]) -> list[Any]:
        counts: dict[str, float] = {}
        for (value,), weight in zip(rows, weights, strict=True):
            if value is not None and weight > 0:
                counts[_key(value)] = counts.get(_key(value), 0) + weight
        return [counts]

    return Reducer("frequencyHistogram", 1, ("histogram",), None, table, weighted=True)


@algorithm("Reducer.fixedHistogram")
def fixed_histogram(min: float, max: float, steps: int, cumulative: bool) -> Reducer:  # noqa: A002
    """Weights in equal bins as pairs of a bin's lower edge and its weight."""

    def table(rows: list[tuple[Any, ...]], weights: list[float]) -> list[Any]:
        pairs = [(row[0], w) for row, w in zip(rows, weights, strict=True) if row[0] is not None]
        values = np.array([value for value, _ in pairs], dtype=float)
        weight = np.array([w for _, w in pairs], dtype=float)
        inside = (values >= min) & (values < max)
        counts, edges = np.histogram(
            values[inside], bins=steps, range=(min, max), weights=weight[inside]
        )
        shown = np.cumsum(counts) if cumulative else counts
        return [[[float(edge), float(n)] for edge, n in zip(edges, shown, strict=False)]]

    return Reducer("fixedHistogram", 1, ("histogram",), None, table, weighted=True)


@algorithm("Reducer.group")
def group(reducer: Reducer, groupField: int, groupName: str) -> Reducer:
    """A reducer over the rows of each value of one input."""

    def table(rows: list[tuple[Any, ...]], weights: list[float]) -> list[Any]:
        groups: dict[Any, tuple[list[Any], list[float]]] = {}
        for row, weight in zip(rows, weights, strict=True):
            if None in row or weight <= 0:
                continue
            members = groups.setdefault(row[groupField], ([], []))
            members[0].append(row[:groupField] + row[groupField + 1 :])
            members[1].append(weight)
        found = []
        for key in sorted(groups):
            outputs = reducer.reduce_rows(*groups[key])
            found.append({groupName: key, **dict(zip(reducer.outputs, outputs, strict=True))})
        return [found]

    return Reducer("group", reducer.inputs + 1, ("groups",), None, table, weighted=reducer.weighted)
