"""Tiles predicted by other processes: the same bytes, each finished tile kept, faults told."""

import hashlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from export.cli import app
from export.cluster import connection, sending
from export.cluster.connection import scheduler_address
from export.cluster.sending import cluster
from export.errors import ClusterError, ClusterSetupError, MissingPackageError, WriteError
from export.journal import Journal, file_sha256
from export.map_tile import TileFolders
from export.predict import STEP, predict_tiles
from export.progress import silent
from export.steps.predict import predict_folder
from export.tile_prediction import TileJob, TileOutcome, predict_job
from local_ml.prediction.predictor import Predictor


def hashes(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.tif")
    }


def kept_of(said):
    return int(said.split(" predicted, ")[1].split()[0])


@pytest.fixture
def predict(world, tmp_path):
    """Predict the tiles of the world into a folder; return holes and what was said."""

    def run(machines=None, out=tmp_path / "out", **changes):
        said = []
        address = None if machines is None else scheduler_address(None, machines.file)
        arguments = {"model": world.model, "covariates": world.tiles} | changes
        holes = predict_folder(
            out=out, progress=silent(), say=said.append, scheduler=address, **arguments
        )
        return holes, "\n".join(said)

    return run


@pytest.fixture(scope="module")
def alone(world, tmp_path_factory):
    """What one process makes of the world."""
    out = tmp_path_factory.mktemp("alone")
    predict_folder(world.model, world.tiles, out, silent(), lambda _: None)
    return hashes(out)


def test_a_worker_killed_in_mid_run_changes_no_byte(predict, machines, alone, tmp_path):
    """Tiles lost with a worker, half written, made twice or of other bits than at home."""
    machines.have(2).take(0.2)
    victim = machines.workers[0]
    killer = threading.Thread(target=machines.kill_within, args=(victim, 3))
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


@pytest.fixture
def study(world, tmp_path):
    """A study whose model and covariate tiles are those of the world."""
    folder = tmp_path / "study"
    shutil.copytree(world.model, folder / "model")
    shutil.copytree(world.tiles, folder / "covariates" / "tiles")
    (folder / "study.toml").write_text(
        'name = "mini"\n[region]\nwest = 90.0\nsouth = 33.0\neast = 91.92\nnorth = 33.16\n'
        "[grid]\npixel_size = 0.01\n"
        '[[covariates]]\nname = "twi"\nfile = "twi.tif"\n'
    )
    for name in ("sites.csv", "twi.tif"):
        (folder / name).touch()
    return folder


def test_the_tiles_of_a_study(study, machines, alone):
    machines.have(1)
    done = CliRunner().invoke(app, ["predict", str(study), "--scheduler-file", str(machines.file)])
    assert done.exit_code == 0, done.output
    assert "1 workers, 1 threads" in done.output
    made = hashes(study / "map")
    assert made == {name: sha256 for name, sha256 in alone.items() if name in made}
    assert len(made) == 36


def test_a_run_looks_for_its_scheduler_before_it_begins(study, monkeypatch):
    """Hours of training, and then a name that was misspelt."""
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.5)
    done = CliRunner().invoke(app, ["run", str(study), "--scheduler", "tcp://127.0.0.1:1"])
    assert done.exit_code == 4
    assert "no scheduler answers" in done.stderr
    assert done.stdout == ""


def command_line(world, tmp_path, *options):
    arguments = ["--model", world.model, "--covariates", world.tiles, "--out", tmp_path / "out"]
    return CliRunner().invoke(app, ["predict", *map(str, [*arguments, *options])])


def test_a_scheduler_that_does_not_answer(world, tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.5)
    done = command_line(world, tmp_path, "--scheduler", "tcp://127.0.0.1:1")
    assert done.exit_code == 4
    assert done.stderr.startswith("error: no scheduler answers at tcp://127.0.0.1:1 (")
    assert done.stderr.count("\n") == 1


