"""What a few windows took on the service, and what all will take by that.

In: windows measured. Out: seconds and EECU-hours as ranges: the least and the most that any of the
measured windows took a pixel, times all pixels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Measured:
    """One window that was asked for.

    Parameters
    ----------
    kind : `direct`: with all covariates as an export asks for them; `group`: with those of one
        group alone
    names : of the covariates
    made_from : fingerprint of what they are made from
    shape, first : rows and columns; first row and column on the study's grid
    seconds : by the clock, until the whole was there; None where it was refused
    eecu_seconds : where the service tells
    refused : why a request was refused as too heavy, before it was divided
    """

    kind: str
    names: tuple[str, ...]
    made_from: str
    shape: tuple[int, int]
    first: tuple[int, int]
    seconds: float | None
    eecu_seconds: float | None
    refused: str | None

    @property
    def pixels(self) -> int:
        return self.shape[0] * self.shape[1]


class Range(NamedTuple):
    """The least and the most that may be."""

    low: float
    high: float


def to_json(found: Sequence[Measured]) -> dict[str, Any]:
    """Return what `probe.json` holds."""
    return {"schema_version": SCHEMA_VERSION, "kinds": [vars(one) for one in found]}


def parse(document: Mapping[str, Any]) -> list[Measured]:
    """Return what `probe.json` held; what is not ours is left out."""
    found = []
    for entry in document["kinds"]:
        try:
            found.append(
                Measured(
                    kind=str(entry["kind"]),
                    names=tuple(entry["names"]),
                    made_from=str(entry["made_from"]),
                    shape=(int(entry["shape"][0]), int(entry["shape"][1])),
                    first=(int(entry["first"][0]), int(entry["first"][1])),
                    seconds=entry["seconds"],
                    eecu_seconds=entry["eecu_seconds"],
                    refused=entry["refused"],
                )
            )
        except (KeyError, TypeError, ValueError, IndexError):
            continue
    return found


def seconds(
    direct: Sequence[Measured], windows: Sequence[tuple[str, int]], at_once: int
) -> Range | None:
    """Return how long windows take.

    Parameters
    ----------
    direct : windows measured with all covariates
    windows : what each is made from, and its pixels
    at_once : how many are under way together

    Returns
    -------
    Range or None
        None where no answer came.
    """
    taken = _total([(one.made_from, one.pixels, one.seconds) for one in direct], windows)
    return None if taken is None else _scaled(taken, 1 / at_once)


def eecu_hours(direct: Sequence[Measured], windows: Sequence[tuple[str, int]]) -> Range | None:
    """Return what windows cost in EECU-hours; None where the service did not tell."""
    spent = _total([(one.made_from, one.pixels, one.eecu_seconds) for one in direct], windows)
    return None if spent is None else _scaled(spent, 1 / 3600)


def _total(
    measured: Sequence[tuple[str, int, float | None]], windows: Sequence[tuple[str, int]]
) -> Range | None:
    rates: dict[str, list[float]] = {}
    for made_from, pixels, taken in measured:
        if taken is not None:
            rates.setdefault(made_from, []).append(taken / pixels)
    if any(made_from not in rates for made_from, _ in windows):
        return None
    return Range(
        sum(min(rates[made_from]) * pixels for made_from, pixels in windows),
        sum(max(rates[made_from]) * pixels for made_from, pixels in windows),
    )


def _scaled(found: Range, factor: float) -> Range:
    return Range(found.low * factor, found.high * factor)
