"""A cluster from the command line: a study's tiles, and schedulers named in vain."""

import shutil
import sys

import pytest
from cluster_runs import hashes
from typer.testing import CliRunner

from export.cli import app
from export.cluster import connection
from export.cluster.connection import scheduler_address
from export.errors import ClusterSetupError, MissingPackageError


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
