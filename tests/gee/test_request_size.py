"""How large requests may be: what was refused is not asked again, and not given up for ever.

Faults caught: every window is asked at full size first, and refused; one refusal on a bad day
makes all requests small for good; trying again costs as much as never having learned.
"""

from __future__ import annotations

from gee.request_size import FIRST_PATIENCE, RequestSize

FULL = (12, 1000)


def ask(size: RequestSize, most_px: int) -> bool:
    """Ask at the size of now of a service that takes `most_px`; say whether it was refused."""
    bands, pixels = size.now
    if pixels <= most_px:
        size.answered()
        return False
    if size.refused((bands, pixels), "heavy") is None:
        size.passed((bands, pixels // 4))
    return True


def test_nothing_limits_but_the_budget_until_something_is_refused() -> None:
    size = RequestSize(*FULL)
    for _ in range(10 * FIRST_PATIENCE):
        size.answered()
    assert size.now == FULL


def test_what_was_refused_is_asked_seldom_again() -> None:
    size = RequestSize(*FULL)
    refused = sum(ask(size, 300) for _ in range(3000))
    # After 32, 64, 128 ... answers, by turns with more bands, which pass here.
    assert 2 <= refused <= 8
    assert len(size.refusals) == refused
    assert size.now[1] <= 300 or refused < 8


def test_a_bad_day_is_forgotten() -> None:
    kept: list[tuple[int, int] | None] = []
    size = RequestSize(*FULL, changed=kept.append)
    assert size.refused(FULL, "heavy") is None
    size.passed((6, 250))
    assert size.now == (6, 250)
    assert kept == [(6, 250)]
    for _ in range(4 * FIRST_PATIENCE):
        assert not ask(size, FULL[1])
    assert size.now == FULL
    assert kept[-1] is None


def test_an_earlier_run_is_gone_on_with() -> None:
    size = RequestSize(*FULL, lowered=(6, 250))
    assert size.now == (6, 250)
    # One that was planned before is cut to what is known to pass, not tried by halves.
    assert size.refused((12, 1000), "heavy") == (6, 250)
    # What passed is refused now: nothing is known any more of what would.
    assert size.refused((6, 250), "heavy") is None
    size.passed((3, 60))
    assert size.now == (3, 60)


def test_a_larger_budget_than_the_one_of_now_is_no_size() -> None:
    assert RequestSize(4, 100, lowered=(6, 250)).now == (4, 100)
