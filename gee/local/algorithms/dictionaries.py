"""Dictionaries."""

from __future__ import annotations

from typing import Any

from gee.local import pixel_types
from gee.local.errors import InvalidRequestError, NotImplementedHereError, nearest
from gee.local.images import Image, constant_band
from gee.local.registry import algorithm
from gee.local.values import Feature, Function


@algorithm("Dictionary")
def dictionary(input: Any) -> dict[str, Any]:  # noqa: A002
    """From a dictionary, an element's properties, or a list of keys and values in turn."""
    if input is None:
        return {}
    if isinstance(input, dict):
        return input
    if isinstance(input, Feature | Image):
        return dict(input.properties)
    if isinstance(input, list) and len(input) % 2 == 0:
        if all(isinstance(key, str) for key in input[::2]):
            return dict(zip(input[::2], input[1::2], strict=True))
        if all(isinstance(pair, list) and len(pair) == 2 for pair in input):
            return {pair[0]: pair[1] for pair in input}
    raise NotImplementedHereError("the algorithm 'Dictionary' of this value")


@algorithm("Dictionary.combine")
def combine(first: dict[str, Any], second: dict[str, Any], overwrite: bool) -> dict[str, Any]:
    """Both; of equal keys the second's value, or the first's without `overwrite`.

    Nulls are left out of both beforehand: a null never hides the other's value.
    """
    known = [
        {key: value for key, value in part.items() if value is not None} for part in (first, second)
    ]
    return {**known[0], **known[1]} if overwrite else {**known[1], **known[0]}


@algorithm("Dictionary.contains")
def contains(dictionary: dict[str, Any], key: str) -> bool:
    """Whether there is such a key."""
    return key in dictionary


@algorithm("Dictionary.fromLists")
def from_lists(keys: list[str], values: list[Any]) -> dict[str, Any]:
    """From a list of keys and one of values."""
    if len(keys) != len(values):
        raise InvalidRequestError(
            f"Dictionary.fromLists: The lists must have the same length ({len(keys)} and "
            f"{len(values)})."
        )
    return dict(zip(keys, values, strict=True))


def _get(dictionary: dict[str, Any], key: str, name: str) -> Any:
    if key not in dictionary:
        have = ", ".join(sorted(dictionary))
        raise InvalidRequestError(
            f"{name}: Dictionary does not contain key: '{key}'. Known keys: [{have}]"
            f"{nearest(key, dictionary)}."
        )
    return dictionary[key]


@algorithm("Dictionary.get")
def get(dictionary: dict[str, Any], key: str, defaultValue: Any) -> Any:
    """The value of a key, or the default where there is none."""
    if defaultValue is not None and dictionary.get(key) is None:
        return defaultValue
    return _get(dictionary, key, "Dictionary.get")


@algorithm("Dictionary.getNumber")
def get_number(dictionary: dict[str, Any], key: str) -> Any:
    """The number of a key."""
    value = _get(dictionary, key, "Dictionary.getNumber")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise InvalidRequestError(f"Dictionary.getNumber: '{key}' is not a number.")
    return value


@algorithm("Dictionary.getString")
def get_string(dictionary: dict[str, Any], key: str) -> Any:
    """The string of a key."""
    value = _get(dictionary, key, "Dictionary.getString")
    if value is not None and not isinstance(value, str):
        raise InvalidRequestError(f"Dictionary.getString: '{key}' is not a string.")
    return value


@algorithm("Dictionary.keys")
def keys(dictionary: dict[str, Any]) -> list[str]:
    """The keys in order."""
    return sorted(dictionary)


@algorithm("Dictionary.map")
def map_dictionary(dictionary: dict[str, Any], baseAlgorithm: Function) -> dict[str, Any]:
    """The function's results for every key and value."""
    return {key: baseAlgorithm(key, dictionary[key]) for key in sorted(dictionary)}


@algorithm("Dictionary.remove")
def remove(dictionary: dict[str, Any], selectors: list[str], ignoreMissing: bool) -> dict[str, Any]:
    """Without some keys."""
    if not ignoreMissing:
        for key in selectors:
            _get(dictionary, key, "Dictionary.remove")
    return {key: value for key, value in dictionary.items() if key not in selectors}


@algorithm("Dictionary.select")
def select(dictionary: dict[str, Any], selectors: list[str], ignoreMissing: bool) -> dict[str, Any]:
    """Only some keys."""
    if not ignoreMissing:
        for key in selectors:
            _get(dictionary, key, "Dictionary.select")
    return {key: dictionary[key] for key in selectors if key in dictionary}


@algorithm("Dictionary.rename")
def rename(
    dictionary: dict[str, Any], from_: list[str], to: list[str], overwrite: bool
) -> dict[str, Any]:
    """With some keys renamed."""
    names = from_lists(from_, to)
    kept = {key: value for key, value in dictionary.items() if key not in names}
    for old, new in names.items():
        if new in kept and not overwrite:
            raise InvalidRequestError(f"Dictionary.rename: The key '{new}' exists already.")
        kept[new] = _get(dictionary, old, "Dictionary.rename")
    return kept


@algorithm("Dictionary.set")
def set_value(dictionary: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """With one key set."""
    return {**dictionary, key: value}


@algorithm("Dictionary.size")
def size(dictionary: dict[str, Any]) -> int:
    """Number of keys."""
    return len(dictionary)


@algorithm("Dictionary.values")
def values(dictionary: dict[str, Any], keys: list[str] | None) -> list[Any]:
    """The values of some keys, or of all in the keys' order."""
    chosen = sorted(dictionary) if keys is None else keys
    return [_get(dictionary, key, "Dictionary.values") for key in chosen]


@algorithm("Dictionary.toImage")
def to_image(dictionary: dict[str, Any], names: list[str] | None) -> Image:
    """A constant image with a band for each number."""
    chosen = sorted(dictionary) if names is None else names
    bands = []
    for name in chosen:
        value = get_number(dictionary, name)
        bands.append(constant_band(name, value, pixel_types.of_number(value)))
    return Image(tuple(bands))
