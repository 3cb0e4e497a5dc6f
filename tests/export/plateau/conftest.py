"""One small plateau in memory and on disk, shared by the tests of this folder."""

from pathlib import Path

import pytest

from export.plateau import PlateauExample, write_plateau
from export.plateau.world import Plateau, make_plateau

SEED = 2026
SHAPE = (200, 200)
N_SITES = 60


@pytest.fixture(scope="session")
def plateau() -> Plateau:
    return make_plateau(SEED, SHAPE)


@pytest.fixture(scope="session")
def plateau_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plateau")


@pytest.fixture(scope="session")
def example(plateau_folder: Path) -> PlateauExample:
    return write_plateau(plateau_folder, seed=SEED, shape=SHAPE, n_sites=N_SITES)
