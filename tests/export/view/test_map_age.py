"""A map that is not made from what the study holds now is told of, in the terminal and on the page.

Faults caught: a map older than its tiles or its model is shown as if it were theirs; one that is up
to date, or of which nothing is known, is said to be old.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rasterio
from known_model import KnownModel
from miniature import MANIFEST, StudyFiles
from typer.testing import CliRunner, Result
from viewed_study import FEATURES

from export.cli import app
from export.journal import Journal, file_sha256

OLD = "the map is out of date: "


@dataclass(frozen=True)
class Model(KnownModel):
    no_skill: str | None = None


def tried(files: StudyFiles, command: str) -> Result:
    return CliRunner().invoke(app, [command, str(files.folder)])


def alm90(files: StudyFiles, command: str) -> Result:
    done = tried(files, command)
    assert done.exit_code in (0, 5), done.output
    return done


def refused(files: StudyFiles) -> str:
    """Return why `mosaic` joins nothing, in one line; the map is as it was."""
    before = {path.name: path.read_bytes() for path in (files.folder / "map").glob("*.tif")}
    done = tried(files, "mosaic")
    assert done.exit_code == 3, done.output
    assert {name: (files.folder / "map" / name).read_bytes() for name in before} == before
    return done.stderr


def shown(files: StudyFiles) -> tuple[str, str]:
    """Return what the terminal says of the map's age, in one line, and what the page says."""
    lines = [line for line in alm90(files, "view").stdout.splitlines() if OLD in line]
    assert len(lines) <= 1
    page = (files.folder / "view.html").read_text(encoding="utf-8")
    start = page.find("<p>The map is out of date: ")
    return "".join(lines), page[start : page.index("</p>", start)] if start >= 0 else ""


def tile(files: StudyFiles, number: int) -> Path:
    return sorted((files.folder / "covariates" / "tiles").glob("*.tif"))[number]


def change(path: Path) -> None:
    with rasterio.open(path, "r+") as dataset:
        dataset.write(dataset.read(2) - np.float32(2.5), 2)


@pytest.fixture
def mapped(files: StudyFiles, monkeypatch: pytest.MonkeyPatch) -> StudyFiles:
    """The study, mapped by the steps themselves with a model whose every value is known."""

    def load(folder: Path) -> Model:
        return Model(fingerprint=file_sha256(folder / "manifest.json"))

    monkeypatch.setattr("export.steps.predict.Predictor.load", load)
    document = {**MANIFEST, "features": list(FEATURES), "no_skill": None}
    (files.folder / "model" / "manifest.json").write_text(json.dumps(document), encoding="utf-8")
    alm90(files, "predict")
    alm90(files, "mosaic")
    return files


def test_a_map_of_what_is_there_is_shown_without_a_word(mapped: StudyFiles) -> None:
    assert shown(mapped) == ("", "")


def test_without_a_journal_nothing_is_said(files: StudyFiles) -> None:
    """A map and tiles that lie there, of which no step of this study knows."""
    assert shown(files) == ("", "")


@pytest.mark.parametrize("removed", ["map/tiles", "covariates/tiles", "journal.sqlite"])
def test_what_was_removed_to_save_room_is_no_change(mapped: StudyFiles, removed: str) -> None:
    place = mapped.folder / removed
    for path in [place] if place.is_file() else list(place.iterdir()):
        path.unlink()
    assert shown(mapped) == ("", "")


def test_each_step_that_is_still_to_be_done_is_told(mapped: StudyFiles) -> None:
    change(tile(mapped, 1))
    why = "1 of 6 tiles were predicted from other covariate tiles than are there now"
    said = refused(mapped)
    assert f"{mapped.folder / 'map' / 'tiles'}: {why}" in said
    assert f"(first: {tile(mapped, 1).stem}); `alm90 predict {mapped.folder}` first" in said
    line, page = shown(mapped)
    assert f"warning: {OLD}{why}" in line
    assert line.endswith(f"; `alm90 run {mapped.folder}` makes it anew")
    assert why in page
    assert str(mapped.folder) not in page, "the same study gives the same page wherever it lies"
    alm90(mapped, "predict")
    line, page = shown(mapped)
    assert f"{OLD}its tiles have changed since they were joined; `alm90 run" in line
    assert "its tiles have changed since they were joined. `alm90 run` makes it anew." in page
    alm90(mapped, "mosaic")
    assert shown(mapped) == ("", "")


def test_a_map_of_an_earlier_model_is_not_shown_and_said_to_be_there(mapped: StudyFiles) -> None:
    """Fault: it is missing from the page as if there had never been one."""
    document = {**MANIFEST, "features": list(FEATURES), "seed": 7}
    (mapped.folder / "model" / "manifest.json").write_text(json.dumps(document), encoding="utf-8")
    line, page = shown(mapped)
    assert f"{OLD}it was made by an earlier model, and so is not shown; `alm90 run" in line
    assert "it was made by an earlier model" in page
    said = alm90(mapped, "view").stdout
    assert "unchanged, nothing to do" in said
    assert OLD in said, "each time"
    whole = (mapped.folder / "view.html").read_text(encoding="utf-8")
    assert "Map: <code>alm90 run mini</code>" in whole, "its tiles could not be joined"


