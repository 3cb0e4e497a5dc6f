"""The one place that asks Earth Engine: errors by kind, and patience with a busy service.

In: a call of the client. Out: what it gives, or a `ServiceError`. The client's own repeating is
switched off (`gee.session`), so that a request is repeated here and nowhere else.
"""

import logging
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_before_delay,
    wait_random_exponential,
)

from gee.errors import BusyError
from gee.kinds import service_error
from gee.outage import Outage
from gee.slots import Slots

Answer = TypeVar("Answer")

LONGEST_WAIT_S = 60.0
_SPELL_S = 1.0
_log = logging.getLogger(__name__)


def ask_once(call: Callable[[], Answer], what: str) -> Answer:
    """Return what a call of the client gives.

    Parameters
    ----------
    call : sends one request
    what : what is asked for and where; error messages begin with it

    Raises
    ------
    ServiceError
        of the kind that the client's exception stands for. The exception itself is not chained:
        those of signing in may hold what a log must not.
    """
    try:
        return call()
    except Exception as error:
        kind = service_error(error, what)
        if kind is None:
            raise
    raise kind


def ask(
    call: Callable[[], Answer],
    what: str,
    patience_s: float,
    slots: Slots | None = None,
    outage: Outage | None = None,
) -> Answer:
    """Return what a call of the client gives, repeating it while the service is busy.

    Parameters
    ----------
    call, what : as in `ask_once`
    patience_s : seconds after which no further attempt begins. Between two attempts lies a random
        time up to 2, 4, 8 ... 60 s, so that workers that were turned away together don't come
        back together
    slots : each attempt holds one of them; waiting between attempts doesn't, and ends early where
        another request was told that a quota is used up
    outage : what tells that everybody waits

    Raises
    ------
    ServiceError
        at once of any kind but busy; `BusyError` once patience is over, with the number of
        attempts.
    """
    started = time.monotonic()

    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        wait = state.next_action.sleep if state.next_action else 0.0
        _log.warning(
            "%s; asked again in %.0f s (attempt %d)", error, wait, state.attempt_number + 1
        )
        if outage is not None:
            left = started + patience_s - time.monotonic()
            outage.turned_away(str(error), wait, left)

    retrying = Retrying(
        retry=retry_if_exception_type(BusyError),
        wait=wait_random_exponential(multiplier=2, max=LONGEST_WAIT_S),
        stop=stop_before_delay(patience_s),
        sleep=lambda seconds: _pause(seconds, slots),
        before_sleep=tell,
        reraise=True,
    )
    try:
        answer: Answer = retrying(_attempt, call, what, slots, outage)
        return answer
    except BusyError as error:
        attempts = retrying.statistics["attempt_number"]
        if attempts == 1:
            raise
        seconds = time.monotonic() - started
        raise BusyError(f"{error} [asked {attempts} times in {seconds:.0f} s]") from None


def _attempt(
    call: Callable[[], Answer], what: str, slots: Slots | None, outage: Outage | None
) -> Answer:
    try:
        with nullcontext() if slots is None else slots.taken():
            answer = ask_once(call, what)
    except BusyError:
        raise
    except BaseException:
        _answered(outage)
        raise
    _answered(outage)
    return answer


def _answered(outage: Outage | None) -> None:
    if outage is not None:
        outage.answered()


def _pause(seconds: float, slots: Slots | None) -> None:
    """Wait between two attempts, in short spells, lest nobody notice that it is in vain."""
    if slots is None:
        time.sleep(seconds)
        return
    used_up = slots.used_up
    while seconds > 0 and slots.used_up == used_up:
        time.sleep(min(seconds, _SPELL_S))
        seconds -= _SPELL_S
