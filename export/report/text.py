"""Numbers and units as people write them: 0.078 m³ m⁻³, −0.012, 41 %."""

import math
import re

ABSENT = "–"
_MINUS = "\N{MINUS SIGN}"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_EXPONENT = re.compile(r"(?<=[A-Za-z])(?:\*\*|\^)?(-?\d+)")
_SYMBOLS = {"degC": "°C", "degree": "°", "deg": "°", "1": "", "": ""}


def unit_text(unit: str) -> str:
    """Return a unit in the notation of UDUNITS as it is printed; '' for a pure number."""
    words = [
        _SYMBOLS.get(word, _EXPONENT.sub(lambda found: found[1].translate(_SUPERSCRIPTS), word))
        for word in unit.split()
    ]
    return "\N{NO-BREAK SPACE}".join(word for word in words if word)


def in_unit(name: str, unit: str) -> str:
    """Return 'name (unit)', or the name alone for a pure number."""
    text = unit_text(unit)
    return f"{name} ({text})" if text else name


def decimals_for(scale: float | None) -> int:
    """Return the decimals that show an error of about `scale` with two digits or more."""
    if scale is None or not math.isfinite(scale) or scale <= 0:
        return 3
    return min(max(1 - math.floor(math.log10(scale)), 0), 8)


def fixed(value: float | None, decimals: int, *, sign: bool = False) -> str:
    """Return a number with so many decimals, thousands apart, a true minus, and no −0."""
    if value is None or not math.isfinite(value):
        return ABSENT
    text = f"{value:{'+' if sign else ''}_.{decimals}f}"
    if not any(digit in text for digit in "123456789"):
        text = text.lstrip("+-")
    return text.replace("-", _MINUS).replace("_", "\N{NARROW NO-BREAK SPACE}")


def significant(value: float | None, digits: int = 3) -> str:
    """Return a number with so many significant digits."""
    if value is None or not math.isfinite(value):
        return ABSENT
    if value == 0:
        return "0"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    if decimals > 8:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPTS)}".replace("-", _MINUS)
    return fixed(value, max(decimals, 0))


def share(part: float | None) -> str:
    """Return a share as per cent; what is not nothing never reads as 0 %."""
    if part is None or not math.isfinite(part):
        return ABSENT
    if 0 < part < 0.001:
        return "< 0.1 %"
    if 0.999 < part < 1:
        return "> 99.9 %"
    decimals = 1 if 0 < part < 0.1 or 0.9 < part < 1 else 0
    return f"{100 * part:.{decimals}f} %"


def signed_share(change: float | None) -> str:
    """Return a change as per cent with its sign, to one decimal."""
    if change is None or not math.isfinite(change):
        return ABSENT
    return f"{fixed(100 * change, 1, sign=True)} %"


def percent(level: float) -> str:
    """Return a level that somebody chose, such as 0.95, as '95 %': all of its digits, no more."""
    return f"{100 * level:g} %"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return '1 site', '342 sites'."""
    return f"{fixed(number, 0)} {noun if number == 1 else plural or noun + 's'}"
