"""Tiles predicted by other processes: the same bytes, each finished tile kept, faults told."""

import hashlib
import threading

import pytest

from export.cluster.connection import scheduler_address
from export.progress import silent
from export.steps.predict import predict_folder


def hashes(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.tif")
    }


@pytest.fixture
def predict(world, tmp_path):
    """Predict the tiles of the world into a folder; return holes and what was said."""

    def run(machines=None, out="out", **changes):
        said = []
        address = None if machines is None else scheduler_address(None, machines.file)
        arguments = {"model": world.model, "covariates": world.tiles} | changes
        holes = predict_folder(
            out=tmp_path / out, progress=silent(), say=said.append, scheduler=address, **arguments
        )
        return holes, "\n".join(said)

    return run


def test_a_worker_killed_in_mid_run_changes_no_byte(predict, start_machines, tmp_path):
    machines = start_machines()
    machines.take(0.2)
    victim = machines.workers[0]
    killer = threading.Thread(target=machines.kill_within, args=(victim, 3))
    killer.start()
    holes, said = predict(machines)
    killer.join()
    assert holes == []
    assert victim.returncode == -9
    assert "12 tiles (12 predicted, 0 kept)" in said
    assert len(machines.begun(victim)) >= 3
    predict(out="alone")
    assert hashes(tmp_path / "out") == hashes(tmp_path / "alone")
    before = machines.all_begun()
    holes, said = predict(machines)
    assert "12 tiles (0 predicted, 12 kept)" in said
    assert machines.all_begun() == before
    assert not list((tmp_path / "out").glob(".cluster*"))
