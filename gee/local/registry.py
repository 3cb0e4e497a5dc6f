"""Which algorithms the stand-in knows, and how one is called.

In: an algorithm's name and the arguments of an expression. Out: its value. Arguments are checked
against the service's own signature: what is not in it, or not known here, is refused by name.
"""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from gee.local.coercion import coerce
from gee.local.errors import InvalidRequestError, NotImplementedHereError, nearest
from gee.local.signatures import signatures

_IMPLEMENTATIONS: dict[str, Callable[..., Any]] = {}

F = TypeVar("F", bound=Callable[..., Any])


def python_name(argument: str) -> str:
    """The Python name of an argument: a keyword gets a trailing underscore."""
    return f"{argument}_" if keyword.iskeyword(argument) else argument


_BY_POSITION: set[str] = set()


def algorithm(*names: str, by_position: bool = False) -> Callable[[F], F]:
    """Declare the function below as the implementation of the algorithms named.

    The function has the arguments of the signature by name. An argument that it lacks is refused
    with 501 when an expression sets it to anything but its default. With `by_position` it gets the
    name under which it is called and then all arguments in order: for families of algorithms whose
    arguments have different names.
    """

    def declare(function: F) -> F:
        for name in names:
            if name in _IMPLEMENTATIONS:
                raise ValueError(f"The algorithm {name} is declared twice.")
            if name not in signatures():
                raise ValueError(f"Earth Engine has no algorithm {name}.")
            _IMPLEMENTATIONS[name] = function
            if by_position:
                _BY_POSITION.add(name)
        return function

    return declare


def implemented() -> list[str]:
    """Names of all algorithms that the stand-in knows, sorted."""
    return sorted(_IMPLEMENTATIONS)


def unsupported_arguments(name: str) -> list[str]:
    """The arguments of a known algorithm that are refused unless they have their default."""
    if name in _BY_POSITION:
        return []
    parameters = _parameters(_IMPLEMENTATIONS[name])
    return [
        argument.name
        for argument in signatures()[name].arguments
        if python_name(argument.name) not in parameters and argument.name not in HINTS
    ]


HINTS = frozenset(
    {
        "tileScale",
        "parallelScale",
        "maxError",
        "maxBuckets",
        "minBucketWidth",
        "maxRaw",
        "geometryKey",
    }
)
"""Arguments that change the cost or the tolerated error of a result; taken and left unused."""


def call(name: str, arguments: dict[str, Any]) -> Any:
    """The value of an algorithm.

    Raises
    ------
    NotImplementedHereError
        The algorithm, one of its arguments, or a type is unknown to the stand-in.
    InvalidRequestError
        The service itself would refuse the call.
    """
    function = _IMPLEMENTATIONS.get(name)
    if function is None:
        hint = nearest(name, _IMPLEMENTATIONS)
        raise NotImplementedHereError(f"the algorithm '{name}'{hint}")
    signature = signatures()[name]
    known = {argument.name for argument in signature.arguments}
    for given in arguments:
        if given not in known:
            hint = nearest(given, known)
            raise NotImplementedHereError(f"an argument '{given}' of '{name}'{hint}")
    parameters = _parameters(function)
    positional = name in _BY_POSITION
    values: dict[str, Any] = {}
    for argument in signature.arguments:
        place = f"{name}, argument '{argument.name}'"
        value = coerce(arguments.get(argument.name), argument.type, place)
        if value is None:
            if not argument.optional:
                raise InvalidRequestError(
                    f"{name}: Parameter '{argument.name}' is required and may not be null."
                )
            value = coerce(_whole(argument.default), argument.type, place)
        elif not positional and python_name(argument.name) not in parameters:
            default = coerce(_whole(argument.default), argument.type, place)
            if argument.name not in HINTS and value != default:
                raise NotImplementedHereError(f"the argument '{argument.name}' of '{name}'")
        values[argument.name] = value
    if positional:
        return function(name, *values.values())
    chosen = {python_name(key): value for key, value in values.items()}
    return function(**{key: value for key, value in chosen.items() if key in parameters})


@cache
def _parameters(function: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters)


def _whole(default: Any) -> Any:
    """Defaults are written as floats in the list of algorithms; whole ones are integers."""
    if isinstance(default, float) and default.is_integer():
        return int(default)
    return default
