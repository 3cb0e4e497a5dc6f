"""Units of columns, covariates and targets: read in the notation of UDUNITS, converted by pint."""

import difflib
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from local_ml.errors import UnitError

if TYPE_CHECKING:
    import numpy as np

# The units that field tables and covariates of this kind come in; used only to name the nearest.
COMMON_UNITS = (
    "1", "%", "m3 m-3", "kg kg-1", "g g-1", "g cm-3", "kg m-3", "kg dm-3", "g kg-1", "mg kg-1",
    "m", "cm", "mm", "km", "m ns-1", "cm ns-1", "ns", "m ns**-1", "degree", "radian", "K", "degC",
    "degC day", "day", "year", "hour", "mm year-1", "mm month-1", "dB", "W m-2", "MJ m-2", "m2",
    "km2", "m-1", "ppm", "mS m-1", "kPa",
)  # fmt: skip

# Similarity (difflib's ratio) from which a unit is named as the nearest: "dgC" and "degC" have
# 0.86, while words that are no unit at all resemble some short one by 0.5 ("moisture", "hour").
_ALIKE = 0.6

# An exponent written behind the letters of a unit, as UDUNITS has it: m3 m-3.
_BARE_EXPONENT = re.compile(r"(?<=[A-Za-z])(?=-?\d)")


@cache
def _registry() -> Any:
    import pint

    return pint.UnitRegistry(
        autoconvert_offset_to_baseunit=True,
        preprocessors=[lambda text: _BARE_EXPONENT.sub("**", text)],
    )


def _parse(unit: str) -> Any:
    text = unit.strip()
    if text in ("", "1"):
        return _registry().dimensionless
    try:
        return _registry().parse_units(re.sub(r"\s+", " ", text))
    except Exception as error:  # pint raises its own tree, TokenError and TypeError alike
        nearest = difflib.get_close_matches(text, COMMON_UNITS, n=1, cutoff=_ALIKE)
        hint = f"; the nearest known one is '{nearest[0]}'" if nearest else ""
        raise UnitError(
            f"unit '{unit}' is not known{hint}. Write it like 'm3 m-3', 'degC' or '1'"
        ) from error


def require_known_unit(unit: str) -> str:
    """Return `unit` as it is.

    Raises
    ------
    ValueError
        where pint does not know it; the text names the nearest unit in common use.
    """
    try:
        _parse(unit)
    except UnitError as error:
        raise ValueError(str(error)) from error
    return unit


def same_dimension(unit: str, other: str) -> bool:
    """Say whether values in `unit` can be converted to `other`."""
    return bool(_parse(unit).dimensionality == _parse(other).dimensionality)


def convert(values: "np.ndarray", unit: str, to: str) -> "np.ndarray":
    """Return `values`, given in `unit`, in the unit `to`.

    Raises
    ------
    UnitError
        where one of the two is unknown, or they measure different things.
    """
    if unit == to:
        return values
    if not same_dimension(unit, to):
        raise UnitError(f"'{unit}' cannot be converted to '{to}': they measure different things")
    return _registry().Quantity(values, _parse(unit)).to(_parse(to)).magnitude  # type: ignore[no-any-return]


def one_in(unit: str, to: str) -> float | None:
    """Return what 1 `unit` is in the unit `to`; None where they measure different things."""
    if not same_dimension(unit, to):
        return None
    return float(_registry().Quantity(1.0, _parse(unit)).to(_parse(to)).magnitude)
