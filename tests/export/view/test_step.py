"""`alm90 view`: does what is needed, once, and says in one line what it cannot do."""

import sys
from contextlib import closing
from typing import Any, ClassVar

import numpy as np
import pytest
from miniature import StudyFiles
from typer.testing import CliRunner, Result

from export.cli import app
from export.journal import Journal


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
        (("--port", "8124"), "", "--port goes with --serve"),
        (("--geemap", "--port", "8124"), "", "--port goes with --serve"),
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


def test_an_altered_tile_is_left_out_and_told_of(files: StudyFiles) -> None:
    """Catches damaged values that are drawn as if they were the covariate's."""
    whole = _view(files)
    assert "altered since" not in whole.output
    tile = sorted((files.folder / "covariates" / "tiles").glob("*.tif"))[0]
    with closing(Journal(files.folder / "journal.sqlite")) as journal:
        journal.record("covariate_tiles", tile.stem, "made from", [tile])
    assert "altered since" not in _view(files).output
    data = bytearray(tile.read_bytes())
    data[-1] ^= 1
    tile.write_bytes(data)
    done = _view(files)
    assert done.exit_code == 0, done.output
    assert f"altered since they were written, and so left out: {tile.stem};" in done.output


def test_the_file_of_a_study_is_taken_for_its_folder(files: StudyFiles) -> None:
    done = CliRunner().invoke(app, ["view", str(files.folder / "study.toml")])
    assert done.exit_code == 0, done.output
    assert (files.folder / "view.html").exists()


def test_a_misspelt_basemap_is_one_line(files: StudyFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches geemap's list of all its basemaps, and a page without the one asked for."""

    class Folium:
        class Map:
            pass

    class Geemap:
        Map = Folium.Map
        basemaps: ClassVar = {"OpenStreetMap": None, "FWS NWI Wetlands": None}

    fakes: dict[str, Any] = {"geemap": Geemap, "folium": Folium}
    for name, fake in fakes.items():
        monkeypatch.setitem(sys.modules, name, fake)
    done = _view(files, "--geemap", "--basemap", "OpenStreatMap")
    assert done.exit_code == 2, done.output
    told = done.output.splitlines()
    assert told[-1].endswith("no basemap 'OpenStreatMap' (the nearest is 'OpenStreetMap')")
    assert not (files.folder / "view_geemap.html").exists()
