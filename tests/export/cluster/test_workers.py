"""Who works, and at how much: shared schedulers, few tiles at a time, unfit workers, none."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cluster_runs import hashes

from export.cluster import connection
from export.cluster.connection import scheduler_address
from export.cluster.sending import cluster
from export.errors import ClusterError, ClusterSetupError
from export.journal import file_sha256
from export.map.map_tile import TileFolders
from export.map.tile_prediction import TileJob, TileOutcome
from local_ml.prediction.predictor import Predictor


def test_two_runs_share_a_scheduler(world, machines, alone, tmp_path):
    """A tile of one run delivered to the other, or one run's end that takes the other's tiles."""
    machines.have(2).hold(held=True)
    folders = [tmp_path / name for name in ("one", "other")]
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "export.cli", "predict", "--model", world.model,
             "--covariates", world.tiles, "--out", folder, "--scheduler-file", machines.file],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for folder in folders
    ]  # fmt: skip
    for run in runs:
        assert run.stdout is not None
        assert any(line.startswith("cluster ") for line in run.stdout)  # now it sends
    machines.take(0.05)
    machines.hold(held=False)
    for run in runs:
        said, told = run.communicate(timeout=60)
        assert run.returncode == 0, told
        assert "12 tiles (12 predicted, 0 kept)" in said
    for folder in folders:
        assert hashes(folder) == alone
        assert not list(folder.glob(".cluster*"))


def test_few_tiles_are_under_way_at_a_time(world, machines, tmp_path):
    """A million tiles held in memory by client and scheduler."""
    machines.have(1)
    tiles = sorted(world.tiles.iterdir())
    folders = TileFolders.of(tmp_path, companion=True)
    model = Predictor.load(world.model).fingerprint
    taken = 0

    def jobs():
        nonlocal taken
        yield TileOutcome("known", "", skipped=True)
        for tile in tiles:
            taken += 1
            yield TileJob(tile.stem, tile, file_sha256(tile), model, folders)

    address = scheduler_address(None, machines.file)
    with cluster(address, world.model, model, world.tiles, tmp_path, lambda _: None) as workers:
        outcomes = workers.outcomes(jobs())
        assert next(outcomes).name == "known"
        assert taken == 0
        for got, outcome in enumerate(outcomes):
            assert outcome.reason is None
            assert taken - got <= 3
    assert taken == len(tiles)


def test_a_worker_with_other_software_is_refused(predict, machines):
    """A map of two kinds of bits."""
    machines.have(1)
    preload = """
        import importlib.metadata as metadata
        metadata.really = getattr(metadata, "really", metadata.version)
        metadata.version = lambda name: "0.0.1" if name == "numba" else metadata.really(name)
    """
    other = machines.folder / "other.py"
    other.write_text("\n".join(line.strip() for line in preload.splitlines()))
    before = machines.all_begun()
    worker = machines.start_worker("--preload", str(other))
    address = scheduler_address(None, machines.file)
    with connection.connected(address) as client:
        machines.wait_for(lambda: len(connection.threads_of(client)) == 2)
    with pytest.raises(ClusterSetupError, match=r"worker tcp://\S+ has numba 0.0.1, here it is"):
        predict(machines)
    machines.stop(worker)
    assert machines.all_begun() == before


def test_a_worker_that_dies_as_it_is_asked_leaves_the_run_to_the_others(predict, machines):
    """A machine that is gone told to install what it has."""
    machines.have(1)
    preload = """
        import importlib.metadata as metadata, os
        metadata.really = getattr(metadata, "really", metadata.version)
        mortal = lambda name: os.kill(os.getpid(), 9) if name == "alm90" else metadata.really(name)
        metadata.version = mortal
    """
    mortal = machines.folder / "mortal.py"
    mortal.write_text("\n".join(line.strip() for line in preload.splitlines()))
    worker = machines.start_worker("--preload", str(mortal))
    with connection.connected(scheduler_address(None, machines.file)) as client:
        machines.wait_for(lambda: len(connection.threads_of(client)) == 2)
    holes, said = predict(machines)
    assert worker.wait() == -signal.SIGKILL
    assert holes == []
    assert "12 tiles (12 predicted, 0 kept)" in said


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs the /proc of Linux")
def test_a_worker_that_does_not_share_the_folder_is_named(predict, machines, tmp_path, monkeypatch):
    """Tiles written to a disk of the worker's own, which has a folder of that name."""
    machines.have(1)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ClusterSetupError, match=r"worker tcp://\S+ does not see /proc/self/cwd/o "):
        predict(machines, out=Path("/proc/self/cwd/o"))


def test_without_a_worker_it_waits_and_then_says_so(world, start_machines, machines, tmp_path):
    machines.have(0)
    address = scheduler_address(None, machines.file)
    said = []
    with connection.connected(address) as client:
        machines.wait_for(lambda: not connection.threads_of(client))
    with (
        pytest.raises(ClusterError, match="no worker for 0 s"),
        cluster(address, world.model, "", world.tiles, tmp_path, said.append, patience=0.2),
    ):
        pass
    assert "no worker yet" in said[0]
