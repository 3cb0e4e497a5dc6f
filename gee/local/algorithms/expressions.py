"""`Image.expression` and `Number.expression`: arithmetic written as text.

In: the text and images by name. Out: an image. The text is read into calls of the same algorithms
that an expression graph would name, so that both follow the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from gee.local import registry
from gee.local.algorithms.bands import chosen_bands
from gee.local.coercion import to_image
from gee.local.errors import InvalidRequestError
from gee.local.images import Image, renamed
from gee.local.registry import algorithm
from gee.local.signatures import signatures
from gee.local.values import Function

TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<text>'[^']*'|\"[^\"]*\")"
    r"|(?P<operator>\*\*|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%^&|~!<>?:=().,\[\]]))"
)

LEVELS: tuple[dict[str, str], ...] = (
    {"||": "or"},
    {"&&": "and"},
    {"|": "bitwiseOr"},
    {"&": "bitwiseAnd"},
    {"==": "eq", "!=": "neq"},
    {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"},
    {"<<": "leftShift", ">>": "rightShift"},
    {"+": "add", "-": "subtract"},
    {"*": "multiply", "/": "divide", "%": "mod"},
)
"""Binary operators from loose to tight, and the algorithms they stand for."""

FUNCTIONS = {
    **{
        name: name
        for name in (
            "abs",
            "sqrt",
            "cbrt",
            "exp",
            "log",
            "log10",
            "sin",
            "cos",
            "tan",
            "asin",
            "acos",
            "atan",
            "sinh",
            "cosh",
            "tanh",
            "floor",
            "ceil",
            "round",
            "signum",
            "min",
            "max",
            "pow",
            "atan2",
            "hypot",
            "byte",
            "short",
            "int",
            "long",
            "float",
            "double",
        )
    }
}
"""Functions that a text may call, and the algorithms they stand for."""

Node = Callable[[dict[str, Any]], Any]


class Parser:
    """Reads one text; `kind` is "Image" or "Number"."""

    def __init__(self, text: str, kind: str, default: str | None) -> None:
        self.text = text
        self.kind = kind
        self.default = default
        self.tokens: list[tuple[str, str]] = []
        place = 0
        while place < len(text.rstrip()):
            match = TOKEN.match(text, place)
            if match is None:
                raise self.error(f"unexpected '{text[place]}'")
            self.tokens.append((str(match.lastgroup), match.group(str(match.lastgroup))))
            place = match.end()
        self.place = 0

    def error(self, what: str) -> InvalidRequestError:
        """The text cannot be read."""
        return InvalidRequestError(f"{self.kind}.expression: Cannot parse '{self.text}': {what}.")

    def peek(self) -> str:
        """The next token, or an empty string at the end."""
        return self.tokens[self.place][1] if self.place < len(self.tokens) else ""

    def take(self, wanted: str | None = None) -> tuple[str, str]:
        """The next token; a wanted one must come."""
        if self.place >= len(self.tokens):
            raise self.error("unexpected end")
        token = self.tokens[self.place]
        if wanted is not None and token[1] != wanted:
            raise self.error(f"expected '{wanted}', found '{token[1]}'")
        self.place += 1
        return token

    def parse(self) -> Node:
        """The whole text."""
        name = None
        if len(self.tokens) > 2 and self.tokens[0][0] == "name" and self.tokens[1][1] == "=":
            name = self.take()[1]
            self.take("=")
        node = self.ternary()
        if self.place < len(self.tokens):
            raise self.error(f"unexpected '{self.peek()}'")
        if name is None:
            return node

        def named(values: dict[str, Any]) -> Any:
            image = to_image(node(values))
            if image is None:
                raise self.error("only an image can be named")
            return image.with_bands(renamed(image.bands, [str(name)], "Image.expression"))

        return named

    def ternary(self) -> Node:
        """condition ? value : value."""
        condition = self.binary(0)
        if self.peek() != "?":
            return condition
        self.take("?")
        yes = self.ternary()
        self.take(":")
        no = self.ternary()

        def choose(values: dict[str, Any]) -> Any:
            test = condition(values)
            if self.kind == "Number":
                return yes(values) if test else no(values)
            base = registry.call(
                "Image.where", {"input": no(values), "test": test, "value": yes(values)}
            )
            # Where the condition is masked there is no choice to make.
            return registry.call(
                "Image.updateMask",
                {
                    "image": base,
                    "mask": registry.call("Image.mask", {"image": test}),
                },
            )

        return choose

    def binary(self, level: int) -> Node:
        """Operators of a level, from left to right."""
        if level == len(LEVELS):
            return self.unary()
        node = self.binary(level + 1)
        while self.peek() in LEVELS[level]:
            name = LEVELS[level][self.take()[1]]
            node = self.apply(name, [node, self.binary(level + 1)])
        return node

    def unary(self) -> Node:
        """Signs and negations."""
        token = self.peek()
        if token == "-":
            self.take()
            operand = self.unary()
            return self.apply("multiply", [operand, lambda _values: -1])
        if token == "+":
            self.take()
            return self.unary()
        if token in ("!", "~"):
            self.take()
            return self.apply("not" if token == "!" else "bitwiseNot", [self.unary()])
        return self.power()

    def power(self) -> Node:
        """value ** value, from right to left."""
        base = self.postfix()
        if self.peek() not in ("**", "^"):
            return base
        self.take()
        return self.apply("pow", [base, self.unary()])

    def postfix(self) -> Node:
        """image.band and image[band, ...]."""
        node = self.primary()
        while self.peek() in (".", "["):
            if self.take()[1] == ".":
                node = self.select(node, [self.take()[1]])
            else:
                node = self.select(node, self.selectors("]"))
        return node

    def selectors(self, end: str) -> list[Any]:
        """Band names or numbers up to a closing token."""
        found: list[Any] = []
        while self.peek() != end:
            kind, text = self.take()
            if kind == "number":
                found.append(int(text))
            elif kind == "text":
                found.append(text[1:-1])
            else:
                raise self.error(f"'{text}' is not a band")
            if self.peek() == ",":
                self.take()
        self.take(end)
        return found

    def select(self, node: Node, selectors: list[Any]) -> Node:
        """Bands of an image."""

        def chosen(values: dict[str, Any]) -> Any:
            image = to_image(node(values))
            if image is None:
                raise self.error("bands of something that is not an image")
            return image.with_bands(chosen_bands(image, selectors, "Image.expression"))

        return chosen

    def primary(self) -> Node:
        """Numbers, names, calls and brackets."""
        kind, text = self.take()
        if kind == "number":
            number = float(text) if any(mark in text for mark in ".eE") else int(text)
            return lambda _values: number
        if text == "(":
            node = self.ternary()
            self.take(")")
            return node
        if kind != "name":
            raise self.error(f"unexpected '{text}'")
        if self.peek() != "(":
            return self.variable(text)
        self.take("(")
        if text == "b" and self.kind == "Image":
            selectors = self.selectors(")")
            node = self.variable(str(self.default))
            return self.select(node, selectors) if selectors else node
        arguments = []
        while self.peek() != ")":
            arguments.append(self.ternary())
            if self.peek() == ",":
                self.take()
        self.take(")")
        if text not in FUNCTIONS:
            raise self.error(f"unknown function '{text}'")
        return self.apply(FUNCTIONS[text], arguments)

    def variable(self, name: str) -> Node:
        """A variable by name."""
        constants = {"PI": 3.141592653589793, "E": 2.718281828459045}

        def value(values: dict[str, Any]) -> Any:
            if name in values:
                return values[name]
            if name in constants:
                return constants[name]
            raise self.error(f"unknown variable '{name}'")

        return value

    def apply(self, name: str, operands: list[Node]) -> Node:
        """An algorithm on operands."""
        full = f"{self.kind}.{name}"
        slots = [argument.name for argument in signatures()[full].arguments]
        if len(operands) < len(slots) or (len(operands) > len(slots) and len(slots) != 2):
            raise self.error(f"'{name}' takes {len(slots)} values, not {len(operands)}")

        def call(values: dict[str, Any]) -> Any:
            results = [operand(values) for operand in operands]
            if len(slots) == 1:
                return registry.call(full, {slots[0]: results[0]})
            result = results[0]
            for other in results[1:]:
                result = registry.call(full, {slots[0]: result, slots[1]: other})
            return result

        return call


@algorithm("Image.parseExpression")
def parse_expression(
    expression: str,
    argName: str,
    vars: list[str],  # noqa: A002
    mapFreeVarsToDefaultImageBands: bool,
) -> Function:
    """A function of images from a text."""
    node = Parser(expression, "Image", argName).parse()

    def call(arguments: dict[str, Any]) -> Any:
        if mapFreeVarsToDefaultImageBands:
            default: Image = arguments[argName]
            for band in default.bands:
                arguments.setdefault(band.name, default.with_bands([band]))
        result = node(arguments)
        image = to_image(result)
        if image is None:
            raise InvalidRequestError("Image.expression: The result is not an image.")
        return image

    return Function(tuple(vars), call)


@algorithm("Number.expression")
def number_expression(expression: str, vars: dict[str, Any] | None) -> Any:  # noqa: A002
    """A number from a text."""
    return Parser(expression, "Number", None).parse()(vars or {})
