"""Expressions: the client's graphs of values, functions and references, and their evaluation.

In: `{"result": name, "values": {name: node}}` as the client encodes it. Out: the value of the
result. A node is evaluated once in the innermost call that its arguments come from.
"""

from __future__ import annotations

import base64
from typing import Any

from gee.local import registry
from gee.local.errors import InvalidRequestError, NotImplementedHereError
from gee.local.values import Function

LAZY_ALGORITHMS = {"If"}


class Scope:
    """The arguments of one function call, and what was evaluated with them."""

    def __init__(self, bindings: dict[str, Any], parent: Scope | None) -> None:
        self.bindings = bindings
        self.parent = parent
        self.evaluated: dict[str | int, Any] = {}

    def lookup(self, name: str) -> Any:
        """The value of an argument."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.bindings:
                return scope.bindings[name]
            scope = scope.parent
        raise InvalidRequestError(f"Argument reference '{name}' is not bound.")

    def owner(self, free: frozenset[str]) -> Scope:
        """The innermost scope that binds any of the names; the outermost where none does."""
        scope = self
        while scope.parent is not None:
            if free & scope.bindings.keys():
                return scope
            scope = scope.parent
        return scope


class Expression:
    """One expression of a request."""

    def __init__(self, document: Any) -> None:
        if not isinstance(document, dict):
            raise InvalidRequestError("Missing expression.")
        unknown = document.keys() - {"result", "values"}
        if unknown:
            raise NotImplementedHereError(f"the field '{min(unknown)}' of an expression")
        self.nodes: dict[str, Any] = document.get("values", {})
        self.result = document.get("result", "")
        self.free_names: dict[str, frozenset[str]] = {}
        self.free_of_calls: dict[int, frozenset[str]] = {}

    def evaluate(self) -> Any:
        """The value of the result."""
        return self._reference(self.result, Scope({}, None))

    def _node(self, name: str) -> Any:
        if name not in self.nodes:
            raise InvalidRequestError(f"Expression: The value reference '{name}' has no value.")
        return self.nodes[name]

    def _reference(self, name: str, scope: Scope) -> Any:
        owner = scope.owner(self._free_of(name))
        if name not in owner.evaluated:
            owner.evaluated[name] = self._value(self._node(name), owner)
        return owner.evaluated[name]

    def _free_of(self, name: str) -> frozenset[str]:
        if name not in self.free_names:
            # A marker first: an expression that refers to itself ends here instead of never.
            self.free_names[name] = frozenset()
            self.free_names[name] = self._free(self._node(name))
        return self.free_names[name]

    def _free(self, node: Any) -> frozenset[str]:
        """Names of the arguments that a node's value depends on."""
        if "argumentReference" in node:
            return frozenset({node["argumentReference"]})
        if "valueReference" in node:
            return self._free_of(node["valueReference"])
        if "arrayValue" in node:
            return frozenset().union(*map(self._free, node["arrayValue"]["values"]))
        if "dictionaryValue" in node:
            return frozenset().union(*map(self._free, node["dictionaryValue"]["values"].values()))
        if "functionDefinitionValue" in node:
            definition = node["functionDefinitionValue"]
            return self._free_of(definition["body"]) - set(definition["argumentNames"])
        if "functionInvocationValue" in node:
            invocation = node["functionInvocationValue"]
            if id(invocation) in self.free_of_calls:
                return self.free_of_calls[id(invocation)]
            names = frozenset().union(*map(self._free, invocation.get("arguments", {}).values()))
            if "functionReference" in invocation:
                names |= self._free_of(invocation["functionReference"])
            return names
        return frozenset()

    def _value(self, node: Any, scope: Scope) -> Any:
        if "constantValue" in node:
            return constant(node["constantValue"])
        if "integerValue" in node:
            return int(node["integerValue"])
        if "argumentReference" in node:
            return scope.lookup(node["argumentReference"])
        if "valueReference" in node:
            return self._reference(node["valueReference"], scope)
        if "arrayValue" in node:
            return [self._value(item, scope) for item in node["arrayValue"]["values"]]
        if "dictionaryValue" in node:
            items = node["dictionaryValue"]["values"].items()
            return {key: self._value(item, scope) for key, item in items}
        if "functionDefinitionValue" in node:
            return self._function(node["functionDefinitionValue"], scope)
        if "functionInvocationValue" in node:
            return self._invocation(node["functionInvocationValue"], scope)
        if "bytesValue" in node:
            base64.b64decode(node["bytesValue"])
            raise NotImplementedHereError("values of the type 'Blob' (bytesValue)")
        raise NotImplementedHereError(f"the value node {sorted(node)}")

    def _function(self, definition: Any, scope: Scope) -> Function:
        names = tuple(definition["argumentNames"])
        body = definition["body"]

        def call(arguments: dict[str, Any]) -> Any:
            return self._reference(body, Scope(arguments, scope))

        return Function(names, call)

    def _invocation(self, invocation: Any, scope: Scope) -> Any:
        """A call; one that a function's arguments do not enter is made once for all its calls."""
        owner = scope.owner(self._free_of_call(invocation))
        if owner is scope:
            return self._invoke(invocation, scope)
        key = id(invocation)
        if key not in owner.evaluated:
            owner.evaluated[key] = self._invoke(invocation, owner)
        return owner.evaluated[key]

    def _free_of_call(self, invocation: Any) -> frozenset[str]:
        key = id(invocation)
        if key not in self.free_of_calls:
            self.free_of_calls[key] = self._free({"functionInvocationValue": invocation})
        return self.free_of_calls[key]

    def _invoke(self, invocation: Any, scope: Scope) -> Any:
        given = invocation.get("arguments", {})
        if "functionReference" in invocation:
            function = self._reference(invocation["functionReference"], scope)
            if not isinstance(function, Function):
                raise InvalidRequestError("The function reference does not name a function.")
            return function.call({key: self._value(node, scope) for key, node in given.items()})
        name = invocation.get("functionName", "")
        if name in LAZY_ALGORITHMS:
            return self._choose(given, scope)
        return registry.call(name, {key: self._value(node, scope) for key, node in given.items()})

    def _choose(self, given: Any, scope: Scope) -> Any:
        """`If`: only the branch that is chosen is evaluated."""
        condition = given.get("condition")
        chosen = "trueCase" if condition and truth(self._value(condition, scope)) else "falseCase"
        node = given.get(chosen)
        return None if node is None else self._value(node, scope)


def algorithms_in(document: dict[str, Any]) -> set[str]:
    """Names of the algorithms that an expression calls, as `ee.serializer.encode` gives it."""
    found: set[str] = set()
    waiting: list[Any] = [document.get("values", {})]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting.extend(part)
        elif isinstance(part, dict):
            invocation = part.get("functionInvocationValue")
            if isinstance(invocation, dict) and "functionName" in invocation:
                found.add(invocation["functionName"])
            waiting.extend(part.values())
    return found


def truth(value: Any) -> bool:
    """Whether `If` takes a value for true: anything but null, false, 0 and an empty string."""
    return not (value is None or value is False or value == 0 or value == "")


def constant(value: Any) -> Any:
    """A constant of JSON: whole numbers are integers, however they are written."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, list):
        return [constant(item) for item in value]
    if isinstance(value, dict):
        return {key: constant(item) for key, item in value.items()}
    return value