def test_a_missing_package_is_named(world, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = command_line(world, tmp_path, "--scheduler", "tcp://127.0.0.1:1")
    assert done.exit_code == 2
    assert "pip install 'alm90[cluster]'" in done.stderr
    with pytest.raises(MissingPackageError):
        scheduler_address("tcp://127.0.0.1:1", None)


def test_a_scheduler_that_is_named_wrongly(world, tmp_path):
    done = command_line(world, tmp_path, "--scheduler", "host:8786")
    assert (done.exit_code, done.stderr.count("tcp://HOST:8786")) == (2, 1)
    file = tmp_path / "scheduler.json"
    done = command_line(world, tmp_path, "--scheduler-file", file)
    assert (done.exit_code, done.stderr.count("No such file")) == (2, 1)
    for text in ("", '{"type": "Scheduler"}', "[]"):
        file.write_text(text)
        with pytest.raises(ClusterSetupError, match="names no address"):
            scheduler_address(None, file)
    done = command_line(world, tmp_path, "--scheduler", "tcp://a:1", "--scheduler-file", file)
    assert done.exit_code == 2


@pytest.fixture
def arrived(tmp_path):
    """What a worker wrote for one tile, and where it belongs."""
    own = tmp_path / ".cluster-x" / "own" / "value"
    own.mkdir(parents=True)
    (own / "t.tif").write_bytes(b"bytes")
    folders = TileFolders(tmp_path / "tiles")
    job = TileJob("t", tmp_path / "in.tif", "", "", folders)
    files = ((own / "t.tif", file_sha256(own / "t.tif")),)
    return job, sending.Work(TileOutcome("t", "made from"), files, "node3")


def test_what_arrives_with_other_bytes_is_a_hole(arrived, tmp_path, monkeypatch):
    """A file that storage delivers half."""
    monkeypatch.setattr(sending, "SETTLE_SECONDS", 0)
    job, work = arrived
    work.files[0][0].write_bytes(b"byt")
    outcome = sending.in_place(work, job)
    assert outcome.reason == "t.tif arrived with other bytes than node3 wrote"
    assert not (tmp_path / "tiles").exists()


def test_what_is_spoilt_in_its_place_is_made_again(world, tmp_path):
    """A disk that loses bits after the check, and a journal that takes them for the tile's."""
    predictor = Predictor.load(world.model)
    tile = min(world.tiles.iterdir())

    class Worker:
        """Makes tiles as a worker does; afterwards the disk spoils that of the map."""

        def outcomes(self, jobs):
            for job in jobs:
                own = tmp_path / ".cluster-x" / "own"
                folders = TileFolders(own / "value", own / "companion", own / "flags")
                made = predict_job(replace(job, folders=folders), predictor)
                files = tuple((path, file_sha256(path)) for path in folders.files(job.name))
                outcome = sending.in_place(sending.Work(made, files, "node3"), job)
                with job.folders.files(job.name)[0].open("r+b") as file:
                    file.seek(-1, os.SEEK_END)
                    file.write(b"!")
                yield outcome

    def run(machines):
        folders = TileFolders.of(tmp_path, companion=True)
        return predict_tiles(
            [tile], predictor, folders, journal, silent(), workers=1, machines=machines
        )

    journal = Journal(tmp_path / "journal.sqlite")
    assert run(Worker()).written == (tile.stem,)
    assert run(None).written == (tile.stem,)
    assert run(None).skipped == (tile.stem,)
    journal.close()


def test_what_does_not_arrive_stops_the_run(arrived, monkeypatch):
    monkeypatch.setattr(sending, "SETTLE_SECONDS", 0)
    job, work = arrived
    work.files[0][0].unlink()
    with pytest.raises(ClusterError, match="storage that all machines share"):
        sending.in_place(work, job)


def test_what_arrives_late_is_waited_for(arrived, tmp_path):
    """Storage that shows a file some seconds after it was written."""
    job, work = arrived
    path = work.files[0][0]
    hidden = path.rename(tmp_path / "hidden")
    threading.Timer(0.3, os.rename, (hidden, path)).start()
    outcome = sending.in_place(work, job)
    assert outcome.files_sha256 == (work.files[0][1],)
    assert (outcome.made_from, outcome.reason) == ("made from", None)
    assert (tmp_path / "tiles" / "t.tif").read_bytes() == b"bytes"
    assert not path.parents[1].exists()


def test_a_place_that_takes_no_file_stops_the_run(arrived, tmp_path):
    job, work = arrived
    (tmp_path / "tiles" / "t.tif").mkdir(parents=True)
    with pytest.raises(WriteError, match="cannot be written"):
        sending.in_place(work, job)
