"""One cell of text to a value, or to the reason why it has none.

In: text as it stands in the file. Out: numbers in the file's own unit, coordinates in
degrees, dates as ISO text; and for a cell that cannot be used, a reason.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

# Reasons, as they appear in the table of excluded rows.
TEXT_IN_NUMBER = "text in a number column"
SUSPECTED_CODE = "suspected missing code"
UNREADABLE_COORDINATE = "unreadable coordinate"
OUT_OF_RANGE = "value out of physical range"
UNREADABLE_DATE = "unreadable date"

# Codes in common use for a missing value. Where a study does not declare them, they are suspected.
NUMERIC_CODES = (
    -9.0, -99.0, -99.9, -99.99, -999.0, -999.9, -999.99, -9999.0, -9999.9, -99999.0, -999999.0,
    -32768.0, -32767.0, 32767.0, 65535.0, 999.0, 999.9, 999.99, 9999.0, 99999.0, 999999.0,
    1e20, 1e30, -1e20, -1e30, -3.4e38, -3.40282347e38, 3.40282347e38, 9.96921e36,
)  # fmt: skip
_WORDS = (
    "na n/a n.a. nan null none nil nodata no_data no-data missing miss void #n/a #na #null! "
    "#value! #div/0! #num! #ref! #name? inf -inf - -- --- – — / // . .. * ? ?? x "
    "缺测 缺失 缺 无数据 无 空 空值 未测 暂无"
)
_TEXT_CODES = {*_WORDS.split(" "), "no data", "not available", "not measured"}

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_SEXAGESIMAL = re.compile(
    r"(?P<sign>[+-]?)(?P<degrees>\d{1,3}(?:\.\d+)?)\s*(?:°|º|˚|度|deg|d)\s*"
    r"(?:(?P<minutes>\d{1,2}(?:\.\d+)?)\s*(?:'|′|’|´|分|min|m)\s*)?"
    r"(?:(?P<seconds>\d{1,2}(?:\.\d+)?)\s*(?:\"|″|”|''|′′|’’|秒|sec|s)\s*)?",
    re.ASCII | re.IGNORECASE,
)
_DATE = re.compile(
    r"(\d{4})(?:[-/.年](\d{1,2})(?:[-/.月](\d{1,2})日?)?月?)?年?(?:[T ]\d{1,2}:\d{2}.*)?", re.ASCII
)
_COMPACT_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)


@dataclass(frozen=True)
class Fault:
    """A cell, or a whole record, that cannot be used as it is.

    Parameters
    ----------
    row : number of the line in the file (1-based)
    column : the user's name of the column; '' for a whole record
    name : the schema's name of it; '' for a whole record
    value : the text of the cell
    reason : one of a few fixed sentences, which are counted
    detail : what is wrong with this very cell
    """

    row: int
    column: str
    name: str
    value: str
    reason: str
    detail: str


class MissingCodes:
    """The missing codes that a study declares, as numbers and as words.

    Parameters
    ----------
    codes : numbers, or words; a word may be a number in the file's own notation
    decimal : the file's decimal mark
    """

    def __init__(
        self, codes: Iterable[int | float | str], decimal: Literal[".", ","] = "."
    ) -> None:
        self._decimal = decimal
        self._words = {""}
        self._numbers = set()
        for code in codes:
            self._words.add(str(code).strip().casefold())
            for mark in (".", decimal):
                number = parse_number(str(code).strip(), mark)
                if number is not None:
                    self._numbers.add(number)

    def declared(self, text: str) -> bool:
        """Say whether `text` is empty or a declared code; -999.0 and -999 are the same one."""
        if text.casefold() in self._words:
            return True
        return bool(self._numbers) and parse_number(text, self._decimal) in self._numbers

    def looks_like_one(self, text: str) -> bool:
        """Say whether `text` is a word, or a negative number, in common use for a missing value."""
        number = parse_number(text, self._decimal)
        return text.casefold() in _TEXT_CODES or (number in NUMERIC_CODES and text[0] in "-−")


def parse_number(text: str, decimal: Literal[".", ","] = ".") -> float | None:
    """Return the number that `text` is, or None; 'nan', 'inf' and '1_000' are none."""
    text = text.replace("−", "-")  # the typographic minus of word processors
    if decimal == ",":
        text = text.replace(",", ".") if "." not in text else ""
    if _NUMBER.fullmatch(text) is None:
        return None
    value = float(text)
    return value if abs(value) != float("inf") else None


def comma_hint(text: str, decimal: Literal[".", ","]) -> str:
    """Return what to do where a comma may be the decimal mark, else ''."""
    if decimal == "," or "," not in text:
        return ""
    return "; if the comma is the decimal mark, set decimal = ',' in [sites]"


def parse_coordinate(
    text: str, axis: Literal["longitude", "latitude"], decimal: Literal[".", ","] = "."
) -> tuple[float, float] | str:
    """Return degrees and the number of decimals written, or what is wrong with `text`.

    Decimal degrees, or degrees with their sign (°, 度), minutes and seconds; a hemisphere letter
    may stand before or after. Numbers parted by blanks alone are refused: too many notations
    share that look. The decimals of a sexagesimal value are those of equal precision (minutes 2,
    seconds 4).
    """
    bare = text.strip().upper().replace("−", "-")
    hemisphere = ""
    for letter in "NSEW":
        if bare.startswith(letter) or bare.endswith(letter):
            hemisphere, bare = letter, bare.strip(letter).strip()
            break
    if hemisphere and hemisphere not in ("EW" if axis == "longitude" else "NS"):
        return f"'{text}' bears '{hemisphere}', which is no {axis}"
    value = parse_number(bare, decimal)
    decimals = float(len(bare.partition(decimal)[2].partition("E")[0]))
    if value is None:
        match = _SEXAGESIMAL.fullmatch(bare.replace(",", ".") if decimal == "," else bare)
        if match is None:
            comma = comma_hint(text, decimal)
            return (
                f"'{text}' is no {axis} in decimal degrees, nor in degrees, minutes and "
                f"seconds{comma}"
            )
        parts = [match["degrees"], match["minutes"], match["seconds"]]
        degrees, minutes, seconds = (float(part or 0) for part in parts)
        # What was rounded to 60.0 is carried; 60 minutes and some seconds are no rounding.
        if minutes > 60 or seconds > 60 or (minutes == 60 and match["seconds"] is not None):
            return f"'{text}' has 60 minutes or seconds, or more"
        value = degrees + minutes / 60 + seconds / 3600
        if match["sign"] == "-":
            value = -value
        last = max(i for i, part in enumerate(parts) if part)
        decimals = float(2 * last + len((parts[last] or "").partition(".")[2]))
    if hemisphere in ("S", "W"):
        if value < 0:
            return f"'{text}' bears a minus sign and '{hemisphere}'"
        value = -value
    return value, decimals


def parse_date(text: str) -> str | None:
    """Return `text` as an ISO date (2012-09-22, 2012-09 or 2012), or None.

    Only notations that begin with the year are read: day and month cannot be told apart in others.
    """
    match = _DATE.fullmatch(text) or _COMPACT_DATE.fullmatch(text)
    if match is None:
        return None
    parts = [part for part in match.groups() if part]
    if len(parts) > 1 and not 1 <= int(parts[1]) <= 12:
        return None
    if len(parts) > 2 and not 1 <= int(parts[2]) <= 31:
        return None
    return "-".join([parts[0], *(part.zfill(2) for part in parts[1:])])


def line_numbers(rows: Iterable[int], most: int = 12) -> str:
    """Write the numbers of lines shortly: 'rows 6–9, 14'."""
    ordered = sorted(set(rows))
    runs: list[list[int]] = []
    for row in ordered:
        if runs and row == runs[-1][1] + 1:
            runs[-1][1] = row
        else:
            runs.append([row, row])
    shown = [f"{a}" if a == b else f"{a}–{b}" for a, b in runs[:most]]
    more = "" if len(runs) <= most else f" and {sum(b - a + 1 for a, b in runs[most:])} more"
    return f"row{'s' if len(ordered) != 1 else ''} {', '.join(shown)}{more}"
