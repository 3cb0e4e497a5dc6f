"""Reducers: from many values to a few, at every pixel of a stack or over the rows of a table.

In: values (inputs, n, points) with weights (n, points) of 0 (absent) to 1. Out: per output its
values (points, ...) and where they are valid. Moments are those of the population unless a
reducer's name says "sample".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gee.local.errors import InvalidRequestError, NotImplementedHereError

Array = np.ndarray[Any, Any]
Outputs = list[tuple[Array, Array]]
PixelReduction = Callable[[Array, Array], Outputs]
TableReduction = Callable[[list[tuple[Any, ...]], list[float]], list[Any]]


@dataclass(frozen=True, eq=False)
class Reducer:
    """What is computed (`pixels` vectorised over points, `table` over rows), and its names.

    `integer` says that integer inputs give integer outputs (counts, extremes, modes).
    `dimensions` are those of each output's array: 0 for a number.
    """

    name: str
    inputs: int
    outputs: tuple[str, ...]
    pixels: PixelReduction | None = None
    table: TableReduction | None = None
    weighted: bool = False
    integer: bool = False
    dimensions: int = 0

    def reduce_stack(self, values: Array, weights: Array) -> Outputs:
        """Reduce (inputs, n, points) to one (points, ...) array an output, with its validity."""
        if self.pixels is None:
            raise NotImplementedHereError(f"the reducer '{self.name}' over pixels")
        if not self.weighted:
            weights = (weights > 0).astype(np.float64)
        return self.pixels(values, weights)

    def reduce_rows(self, rows: list[tuple[Any, ...]], weights: list[float]) -> list[Any]:
        """Reduce rows of one value an input to one value an output; null where undefined."""
        if self.table is not None:
            return self.table(rows, weights)
        kept = [
            (row, weight)
            for row, weight in zip(rows, weights, strict=True)
            if all(item is not None for item in row) and weight > 0
        ]
        for row, _ in kept:
            for item in row:
                if isinstance(item, str) or not isinstance(item, int | float):
                    raise InvalidRequestError(
                        f"Reducer.{self.name}: Cannot reduce a value of type "
                        f"{type(item).__name__}: {item!r}."
                    )
        values = np.array([row for row, _ in kept], dtype=np.float64).reshape(-1, self.inputs)
        stack = values.T[:, :, None]
        weight_array = np.array([weight for _, weight in kept], dtype=np.float64)[:, None]
        results: list[Any] = []
        whole = self.integer and bool(np.all(values == np.trunc(values)))
        for output, valid in self.reduce_stack(stack, weight_array):
            if not valid[0]:
                results.append(None)
            elif output.ndim > 1:
                results.append(output[0].tolist())
            else:
                number = float(output[0])
                results.append(int(number) if whole else number)
        return results


def any_valid(weights: Array) -> Array:
    """(points,) bool: whether there is a value at all."""
    present: Array = weights.max(axis=0, initial=0.0) > 0
    return present


def divide(numerator: Array, denominator: Array) -> Array:
    """The quotient, 0 where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator != 0)


def weighted_mean(values: Array, weights: Array) -> Array:
    """(points,) mean of values (n, points)."""
    return divide((values * weights).sum(axis=0), weights.sum(axis=0))


def central_moment(values: Array, weights: Array, order: int) -> Array:
    """(points,) central moment of the population."""
    mean = weighted_mean(values, weights)
    return weighted_mean((values - mean) ** order, weights)


def sorted_valid(values: Array, weights: Array) -> tuple[Array, Array]:
    """Values (n, points) sorted with absent ones last, and the number of present ones."""
    present = weights > 0
    return np.sort(np.where(present, values, np.inf), axis=0), present.sum(axis=0)


def percentile(values: Array, weights: Array, percent: float) -> tuple[Array, Array]:
    """(points,) percentile and validity, by Hazen's rule (position p/100 * n - 0.5).

    The service's own rule for few values is not documented; Hazen's gives the usual median, and
    the extremes at 0 and 100.
    """
    ordered, count = sorted_valid(values, weights)
    if values.shape[0] == 0:
        return np.zeros(values.shape[1]), np.zeros(values.shape[1], dtype=bool)
    position = np.clip(percent / 100 * count - 0.5, 0, np.maximum(count - 1, 0))
    low = np.floor(position).astype(int)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    lower = np.take_along_axis(ordered, low[None, :], axis=0)[0]
    upper = np.take_along_axis(ordered, high[None, :], axis=0)[0]
    valid = count > 0
    lower, upper = np.where(valid, lower, 0.0), np.where(valid, upper, 0.0)
    return lower + (upper - lower) * (position - low), valid


def mode(values: Array, weights: Array) -> tuple[Array, Array]:
    """(points,) most frequent value, the smallest of equals, and validity."""
    ordered, count = sorted_valid(values, weights)
    best = np.zeros(values.shape[1])
    best_run = np.zeros(values.shape[1], dtype=int)
    run = np.zeros(values.shape[1], dtype=int)
    for index in range(values.shape[0]):
        same = (ordered[index] == ordered[index - 1]) if index else np.zeros_like(run, dtype=bool)
        run = np.where(same, run + 1, 1)
        better = (run > best_run) & (index < count)
        best = np.where(better, ordered[index], best)
        best_run = np.where(better, run, best_run)
    return best, count > 0


