"""`alm90 view`: does what is needed, once, and says in one line what it cannot do."""

import sys
from typing import Any

import numpy as np
import pytest
from miniature import StudyFiles
from typer.testing import CliRunner, Result

from export.cli import app


def _view(files: StudyFiles, *options: str) -> Result:
    return CliRunner().invoke(app, ["view", str(files.folder), *options])


def test_view_writes_the_page_once_and_again_when_the_map_changes(files: StudyFiles) -> None:
    """Catches a page of an earlier map that is kept, and one that is made anew for nothing."""
    first = _view(files)
    assert first.exit_code == 0, first.output
    page = files.folder / "view.html"
    before = page.read_bytes()
    assert str(page) in first.output
    second = _view(files)
    assert "unchanged, nothing to do" in second.output
    assert str(page) in second.output
    files.map(np.full((30, 40), 0.25, np.float32))
    third = _view(files)
    assert "unchanged" not in third.output
    assert page.read_bytes() != before


def test_without_geemap_one_line_names_the_packages(
    files: StudyFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a traceback where the extra is not installed."""
    for name in ("geemap", "folium"):
        monkeypatch.setitem(sys.modules, name, None)
    done = _view(files, "--geemap")
    assert done.exit_code == 2
    assert "python -m pip install 'geemap>=" in done.output
    assert "Traceback" not in done.output


def test_a_geemap_with_its_other_map_is_refused(
    files: StudyFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a notebook in which geemap was imported first: its map takes other calls."""

    class Folium:
        class Map:
            pass

    class Geemap:
        class Map:
            pass

    fakes: dict[str, Any] = {"geemap": Geemap, "folium": Folium}
    for name, fake in fakes.items():
        monkeypatch.setitem(sys.modules, name, fake)
    done = _view(files, "--geemap")
    assert done.exit_code == 2
    assert "USE_FOLIUM=1" in done.output


@pytest.mark.parametrize(
    ("options", "toml", "said"),
    [
        (("--serve",), "", "go with --geemap"),
        (("--basemap", "OpenStreetMap"), "", "go with --geemap"),
        (("--geemap", "--serve"), "", "earthengine.url = 'local:FOLDER'"),
        (("--geemap", "--serve"), '[earthengine]\nurl = "http://127.0.0.1:1"\n', "local:FOLDER"),
        (("--geemap", "--serve"), '[earthengine]\nurl = "local:nowhere"\n', "nowhere"),
    ],
)
def test_serving_in_vain_is_a_fault_of_usage(
    files: StudyFiles, options: tuple[str, ...], toml: str, said: str
) -> None:
    files.toml += toml.replace("[earthengine]", '[earthengine]\nwithout = ["twi"]')
    (files.folder / "study.toml").write_text(files.toml, encoding="utf-8")
    done = _view(files, *options)
    assert done.exit_code == 2, done.output
    assert said in " ".join(done.output.split())


def test_looking_needs_no_learner_and_no_geemap() -> None:
    """Catches an import of seconds in a command that is to be quick."""
    import subprocess

    code = (
        "import sys, export.view, export.steps.view; "
        "print([n for n in ('geemap', 'folium', 'sklearn', 'xgboost', 'catboost', 'numba', 'ee') "
        "if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
