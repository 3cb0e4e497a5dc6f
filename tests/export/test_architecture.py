"""docs/architecture.md is where a reader looks for a module: each of the packages stands there."""

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
