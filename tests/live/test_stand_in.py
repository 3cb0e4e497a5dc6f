"""The rules against the stand-in, in every run: what the table says of it is what it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import ee
import pytest
from conformance.place import Place
from conformance.record import Check, agrees, outcome_of
from conformance.suite import RULES
from conformance.together import AtPixel, Computed, asked_together, groups_of

from gee import session


@pytest.mark.parametrize("check", RULES, ids=lambda check: check.name)
def test_the_stand_in_follows_the_rule(
    check: Check, stand_in: Place, asked: Callable[[Check, Place], int]
) -> None:
    """Catches a stand-in that answers otherwise than the table says of it, or at another cost."""
    assert asked(check, stand_in) == check.requests


def test_what_is_asked_together_is_answered_as_alone(stand_in: Place) -> None:
    """Catches the answer of one check given to another, and a request for each all the same."""
    groups = groups_of(RULES)
    shared = [check for group in groups for check in group]
    service = session.local_service()
    assert service is not None
    service.requests.clear()
    found = asked_together(RULES, stand_in)
    assert len(service.requests) == len(groups) == 2
    assert found == {check.name: outcome_of(check, stand_in) for check in shared}
    for check in shared:
        assert agrees(found[check.name].answer, check.expected, check.tolerance), check.name


def test_what_is_refused_together_is_asked_alone(stand_in: Place) -> None:
    """Catches one fault of the service that takes a dozen answers with it."""
    bad = replace(RULES[0], name="bad", ask=AtPixel(lambda _: ee.Image("no/such/asset"), "a"))
    found = asked_together([*RULES, bad], stand_in)
    assert set(found) == {check.name for check in RULES if isinstance(check.ask, Computed)}
