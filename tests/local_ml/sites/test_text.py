"""Bytes to records: encodings, line ends, delimiters, quotes, and files that are no tables."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local_ml.errors import SiteTableError
from local_ml.sites.settings import SiteTableSettings
from local_ml.sites.text import read_text_table

CHINESE = "样点,经度,纬度,含水量\n五道梁,93.0812,35.2213,0.25\n"


def read(path: Path, content: bytes, **options: object):
    path.write_bytes(content)
    return read_text_table(path, SiteTableSettings(**options))


@pytest.mark.parametrize(
    ("encoding", "named"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("gbk", "GB18030"),
        ("gb18030", "GB18030"),
        ("utf-16", "UTF-16"),
    ],
)
def test_encoding_is_found_and_named(tmp_path: Path, encoding: str, named: str) -> None:
    """Catches a BOM left in the first column's name, and Chinese read as mojibake."""
    table = read(tmp_path / "s.csv", CHINESE.encode(encoding))
    assert table.header == ["样点", "经度", "纬度", "含水量"]
    assert table.records == [["五道梁", "93.0812", "35.2213", "0.25"]]
    assert f"encoding {named}" in table.notes[0]


def test_declared_encoding_that_does_not_fit_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(SiteTableError, match=r"s\.csv, line 1: .*utf-8"):
        read(tmp_path / "s.csv", CHINESE.encode("gbk"), encoding="utf-8")


cell = st.text(
    st.characters(codec="gbk", exclude_categories=["C", "Z"]) | st.sampled_from(' ,;"\n'),
    max_size=8,
).map(str.strip)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(st.lists(cell, min_size=3, max_size=3).filter(any), min_size=1, max_size=5),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "gbk"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    delimiter=st.sampled_from([",", ";", "\t"]),
)
def test_any_table_comes_back_whatever_wrote_it(
    tmp_path: Path, rows: list[list[str]], encoding: str, end: str, delimiter: str
) -> None:
    """Round trip through the standard library's writer: cells and the lines where rows begin."""
    out = io.StringIO(newline="")
    # the header holds a Chinese word, so that GBK bytes are never valid UTF-8
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([["名称", "纬度", "含水量"], *rows])
    content = out.getvalue().replace("\n", end).encode(encoding)
    options = {"encoding": "gbk"} if encoding == "gbk" else {}
    table = read(tmp_path / "s.csv", content, **options)
    assert table.records == rows
    before = [sum(c.count("\n") for c in r) for r in rows]
    assert table.lines == [2 + i + sum(before[:i]) for i in range(len(rows))]


def test_row_numbers_are_those_an_editor_shows(tmp_path: Path) -> None:
    """Blank lines and a quoted line break shift the count of records, not that of lines."""
    text = 'id,note\n\n1,"two\nlines"\n,\n2,b\n'
    table = read(tmp_path / "s.csv", text.encode())
    assert table.lines == [3, 6]
    assert [record[0] for record in table.records] == ["1", "2"]


def test_header_below_other_lines_and_units_line(tmp_path: Path) -> None:
    text = "File: a,,\n,,\nid,depth,vwc\n,cm,%\n1,10,30\n"
    table = read(tmp_path / "s.csv", text.encode(), header_row=3, units_row=True)
    assert (table.header, table.units) == (["id", "depth", "vwc"], ["", "cm", "%"])
    assert table.lines == [5]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"\r\n  \n", "is empty"),
        (b"id,vwc\n", "no data below"),
        (b"id,vwc\n,\n", "no data below"),
        (b"PK\x03\x04rest", "spreadsheet"),
        (b"id,vwc\n1,\x00\x00\n", "zero bytes"),
        (b'id,vwc\n1,"0.2\n2,0.3\n', "cannot be split"),
    ],
)
def test_what_is_no_table_is_refused_with_its_name(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    """The last one: a quote never closed would swallow all rows after it."""
    with pytest.raises(SiteTableError, match=complaint) as error:
        read(tmp_path / "mine.csv", content)
    assert "mine.csv" in str(error.value)


def test_missing_file_and_header_beyond_the_end(tmp_path: Path) -> None:
    with pytest.raises(SiteTableError, match="cannot be read"):
        read_text_table(tmp_path / "none.csv", SiteTableSettings())
    with pytest.raises(SiteTableError, match=r"line 9.*ends at line 2"):
        read(tmp_path / "s.csv", b"id,vwc\n1,2\n", header_row=9)
