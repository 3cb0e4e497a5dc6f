"""A small plateau study, run once through the command line; tests work on copies of it."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from export.cli import app
from export.plateau import write_plateau
from export.study.template import study_template

# Enough to go through every step, too little to be good.
LEARNING: dict[str, Any] = {
    "selection": {"folds": 2, "trees": 10, "drop_share": 0.4, "designs": ["random"]},
    "ensemble": {
        "random_forest": {"trees": 20},
        "extra_trees": {"trees": 20},
        "xgboost": {"trees": 20, "learning_rate": 0.2},
        "catboost": {"trees": 20, "learning_rate": 0.2},
    },
    "fusion": {"folds": 2},
    "validation": {"folds": 2, "workers": 1},
    "domain": {"pixels": 50},
}


def run_alm90(*arguments: object) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="session")
def alm90() -> Callable[..., Result]:
    """The command line, in this process."""
    return run_alm90


@pytest.fixture(scope="session")
def alm90_process() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """The command line, in a process of its own."""
    return run_as_typed


def run_as_typed(*arguments: object, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run the command line as a user does, in a process of its own."""
    command = [sys.executable, "-m", "export.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.fixture(scope="session")
def light_learning() -> dict[str, Any]:
    """Settings with which learning takes seconds."""
    return LEARNING


@pytest.fixture(scope="session")
def plateau_values(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with the files of a small plateau, and the values of its study.toml."""
    folder = tmp_path_factory.mktemp("plateau")
    example = write_plateau(folder, shape=(160, 160), n_sites=80)
    west, south, east, north = example.region
    values = {
        "name": "small",
        "region": {
            "west": west,
            "south": south,
            "east": east,
            "north": north,
            "mask": example.mask_file,
        },
        "grid": {"tile_px": 64},
        "sites": example.sites,
        "covariates": example.covariates,
        "map": {"reference": example.truth_file, "workers": 2},
        **LEARNING,
    }
    return folder, values


@pytest.fixture(scope="session")
def finished(
    plateau_values: tuple[Path, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A study that has been run whole; not to be changed."""
    source, values = plateau_values
    folder = tmp_path_factory.mktemp("finished") / "study"
    shutil.copytree(source, folder)
    (folder / "study.toml").write_text(study_template(values), encoding="utf-8")
    done = run_as_typed("run", folder)
    assert done.returncode == 0, done.stderr + done.stdout
    return folder


@pytest.fixture
def study(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished study, to be changed."""
    folder = tmp_path / "study"
    shutil.copytree(finished, folder)
    return folder


@pytest.fixture
def fresh(plateau_values: tuple[Path, dict[str, Any]], tmp_path: Path) -> Callable[..., Path]:
    """Make a study that has not been run, with some values changed."""

    def make(name: str = "fresh", **changes: Any) -> Path:
        source, values = plateau_values
        folder = tmp_path / name / "study"
        shutil.copytree(source, folder)
        text = study_template({**values, **changes})
        (folder / "study.toml").write_text(text, encoding="utf-8")
        return folder

    return make
