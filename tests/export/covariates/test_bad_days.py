"""An export on a bad day: refused, too heavy, killed, interrupted."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import rasterio

from gee.local import LocalEarthEngine
from gee.session import disconnect


def test_a_refused_tile_leaves_a_hole_that_the_next_run_fills(
    earth_engine_study: Any, fault: Callable[..., None]
) -> None:
    study = earth_engine_study
    assert study.alm90("export").exit_code == 0
    undisturbed = study.tile_bytes()
    for path in (study.folder / "covariates" / "tiles").iterdir():
        path.unlink()
    study.write_small_requests()
    assert study.alm90("sample").exit_code == 0  # connects anew
    fault("memory", times=4)  # the whole, a half of the bands, a quarter, a sixteenth
    done = study.alm90("export")
    assert done.exit_code == 5, done.output
    assert "left 1 hole(s)" in done.stderr
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


def test_a_tile_too_heavy_at_once_is_divided(
    earth_engine_study: Any, fault: Callable[..., None]
) -> None:
    study = earth_engine_study
    assert study.alm90("export").exit_code == 0
    undisturbed = study.tile_bytes()
    for path in (study.folder / "covariates" / "tiles").iterdir():
        path.unlink()
    fault("memory", times=None, larger_than_px=700)
    assert study.alm90("export").exit_code == 0
    assert study.tile_bytes() == undisturbed


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


def test_a_killed_export_resumes_and_a_third_run_asks_for_nothing(
    earth_engine_study: Any,
) -> None:
    """Through a server on loopback: the process dies amid its tiles, by SIGKILL."""
    study = earth_engine_study
    assert study.alm90("export").exit_code == 0
    undisturbed = study.tile_bytes()
    for path in (study.folder / "covariates" / "tiles").iterdir():
        path.unlink()
    service = LocalEarthEngine(study.folder / "scenes")

    def asked() -> int:
        """Requests since the fault was lifted; the dead process's last one may end after it."""
        return sum(one.fault is None for one in service.requests.calls("image:computePixels"))

    with service.serve() as server:
        study.write(earthengine={"url": server.url, "workers": 1}, map={"workers": 1})
        assert study.alm90("sample").exit_code == 0
        service.faults.inject("slow", call="image:computePixels", times=None, seconds=0.5)
        run = study.start("export")
        deadline = time.monotonic() + 60
        while len(list((study.folder / "covariates" / "tiles").glob("*.tif"))) < 2:
            assert run.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        run.kill()
        run.wait()
        service.faults.clear()
        service.requests.clear()
        resumed = study.alm90("export")
        assert resumed.exit_code == 0, resumed.output
        sent = asked()
        assert 2 <= sent <= 3  # a tile that was whole but not yet in the journal is asked for again
        assert "(0 written, 4 kept)" in study.alm90("export").stdout
        assert asked() == sent
        disconnect()
    names = ("slope", "wetness", "twi", "elevation")
    for name, content in study.tile_bytes().items():
        with rasterio.MemoryFile(content) as memory, memory.open() as ours:
            found = dict(zip(ours.descriptions, ours.read(), strict=True))
        with rasterio.MemoryFile(undisturbed[name]) as memory, memory.open() as theirs:
            expected = dict(zip(theirs.descriptions, theirs.read(), strict=True))
        for each in names:
            np.testing.assert_array_equal(found[each], expected[each])


def test_an_interrupted_export_does_not_wait_for_the_service(earth_engine_study: Any) -> None:
    """Fault: Ctrl-C is answered after minutes, when the requests under way are."""
    study = earth_engine_study
    service = LocalEarthEngine(study.folder / "scenes")
    with service.serve() as server:
        study.write(earthengine={"url": server.url})
        slow = service.faults.inject("slow", call="image:computePixels", times=None, seconds=20)
        run = study.start("export")
        deadline = time.monotonic() + 60
        while not slow.seen:
            assert run.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        begun = time.monotonic()
        run.send_signal(signal.SIGINT)
        assert run.wait() == 130
        assert time.monotonic() - begun < 8


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
