"""What a few windows took on the service, and what all will take by that.

In: windows measured. Out: seconds and EECU-hours as ranges: the least and the most that any of the
measured windows took a pixel, times all pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, TypeAdapter

SCHEMA_VERSION = 1

Kind = Literal["direct", "group"]
Side = Annotated[int, Field(gt=0)]
Spent = Annotated[float, Field(ge=0, allow_inf_nan=False)]


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

    kind: Kind
    names: tuple[str, ...]
    made_from: str
    shape: tuple[Side, Side]
    first: tuple[int, int]
    seconds: Spent | None
    eecu_seconds: Spent | None
    refused: str | None

    @property
    def pixels(self) -> int:
        return self.shape[0] * self.shape[1]


_MEASURED = TypeAdapter(list[Measured])


class Range(NamedTuple):
    """The least and the most that may be."""

    low: float
    high: float


def to_json(found: Sequence[Measured]) -> dict[str, Any]:
    """Return what `probe.json` holds."""
    return {"schema_version": SCHEMA_VERSION, "kinds": [vars(one) for one in found]}


def parse(document: Any) -> list[Measured]:
    """Return what `probe.json` held.

    Raises
    ------
    ValueError
        where it is of another version, or an entry is not one of ours; the text says which.
    """
    if not isinstance(document, dict) or document.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(f"its schema_version is not {SCHEMA_VERSION}")
    return _MEASURED.validate_python(document.get("kinds"))


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
