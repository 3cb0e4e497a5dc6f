"""A study with all that a view shows, to be changed or only looked at."""

from pathlib import Path

import pytest
from miniature import StudyFiles
from viewed_study import viewed_study


@pytest.fixture
def files(tmp_path: Path) -> StudyFiles:
    return viewed_study(tmp_path / "mini")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> StudyFiles:
    """The study as it is, for tests that only look."""
    return viewed_study(tmp_path_factory.mktemp("view") / "mini")
