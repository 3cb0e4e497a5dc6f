"""The rules against the stand-in, in every run: what the table says of it is what it does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conformance.place import Place
from conformance.record import Check
from conformance.suite import RULES


@pytest.mark.parametrize("check", RULES, ids=lambda check: check.name)
def test_the_stand_in_follows_the_rule(
    check: Check, stand_in: Place, asked: Callable[[Check, Place], int]
) -> None:
    """Catches a stand-in that answers otherwise than the table says of it, or at another cost."""
    assert asked(check, stand_in) == check.requests
