"""One connection for all live checks, and the table that they leave behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conformance.place import Place, known_place
from conformance.record import Check, Outcome, agrees, outcome_of
from conformance.suite import RULES
from conformance.table import Row, write_table
from conformance.target import target_of
from conformance.together import asked_together

from gee import session
from gee.errors import ServiceError
from gee.settings import EarthEngineSettings


@dataclass
class Run:
    """The rows of a live run so far, and who was asked."""

    where: str
    stand_in: dict[str, Outcome]
    selected: list[Check] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    together: dict[str, Outcome] | None = None

    def ask(self, check: Check) -> Row:
        """Ask the service, and keep the row."""
        if self.together is None:
            self.together = asked_together(self.selected, known_place())
        service = self.together.get(check.name) or outcome_of(check, known_place())
        row = Row(check, self.stand_in.get(check.name), service)
        self.rows.append(row)
        return row


RUN = pytest.StashKey[Run]()
EXIT_CODE_OF_SERVICE = 4


@pytest.fixture(scope="session")
def empty_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of no asset, for a stand-in that knows the algorithms alone."""
    folder = tmp_path_factory.mktemp("no-assets")
    document = {"schema_version": 1, "assets": {}}
    (folder / "catalogue.json").write_text(json.dumps(document), "utf-8")
    return folder


@pytest.fixture(scope="module")
def stand_in(empty_folder: Path) -> Iterator[Place]:
    """The place, with the product's own session connected to a stand-in without assets."""
    session.connect(EarthEngineSettings(url=f"local:{empty_folder}"), empty_folder)
    yield known_place()
    session.disconnect()


@pytest.fixture(scope="session")
def asked() -> Callable[[Check, Place], int]:
    """`asked(check, place)`: how many requests a check sends, its answer being as expected."""

    def requests_of(check: Check, place: Place) -> int:
        service = session.local_service()
        assert service is not None
        service.requests.clear()
        found = outcome_of(check, place)
        assert found.error is None, found.error
        assert agrees(found.answer, check.expected, check.tolerance), str(found)
        return len(service.requests)

    return requests_of


@pytest.fixture(scope="module")
def live_run(request: pytest.FixtureRequest, empty_folder: Path) -> Iterator[Run]:
    """The rules answered by the stand-in, and the session then connected to the service."""
    options = request.config.option
    target = target_of(options.live_project, options.live_key, options.live_url, Path.cwd())
    if target.settings is None:
        pytest.skip(target.reason)
    if hasattr(request.config, "workerinput"):
        pytest.skip("the service is not asked: the table is of one process, leave out -n")
    session.connect(EarthEngineSettings(url=f"local:{empty_folder}"), empty_folder)
    answers = {check.name: outcome_of(check, known_place()) for check in RULES}
    chosen = [getattr(item, "callspec", None) for item in request.session.items]
    checks = [spec.params["check"] for spec in chosen if spec and "check" in spec.params]
    run = Run(target.where, answers, checks)
    request.config.stash[RUN] = run
    try:
        session.connect(target.settings, Path.cwd())
    except ServiceError as error:
        # Else every check would repeat it.
        pytest.exit(str(error), returncode=EXIT_CODE_OF_SERVICE)
    yield run
    session.disconnect()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Write the table of a live run, and say where it is."""
    run = config.stash.get(RUN, None)
    if run is None or not run.rows:
        return
    path = Path(config.option.live_table)
    write_table(path, run.rows, run.where)
    agreeing = sum(row.agree for row in run.rows)
    terminalreporter.write_line(
        f"conformance: {agreeing} of {len(run.rows)} checks agree; the table is {path}"
    )
