"""What is lost on the way: a worker, the scheduler, space on the disk. Nothing finished is."""

import platform
import signal
import subprocess
import sys
import threading

import pytest
from cluster_runs import hashes, kept_of

from export.errors import ClusterError, WriteError
from export.journal import Journal
from export.map.predict import STEP


def test_a_worker_killed_in_mid_run_changes_no_byte(predict, machines, alone, tmp_path):
    """Tiles lost with a worker, half written, made twice or of other bits than at home."""
    machines.have(2).take(0.2)
    victim = machines.workers[0]
    in_the_third = (victim, len(machines.begun(victim)) + 3)
    killer = threading.Thread(target=machines.kill_within, args=in_the_third)
    killer.start()
    holes, said = predict(machines)
    killer.join()
    assert holes == []
    assert victim.returncode == -signal.SIGKILL
    assert "12 tiles (12 predicted, 0 kept)" in said
    assert hashes(tmp_path / "out") == alone
    before = machines.all_begun()
    holes, said = predict(machines)
    assert "12 tiles (0 predicted, 12 kept)" in said
    assert machines.all_begun() == before
    assert not list((tmp_path / "out").glob(".cluster*"))


def test_a_tile_at_which_workers_die_is_a_hole(predict, machines, tmp_path):
    """One tile that takes the whole cluster with it; or a run that waits for it for ever."""
    machines.have(3).kill_at("tile_r0000_c0005")
    holes, said = predict(machines)
    # A tile that waited at the same two workers is under the same suspicion.
    assert 1 <= len(holes) <= 2
    assert "map tile tile_r0000_c0005: 2 workers died at it" in holes[0]
    assert f"{12 - len(holes)} tiles ({12 - len(holes)} predicted" in said
    journal = Journal(tmp_path / "out" / "journal.sqlite")
    assert "tile_r0000_c0005" in journal.failures(STEP)
    journal.close()
    machines.have(1)
    assert predict(machines)[0] == []


def test_interrupted_it_takes_no_further_tile_and_resumes(world, machines, tmp_path, alone):
    """Tiles that go on for hours on all machines after Ctrl-C."""
    machines.have(1).take(0.4)
    before = len(machines.all_begun())
    command = [
        sys.executable, "-m", "export.cli", "predict", "--model", world.model,
        "--covariates", world.tiles, "--out", tmp_path / "out", "--scheduler-file", machines.file,
    ]  # fmt: skip
    run = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    machines.wait_for(lambda: len(machines.all_begun()) >= before + 3)
    run.send_signal(signal.SIGINT)
    _, told = run.communicate(timeout=60)
    assert run.returncode == 130, told
    assert "the same command resumes" in told
    assert "Traceback" not in told
    begun = len(machines.all_begun())
    assert begun - before < 8
    machines.take(0)
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert 1 <= kept_of(again.stdout) < 12
    # What was at work goes on to its end; what was sent beside it does not.
    assert len(machines.all_begun()) - begun <= 11
    assert hashes(tmp_path / "out") == alone


def test_a_full_disk_stops_the_run_and_space_given_back_resumes_it(
    predict, machines, alone, tmp_path
):
    """A hole for every tile that found no space; half a file in its place, or left beside it."""
    machines.have(2).take(0.2)
    before = len(machines.all_begun())

    def fill():
        machines.wait_for(lambda: len(machines.all_begun()) >= before + 5)
        machines.fill_disk(full=True)

    filler = threading.Thread(target=fill)
    filler.start()
    with pytest.raises(WriteError, match=rf"^{platform.node()}: .*cannot be written: File too lar"):
        predict(machines)
    filler.join()
    machines.wait_for(lambda: not list((tmp_path / "out").glob(".cluster*")))
    machines.have(2)
    holes, said = predict(machines)
    assert holes == []
    assert 1 <= kept_of(said) < 12
    assert hashes(tmp_path / "out") == alone
    assert not list((tmp_path / "out").rglob("*.part"))


def test_a_lost_scheduler_loses_nothing_that_is_finished(predict, start_machines, alone, tmp_path):
    """A run that hangs when its scheduler is gone, or forgets what was made."""
    machines = start_machines()
    machines.have(1).take(0.2)

    def kill():
        machines.wait_for(lambda: len(machines.all_begun()) >= 4)
        machines.stop(machines.scheduler)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(ClusterError, match=r"at tcp://\S+ was lost.*command resumes"):
        predict(machines)
    killer.join()
    # A worker ends its tile, and then finds that nobody will fetch it.
    machines.wait_for(lambda: not list((tmp_path / "out").glob(".cluster*")))
    _, said = predict()
    assert 1 <= kept_of(said) < 12
    assert hashes(tmp_path / "out") == alone
