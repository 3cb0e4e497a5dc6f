"""Bytes of a delimited text file to records of cells, each with its line number.

In: a file in any of the usual encodings, line endings and delimiters. Out: the header and
the records as text, untouched but for white space around the cells.
"""

import codecs
import csv
import io
from dataclasses import dataclass
from pathlib import Path

from local_ml.errors import SiteTableError
from local_ml.names import counted
from local_ml.sites.settings import SiteTableSettings

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@dataclass(frozen=True)
class TextTable:
    """A table as text.

    Parameters
    ----------
    header : names of the columns
    units : the units line, cell by cell; empty where the file has none
    records : cells of each data record; not always as many as the header has
    lines : for each record, the number of the line where it begins (1-based)
    notes : what was found out about the file
    """

    header: list[str]
    units: list[str]
    records: list[list[str]]
    lines: list[int]
    notes: list[str]


def decode(content: bytes, encoding: str, file: str) -> tuple[str, str]:
    """Return the text of `content` and the name of the encoding that was used.

    Raises
    ------
    SiteTableError
        where the bytes are a spreadsheet or an archive, or are not text in that encoding.
    """
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise SiteTableError(
            f"{file} is a spreadsheet or an archive, not text: save the sheet as 'CSV UTF-8' first"
        )
    candidates = [encoding]
    if encoding == "auto":
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            candidates = ["utf-16"]
        else:
            # GB18030 holds GBK and GB2312; it comes second because it decodes most byte strings
            candidates = ["utf-8-sig", "gb18030"]
    for candidate in candidates:
        try:
            text = content.decode(candidate)
        except UnicodeDecodeError as error:
            position, reason = error.start, error.reason
            continue
        if "\x00" in text:
            raise SiteTableError(f"{file} is not a text file: it holds zero bytes")
        return text.removeprefix("\ufeff"), candidate
    line = content[:position].count(b"\n") + 1
    raise SiteTableError(
        f"{file}, line {line}: the text is not in {' or '.join(candidates)} ({reason}); "
        "set encoding in [sites]"
    )


def _records(text: str, delimiter: str, file: str) -> tuple[list[list[str]], list[int]]:
    """All records of `text`, and the line at which each begins."""
    # strict: a quote that is never closed would swallow the rest of the file without a word
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    records: list[list[str]] = []
    lines: list[int] = []
    before = 0
    try:
        for record in reader:
            records.append([cell.strip() for cell in record])
            lines.append(before + 1)
            before = reader.line_num
    except csv.Error as error:
        raise SiteTableError(
            f"{file} cannot be split into fields: {error}; the record that begins at line "
            f"{before + 1} has a quote that is not closed, or text behind one that is"
        ) from error
    return records, lines


def _find_delimiter(text: str, header_row: int) -> str:
    """The delimiter that gives the header the most fields; a comma where none gives two."""
    header = "\n".join(text.split("\n")[header_row - 1 :][:1])
    widths = {
        delimiter: len(next(csv.reader([header], delimiter=delimiter), []))
        for delimiter in _DELIMITERS
    }
    return max(widths, key=lambda delimiter: widths[delimiter])


def read_text_table(path: Path, settings: SiteTableSettings) -> TextTable:
    """Read the table at `path` as text.

    Raises
    ------
    SiteTableError
        where the file is missing, empty, not text, or has no data below its header.
    """
    file = path.name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SiteTableError(f"the field table {path} cannot be read: {error.strerror}") from error
    if not content.strip():
        raise SiteTableError(f"{file} is empty")
    text, encoding = decode(content, settings.encoding, file)
    text = text.replace("\r\n", "\n").replace("\r", "\n")  # Windows and old Macintosh lines
    delimiter = settings.delimiter
    if delimiter == "auto":
        delimiter = _find_delimiter(text, settings.header_row)
    records, lines = _records(text, delimiter, file)
    try:
        at = lines.index(settings.header_row)
    except ValueError as error:
        raise SiteTableError(
            f"{file} has no record that begins at line {settings.header_row}, where header_row in "
            f"[sites] looks for the names of the columns (the file ends at line {lines[-1]})"
        ) from error
    header = records[at]
    first = at + 2 if settings.units_row else at + 1
    units = records[at + 1] if settings.units_row and len(records) > at + 1 else []
    body = [(r, n) for r, n in zip(records[first:], lines[first:], strict=True) if any(r)]
    if not body:
        raise SiteTableError(f"{file} has a header and no data below it")
    name = {"utf-8-sig": "UTF-8"}.get(encoding, encoding.upper())
    notes = [
        f"{file}: {counted(len(body), 'row')}, encoding {name}, fields parted by "
        f"{_DELIMITERS.get(delimiter, repr(delimiter))}"
    ]
    return TextTable(header, units, [r for r, _ in body], [n for _, n in body], notes)
