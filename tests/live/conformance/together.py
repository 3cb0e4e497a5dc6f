"""Questions that fit into one request with others: values at the pixel, and computed values.

In: checks and the place. Out: the answer of each, of two requests in all; where the service refuses
one for all, none, so that each is asked alone and an error is told of the check that it belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ee
from conformance.place import Place, pixel, value
from conformance.record import Answer, Check, Outcome, outcome_of

from gee.errors import GeeError


@dataclass(frozen=True)
class AtPixel:
    """What bands of an image hold at the pixel; the answer is a list.

    Parameters
    ----------
    image : from the place to the image
    names : of its bands
    """

    image: Callable[[Place], ee.Image]
    names: Sequence[str]

    def __call__(self, place: Place) -> Answer:
        return pixel(place, self.image(place), *self.names)


@dataclass(frozen=True)
class Computed:
    """What a number, a list, a dictionary or a description is.

    Parameters
    ----------
    question : from the place to what is computed
    read : from what came to the answer
    """

    question: Callable[[Place], ee.ComputedObject]
    read: Callable[[Any], Answer] = list

    def __call__(self, place: Place) -> Answer:
        return self.read(value(self.question(place)))


def groups_of(checks: Sequence[Check]) -> list[list[Check]]:
    """Return the checks that can be asked together, by kind; without those that stand alone."""
    kinds = [
        [check for check in checks if isinstance(check.ask, kind)] for kind in (AtPixel, Computed)
    ]
    return [group for group in kinds if len(group) > 1]


def requests_of(checks: Sequence[Check]) -> int:
    """Return how many requests all of them send, those of a group together."""
    saved = sum(len(group) - 1 for group in groups_of(checks))
    return sum(check.requests for check in checks) - saved


def asked_together(checks: Sequence[Check], place: Place) -> dict[str, Outcome]:
    """Return the outcomes by name of those that can be asked together, where that is answered."""
    found: dict[str, Outcome] = {}
    for group in groups_of(checks):
        try:
            answers = _answers(group, place)
        except (GeeError, KeyError, TypeError, ValueError):
            continue
        for check, answer in zip(group, answers, strict=True):
            found[check.name] = outcome_of(check, place, lambda _, answer=answer: answer())
    return found


def _answers(group: Sequence[Check], place: Place) -> list[Callable[[], Answer]]:
    """Send one request; what is read from each reply may still fail on its own."""
    if isinstance(group[0].ask, AtPixel):
        images, names = [], []
        for check in group:
            assert isinstance(check.ask, AtPixel)
            own = [f"{check.name}_{number}" for number in range(len(check.ask.names))]
            image = check.ask.image(place).select(list(check.ask.names))
            images.append(image.toFloat().rename(own))
            names.append(own)
        every = [name for own in names for name in own]
        values = dict(zip(every, pixel(place, ee.Image.cat(images), *every), strict=True))
        return [lambda own=own: [values[name] for name in own] for own in names]
    questions = [check.ask for check in group]
    replies = value(ee.List([each.question(place) for each in questions]))
    if len(replies) != len(questions):
        raise ValueError(f"{len(replies)} answers to {len(questions)} questions")
    return [
        lambda each=each, reply=reply: each.read(reply)
        for each, reply in zip(questions, replies, strict=True)
    ]
