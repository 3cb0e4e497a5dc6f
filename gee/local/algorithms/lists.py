"""Lists."""

from __future__ import annotations

from typing import Any

import numpy as np

from gee.local.algorithms.strings import string
from gee.local.errors import InvalidRequestError, NotImplementedHereError
from gee.local.reducers import Reducer
from gee.local.registry import algorithm
from gee.local.values import Feature, Filter, Function, Geometry


def item(list: list[Any], index: int, name: str) -> Any:  # noqa: A002
    """An element; negative positions count from the end."""
    if not -len(list) <= index < len(list):
        raise InvalidRequestError(
            f"{name}: List index must be between 0 and {len(list) - 1}, or -{len(list)} and -1. "
            f"Found {index}."
        )
    return list[index]


@algorithm("List.add")
def add(list: list[Any], element: Any) -> list[Any]:  # noqa: A002
    """With one more element at the end."""
    return [*list, element]


@algorithm("List.cat")
def cat(list: list[Any], other: list[Any]) -> list[Any]:  # noqa: A002
    """One list after the other."""
    return [*list, *other]


@algorithm("List.contains")
def contains(list: list[Any], element: Any) -> bool:  # noqa: A002
    """Whether the element is in the list."""
    return element in list


@algorithm("List.containsAll")
def contains_all(list: list[Any], other: list[Any]) -> bool:  # noqa: A002
    """Whether every element of the other list is in the list."""
    return all(element in list for element in other)


@algorithm("List.distinct")
def distinct(list: list[Any]) -> list[Any]:  # noqa: A002
    """Without repetitions, the first of equals kept."""
    kept: Any = []
    for element in list:
        if element not in kept:
            kept.append(element)
    found: Any = kept
    return found  # type: ignore[no-any-return]


@algorithm("List.equals")
def equals(list: list[Any], other: list[Any]) -> bool:  # noqa: A002
    """Whether both hold the same elements in the same order."""
    return list == other


@algorithm("List.filter")
def filter_list(list: list[Any], filter: Filter) -> list[Any]:  # noqa: A002
    """The elements that pass; numbers and strings are tested as the property "item"."""
    return [element for element in list if filter.passes(_wrapped(element))]


def _wrapped(element: Any) -> Any:
    return element if isinstance(element, Feature) else Feature(None, {"item": element})


@algorithm("List.flatten")
def flatten(list: list[Any]) -> list[Any]:  # noqa: A002
    """Without nesting."""
    flat: Any = []
    for element in list:
        if isinstance(element, type(flat)):
            flat.extend(flatten(element))
        else:
            flat.append(element)
    result: Any = flat
    return result  # type: ignore[no-any-return]


@algorithm("List.frequency")
def frequency(list: list[Any], element: Any) -> int:  # noqa: A002
    """How often the element occurs."""
    return sum(1 for other in list if other == element)


@algorithm("List.get")
def get(list: list[Any], index: int) -> Any:  # noqa: A002
    """The element at a position."""
    return item(list, index, "List.get")


@algorithm("List.getNumber")
def get_number(list: list[Any], index: int) -> Any:  # noqa: A002
    """The number at a position."""
    return _of_type(item(list, index, "List.getNumber"), (int, float), "List.getNumber", "Number")


@algorithm("List.getString")
def get_string(list: list[Any], index: int) -> Any:  # noqa: A002
    """The string at a position."""
    return _of_type(item(list, index, "List.getString"), (str,), "List.getString", "String")


@algorithm("List.getGeometry")
def get_geometry(list: list[Any], index: int) -> Any:  # noqa: A002
    """The geometry at a position."""
    value = item(list, index, "List.getGeometry")
    return _of_type(value, (Geometry,), "List.getGeometry", "Geometry")


def _of_type(value: Any, kinds: tuple[type, ...], name: str, wanted: str) -> Any:
    if not isinstance(value, kinds):
        raise InvalidRequestError(f"{name}: The value is not a {wanted}.")
    return value


@algorithm("List.indexOf")
def index_of(list: list[Any], element: Any) -> int:  # noqa: A002
    """Position of the first such element, or -1."""
    return next((place for place, other in enumerate(list) if other == element), -1)


@algorithm("List.insert")
def insert(list: list[Any], index: int, element: Any) -> list[Any]:  # noqa: A002
    """With one more element at a position."""
    place = index if index >= 0 else len(list) + index
    return [*list[:place], element, *list[place:]]


@algorithm("List.iterate")
def iterate(list: list[Any], function: Function, first: Any) -> Any:  # noqa: A002
    """The function called with each element and the result before."""
    result = first
    for element in list:
        result = function(element, result)
    return result


@algorithm("List.join")
def join(list: list[Any], separator: str) -> str:  # noqa: A002
    """The texts of all elements, separated."""
    return separator.join(string(element) for element in list)


