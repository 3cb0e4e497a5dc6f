"""The machinery of the live checks: comparing, writing, choosing whom to ask, and the page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
from conformance.assets import horn_slope_deg
from conformance.page import page
from conformance.place import Place, numbers, value
from conformance.record import Check, Outcome, Within, agrees, outcome_of, written
from conformance.suite import CHECKS, RULES
from conformance.table import Row, table, write_table
from conformance.target import target_of
from conformance.together import requests_of

from gee import session
from gee.local import LocalEarthEngine

ROOT = Path(__file__).resolve().parents[2]


def check_of(expected: Any, ask: Any = str, **options: Any) -> Check:
    return Check("name", "a | matter", ask, expected, "fact", "what it touches", **options)


class TestComparing:
    @pytest.mark.parametrize(
        ("found", "expected"),
        [
            (1.0, 1),
            (1.04, 1.0),
            ([1, None, "a"], [1, None, "a"]),
            ({"a": [0.5]}, {"a": [Within(0, 1)]}),
            (True, True),
            ([], []),
        ],
    )
    def test_what_agrees(self, found: Any, expected: Any) -> None:
        """Catches a right answer refused."""
        assert agrees(found, expected, 0.05)

    @pytest.mark.parametrize(
        ("found", "expected"),
        [
            (1.06, 1.0),
            (None, 0.0),
            (0.0, None),
            (float("nan"), 1.0),
            (float("nan"), Within(0, 1)),
            (None, Within(0, 1)),
            (1.5, Within(0, 1)),
            (True, 1),
            (1, True),
            ("1", 1),
            (["VV"], "VV"),
            ("VV", ["VV"]),
            ([1, 2], [1]),
            ([2, 1], [1, 2]),
            ({"a": 1, "b": 2}, {"a": 1}),
            ({}, {"a": None}),
            (["a"], []),
        ],
    )
    def test_what_does_not(self, found: Any, expected: Any) -> None:
        """Catches a wrong answer taken for a right one: masked for 0, more for fewer, turned."""
        assert not agrees(found, expected, 0.05)

    def test_every_expectation_can_be_missed(self) -> None:
        """Catches a record that any answer would satisfy."""
        for check in CHECKS:
            assert not agrees(None, check.expected, check.tolerance), check.name
            assert not agrees("another", check.expected, check.tolerance), check.name

    def test_an_error_of_the_service_is_an_outcome(self, stand_in: Place) -> None:
        """Catches a run that ends at the first refusal, and a refusal taken for an answer."""
        missing = check_of(1, lambda _: value(ee.Image("no/such/asset").bandNames()))
        found = outcome_of(missing, stand_in)
        assert found.error is not None
        assert "no/such/asset" in found.error
        assert not Row(missing, None, found).agree

    def test_an_answer_of_another_shape_is_an_outcome(self, stand_in: Place) -> None:
        """Catches a table that lacks the row of what was answered least as expected."""
        found = outcome_of(check_of(1, lambda _: value(ee.Dictionary({}))["heading"]), stand_in)
        assert found == Outcome(error="an answer of another shape (KeyError: 'heading')")


class TestList:
    def test_names_are_unique_and_sizes_small(self) -> None:
        """Catches two checks of one name, whose answers would be mixed up, and a dear one."""
        names = [check.name for check in CHECKS]
        assert len(set(names)) == len(names)
        assert 20 <= requests_of(CHECKS) <= 30
        assert all(check.pixels <= 100 for check in CHECKS if check.name != "full_stack")

    def test_rules_need_no_asset(self) -> None:
        """Catches a rule that the stand-in could not answer in every run."""
        assert not any(check.assets for check in RULES)
        assert all(check.assets for check in CHECKS[len(RULES) :])

    def test_horn_s_slope_of_a_plane(self) -> None:
        """Catches an oracle that is wrong itself: a plane that rises 3 m in 4 m to the east."""
        plane = np.arange(5.0) * 30 + np.zeros((5, 1))
        found = horn_slope_deg(plane, np.array([[40.0, 50.0]] * 3))
        np.testing.assert_allclose(found, np.degrees(np.arctan(0.75)))
        found = horn_slope_deg(plane.T, np.array([[40.0, 50.0]] * 3))
        np.testing.assert_allclose(found, np.degrees(np.arctan(0.6)))

    def test_masked_is_none(self) -> None:
        """Catches a masked pixel written as a number."""
        assert numbers([1.0, float("nan")]) == [1.0, None]


class TestTable:
    def test_rows_say_whether_they_agree(self, tmp_path: Path) -> None:
        """Catches a disagreement that is not told, or told without what it touches."""
        agreeing = Row(check_of([1.0]), Outcome([1.0]), Outcome([1.0]))
        other = Row(check_of(Within(0, 1)), None, Outcome(2.0))
        failed = Row(check_of(1), Outcome(1), Outcome(error="busy | for\nlong"))
        text = table([agreeing, other, failed], "here")
        assert "1 of 3 checks agree" in text
        rows = [line for line in text.splitlines() if line.startswith("| `name`")]
        assert rows == [
            r"| `name` | a \| matter | 1 | 1 | yes |",
            r"| `name` | a \| matter | stated: 0 to 1 | 2 | **no** |",
            r"| `name` | a \| matter | 1 | error: busy \| for long | **no** |",
        ]
        assert text.count("- `name`: what it touches.") == 2
        path = tmp_path / "table.md"
        write_table(path, [agreeing], "here")
        assert [file.name for file in tmp_path.iterdir()] == ["table.md"]
        assert "What the disagreements touch" not in path.read_text("utf-8")

    def test_answers_are_short(self) -> None:
        """Catches answers that no reader could compare."""
        answer = {"a": [0.1 + 0.2, None], "b": [[True], []]}
        assert written(answer) == "a: 0.3, none; b: (yes), (nothing)"


class TestTarget:
    def test_without_project(self, tmp_path: Path) -> None:
        """Catches a run that asks in the name of another project."""
        target = target_of(None, None, None, tmp_path)
        assert target.settings is None
        assert "--live-project" in target.reason
        assert "\n" not in target.reason

    def test_without_credentials(self, tmp_path: Path) -> None:
        """Catches a failure, or a prompt, where one line should say what is missing."""
        target = target_of("mine", "no-key.json", None, tmp_path)
        assert target.settings is None
        assert "no-key.json" in target.reason
        assert "\n" not in target.reason

    def test_an_address_gets_no_credentials(self, tmp_path: Path) -> None:
        """Catches a key or a project sent to elsewhere than Google."""
        target = target_of("mine", "key.json", "http://127.0.0.1:1", tmp_path)
        assert target.settings is not None
        assert target.settings.url == "http://127.0.0.1:1"
        assert target.settings.project is target.settings.service_account_key is None


def test_a_run_writes_its_table(empty_folder: Path, tmp_path: Path) -> None:
    """Catches options that are not read, and a service that is never asked or whose miss passes."""
    path = tmp_path / "table.md"
    with LocalEarthEngine(empty_folder).serve(port=0) as server:
        command = [
            *(sys.executable, "-m", "pytest", "tests/live/test_service.py", "-m", "live"),
            *("-k", "atan2 or terrain", "-p", "no:cacheprovider"),
            *("--live-url", server.url, "--live-table", str(path)),
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "conformance: 1 of 2 checks agree" in done.stdout
    rows = path.read_text("utf-8").splitlines()
    (atan2,) = (row for row in rows if row.startswith("| `atan2`"))
    (terrain,) = (row for row in rows if row.startswith("| `terrain`"))
    assert atan2.endswith("| 1.570796, 3.141593, 0.7853982 | 1.570796, 3.141593, 0.7853982 | yes |")
    assert "| stated: elevation: 4500 to 4800" in terrain
    assert "error: " in terrain
    assert "USGS/SRTMGL1_003" in terrain


def test_a_run_without_project_is_skipped(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a pass without an account, a failure, and a connection made all the same."""
    for name in ("live_project", "live_key", "live_url"):
        monkeypatch.setattr(request.config.option, name, None)
    monkeypatch.setattr(session, "connect", None)
    with pytest.raises(pytest.skip.Exception, match=r"no --live-project is named; docs/live\.md"):
        request.getfixturevalue("live_run")


def test_the_page_is_what_the_list_says() -> None:
    """Catches a page with other checks, costs or expectations than are asked."""
    written_page = (ROOT / "docs" / "live.md").read_text("utf-8")
    assert written_page == page(), (
        "run: PYTHONPATH=tests/live python -m conformance.page > docs/live.md"
    )
