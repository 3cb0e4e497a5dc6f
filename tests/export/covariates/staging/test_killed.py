"""Batch exports that are killed, on days when everything goes wrong at once.

The command line runs as a process of its own and is killed by SIGKILL: amid its tasks, and amid its
tiles. Faults caught: what was computed is computed again, or lost; a task started twice; a tile
that is damaged passes; a half file that passes for a whole one; pixels that depend on any of it.
"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from gee.local import LocalEarthEngine, exports
from gee.session import disconnect

FOLDER = "projects/alm90-local/assets/alm90"
PATHS = {
    "staged": {"path": "staged", "staging_folder": FOLDER},
    "bucket": {"path": "bucket", "bucket": "my-bucket"},
    "drive": {"path": "drive", "drive_files": "drive"},
}
TILES = 4


@pytest.fixture
def served(staged_study: Any) -> Iterator[Any]:
    """The study, asking a server on loopback, and the tiles that the direct path then gives."""
    service = LocalEarthEngine(staged_study.folder / "scenes")
    with service.serve() as server:
        staged_study.service = service
        staged_study.use(
            url=server.url, workers=1, export_px=32, path="direct", patience_s=60.0, poll_s=0.05
        )
        staged_study.study.write(map={"workers": 1})
        assert staged_study.study.alm90("sample").exit_code == 0
        staged_study.export()
        staged_study.expected = staged_study.study.tile_bytes()
        shutil.rmtree(staged_study.folder / "covariates" / "tiles")
        yield staged_study
        disconnect()


def tiles(study: Any) -> list[Path]:
    return sorted((study.folder / "covariates" / "tiles").glob("*.tif"))


HELD = """
import sys, threading
from export import cli
from export.covariates import tile_writing

turn, sys.argv[1:] = threading.Semaphore(int(sys.argv[1])), sys.argv[2:]
write = tile_writing._write_tile

def held(*arguments):
    if not turn.acquire(blocking=False):
        threading.Event().wait(600)
    return write(*arguments)

