"""What tests of every package share: the real data beside the project, skipped where absent."""

from pathlib import Path

import pytest
from hypothesis import settings

# The same examples on every machine: a rare case is hunted for on purpose, not met by whoever
# happens to run the suite (pytest --hypothesis-profile=default hunts).
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    # Here and not in tests/live: only the conftest of the test paths is read before the options.
    group = parser.getgroup("live", "what -m live asks (docs/live.md)")
    group.addoption("--live-project", help="Google Cloud project registered for Earth Engine")
    group.addoption("--live-key", help="JSON key file of a service account")
    group.addoption("--live-url", help="a service at another address, without credentials")
    group.addoption(
        "--live-table", default="live-conformance.md", help="file of the conformance table"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if SHARED_DATA.is_dir():
        return
    absent = pytest.mark.skip(reason="the real data (../shared/data beside the project) are absent")
    for item in items:
        if item.get_closest_marker("real"):
            item.add_marker(absent)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real data; only for tests marked `real`."""
    return SHARED_DATA
