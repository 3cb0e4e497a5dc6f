"""A scheduler and workers as processes of their own, on loopback; a small model and its tiles."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from gee.grid import geobox_of_region, tiles_of

TILES = 12
TILE_PX = 16

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


class World(NamedTuple):
    """model : bundle; tiles : folder of covariate tiles."""

    model: Path
    tiles: Path


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A model of two forests, and twelve tiles of a region; read them, don't change them."""
    from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

    from export.rasters import write_geotiff
    from local_ml.bundle import write_bundle
    from local_ml.features import Feature
    from local_ml.prediction.applicability_rule import ApplicabilityRule
    from local_ml.prediction.features_encoding import FeatureEncoding
    from local_ml.prediction.fusion_rule import FusionRule
    from local_ml.prediction.interval_rule import IntervalRule
    from local_ml.settings import TargetSettings

    folder = tmp_path_factory.mktemp("world")
    generator = np.random.default_rng(6)
    sites = generator.uniform(0, 1, (40, 2)).astype(np.float32)
    moisture = 0.3 * sites[:, 0] + 0.1 * sites[:, 1]
    members = {
        "random_forest": RandomForestRegressor(5, random_state=0).fit(sites, moisture),
        "extra_trees": ExtraTreesRegressor(5, random_state=0).fit(sites, moisture),
    }
    write_bundle(
        folder / "model",
        target=TargetSettings(),
        encoding=FeatureEncoding.fit([Feature("twi", "1"), Feature("ndvi", "1")], sites),
        members=members,
        rule=FusionRule(tuple(members), (0.5, 0.5), 0.0, 1.0, 0.0, 1.0, minimum=0.0, maximum=0.85),
        intervals=IntervalRule(0.9, 1.5, 0.01, "none", 0.0, 0.85, "grouped"),
        applicability=ApplicabilityRule(
            np.zeros(2, np.float32), np.ones(2, np.float32), sites, 0.05, "grouped"
        ),
        samples_fingerprint="of a test",
        seed=0,
        settings={},
    )
    grid = geobox_of_region(90, 33, 90 + 0.16 * TILES, 33.16, "EPSG:4326", 0.01)
    for tile in tiles_of(grid, TILE_PX):
        bands = generator.uniform(0, 1, (2, TILE_PX, TILE_PX)).astype(np.float32)
        bands[:, 0] = np.nan
        write_geotiff(
            folder / "tiles" / f"{tile.name}.tif",
            bands,
            tile.geobox,
            float("nan"),
            ["twi", "ndvi"],
            ["1", "1"],
            {},
        )
    assert len(list((folder / "tiles").iterdir())) == TILES
    return World(folder / "model", folder / "tiles")


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


@pytest.fixture(scope="session")
def start_machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Machines]]:
    """Start a scheduler without workers."""
    started: list[Machines] = []

    def start() -> Machines:
        started.append(Machines(tmp_path_factory.mktemp("machines")))
        return started[-1]

    yield start
    for machines in started:
        machines.close()


@pytest.fixture(scope="session")
def machines(start_machines: Callable[[], Machines]) -> Machines:
    """A scheduler that no test kills; ask it for workers by `have`."""
    return start_machines()
