"""Pages that lead a reader to files: all modules stand there, and what stands there is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("package", ["gee", "local_ml", "export"])
def test_every_module_and_room_is_named(package: str) -> None:
    """Fault: one is added, and the page goes on as if there were none."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)/?`", page))
    there = {
        path.stem
        for path in (ROOT / package).iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    there -= {"__init__", "local"}  # the stand-in is told of in words
    assert there - named == set()


def test_every_file_that_a_page_names_is_there() -> None:
    """Fault: a test or a module moves, and the command beside a figure runs nothing."""
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]
    rooms = "tests|benchmarks|examples|export|gee|local_ml|docs"
    named = {
        (page.name, name)
        for page in pages
        for name in re.findall(rf"\b((?:{rooms})/[\w/.-]+\.(?:py|md))\b", page.read_text("utf-8"))
    }
    assert len(named) > 50
    assert {(page, name) for page, name in named if not (ROOT / name).exists()} == set()