tile_writing._write_tile = held
cli.main()
"""


def held_after(study: Any, tiles: int) -> subprocess.Popen[bytes]:
    """Start an export that writes so many tiles and no more, however late it is looked at."""
    return subprocess.Popen(
        [sys.executable, "-c", HELD, str(tiles), "export", str(study.folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture
def held_tasks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], threading.Event]]:
    """`held_tasks(number)`: so many tasks are done, and the others when the event given is set."""
    go_on = threading.Event()
    run = exports.run

    def hold(number: int) -> threading.Event:
        turn = threading.Semaphore(number)

        def held(*arguments: Any) -> Any:
            if not turn.acquire(blocking=False):
                go_on.wait(600)
            return run(*arguments)

        monkeypatch.setattr(exports, "run", held)
        return go_on

    yield hold
    go_on.set()


def killed_when(run: subprocess.Popen[bytes], reached: Callable[[], bool]) -> None:
    """Kill an export once something has come to pass."""
    deadline = time.monotonic() + 120
    try:
        while not reached():
            assert run.poll() is None, "it ended too soon"
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        run.kill()
        run.wait()


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def in_drive(study: Any) -> list[Path]:
    """Return the files that were exported to Drive, if any were."""
    return sorted((study.exports / "drive" / "alm90").glob("*.tif"))


def bring_here(study: Any, files: list[Path], half: Collection[Path] = ()) -> None:
    """Do what a user does with files of Drive; of some the copy is only half done."""
    (study.folder / "drive").mkdir(exist_ok=True)
    for file in files:
        content = file.read_bytes()
        here = study.folder / "drive" / file.name
        here.write_bytes(content[: len(content) // 2] if file in half else content)


def hard_day(service: LocalEarthEngine) -> None:
    """Let tasks be too heavy, and a call or two fail; each that is repeated takes a second."""
    inject = service.faults.inject
    inject("memory", call="task", times=None, larger_than_px=900)
    inject("503", call="task", times=1)
    inject("truncated", call="image:export", times=1, after=2)
    inject("memory", call="image:computePixels", times=1)
    inject("slow", call="image:computePixels", times=None, after=2, seconds=0.1)
    inject("truncated", call="storage:get", times=1, after=2)
    inject("slow", call="storage:get", times=None, after=4, seconds=0.05)


def bad_day(service: LocalEarthEngine) -> None:
    """Let calls and tasks fail now and then in each of the ways there are."""
    inject = service.faults.inject
    inject("503", call="image:export", times=1)
    inject("truncated", call="image:export", times=1, after=2)
    inject("429", call="operations", times=1, after=1)
    inject("truncated", call="operations", times=1, after=3)
    inject("slow", call="operations", times=None, after=5, seconds=0.1)
    inject("memory", call="task", times=None, larger_than_px=900)
    inject("503", call="task", times=1)
    inject("429", call="image:computePixels", times=1)
    inject("truncated", call="image:computePixels", times=1, after=2)
    inject("memory", call="image:computePixels", times=1, after=4)
    inject("slow", call="image:computePixels", times=None, after=6, seconds=0.2)
    inject("503", call="storage:list", times=1)
    inject("truncated", call="storage:get", times=2, after=2)
    inject("dropped", call="storage:get", times=1, after=4)
    inject("slow", call="storage:get", times=None, after=6, seconds=0.1)


def states(study: Any) -> list[str]:
    return [one.state for one in study.service.workspace.operations.operations.values()]


def exports_of_pieces(study: Any) -> list[str]:
    """Return what the tasks that were done made, one entry each."""
    operations = study.service.workspace.operations.operations.values()
    return [one.request["description"] for one in operations if one.state == "SUCCEEDED"]


def ended(served: Any, made: list[str]) -> None:
    """Let an export come to its end, and once more; `made` is what had been made before."""
    done = served.export()
    assert f"of {TILES} tiles" in done.stdout
    assert served.tiles_are_those_of_the_direct_path()
    all_made = exports_of_pieces(served)
    assert set(made) <= set(all_made)
    assert len(set(all_made)) == len(all_made), "nothing was computed twice"
    served.forget_requests()
    assert f"(0 written, {TILES} kept)" in served.export().stdout
    assert served.sent("image:computePixels") == served.sent("image:export") == 0
    assert not list((served.folder / "covariates").rglob("*.part"))


@pytest.mark.slow
def test_a_staged_export_killed_amid_its_tasks(
    served: Any, held_tasks: Callable[[int], threading.Event]
) -> None:
    served.use(**PATHS["staged"])
    hard_day(served.service)
    go_on = held_tasks(3)
    run = served.study.start("export")
    killed_when(run, lambda: states(served).count("SUCCEEDED") >= 3)
    assert states(served).count("SUCCEEDED") == 3
    go_on.set()
    assert not tiles(served)
    ended(served, exports_of_pieces(served))
    damage(tiles(served)[0])
    ended(served, [])


def test_a_bucket_s_export_interrupted_as_it_waits_and_killed_amid_tiles(served: Any) -> None:
    """Fault: with Ctrl-C, minutes to the next look at tasks pass before the process ends."""
    served.use(**PATHS["bucket"], poll_s=600.0)
    run = served.study.start("export")
    deadline = time.monotonic() + 120
    while len(states(served)) < 2 * TILES:  # then it waits, or is about to
        assert run.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    begun = time.monotonic()
    run.send_signal(signal.SIGINT)
    assert run.wait() == 130
    assert time.monotonic() - begun < 120
    assert set(states(served)) <= {"PENDING", "RUNNING"}, "they go on"
    served.use(poll_s=0.05)
    hard_day(served.service)
    killed_when(held_after(served, tiles=2), lambda: len(tiles(served)) >= 2)
    assert len(tiles(served)) == 2
    damage(tiles(served)[0])
    ended(served, exports_of_pieces(served))


def test_drive_s_export_killed_amid_its_tasks_and_amid_tiles_while_its_files_come(
    served: Any, held_tasks: Callable[[int], threading.Event]
) -> None:
    """Faults: half a file enters a tile, or bars the others; what is still to come is exported
    again."""
    served.use(**PATHS["drive"])
    go_on = held_tasks(3)
    killed_when(served.study.start("export"), lambda: states(served).count("SUCCEEDED") >= 3)
    go_on.set()
    served.export(code=4)
    made = exports_of_pieces(served)
    assert len(set(made)) == len(made) == 2 * TILES
    *come, half, missing = [file for file in in_drive(served) if file.name.startswith("climate")]
    others = [file for file in in_drive(served) if not file.name.startswith("climate")]
    bring_here(served, [*others, *come, half], half=[half])
    killed_when(held_after(served, tiles=1), lambda: len(tiles(served)) >= 1)
    assert len(tiles(served)) == 1
    damage(tiles(served)[0])
    done = served.export(code=5)
    assert f"{half.name} is damaged" in done.stderr
    assert f"waits for {missing.name}" in done.stderr
    assert [path.name for path in tiles(served)] == sorted(served.expected)[:2]
    bring_here(served, [half, missing])
    ended(served, made)


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_time(served: Any, path: str, seed: int) -> None:
    """Eight times, each a second or so further on, and a tile damaged each time there is one; some
    of the files of Drive come each time, one of them by half."""
    generator = random.Random(seed)
    served.use(**PATHS[path])
    for _ in range(8):
        bad_day(served.service)
        moment = time.monotonic() + generator.uniform(1.5, 5.0)
        run = served.study.start("export")
        while time.monotonic() < moment and run.poll() is None:
            time.sleep(0.02)
        run.kill()
        run.wait()
        if tiles(served):
            damage(generator.choice(tiles(served)))
        exported = in_drive(served)
        some = generator.sample(exported, generator.randint(0, len(exported)))
        bring_here(served, some, half=some[:1])
        served.service.faults.clear()
    if path == "drive":
        served.study.alm90("export")  # what was not exported yet
        bring_here(served, in_drive(served))
    served.export()
    assert served.tiles_are_those_of_the_direct_path()
    made = exports_of_pieces(served)
    assert len(set(made)) == len(made), "nothing was computed twice"
    served.forget_requests()
    assert f"(0 written, {TILES} kept)" in served.export().stdout
    assert served.sent("image:computePixels") == served.sent("image:export") == 0
