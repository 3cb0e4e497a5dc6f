"""What requests cost on Earth Engine, in EECU-seconds, where it tells.

In: the ids of profiles, which the service gives with its answers to a client that asks for them.
Out: a number; or none, where there are no profiles, as of a stand-in.

The profile of a request is a text of rows, each an operation with what it took; its first column
is headed ``EECU·s``. No other call tells what an online request cost.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import ee

from gee.errors import ServiceError
from gee.session import ask

_PROFILES = "Profile.getProfiles"


@contextmanager
def profiled() -> Iterator[list[str]]:
    """Have the requests of this thread profiled; gives the ids of their profiles as they come."""
    ids: list[str] = []
    with ee.data.profiling(ids.append):
        yield ids


def can_tell() -> bool:
    """Say whether the service that the client is connected to knows of profiles at all."""
    return ee.data.is_initialized() and _PROFILES in ee.ApiFunction.allSignatures()


def eecu_seconds(profiles: Sequence[str]) -> float | None:
    """Return what the requests of some profiles took together; None where it is not told.

    One request for the text is sent.
    """
    if not profiles or not can_tell():
        return None
    get_profiles = ee.ApiFunction.lookup(_PROFILES)
    try:
        text = ask(get_profiles.call(ids=list(profiles)).getInfo, "what requests took")
    except ServiceError:
        return None
    return total(text) if isinstance(text, str) else None


def total(text: str) -> float | None:
    """Return the sum of a profile's first column; None where the text is not such a table."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if len(lines) < 2 or not lines[0][0].startswith("EECU"):
        return None
    try:
        return sum(float(cells[0]) for cells in lines[1:])
    except ValueError:
        return None
