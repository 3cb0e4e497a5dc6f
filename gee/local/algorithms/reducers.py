"""The reducers by name; what they compute is in `gee.local.reducers`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gee.local import reducers
from gee.local.errors import InvalidRequestError, NotImplementedHereError
from gee.local.reducers import (
    Array,
    Outputs,
    Reducer,
    TableReduction,
    any_valid,
    divide,
    weighted_mean,
)
from gee.local.registry import algorithm


def one(values: Array, valid: Array) -> Outputs:
    """A single output."""
    return [(values, valid)]


def _mean(values: Array, weights: Array) -> Outputs:
    return one(weighted_mean(values[0], weights), any_valid(weights))


def _sum(values: Array, weights: Array) -> Outputs:
    return one((values[0] * weights).sum(axis=0), any_valid(weights))


def _count(_values: Array, weights: Array) -> Outputs:
    return one((weights > 0).sum(axis=0).astype(float), np.ones(weights.shape[1], dtype=bool))


def _product(values: Array, weights: Array) -> Outputs:
    return one(np.where(weights > 0, values[0], 1.0).prod(axis=0), any_valid(weights))


def _all(values: Array, weights: Array) -> Outputs:
    true = np.where(weights > 0, values[0] != 0, True).all(axis=0)
    return one(true.astype(float), any_valid(weights))


def _any(values: Array, weights: Array) -> Outputs:
    true = np.where(weights > 0, values[0] != 0, False).any(axis=0)
    return one(true.astype(float), any_valid(weights))


def _count_distinct(values: Array, weights: Array) -> Outputs:
    ordered, count = reducers.sorted_valid(values[0], weights)
    steps = np.diff(ordered, axis=0) != 0
    inside = np.arange(1, values.shape[1])[:, None] < count
    distinct = (steps & inside).sum(axis=0) + (count > 0)
    return one(distinct.astype(float), np.ones(values.shape[2], dtype=bool))


def _variance(values: Array, weights: Array) -> Outputs:
    return one(reducers.central_moment(values[0], weights, 2), any_valid(weights))


def _sample_variance(values: Array, weights: Array) -> Outputs:
    total = weights.sum(axis=0)
    spread = reducers.central_moment(values[0], weights, 2)
    return one(divide(spread * total, total - 1), total > 1)


def _root(function: Callable[[Array, Array], Outputs]) -> Callable[[Array, Array], Outputs]:
    def rooted(values: Array, weights: Array) -> Outputs:
        return [(np.sqrt(np.maximum(v, 0)), valid) for v, valid in function(values, weights)]

    return rooted


def _skew(values: Array, weights: Array) -> Outputs:
    spread = reducers.central_moment(values[0], weights, 2)
    third = reducers.central_moment(values[0], weights, 3)
    return one(divide(third, spread**1.5), any_valid(weights))


def _kurtosis(values: Array, weights: Array) -> Outputs:
    spread = reducers.central_moment(values[0], weights, 2)
    fourth = reducers.central_moment(values[0], weights, 4)
    return one(divide(fourth, spread**2) - 3 * (spread != 0), any_valid(weights))


def _min_max(values: Array, weights: Array) -> Outputs:
    low = reducers.extreme(values, weights, largest=False)
    return low + reducers.extreme(values, weights, largest=True)


def _first(values: Array, weights: Array) -> Outputs:
    return one(*reducers.ordered_pick(values[0], weights, last=False))


def _last(values: Array, weights: Array) -> Outputs:
    return one(*reducers.ordered_pick(values[0], weights, last=True))


def _pick_row(last: bool, skip_null: bool) -> TableReduction:
    """The first or last row, of values of any type; `first` takes a null for what it is."""

    def table(rows: list[tuple[Any, ...]], _weights: list[float]) -> list[Any]:
        values = [row[0] for row in rows if not (skip_null and row[0] is None)]
        if not values:
            return [None]
        return [values[-1] if last else values[0]]

    return table


def _linear_fit(values: Array, weights: Array) -> Outputs:
    x, y = values
    mean_x, mean_y = weighted_mean(x, weights), weighted_mean(y, weights)
    spread = weighted_mean((x - mean_x) ** 2, weights)
    common = weighted_mean((x - mean_x) * (y - mean_y), weights)
    scale = divide(common, spread)
    valid = any_valid(weights)
    return [(scale, valid), (mean_y - scale * mean_x, valid)]


def _correlation(values: Array, weights: Array) -> Outputs:
    x, y = values
    mean_x, mean_y = weighted_mean(x, weights), weighted_mean(y, weights)
    spread = weighted_mean((x - mean_x) ** 2, weights) * weighted_mean((y - mean_y) ** 2, weights)
    common = weighted_mean((x - mean_x) * (y - mean_y), weights)
    return one(divide(common, np.sqrt(spread)), spread > 0)


SIMPLE: dict[str, Reducer] = {
    "mean": Reducer("mean", 1, ("mean",), _mean, weighted=True),
    "sum": Reducer("sum", 1, ("sum",), _sum, weighted=True, integer=True),
    "count": Reducer("count", 1, ("count",), _count, integer=True),
    "product": Reducer("product", 1, ("product",), _product),
    "allNonZero": Reducer("allNonZero", 1, ("all",), _all, integer=True),
    "anyNonZero": Reducer("anyNonZero", 1, ("any",), _any, integer=True),
    "countDistinctNonNull": Reducer(
        "countDistinctNonNull", 1, ("count",), _count_distinct, integer=True
    ),
    "variance": Reducer("variance", 1, ("variance",), _variance, weighted=True),
    "stdDev": Reducer("stdDev", 1, ("stdDev",), _root(_variance), weighted=True),
    "sampleVariance": Reducer("sampleVariance", 1, ("variance",), _sample_variance, weighted=True),
    "sampleStdDev": Reducer("sampleStdDev", 1, ("stdDev",), _root(_sample_variance), weighted=True),
    "skew": Reducer("skew", 1, ("skew",), _skew, weighted=True),
    "kurtosis": Reducer("kurtosis", 1, ("kurtosis",), _kurtosis, weighted=True),
    "minMax": Reducer("minMax", 1, ("min", "max"), _min_max, integer=True),
    "first": Reducer("first", 1, ("first",), _first, _pick_row(False, False), integer=True),
    "firstNonNull": Reducer(
        "firstNonNull", 1, ("first",), _first, _pick_row(False, True), integer=True
    ),
    "last": Reducer("last", 1, ("last",), _last, _pick_row(True, False), integer=True),
    "lastNonNull": Reducer("lastNonNull", 1, ("last",), _last, _pick_row(True, True), integer=True),
    "linearFit": Reducer("linearFit", 2, ("scale", "offset"), _linear_fit, weighted=True),
}


def _declare_simple(name: str) -> None:
    @algorithm(f"Reducer.{name}")
    def reducer() -> Reducer:
        return SIMPLE[name]


for _name in SIMPLE:
    _declare_simple(_name)


def _declare_extreme(name: str, largest: bool) -> None:
    @algorithm(f"Reducer.{name}")
    def reducer(numInputs: int) -> Reducer:
        outputs = tuple(name if place == 0 else f"{name}{place}" for place in range(numInputs))
        return Reducer(
            name,
            numInputs,
            outputs,
            lambda values, weights: reducers.extreme(values, weights, largest),
            integer=True,
        )


_declare_extreme("min", largest=False)
_declare_extreme("max", largest=True)


@algorithm("Reducer.median")
def median() -> Reducer:
    """The middle value, the mean of the two middle ones of an even number."""
    return Reducer("median", 1, ("median",), lambda v, w: one(*reducers.percentile(v[0], w, 50.0)))


@algorithm("Reducer.mode")
def mode() -> Reducer:
    """The most frequent value."""
    return Reducer("mode", 1, ("mode",), lambda v, w: one(*reducers.mode(v[0], w)), integer=True)


def mode_reducer() -> Reducer:
    """The same, for the composites."""
    return mode()


@algorithm("Reducer.percentile")
def percentile(percentiles: list[float], outputNames: list[str] | None) -> Reducer:
    """Percentiles, named p0 to p100 unless told otherwise."""
    if not all(0 <= percent <= 100 for percent in percentiles):
        raise InvalidRequestError("Reducer.percentile: Percentiles must lie between 0 and 100.")
    names = outputNames or [
        f"p{int(p) if float(p).is_integer() else str(p).replace('.', '_')}" for p in percentiles
    ]
    if len(names) != len(percentiles):
        raise InvalidRequestError("Reducer.percentile: Need as many names as percentiles.")
    return Reducer(
        "percentile",
        1,
        tuple(names),
        lambda values, weights: [
            reducers.percentile(values[0], weights, percent) for percent in percentiles
        ],
    )


@algorithm("Reducer.intervalMean")
def interval_mean(minPercentile: float, maxPercentile: float) -> Reducer:
    """The mean of the values between two percentiles, both included."""

    def pixels(values: Array, weights: Array) -> Outputs:
        low, valid = reducers.percentile(values[0], weights, minPercentile)
        high, _ = reducers.percentile(values[0], weights, maxPercentile)
        inside = np.where((values[0] >= low) & (values[0] <= high), weights, 0.0)
        return one(weighted_mean(values[0], inside), valid & any_valid(inside))

    return Reducer("intervalMean", 1, ("mean",), pixels)


@algorithm("Reducer.pearsonsCorrelation")
def pearsons_correlation() -> Reducer:
    """The correlation of two inputs; its p-value over tables and lists only."""
    from scipy import stats

    def table(rows: list[tuple[Any, ...]], _weights: list[float]) -> list[Any]:
        kept = np.array([row for row in rows if None not in row], dtype=float).reshape(-1, 2)
        if len(kept) < 3:
            return [None, None]
        found = stats.pearsonr(kept[:, 0], kept[:, 1])
        return [float(found.statistic), float(found.pvalue)]

    return Reducer("pearsonsCorrelation", 2, ("correlation", "p-value"), None, table)


def _regression(name: str, independent: int, dependent: int, ridge: float) -> Reducer:
    def pixels(values: Array, weights: Array) -> Outputs:
        coefficients, residuals, valid = reducers.least_squares(values, weights, independent, ridge)
        return [(coefficients, valid), (residuals, valid)]

    return Reducer(
        name,
        independent + dependent,
        ("coefficients", "residuals"),
        pixels,
        weighted=True,
        dimensions=2,
    )


@algorithm("Reducer.linearRegression")
def linear_regression(numX: int, numY: int) -> Reducer:
    """Least squares: coefficients (numX, numY) and residuals (numY)."""
    return _regression("linearRegression", numX, numY, 0.0)


@algorithm("Reducer.combine")
def combine(reducer1: Reducer, reducer2: Reducer, outputPrefix: str, sharedInputs: bool) -> Reducer:
    """Two reducers side by side."""
    return reducers.combined(reducer1, reducer2, outputPrefix, sharedInputs)


@algorithm("Reducer.forEach")
def for_each(reducer: Reducer, outputNames: list[str]) -> Reducer:
    """A reducer over each of several inputs, whose outputs get the inputs' names."""
    if reducer.inputs != 1 or len(reducer.outputs) != 1:
        raise NotImplementedHereError("'Reducer.forEach' of a reducer of several inputs or outputs")

    def pixels(values: Array, weights: Array) -> Outputs:
        return [reducer.reduce_stack(layer[None], weights)[0] for layer in values]

    return replace(
        reducer, name="forEach", inputs=len(outputNames), outputs=tuple(outputNames), pixels=pixels
    )


@algorithm("Reducer.unweighted")
def unweighted(reducer: Reducer) -> Reducer:
    """The same reducer without weights."""

    def pixels(values: Array, weights: Array) -> Outputs:
        return reducer.reduce_stack(values, (weights > 0).astype(float))

    return replace(reducer, weighted=False, pixels=pixels if reducer.pixels else None)


@algorithm("Reducer.setOutputs")
def set_outputs(reducer: Reducer, outputs: list[str]) -> Reducer:
    """The same reducer with other names of its outputs."""
    if len(outputs) != len(reducer.outputs):
        raise InvalidRequestError(
            f"Reducer.setOutputs: Need {len(reducer.outputs)} names, got {len(outputs)}."
        )
    if not all(outputs):
        raise NotImplementedHereError("'Reducer.setOutputs' that drops outputs")
    return replace(reducer, outputs=tuple(outputs))


@algorithm("Reducer.getOutputs")
def get_outputs(reducer: Reducer) -> list[str]:
    """Names of the outputs."""
    return list(reducer.outputs)
