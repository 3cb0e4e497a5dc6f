"""Columns of text to typed columns, one method a kind of column.

In: a table as text and the `[sites]` section of a study. Out: lists of words and arrays of
numbers in the schema's units, in the order of the file; what cannot be read is blank and listed
as a Fault with its row, column and reason.
"""

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from local_ml.errors import SiteTableError, UnitError
from local_ml.names import nearest
from local_ml.settings import TargetSettings
from local_ml.sites import cells
from local_ml.sites.cells import Fault, MissingCodes, line_numbers
from local_ml.sites.columns import Column, locate_columns, schema
from local_ml.sites.settings import SiteTableSettings
from local_ml.sites.text import TextTable
from local_ml.units import convert, require_known_unit, same_dimension

WRONG_FIELDS = "wrong number of fields"
REPEATED_LINE = "repeated line"

Array = NDArray[np.float64]


class ColumnReader:
    """Reads the columns of one table; `faults`, `warnings` and `notes` grow meanwhile."""

    def __init__(
        self, text: TextTable, settings: SiteTableSettings, target: TargetSettings, file: str
    ):
        self.text, self.settings, self.target, self.file = text, settings, target, file
        self.schema = schema(target)
        self.position = locate_columns(settings, target, text.header, file)
        self.codes = MissingCodes(settings.missing_codes, settings.decimal)
        self.faults: list[Fault] = []
        self.warnings: list[str] = []
        self.notes = list(text.notes)
        self.records = self._whole_records()

    def _whole_records(self) -> list[list[str]]:
        """Records as wide as the header; those that are not, and repeated ones, are faults."""
        width = len(self.text.header)
        whole: list[list[str]] = []
        seen: dict[tuple[str, ...], int] = {}
        for record, line in zip(self.text.records, self.text.lines, strict=True):
            surplus = any(record[width:])
            if len(record) < width or surplus:
                detail = f"{len(record)} fields, the header has {width}"
                self.faults.append(Fault(line, "", "", "", WRONG_FIELDS, detail))
                whole.append([""] * width)
                continue
            first = seen.setdefault(tuple(record[:width]), line)
            if first != line:
                detail = f"every field is the same as in row {first}"
                self.faults.append(Fault(line, "", "", "", REPEATED_LINE, detail))
            whole.append(record[:width])
        return whole

    def column_of(self, name: str) -> str:
        """The user's name for a column of the schema."""
        if name in self.position:
            return self.text.header[self.position[name]]
        return f"constant {name}"

    def gives(self, name: str) -> bool:
        return name in self.position or name in self.settings.constants

    def cells(self, name: str) -> list[str]:
        if name in self.position:
            at = self.position[name]
            return [record[at] for record in self.records]
        constant = self.settings.constants.get(name, "")
        text = str(constant)
        if isinstance(constant, float):  # in the file's notation, as all other cells
            text = text.replace(".", self.settings.decimal)
        return [text] * len(self.records)

    def fault(self, index: int, name: str, value: str, reason: str, detail: str) -> None:
        line = self.text.lines[index]
        self.faults.append(Fault(line, self.column_of(name), name, value, reason, detail))

    def words(self, name: str) -> list[str]:
        """A text column; declared and suspected codes are blank."""
        out = []
        for index, cell in enumerate(self.cells(name)):
            if self.codes.declared(cell):
                out.append("")
            elif self.codes.looks_like_one(cell):
                self.fault(index, name, cell, cells.SUSPECTED_CODE, f"'{cell}' is not a name")
                out.append("")
            else:
                out.append(cell)
        return out

    def numbers(self, name: str) -> Array:
        """A number column in the unit of the schema, (n,) float."""
        column = self.schema[name]
        values = np.full(len(self.records), np.nan)
        texts = self.cells(name)
        for index, text in enumerate(texts):
            if self.codes.declared(text):
                continue
            value = cells.parse_number(text, self.settings.decimal)
            if value is not None:
                values[index] = value
            elif self.codes.looks_like_one(text):
                self.fault(
                    index, name, text, cells.SUSPECTED_CODE,
                    f"'{text}' looks like a missing code; declare it in missing_codes",
                )  # fmt: skip
            else:
                comma = cells.comma_hint(text, self.settings.decimal)
                self.fault(index, name, text, cells.TEXT_IN_NUMBER, f"'{text}' is no number{comma}")
        values, converted = self._without_suspected_codes(name, column, values, texts)
        return converted

    def _without_suspected_codes(
        self, name: str, column: Column, values: Array, texts: list[str]
    ) -> tuple[Array, Array]:
        """Blank what looks like an undeclared code: a well-known one that stands off the column.

        A well-known code is believed to be a value where it lies within the physical range and
        no further from the column's other values than these spread: 999 mg kg-1 of zinc is one.
        """
        converted = self._convert(name, column, values)
        known = np.isin(values, cells.NUMERIC_CODES)
        if not known.any():
            return values, converted
        low, high = column.minimum, column.maximum
        if column.name == "target":
            low, high = self.target.minimum, self.target.maximum
        outside = np.zeros(len(values), bool)
        if low is not None:
            outside |= converted < low
        if high is not None:
            outside |= converted > high
        others = values[~known & np.isfinite(values)]
        if len(others) == 0:
            outside |= known
        else:
            spread = float(np.ptp(others))
            outside |= (values < others.min() - spread) | (values > others.max() + spread)
        suspected = known & outside
        for index in np.flatnonzero(suspected):
            self.fault(
                int(index), name, texts[index], cells.SUSPECTED_CODE,
                f"{texts[index]} looks like a missing code; declare it in missing_codes",
            )  # fmt: skip
        return np.where(suspected, np.nan, values), np.where(suspected, np.nan, converted)

    def _convert(self, name: str, column: Column, values: Array) -> Array:
        value_name = self._sd_of(name)
        unit = self._unit(name, column)
        if unit is None and value_name is not None:  # as the value that it belongs to
            unit = self._unit(value_name, self.schema[value_name])
        if unit is None:
            return values
        converted = np.asarray(convert(values, unit, column.unit), float)
        if value_name is not None:  # a difference: degC and K have steps of one size
            converted = converted - float(convert(np.zeros(1), unit, column.unit)[0])
        return converted

    def _sd_of(self, name: str) -> str | None:
        """The column whose standard deviation `name` is; None for other columns."""
        pairs = {f"{self.target.name}_sd": self.target.name, "velocity_sd_m_ns": "velocity_m_ns"}
        return pairs.get(name)

    def _unit(self, name: str, column: Column) -> str | None:
        """The unit of the file: as the settings say, else its units line; None for the schema's."""
        if column.unit == "":
            return None
        stated = self.settings.units.get(name)
        line = ""
        if name in self.position and self.position[name] < len(self.text.units):
            line = self.text.units[self.position[name]]
        if line == "":
            return stated
        try:
            require_known_unit(line)
            fits = same_dimension(line, column.unit)
        except (ValueError, UnitError):
            fits = False
        if stated is None and fits:
            if line != column.unit:
                self._say_once(
                    self.notes, f"'{self.column_of(name)}' is in {line}, as the units line says"
                )
            return line
        if stated != line:
            self._say_once(
                self.warnings,
                f"'{self.column_of(name)}': the units line says '{line}', "
                f"{stated or column.unit} is assumed",
            )
        return stated

    @staticmethod
    def _say_once(said: list[str], text: str) -> None:
        if text not in said:
            said.append(text)

    def coordinates(self) -> tuple[Array, Array, Array]:
        """Longitude and latitude in degrees, and the decimals written, each (n,) float."""
        if self.gives("longitude") and self.gives("latitude"):
            if self.gives("x") and self.gives("y"):
                self.notes.append(
                    "positions are taken from longitude and latitude, not from x and y"
                )
            longitude, decimals = self._degrees("longitude")
            latitude, more = self._degrees("latitude")
            # the longer of the two counts: a spreadsheet drops zeros at the end
            return longitude, latitude, np.fmax(decimals, more)
        return self._projected()

    def _degrees(self, name: Any) -> tuple[Array, Array]:
        limit = 180.0 if name == "longitude" else 90.0
        values = np.full(len(self.records), np.nan)
        decimals = np.full(len(self.records), np.nan)
        sexagesimal = []
        for index, text in enumerate(self.cells(name)):
            if self.codes.declared(text):
                continue
            parsed = cells.parse_coordinate(text, name, self.settings.decimal)
            number = cells.parse_number(text, self.settings.decimal)
            if not isinstance(parsed, str):
                if abs(parsed[0]) > limit and number in cells.NUMERIC_CODES:
                    detail = f"{text} looks like a missing code; declare it in missing_codes"
                    self.fault(index, name, text, cells.SUSPECTED_CODE, detail)
                    continue
                values[index], decimals[index] = parsed
                if any(sign in text for sign in "°º˚度'′"):
                    sexagesimal.append(self.text.lines[index])
            elif self.codes.looks_like_one(text):
                self.fault(index, name, text, cells.SUSPECTED_CODE, f"'{text}' is no {name}")
            else:
                self.fault(index, name, text, cells.UNREADABLE_COORDINATE, parsed)
        if sexagesimal:
            self.notes.append(
                f"{name}: degrees with signs were read as degrees, minutes and seconds in "
                f"{line_numbers(sexagesimal)}"
            )
        return values, decimals

    def _projected(self) -> tuple[Array, Array, Array]:
        from pyproj import Transformer
        from pyproj.exceptions import CRSError

        try:
            transformer = Transformer.from_crs(self.settings.crs, "EPSG:4326", always_xy=True)
        except CRSError as error:
            raise SiteTableError(
                f"crs '{self.settings.crs}' in [sites] is not known; write it like 'EPSG:25832'"
            ) from error
        easting, northing = self.numbers("x"), self.numbers("y")
        longitude, latitude = transformer.transform(easting, northing)
        lost = ~(np.isfinite(longitude) & np.isfinite(latitude))
        for index in np.flatnonzero(lost & np.isfinite(easting) & np.isfinite(northing)):
            detail = f"({easting[index]:g}, {northing[index]:g}) lies outside {self.settings.crs}"
            self.fault(int(index), "x", str(easting[index]), cells.UNREADABLE_COORDINATE, detail)
        unknown = np.full(len(easting), np.nan)
        return np.where(lost, np.nan, longitude), np.where(lost, np.nan, latitude), unknown

    def dates(self) -> list[str]:
        out = []
        for index, text in enumerate(self.words("date")):
            date = "" if text == "" else cells.parse_date(text)
            if date is None:
                detail = f"'{text}' is no date that begins with the year (2012-09-22, 2012)"
                self.fault(index, "date", text, cells.UNREADABLE_DATE, detail)
            out.append(date or "")
        return out

    def mapped_words(self, name: str, mapping: dict[str, str], setting: str) -> list[str]:
        """A text column whose words stand for a few fixed ones.

        Raises
        ------
        SiteTableError
            naming every word that stands for none of them, with its rows.
        """
        folded = {word.casefold(): meaning for word, meaning in mapping.items()}
        found = self.words(name)
        unknown = defaultdict(list)
        for word, line in zip(found, self.text.lines, strict=True):
            if word and word.casefold() not in folded:
                unknown[word].append(line)
        if unknown:
            listed = "; ".join(
                f"'{word}' ({line_numbers(lines, 4)}){nearest(word, mapping)}"
                for word, lines in list(unknown.items())[:10]
            )
            raise SiteTableError(
                f"{self.file}, column '{self.column_of(name)}' holds words that {setting} in "
                f"[sites] does not map: {listed}"
            )
        return [folded.get(word.casefold(), "") for word in found]

    def site_ids(self) -> list[str]:
        keys = self.settings.key_columns
        if keys:
            at = [self.text.header.index(key) for key in keys]
            return ["_".join(record[i] for i in at) for record in self.records]
        if not self.gives("site_id"):
            self.notes.append("no column holds the sites' names: they are called by their row")
            return [f"row{line}" for line in self.text.lines]
        words = self.words("site_id")
        nameless = [n for word, n in zip(words, self.text.lines, strict=True) if word == ""]
        if nameless:
            self.notes.append(f"sites without a name are called by it: {line_numbers(nameless)}")
        return [word or f"row{line}" for word, line in zip(words, self.text.lines, strict=True)]
