"""The page of a geemap map as a file: whole or as it was."""

import os
from pathlib import Path
from typing import Any

import pytest

from export.view.notebook import write_page


class Map:
    """What a map is asked for; `fault` is raised in the middle of writing."""

    def __init__(self, text: str, fault: Exception | None = None) -> None:
        self.text, self.fault = text, fault
        self.default_js: list[Any] = []
        self.default_css: list[Any] = []

    def to_html(self, name: str) -> None:
        assert name.endswith(".html"), "geemap takes no other"
        Path(name).write_text(self.text, encoding="utf-8")
        if self.fault is not None:
            raise self.fault


def test_the_page_is_on_the_disk_before_it_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: after a power cut the page is there, and empty."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_size))
    page = tmp_path / "view_geemap.html"
    write_page(Map("Qinghai 青海"), page)
    assert page.read_text(encoding="utf-8") == "Qinghai 青海"
    assert synced == [page.stat().st_size]
    assert list(tmp_path.iterdir()) == [page]


def test_a_page_that_could_not_be_made_leaves_the_one_before(tmp_path: Path) -> None:
    page = tmp_path / "view_geemap.html"
    page.write_text("before")
    with pytest.raises(OSError, match="disk"):
        write_page(Map("half", OSError("disk")), page)
    assert page.read_text() == "before"
    assert list(tmp_path.iterdir()) == [page]
