"""A finished study in miniature, whole or to be changed; `tests/helpers/miniature.py` holds it."""

from pathlib import Path

import pytest
from miniature import StudyFiles
from page import Page


@pytest.fixture
def files(tmp_path: Path) -> StudyFiles:
    folder = tmp_path / "mini"
    folder.mkdir()
    return StudyFiles(folder)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> StudyFiles:
    """The study as it is, for tests that only look at its page."""
    folder = tmp_path_factory.mktemp("study") / "mini"
    folder.mkdir()
    return StudyFiles(folder)


@pytest.fixture(scope="module")
def page(finished: StudyFiles) -> Page:
    return finished.render(software="alm90 9.9.9")
