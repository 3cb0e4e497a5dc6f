"""One matter on which a service and its stand-in should agree, and what came of asking.

In: a question that is put through the product's own session, pixels and points. Out: an answer of
numbers, names and lists, compared with what the documentation, the stand-in or a stated fact says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from conformance.place import Place

from gee.errors import GeeError

Basis = Literal["documentation", "stand-in", "fact"]
Answer = Any
"""A number, a name, none (masked, missing), or a list or a dictionary of such."""


@dataclass(frozen=True)
class Within:
    """Any number from `least` to `most`, both included."""

    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.least:g} to {self.most:g}"


@dataclass(frozen=True)
class Check:
    """A question, the answer that is expected, and what another answer would mean.

    Parameters
    ----------
    name : short, without blanks; what `pytest -k` chooses by
    matter : what is asked, in words
    ask : from the place to the answer; builds its graph and sends it
    expected : numbers, names and lists as `ask` gives them; `Within` where any of a range is right
    basis : who says so: Google's `documentation`; the `stand-in`, where the documentation leaves
        it open; or a `fact` about an asset or the place
    otherwise : what in the product another answer would touch
    tolerance : by which numbers may differ
    requests : how many it sends where it is asked alone
    pixels : values of pixels that come back, bands counted
    assets : what it reads on the service; none where it needs nothing but the algorithms
    """

    name: str
    matter: str
    ask: Callable[[Place], Answer]
    expected: Answer
    basis: Basis
    otherwise: str
    tolerance: float = 0.0
    requests: int = 1
    pixels: int = 0
    assets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What one service answered to a check, or the error that it gave instead."""

    answer: Answer = None
    error: str | None = None

    def __str__(self) -> str:
        return f"error: {self.error}" if self.error is not None else written(self.answer)


def outcome_of(check: Check, place: Place, ask: Callable[[Place], Answer] | None = None) -> Outcome:
    """Ask, and keep an error of the service, or an answer of another shape, as the outcome.

    `ask` stands in for the check's own question where that was asked together with others.
    """
    try:
        return Outcome((ask or check.ask)(place))
    except GeeError as error:
        return Outcome(error=str(error))
    except (KeyError, TypeError, ValueError) as error:
        return Outcome(error=f"an answer of another shape ({type(error).__name__}: {error})")


def agrees(found: Answer, expected: Answer, tolerance: float = 0.0) -> bool:
    """Return whether an answer is the expected one, list by list and number by number."""
    if isinstance(expected, Within):
        number = isinstance(found, int | float) and not isinstance(found, bool)
        return number and expected.least <= found <= expected.most
    if isinstance(expected, Mapping):
        return (
            isinstance(found, Mapping)
            and set(found) == set(expected)
            and all(agrees(found[key], expected[key], tolerance) for key in expected)
        )
    if isinstance(expected, Sequence) and not isinstance(expected, str):
        return (
            isinstance(found, Sequence)
            and not isinstance(found, str)
            and len(found) == len(expected)
            and all(
                agrees(one, other, tolerance) for one, other in zip(found, expected, strict=True)
            )
        )
    if expected is None or isinstance(expected, str | bool):
        return type(found) is type(expected) and bool(found == expected)
    if not isinstance(found, int | float) or isinstance(found, bool):
        return False
    return math.isfinite(found) and abs(found - expected) <= tolerance


def written(answer: Answer) -> str:
    """Return an answer as the table gives it: numbers short, what is masked or missing as none."""
    if answer is None:
        return "none"
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    if isinstance(answer, float):
        return f"{answer:.7g}"
    if isinstance(answer, Mapping):
        return "; ".join(f"{key}: {written(value)}" for key, value in answer.items()) or "nothing"
    if isinstance(answer, Sequence) and not isinstance(answer, str):
        return (
            ", ".join(
                f"({written(each)})" if isinstance(each, list | tuple) else written(each)
                for each in answer
            )
            or "nothing"
        )
    return str(answer)
