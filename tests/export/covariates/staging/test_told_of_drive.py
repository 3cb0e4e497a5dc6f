"""What is said of files that have not come from Drive yet, or came damaged.

Faults caught: an exit code that sends the user to the data where files are only awaited; one
reason told tile by tile; a file named without its folder.
"""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def drive(staged_study: Any) -> Any:
    """All is exported in one piece a group, and its files are in the user's folder."""
    study = staged_study
    study.use(path="drive", drive_files="drive", export_px=2048)
    study.export(code=4)
    (study.folder / "scenes" / "exports" / "drive" / "alm90").rename(study.folder / "drive")
    return study


def test_files_that_leave_no_tile_whole_are_awaited(drive: Any) -> None:
    lacking = next((drive.folder / "drive").glob("climate_*.tif"))
    lacking.unlink()
    done = drive.export(code=4)
    tiles = len(drive.expected)
    assert f"  {lacking.name}: {tiles} tiles" in done.stdout
    assert str(lacking.parent) in done.stdout
    told = [line for line in done.stderr.splitlines() if lacking.name in line]
    assert len(told) == 1
    assert f"{tiles} covariate tiles" in told[0]
    assert f"waits for {lacking.name} in {lacking.parent}" in told[0]


def test_a_damaged_file_is_told_of_once(drive: Any) -> None:
    damaged = next((drive.folder / "drive").glob("climate_*.tif"))
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))
    done = drive.export(code=5)
    told = [line for line in done.stderr.splitlines() if str(damaged) in line]
    assert len(told) == 1, done.stderr
    assert len(told[0]) < 250 + len(str(damaged))
