"""The skin: quick to answer, strict about usage, honest exit codes."""

import subprocess
import sys
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
