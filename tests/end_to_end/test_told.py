"""What a command says where a study is not as it thinks: the truth, and what to type next."""

import errno
import json
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from typer.testing import Result

from export.journal import Journal

Alm90 = Callable[..., Result]


def move(study: Path) -> None:
    """Let the region of a finished study begin further west, and end further south."""
    path = study / "study.toml"
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        name, _, value = line.partition(" = ")
        if name in ("north", "west"):
            lines[number] = f"{name} = {float(value.split()[0]) - 0.05}"
    path.write_text("\n".join(lines), encoding="utf-8")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def test_a_probe_without_earth_engine_is_refused(alm90: Alm90, study: Path) -> None:
    refused = alm90("plan", study, "--probe")
    assert refused.exit_code == 2
    assert "has no [earthengine]" in refused.output
    assert refused.exception is None or isinstance(refused.exception, SystemExit)


def test_after_a_change_of_region_each_step_says_what_lies_elsewhere(
    alm90: Alm90, study: Path
) -> None:
    """Fault: the view crashes; the report gives the old map the edges of the new region."""
    alm90("report", study)
    before = edges(study)
    move(study)
    seen = alm90("view", study)
    assert seen.exit_code == 0, seen.output
    told = "3 covariate tiles left out, of another region or grid than that of study.toml now"
    assert told in seen.output
    assert told in (study / "view.html").read_text()
    joined = alm90("mosaic", study)
    assert joined.exit_code == 3
    assert "[region]" in joined.output
    assert f"`alm90 sites {study}` first" in joined.output
    report = alm90("report", study)
    assert "it lies on the grid of earlier settings" in report.output
    assert edges(study) == before


def edges(study: Path) -> str:
    page = (study / "report.html").read_text()
    return page.partition("the region (")[2].partition(")")[0]


def test_a_prediction_for_elsewhere_leaves_the_map_of_a_study(alm90: Alm90, study: Path) -> None:
    before = (study / "map/vwc.tif").read_bytes()
    refused = alm90(
        "predict", "--model", study / "model", "--covariates", study / "covariates/tiles",
        "--out", study / "map", "--force",
    )  # fmt: skip
    assert refused.exit_code == 2
    assert f"belongs to the study {study}" in refused.output
    assert "--out" in refused.output
    assert (study / "map/vwc.tif").read_bytes() == before
    assert not (study / "map/journal.sqlite").exists()


def test_a_map_from_before_the_skill_was_lost_is_told_of(alm90: Alm90, study: Path) -> None:
    """Fault: "No map was made", with a map beside it; advice that stops for want of --force."""
    for name in ("manifest.json", "validation.json"):
        path = study / "model" / name
        path.write_text(
            json.dumps(json.loads(path.read_text()) | {"no_skill": "no skill is shown"})
        )
    for step in ("report", "view", "compare"):
        done = alm90(step, study)
        assert done.exit_code == 0, done.output
        assert "the map is out of date: it was made by an earlier model" in done.output, step
        assert f"`alm90 run {study} --force` makes it anew" in done.output
    for page in ("report.html", "view.html"):
        assert "it was made by an earlier model" in (study / page).read_text()
    assert "No map was made of this model" in (study / "report.html").read_text()


@pytest.mark.parametrize(
    ("file", "step", "remedy"),
    [("covariates/tiles", "predict", "export"), ("map/vwc.tif", "compare", "mosaic")],
)
def test_a_truncated_file_of_ours_names_the_step_that_makes_it(
    alm90: Alm90, study: Path, file: str, step: str, remedy: str
) -> None:
    path = study / file
    cut(next(path.glob("*.tif")) if path.is_dir() else path)
    done = alm90(step, study)
    assert done.exit_code in (3, 5)
    assert f"`alm90 {remedy} {study}` makes it again" in done.output
    assert "download" not in done.output
    assert alm90(remedy, study).exit_code == 0
    assert alm90(step, study).exit_code == 0


@pytest.fixture
def at_work(study: Path) -> Iterator[Path]:
    """A study whose journal another run holds."""
    journal = Journal(study / "journal.sqlite")
    yield study
    journal.close()


def test_while_a_run_is_at_work_others_may_look(alm90: Alm90, at_work: Path) -> None:
    before = (at_work / "journal.sqlite").read_bytes()
    for step in ("plan", "view"):
        seen = alm90(step, at_work)
        assert seen.exit_code == 0, seen.output
        assert "another run is at work" in seen.output
    assert "there already: 9 tiles whole" in alm90("plan", at_work).output
    assert (at_work / "journal.sqlite").read_bytes() == before
    refused = alm90("sites", at_work)
    assert refused.exit_code == 3
    assert "wait for its end" in refused.output


def test_a_study_that_cannot_be_written_is_looked_at_and_no_more(
    alm90: Alm90, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(lock: FileLock, **_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(lock.lock_file))

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    assert alm90("plan", study).exit_code == 0
    refused = alm90("sites", study)
    assert refused.exit_code == 3
    assert f"{study} cannot be written (Read-only file system); copy the study" in refused.output
    assert "Errno" not in refused.output


@pytest.mark.parametrize("name", ["neu 青藏", "étude 五道梁 (1)"])
def test_what_is_to_be_typed_can_be_pasted(alm90: Alm90, study: Path, name: str) -> None:
    folder = study.with_name(name)
    shutil.copytree(study, folder)
    (folder / "samples.csv").unlink()
    said = alm90("train", folder).output
    assert shlex.split(said.split("`")[1]) == ["alm90", "sample", str(folder)]
