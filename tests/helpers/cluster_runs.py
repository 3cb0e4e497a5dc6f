"""A scheduler and workers as processes of their own, on loopback; what a run wrote and said."""

import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# A tile is as short as these are; so that a worker can be killed in the midst of one, it says that
# it has begun, and takes its time.
PRELOAD = """
    import os, resource, time
    from pathlib import Path
    import export.cluster.work as work

    work.really = getattr(work, "really", work.predict_job)  # dask loads this text several times
    folder = Path("{folder}")

    def slowly(job, predictor):
        with (folder / f"{{os.getpid()}}.begun").open("a") as file:
            file.write(job.name + chr(10))
        if (folder / "deadly").exists() and (folder / "deadly").read_text() == job.name:
            os.kill(os.getpid(), 9)
        while (folder / "held").exists():
            time.sleep(0.02)
        time.sleep(float((folder / "seconds").read_text()))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        if (folder / "full").exists():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            return work.really(job, predictor)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    work.predict_job = slowly
"""


class Machines:
    """A scheduler and its workers, each a process.

    Parameters
    ----------
    folder : for their files; what lies in it says what becomes of a tile
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.workers: list[subprocess.Popen[bytes]] = []
        self._all: list[subprocess.Popen[bytes]] = []
        self._log = (folder / "log").open("wb")
        (folder / "preload.py").write_text(textwrap.dedent(PRELOAD.format(folder=folder)))
        self.take(0)
        # One death is forgiven: a tile at which a second worker dies is given up.
        forgiven = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
        self.scheduler = self._start(
            "scheduler", "--port", "0", "--scheduler-file", self.file, **forgiven
        )
        self.wait_for(self.file.exists)

    def have(self, workers: int) -> "Machines":
        """Bring the workers to a number, all of which are fit and quick."""
        self.take(0)
        self.kill_at(None)
        self.fill_disk(full=False)
        self.hold(held=False)
        for worker in list(self.workers):
            if worker.poll() is not None:
                self.workers.remove(worker)
        while len(self.workers) > workers:
            self.stop(self.workers[-1])
        while len(self.workers) < workers:
            self.start_worker()
        return self

    def take(self, seconds: float) -> None:
        """Let each tile last longer."""
        (self.folder / "seconds").write_text(str(seconds))

    def kill_at(self, tile: str | None) -> None:
        """Let every worker die at a tile, or at none."""
        (self.folder / "deadly").write_text(tile or "")

    def fill_disk(self, full: bool) -> None:
        """Let the disk of every worker refuse what a tile takes, or take it again."""
        self._mark("full", full)

    def hold(self, held: bool) -> None:
        """Let every worker wait at the tile that it has begun, or go on."""
        self._mark("held", held)

    def start_worker(self, *options: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker with one thread, and don't wait for it."""
        options = options or ("--preload", str(self.folder / "preload.py"))
        worker = self._start(
            "worker", "--scheduler-file", self.file, "--nthreads", "1", "--no-nanny",
            "--local-directory", self.folder, *options, **environment,
        )  # fmt: skip
        self.workers.append(worker)
        return worker

    def begun(self, worker: subprocess.Popen[bytes]) -> list[str]:
        """Return the tiles that a worker has begun."""
        file = self.folder / f"{worker.pid}.begun"
        return file.read_text().split() if file.exists() else []

    def all_begun(self) -> list[str]:
        return [name for worker in self.workers for name in self.begun(worker)]

    def kill_within(self, worker: subprocess.Popen[bytes], tiles: int) -> None:
        """Kill a worker in the midst of the tile of that number."""
        self.wait_for(lambda: len(self.begun(worker)) >= tiles)
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()
        if process in self.workers:
            self.workers.remove(process)

    def close(self) -> None:
        for process in self._all:
            process.kill()
            process.wait()
        self._log.close()

    def log(self) -> str:
        self._log.flush()
        return (self.folder / "log").read_text()

    def _mark(self, name: str, present: bool) -> None:
        if present:
            (self.folder / name).touch()
        else:
            (self.folder / name).unlink(missing_ok=True)

    def _start(self, *arguments: Any, **environment: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *map(str, arguments), "--host", "127.0.0.1",
             "--no-dashboard"],
            cwd=self.folder,
            stdout=self._log,
            stderr=self._log,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        )  # fmt: skip
        self._all.append(process)
        return process

    def wait_for(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < end, self.log()
            time.sleep(0.02)


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each raster, by its path within the folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.tif")
    }


def kept_of(said: str) -> int:
    """Return how many tiles a run said that it kept."""
    return int(said.split(" predicted, ")[1].split()[0])
