"""Every check against the service, through the product's own session, pixels and points.

`pytest -m live tests/live --live-project PROJECT`; docs/live.md tells more.
"""

from __future__ import annotations

from typing import Any

import pytest
from conformance.record import Check, written
from conformance.suite import CHECKS


@pytest.mark.live
@pytest.mark.enable_socket
@pytest.mark.filterwarnings("default", "ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_service_answers_as_expected(check: Check, live_run: Any) -> None:
    """Catches a rule of the service, an asset or a unit that is not as the product takes it for."""
    row = live_run.ask(check)
    assert row.agree, (
        f"{check.matter}: {row.service}, where {written(check.expected)} was expected "
        f"({check.basis}). It would touch: {check.otherwise}"
    )
