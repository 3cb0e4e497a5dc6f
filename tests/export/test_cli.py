"""The skin: quick to answer, strict about usage, honest exit codes."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from export.cli import app

HEAVY = ("numpy", "pandas", "pydantic", "rasterio", "sklearn", "matplotlib", "numba", "pint", "ee")


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.output


def test_help_imports_nothing_heavy() -> None:
    """Each of these takes longer to import than a user waits for a help page."""
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom export.cli import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_step_has_a_command() -> None:
    code, text = run("--help")
    assert code == 0
    for name in (
        *("init", "run", "sites", "sample", "train", "export", "predict"),
        *("mosaic", "compare", "report"),
    ):
        assert name in text


@pytest.mark.parametrize(
    "arguments",
    [
        ("train",),
        ("train", "a", "--samples", "b"),
        ("train", "a", "--model", "b"),
        ("predict",),
        ("predict", "a", "--model", "b"),
        ("predict", "--model", "b"),
        ("predict", "a", "--out", "b"),
        ("map",),
    ],
)
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments)[0] == 2


def test_init_writes_a_study_that_loads(tmp_path: Path) -> None:
    from export.study import Study

    code, text = run("init", tmp_path / "mine")
    assert code == 0
    assert "alm90 run" in text
    assert Study.load(tmp_path / "mine").settings.name == "mine"


def test_init_never_overwrites(tmp_path: Path) -> None:
    run("init", tmp_path)
    (tmp_path / "study.toml").write_text("mine = 1")
    code, text = run("init", tmp_path)
    assert code == 2
    assert "exists already" in text
    assert (tmp_path / "study.toml").read_text() == "mine = 1"


def test_init_refuses_an_example_that_is_none(tmp_path: Path) -> None:
    code, text = run("init", tmp_path / "a", "--example", "plato")
    assert code == 2
    assert "plateau" in text


def test_the_local_earth_engine_is_served_until_interrupted() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-u", "-m", "export.cli", "earthengine", "serve", "--port", port]
    with subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert str(port) in process.stdout.readline()
        address = f"http://127.0.0.1:{port}/$discovery/rest?version=v1"
        for _ in range(50):
            try:
                with urllib.request.urlopen(address, timeout=5) as answer:
                    assert json.load(answer)["name"] == "earthengine"
                break
            except urllib.error.URLError:
                time.sleep(0.1)
        else:
            pytest.fail("the service did not answer")
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1]
    assert process.returncode == 0, said


def test_serving_a_folder_that_is_not_there_ends_with_2(tmp_path: Path) -> None:
    code, text = run("earthengine", "serve", tmp_path / "absent")
    assert code == 2
    assert "is not a folder" in text


def test_serving_a_broken_catalogue_ends_with_3(tmp_path: Path) -> None:
    (tmp_path / "catalogue.json").write_text("{")
    code, text = run("earthengine", "serve", tmp_path)
    assert code == 3
    assert "catalogue.json" in text


def test_serving_on_a_port_in_use_without_a_catalogue(tmp_path: Path) -> None:
    """Faults: a traceback; a study's folder that is served as if it held scenes."""
    (tmp_path / "study.toml").write_text("")
    (tmp_path / "earthengine").mkdir()
    (tmp_path / "earthengine" / "catalogue.json").write_text("{}")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, text = run("earthengine", "serve", tmp_path, "--port", port)
    assert code == 2
    assert text.startswith(f"no catalogue.json in {tmp_path}: the algorithms alone are served")
    assert f"the scenes of this study are in {tmp_path / 'earthengine'}" in text
    assert f"port {port} of 127.0.0.1 cannot be used" in text
    assert "name another by --port" in text
    assert "serving on" not in text


@pytest.mark.real
def test_init_from_the_published_record(shared_data: Path, tmp_path: Path) -> None:
    record = shared_data / "published_record.json"
    code, text = run("init", tmp_path / "a", "--record", record)
    assert code == 2
    assert "swapped" in text
    assert not (tmp_path / "a").exists()
    code, text = run("init", tmp_path / "a", "--record", record, "--accept-swapped-bounds")
    assert code == 0
    assert "west = 68.02444444444444" in (tmp_path / "a" / "study.toml").read_text()
