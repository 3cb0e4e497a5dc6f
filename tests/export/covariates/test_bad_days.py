"""An export on a bad day: refused, too heavy, killed, interrupted."""

from __future__ import annotations

import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gee.local import LocalEarthEngine
from gee.session import disconnect, local_service


def test_a_refused_tile_leaves_a_hole_that_the_next_run_fills(
    earth_engine_study: Any, fault: Callable[..., None]
) -> None:
    study = earth_engine_study
    assert study.alm90("export").exit_code == 0
    undisturbed = study.tile_bytes()
    study.remove_tiles()
    study.write_small_requests()
    assert study.alm90("sample").exit_code == 0  # connects anew
    fault("memory", times=4)  # the whole, a half of the bands, a quarter, a sixteenth
    done = study.alm90("export")
    assert done.exit_code == 5, done.output
    assert "left 1 hole:" in done.stderr
    assert "tile_r0000_c0000" in done.stderr
    assert "memory" in done.stderr
    assert sorted(study.tile_bytes()) == sorted(undisturbed)[1:]
    again = study.alm90("export")
    assert again.exit_code == 0, again.output
    assert "(1 written, 3 kept)" in again.stdout
    assert study.tile_bytes() == undisturbed


def test_an_export_that_is_refused_from_the_start_ends(
    earth_engine_study: Any,
    fault: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fault: every tile of a plateau is asked for, and every one refused."""
    study = earth_engine_study
    monkeypatch.setattr("export.covariates.tile_writing.REFUSED_AT_FIRST", 2)
    study.write_small_requests()
    assert study.alm90("sample").exit_code == 0
    fault("memory", times=None)
    done = study.alm90("export")
    assert done.exit_code == 4, done.output
    assert len(study.pixel_requests()) < 4 * 4


def test_a_resumed_export_that_is_refused_from_its_start_ends(
    earth_engine_study: Any,
    fault: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fault: a tile that was there already counts as an answer of the service."""
    study = earth_engine_study
    monkeypatch.setattr("export.covariates.tile_writing.REFUSED_AT_FIRST", 1)
    study.write_small_requests()
    assert study.alm90("export").exit_code == 0
    for path in sorted((study.folder / "covariates" / "tiles").iterdir())[1:]:
        path.unlink()
    assert study.alm90("sample").exit_code == 0
    fault("memory", times=None)
    done = study.alm90("export")
    assert done.exit_code == 4, done.output
    assert "memory" in done.stderr


def test_an_export_whose_tiles_take_several_windows_ends_when_all_are_refused(
    earth_engine_study: Any,
    fault: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fault: a window that need not be asked for, since its tile has failed, counts as answered."""
    study = earth_engine_study
    monkeypatch.setattr("export.covariates.tile_writing.REFUSED_AT_FIRST", 2)
    study.write_small_requests()
    study.write(earthengine={"request_mib": 16 * 16 * 3 * 5 / 2**20})
    assert study.alm90("sample").exit_code == 0
    sent = len(study.pixel_requests())
    fault("memory", times=None)
    done = study.alm90("export")
    assert done.exit_code == 4, done.output
    # Of a tile at most the whole window, half its bands, a quarter, a sixteenth; the third tile
    # may have been under way.
    assert len(study.pixel_requests()) - sent <= 3 * 4


def test_a_tile_too_heavy_at_once_is_divided(
    earth_engine_study: Any, fault: Callable[..., None]
) -> None:
    study = earth_engine_study
    assert study.alm90("export").exit_code == 0
    undisturbed = study.tile_bytes()
    study.remove_tiles()
    fault("memory", times=None, larger_than_px=700)
    assert study.alm90("export").exit_code == 0
    assert study.tile_bytes() == undisturbed


def test_a_quota_that_is_used_up_ends_the_export_at_once(
    earth_engine_study: Any, fault: Callable[..., None]
) -> None:
    """Fault: a quarter of an hour of attempts for what begins anew tomorrow; lost tiles."""
    study = earth_engine_study
    study.write_small_requests()
    assert study.alm90("sample").exit_code == 0
    fault("quota_day", times=None, after=2)
    started = time.monotonic()
    done = study.alm90("export")
    assert time.monotonic() - started < 20, "patience_s is 900 s"
    assert done.exit_code == 4, done.output
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "the project's quota of the day is used up" in error
    assert "go on then, or have the quota raised in the Cloud console" in error
    assert "[asked" not in error
    assert len(study.pixel_requests()) <= 2 + 4, "each window once at most"
    kept = study.tile_bytes()
    assert len(kept) == 2
    service = local_service()
    assert service is not None
    service.faults.clear()
    again = study.alm90("export")
    assert "(2 written, 2 kept)" in again.stdout, again.output
    assert kept.items() <= study.tile_bytes().items()


def test_a_long_wait_for_a_busy_service_is_shown_once(
    earth_engine_study: Any, fault: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: a terminal that stands still for minutes; or a line for each attempt."""
    study = earth_engine_study
    study.write_small_requests()
    assert study.alm90("sample").exit_code == 0
    monkeypatch.setattr("gee.outage.LONG_S", 0.01)
    monkeypatch.setattr("gee.asking.LONGEST_WAIT_S", 0.1)
    fault("quota_minute", times=2, after=1)
    fault("429", times=3, after=1)
    done = study.alm90("export")
    assert done.exit_code == 0, done.output
    lines = [line for line in done.stdout.splitlines() if "waiting for Earth Engine" in line]
    assert len(lines) == 1, done.output
    shown = r"note     waiting for Earth Engine since \d\d:\d\d:\d\d, until \d\d:\d\d:\d\d at most"
    assert re.match(shown, lines[0])
    assert "more was asked at once than a quota allows" in lines[0]
    log = (study.folder / "log.txt").read_text("utf-8")
    assert log.count("asked again in") == 5
    assert log.count("waiting for Earth Engine") == 1


def test_what_was_too_heavy_is_not_asked_at_that_size_again(
    earth_engine_study: Any, fault: Callable[..., None]
) -> None:
    """Fault: a refused request for each tile, in this run and in the next."""
    study = earth_engine_study
    assert study.alm90("export").exit_code == 0
    undisturbed = study.tile_bytes()

    def refused() -> int:
        return len(local_service().requests.calls("image:computePixels", status=400))

    def export_anew() -> str:
        study.remove_tiles()
        done = study.alm90("export")
        assert done.exit_code == 0, done.output
        assert study.tile_bytes() == undisturbed
        return str(done.stdout)

    study.write_small_requests()
    assert study.alm90("sample").exit_code == 0
    fault("memory", times=None, larger_than_px=300)
    # The first window: all bands, either half of them, and then quarters of the window.
    assert "too heavy for one request, and so divided: 3" in export_anew()
    assert refused() == 3
    assert "divided" not in export_anew()
    assert refused() == 3
    # Other composites may be lighter, or heavier.
    study.write(earthengine={"terrain": {"least_gradient": 0.1}})
    assert study.alm90("export").exit_code == 3  # samples are of before
    # A single band on its own larger windows: the whole and its four quarters; then no more.
    assert refused() == 3 + 5


def test_the_plan_knows_what_was_too_heavy(
    earth_engine_study: Any, fault: Callable[..., None]
) -> None:
    study = earth_engine_study
    study.write_small_requests()
    assert study.alm90("sample").exit_code == 0
    fault("memory", times=None, larger_than_px=300)
    assert study.alm90("export").exit_code == 0
    study.remove_tiles()
    sent = len(study.pixel_requests())
    plan = study.alm90("plan").stdout
    found = re.search(r"asked of Earth Engine: (\d+) requests", plan)
    assert found, plan
    assert study.alm90("export").exit_code == 0
    assert len(study.pixel_requests()) == sent + int(found[1])


def test_what_would_be_refused_for_every_tile_stops_at_once(
    earth_engine_study: Any, fault: Callable[..., None]
) -> None:
    """Fault: thousands of doomed requests, and as many holes."""
    study = earth_engine_study
    assert study.alm90("sample").exit_code == 0
    fault("forbidden", times=None)
    done = study.alm90("export")
    assert done.exit_code == 4
    assert "error: " in done.stderr
    assert len(study.pixel_requests()) <= 4


def test_an_asset_that_is_not_there_ends_with_4(earth_engine_study: Any) -> None:
    study = earth_engine_study
    study.write(earthengine={"terrain": {"upslope_area": "projects/me/assets/nowhere"}})
    done = study.alm90("sample")
    assert done.exit_code == 4, done.output
    assert "projects/me/assets/nowhere" in done.stderr


def test_without_a_project_nothing_is_asked(earth_engine_study: Any) -> None:
    study = earth_engine_study
    study.values = {**study.values, "earthengine": {"covariates": ["slope"]}}
    study.write()
    done = study.alm90("sample")
    assert done.exit_code == 4
    assert "earthengine.project" in done.stderr


def test_a_local_service_outside_the_study_is_refused(
    earth_engine_study: Any, tmp_path: Any
) -> None:
    study = earth_engine_study
    (study.folder / "scenes").rename(tmp_path / "scenes")
    study.write(earthengine={"url": f"local:{tmp_path / 'scenes'}"})
    done = study.alm90("sample")
    assert done.exit_code == 2
    assert "outside_files = true" in done.stderr


def wait_for(what: Callable[[], bool], run: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not what():
        assert run.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_worst_day_leaves_the_tiles_of_a_quiet_one(
    earth_engine_study: Any, tmp_path: Path
) -> None:
    """`alm90 export` of the command line, asking a server on loopback: killed by SIGKILL amid its
    tiles, one of which is then altered, under busy, slow, broken and too heavy answers.

    Faults: half a tile is believed, a tile is lost or of other bytes, what was paid for is asked
    for again.
    """
    quiet = earth_engine_study
    service = LocalEarthEngine(quiet.folder / "scenes")

    def bad_day() -> None:
        service.faults.clear()
        for number, kind in enumerate(("429", "503", "truncated", "dropped")):
            service.faults.inject(kind, call="image:computePixels", after=2 * number)
        # A quarter of a window passes.
        service.faults.inject("memory", times=None, larger_than_px=200)
        service.faults.inject("slow", call="image:computePixels", times=None, seconds=0.05)

    def asked() -> int:
        return len(service.requests.calls("image:computePixels"))

    def whole() -> list[Path]:
        return sorted((worst.folder / "covariates" / "tiles").glob("*.tif"))

    with service.serve() as server:
        quiet.write_small_requests()
        # A request holds a quarter of a tile.
        quiet.write(earthengine={"url": server.url, "request_mib": 16 * 16 * 3 * 5 / 2**20})
        assert quiet.alm90("sample").exit_code == 0
        disconnect()
        worst = type(quiet)(tmp_path / "worst", quiet.values)
        shutil.copytree(quiet.folder, worst.folder)
        assert quiet.start("export").wait() == 0
        undisturbed = quiet.tile_bytes()
        assert asked() == 16

        bad_day()
        run = worst.start("export")
        wait_for(lambda: len(whole()) >= 2, run)
        run.kill()
        assert run.wait() == -signal.SIGKILL
        assert 2 <= len(whole()) < 4
        altered = whole()[0]
        content = bytearray(altered.read_bytes())
        content[len(content) // 2] ^= 1
        altered.write_bytes(content)

        bad_day()
        assert worst.start("export").wait() == 0
        assert worst.tile_bytes() == undisturbed
        seen = {one.fault for one in service.requests.calls("image:computePixels")}
        assert seen == {None, "429", "503", "truncated", "dropped", "memory", "slow"}

        sent = asked()
        assert worst.start("export").wait() == 0
        assert asked() == sent
        assert worst.tile_bytes() == undisturbed


def journalled(study: Any) -> int:
    """Return how many tiles the journal of a study that is under way holds as done."""
    with closing(sqlite3.connect(study.folder / "journal.sqlite", timeout=60)) as journal:
        counted = "SELECT count(*) FROM done WHERE step = 'covariate_tiles'"
        return int(journal.execute(counted).fetchone()[0])


def test_a_run_goes_on_where_the_last_was_killed(earth_engine_study: Any) -> None:
    """Fault: what is whole already is asked for again."""
    study = earth_engine_study
    service = LocalEarthEngine(study.folder / "scenes")
    with service.serve() as server:
        study.write_small_requests()
        study.write(earthengine={"url": server.url})
        assert study.alm90("sample").exit_code == 0
        disconnect()
        # The third window and those after it are answered when the process is long dead.
        slow = service.faults.inject(
            "slow", call="image:computePixels", times=None, after=2, seconds=600
        )
        run = study.start("export")
        folder = study.folder / "covariates" / "tiles"
        wait_for(lambda: journalled(study) == 2 and slow.seen >= 3, run)
        run.kill()
        run.wait()
        assert len(list(folder.glob("*.tif"))) == 2
        service.faults.clear()
        service.requests.clear()
        resumed = study.alm90("export")
        assert resumed.exit_code == 0, resumed.output
        assert len(service.requests.calls("image:computePixels")) == 2
        disconnect()


def test_an_interrupted_export_does_not_wait_for_the_service(earth_engine_study: Any) -> None:
    """Fault: Ctrl-C is answered after minutes, when the requests under way are."""
    study = earth_engine_study
    service = LocalEarthEngine(study.folder / "scenes")
    with service.serve() as server:
        study.write(earthengine={"url": server.url})
        slow = service.faults.inject("slow", call="image:computePixels", times=None, seconds=600)
        run = study.start("export")
        deadline = time.monotonic() + 60
        while not slow.seen:
            assert run.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        begun = time.monotonic()
        run.send_signal(signal.SIGINT)
        assert run.wait() == 130
        assert time.monotonic() - begun < 120


def test_a_folder_of_scenes_that_is_not_there_is_named_before_any_work(
    earth_engine_study: Any,
) -> None:
    study = earth_engine_study
    study.write(earthengine={"url": "local:scenery"})
    done = study.alm90("run")
    assert done.exit_code == 3, done.output
    assert "earthengine.url names" in done.stderr
    assert "scenery, which is not there" in done.stderr
    assert "sites" not in done.stdout