def test_a_map_whose_file_was_changed(mapped: StudyFiles) -> None:
    with rasterio.open(
        mapped.folder / "map" / "vwc.tif", "r+", IGNORE_COG_LAYOUT_BREAK="YES"
    ) as it:
        it.update_tags(note="edited")
    line, _ = shown(mapped)
    assert f"{OLD}its file has been changed since it was written; " in line


def test_tiles_that_came_and_went(mapped: StudyFiles) -> None:
    """Of a region that has grown on one side and shrunk on the other."""
    gone, come = tile(mapped, 0), tile(mapped, 5)
    for folder in ("tiles", "companion_tiles", "flag_tiles"):
        (mapped.folder / "map" / folder / come.name).unlink()
    gone.unlink()
    line, _ = shown(mapped)
    assert "; 1 covariate tile not in it; 1 tile of which no covariate tile is left; " in line
    said = refused(mapped)
    assert f"tiles: 1 tile of which no covariate tile is left (first: {gone.stem}); `alm90" in said
    alm90(mapped, "predict")
    alm90(mapped, "mosaic")
    assert shown(mapped) == ("", "")


def test_a_tile_that_could_not_be_predicted_is_no_change(mapped: StudyFiles) -> None:
    """Its hole was told by the step that met it."""
    name = tile(mapped, 2).stem
    with closing(Journal(mapped.folder / "journal.sqlite")) as journal:
        journal.record_failure("map_tiles", name, "cannot be read")
    for folder in ("tiles", "companion_tiles", "flag_tiles"):
        (mapped.folder / "map" / folder / f"{name}.tif").unlink()
    alm90(mapped, "mosaic")
    assert shown(mapped) == ("", "")


def test_an_outdated_covariate_tile_is_told(mapped: StudyFiles) -> None:
    """One that the last export was to make anew, and did not."""
    with closing(Journal(mapped.folder / "journal.sqlite")) as journal:
        journal.record("covariate_stack", "", "a later one", [])
    line, _ = shown(mapped)
    assert f"{OLD}6 covariate tiles of earlier settings; " in line
    assert ": 6 tiles of covariate tiles of earlier settings (first: " in refused(mapped)


def test_what_is_still_to_be_predicted_is_a_hole_and_no_fault(mapped: StudyFiles) -> None:
    """As where `predict` was interrupted."""
    name = tile(mapped, 0).stem
    for folder in ("tiles", "companion_tiles", "flag_tiles"):
        (mapped.folder / "map" / folder / f"{name}.tif").unlink()
    done = tried(mapped, "mosaic")
    assert done.exit_code == 5, done.output
    assert f"map tile {name} is missing" in done.output
    assert f"{OLD}1 covariate tile not in it; " in shown(mapped)[0]


@pytest.mark.parametrize("removed", ["covariates/tiles", "journal.sqlite"])
def test_tiles_of_which_nothing_is_known_are_joined(mapped: StudyFiles, removed: str) -> None:
    place = mapped.folder / removed
    for path in [place] if place.is_file() else list(place.iterdir()):
        path.unlink()
    assert tried(mapped, "mosaic").exit_code == 0


def test_of_a_large_tile_each_part_is_looked_at(
    mapped: StudyFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: parts bear other names than their tile, and none is ever found old."""
    monkeypatch.setattr("export.map.tile_parts.PART_PX", 8)
    monkeypatch.setattr("export.map.tile_parts.FEWEST_PX", 4)
    alm90(mapped, "predict")
    parts = sorted(path.stem for path in (mapped.folder / "map" / "tiles").glob("*.tif"))
    assert len(parts) > 6
    alm90(mapped, "mosaic")
    assert shown(mapped) == ("", "")
    large = tile(mapped, 0)
    change(large)
    of_it = [name for name in parts if name.startswith(large.stem)]
    said = refused(mapped)
    assert f"tiles: {len(of_it)} of {len(parts)} tiles were predicted from other" in said
    assert f"(first: {of_it[0]})" in said


def test_the_report_tells_it_too(mapped: StudyFiles) -> None:
    """Fault: the page shows an old map, and says that nothing has changed."""
    assert OLD not in alm90(mapped, "report").stdout
    change(tile(mapped, 1))
    said = [alm90(mapped, "report").stdout for _ in range(2)]
    for one in said:
        assert f"report   warning: {OLD}1 of 6 tiles were predicted from other" in one
        assert f"`alm90 run {mapped.folder}` makes it anew" in one
    assert "unchanged, nothing to do" in said[1]
    page = (mapped.folder / "report.html").read_text(encoding="utf-8")
    assert "<strong>The map is out of date: 1 of 6 tiles" in page
    alm90(mapped, "predict")
    alm90(mapped, "mosaic")
    assert OLD not in alm90(mapped, "report").stdout
    assert "The map is out of date" not in (mapped.folder / "report.html").read_text("utf-8")
