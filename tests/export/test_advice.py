"""What a user is told to type holds when it is pasted; a file that broke names who makes it."""

import shlex
from pathlib import Path

import pytest

from export.advice import command, remedy_of, typed


@pytest.mark.parametrize("folder", ["plain", "neu 青藏", "étude 五道梁 (1)", "it's"])
def test_a_command_is_read_back_by_a_shell_as_it_was_meant(folder: str) -> None:
    assert shlex.split(command("run", Path(folder), "--force")) == [
        "alm90",
        "run",
        folder,
        "--force",
    ]


def test_what_needs_no_quotes_has_none() -> None:
    assert typed("export", "/data/study") == "`alm90 export /data/study`"


@pytest.mark.parametrize(
    ("file", "step"),
    [
        ("covariates/tiles/tile_r0000_c0000.tif", "export"),
        ("map/tiles/tile_r0000_c0000.tif", "predict"),
        ("map/flag_tiles/tile_r0000_c0000.tif", "predict"),
        ("map/vwc.tif", "mosaic"),
        ("rasters/slope.tif", None),
    ],
)
def test_a_file_of_a_study_is_made_again_by_its_step(
    tmp_path: Path, file: str, step: str | None
) -> None:
    theirs = "copy or download it again"
    assert remedy_of(tmp_path / file) == theirs, "a folder of the same form that is no study's"
    (tmp_path / "study.toml").touch()
    ours = theirs if step is None else f"`alm90 {step} {tmp_path}` makes it again"
    assert remedy_of(tmp_path / file) == ours