def ordered_pick(values: Array, weights: Array, last: bool) -> tuple[Array, Array]:
    """(points,) first or last value that is present, and validity."""
    present = weights > 0
    if values.shape[0] == 0:
        return np.zeros(values.shape[1]), np.zeros(values.shape[1], dtype=bool)
    index = (
        values.shape[0] - 1 - np.argmax(present[::-1], axis=0)
        if last
        else np.argmax(present, axis=0)
    )
    return np.take_along_axis(values, index[None, :], axis=0)[0], np.asarray(present.any(axis=0))


def extreme(values: Array, weights: Array, largest: bool) -> Outputs:
    """Per input its value where the first input is largest or smallest, with validity."""
    present = weights > 0
    points = values.shape[2]
    if values.shape[1] == 0:
        nothing = np.zeros(points, dtype=bool)
        return [(np.zeros(points), nothing) for _ in range(values.shape[0])]
    key = np.where(present, values[0], -np.inf if largest else np.inf)
    index = np.argmax(key, axis=0) if largest else np.argmin(key, axis=0)
    valid = np.asarray(present.any(axis=0))
    picked = [np.take_along_axis(layer, index[None, :], axis=0)[0] for layer in values]
    return [(np.where(valid, layer, 0.0), valid) for layer in picked]


def least_squares(
    values: Array, weights: Array, independent: int, ridge: float = 0.0
) -> tuple[Array, Array, Array]:
    """Weighted least squares at every point.

    Parameters
    ----------
    values : (inputs, n, points) float
        First `independent` inputs are the regressors, the others the responses.

    Returns
    -------
    coefficients : (points, independent, responses)
    residuals : (points, responses)
        Root mean square of the residuals.
    valid : (points,) bool
        False where the values are no more than the regressors, or these are collinear.
    """
    design, response = values[:independent], values[independent:]
    weighted = design * weights
    normal = np.einsum("inp,jnp->pij", weighted, design)
    right = np.einsum("inp,jnp->pij", weighted, response)
    if ridge:
        normal = normal + ridge * np.eye(independent)
    count = (weights > 0).sum(axis=0)
    valid = count > independent
    scale = np.sqrt(np.maximum(np.einsum("pii->pi", normal), 1e-300))
    conditioned = normal / (scale[:, :, None] * scale[:, None, :])
    rank = np.linalg.matrix_rank(conditioned, tol=1e-10, hermitian=True)
    valid &= rank == independent
    safe = np.where(valid[:, None, None], conditioned, np.eye(independent))
    coefficients = np.linalg.solve(safe, right / scale[:, :, None]) / scale[:, :, None]
    fitted = np.einsum("inp,pij->jnp", design, coefficients)
    squares = ((response - fitted) ** 2 * weights).sum(axis=1)
    residuals = np.sqrt(divide(squares, np.broadcast_to(weights.sum(axis=0), squares.shape))).T
    return np.where(valid[:, None, None], coefficients, 0.0), residuals, valid


def combined(first: Reducer, second: Reducer, prefix: str, shared: bool) -> Reducer:
    """Two reducers side by side, over the same inputs or over one after the other's."""
    names = first.outputs + tuple(f"{prefix}{name}" for name in second.outputs)
    if len(set(names)) != len(names):
        raise InvalidRequestError(
            f"Reducer.combine: Duplicate output names: [{', '.join(names)}]; set outputPrefix."
        )
    if shared and first.inputs != second.inputs:
        raise InvalidRequestError(
            f"Reducer.combine: Shared inputs need equal numbers of inputs, not {first.inputs} "
            f"and {second.inputs}."
        )
    split = 0 if shared else first.inputs

    def pixels(values: Array, weights: Array) -> Outputs:
        left = values[: first.inputs]
        right = values[split : split + second.inputs]
        return first.reduce_stack(left, weights) + second.reduce_stack(right, weights)

    def table(rows: list[tuple[Any, ...]], weights: list[float]) -> list[Any]:
        left = [row[: first.inputs] for row in rows]
        right = [row[split : split + second.inputs] for row in rows]
        return first.reduce_rows(left, weights) + second.reduce_rows(right, weights)

    return Reducer(
        "combine",
        first.inputs if shared else first.inputs + second.inputs,
        names,
        pixels=pixels,
        table=table,
        weighted=first.weighted or second.weighted,
        integer=first.integer and second.integer,
        dimensions=max(first.dimensions, second.dimensions),
    )


def output_names(reducer: Reducer, band_names: Sequence[str], prefixed: bool) -> list[str]:
    """Names of the results over bands: outputs alone, band names alone, or joined by "_".

    `prefixed` joins them even where the reducer has a single output.
    """
    if reducer.inputs > 1:
        return list(reducer.outputs)
    if len(reducer.outputs) == 1 and not prefixed:
        return list(band_names)
    return [f"{band}_{output}" for band in band_names for output in reducer.outputs]


def check_inputs(reducer: Reducer, bands: int, algorithm: str) -> None:
    """Refuse a reducer of several inputs over another number of bands."""
    if reducer.inputs not in (1, bands):
        raise InvalidRequestError(
            f"{algorithm}: Need {reducer.inputs} bands for the inputs of the reducer, got {bands}."
        )