@algorithm("List.length", "List.size")
def length(list: list[Any]) -> int:  # noqa: A002
    """Number of elements."""
    return len(list)


@algorithm("List.map")
def map_list(list: list[Any], baseAlgorithm: Function, dropNulls: bool) -> list[Any]:  # noqa: A002
    """The function's results for every element."""
    results = [baseAlgorithm(element) for element in list]
    if dropNulls:
        return [result for result in results if result is not None]
    return results


@algorithm("List.reduce")
def reduce(list: list[Any], reducer: Reducer) -> Any:  # noqa: A002
    """The output of a reducer over the elements; a dictionary where it has several."""
    rows = [(element,) if reducer.inputs == 1 else tuple(element) for element in list]
    outputs = reducer.reduce_rows(rows, [1.0] * len(rows))
    if len(outputs) == 1:
        return outputs[0]
    return dict(zip(reducer.outputs, outputs, strict=True))


@algorithm("List.remove")
def remove(list: list[Any], element: Any) -> list[Any]:  # noqa: A002
    """Without the first such element."""
    place = index_of(list, element)
    return list if place < 0 else [*list[:place], *list[place + 1 :]]


@algorithm("List.removeAll")
def remove_all(list: list[Any], other: list[Any]) -> list[Any]:  # noqa: A002
    """Without any element of the other list."""
    return [element for element in list if element not in other]


@algorithm("List.repeat")
def repeat(value: Any, count: int) -> list[Any]:
    """One value so many times."""
    return [value] * count


@algorithm("List.replace")
def replace(list: list[Any], oldval: Any, newval: Any) -> list[Any]:  # noqa: A002
    """With the first such element replaced."""
    place = index_of(list, oldval)
    return list if place < 0 else [*list[:place], newval, *list[place + 1 :]]


@algorithm("List.replaceAll")
def replace_all(list: list[Any], oldval: Any, newval: Any) -> list[Any]:  # noqa: A002
    """With every such element replaced."""
    return [newval if element == oldval else element for element in list]


@algorithm("List.reverse")
def reverse(list: list[Any]) -> list[Any]:  # noqa: A002
    """In the opposite order."""
    return list[::-1]


@algorithm("List.sequence")
def sequence(start: float, end: float | None, step: float, count: int | None) -> list[Any]:
    """Numbers from start to end, both included, by a step or in a count of equal steps."""
    if count is not None:
        if end is None:
            return [_plain(start + step * place) for place in range(count)]
        return [_plain(value) for value in np.linspace(start, end, count)]
    if end is None or step == 0:
        raise InvalidRequestError("List.sequence: Need an end or a count, and a step other than 0.")
    places = int(np.floor((end - start) / step + 1e-12)) + 1
    return [_plain(start + step * place) for place in range(max(places, 0))]


def _plain(value: float) -> int | float:
    return int(value) if float(value).is_integer() else float(value)


@algorithm("List.set")
def set_item(list: list[Any], index: int, element: Any) -> list[Any]:  # noqa: A002
    """With the element at a position replaced."""
    item(list, index, "List.set")
    place = index % len(list)
    return [*list[:place], element, *list[place + 1 :]]


@algorithm("List.slice")
def slice_list(list: list[Any], start: int, end: int | None, step: int | None) -> list[Any]:  # noqa: A002
    """The elements from start to before end."""
    return list[start:end:step]


@algorithm("List.sort")
def sort(list: list[Any], keys: list[Any] | None) -> list[Any]:  # noqa: A002
    """In ascending order, of a parallel list of keys where there is one."""
    order = list if keys is None else keys
    try:
        places = sorted(range(len(list)), key=lambda place: order[place])
    except TypeError as error:
        raise InvalidRequestError("List.sort: The elements cannot be compared.") from error
    return [list[place] for place in places]


@algorithm("List.splice")
def splice(list: list[Any], start: int, count: int, other: list[Any] | None) -> list[Any]:  # noqa: A002
    """With `count` elements from `start` on replaced by another list."""
    place = start if start >= 0 else len(list) + start
    return [*list[:place], *(other or []), *list[place + count :]]


@algorithm("List.zip")
def zip_lists(list: list[Any], other: list[Any]) -> list[Any]:  # noqa: A002
    """Pairs of elements, as many as the shorter list has."""
    return [[left, right] for left, right in zip(list, other, strict=False)]


@algorithm("List.unzip")
def unzip(list: list[Any]) -> list[Any]:  # noqa: A002
    """A list of pairs as two lists."""
    if not all(hasattr(pair, "__len__") and len(pair) == 2 for pair in list):
        raise NotImplementedHereError("the algorithm 'List.unzip' of anything but pairs")
    return [[pair[0] for pair in list], [pair[1] for pair in list]]
