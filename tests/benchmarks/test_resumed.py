"""A benchmark that was stopped goes on, and never with what was measured otherwise."""

import json
from pathlib import Path
from typing import Any

import pytest
import selection_designs
import selection_rules
from resumed import append_line, digest, read_lines, resumed

WORLDS = [{"world": number} for number in range(3)]


def measure_into(asked: list[int]):
    def measure(world: int) -> dict[str, Any]:
        asked.append(world)
        return {"rmse": world / 10}

    return measure


def test_a_run_that_was_stopped_measures_only_what_is_left(tmp_path: Path):
    out, asked = tmp_path / "out.jsonl", []
    resumed(out, {"side": 200}, WORLDS[:2], measure_into(asked))
    entries = resumed(out, {"side": 200}, WORLDS, measure_into(asked))
    assert asked == [0, 1, 2]
    assert [(entry["world"], entry["rmse"]) for entry in entries] == [(0, 0.0), (1, 0.1), (2, 0.2)]
    # Fault: worlds that were not asked for are summarised with the others.
    assert resumed(out, {"side": 200}, WORLDS[1:2], measure_into(asked)) == entries[1:2]
    assert asked == [0, 1, 2]


@pytest.mark.parametrize("changed", [{"side": 300}, {"rule": "probes"}, {"designs": ["random"]}])
def test_what_was_measured_with_other_settings_is_no_entry(tmp_path: Path, changed):
    # Fault: the same file under another option gives the results of the former.
    settings = {"side": 200, "rule": "least_error", "designs": ("random", "grouped")}
    out, asked = tmp_path / "out.jsonl", []
    resumed(out, settings, WORLDS, measure_into(asked))
    other = resumed(out, settings | changed, WORLDS, measure_into(asked))
    assert asked == [0, 1, 2, 0, 1, 2]
    assert len(other) == 3
    again = resumed(out, settings, WORLDS, measure_into(asked))
    assert (len(again), len(asked)) == (3, 6)


@pytest.mark.parametrize("kept", [1, 20, -2, -1])
def test_a_torn_line_costs_its_own_world_only(tmp_path: Path, kept: int):
    # Faults: it cannot be read; the next world is written behind it and lost with it.
    out, asked = tmp_path / "out.jsonl", []
    resumed(out, {}, WORLDS[:2], measure_into(asked))
    first, second = out.read_text().splitlines(keepends=True)
    out.write_text(first + second[:kept])
    resumed(out, {}, WORLDS, measure_into(asked))
    # Without its newline alone a line is whole.
    assert asked == ([0, 1, 2] if kept == -1 else [0, 1, 1, 2])
    resumed(out, {}, WORLDS, measure_into(asked))
    assert len(asked) == (3 if kept == -1 else 4)
    assert [entry["world"] for entry in read_lines(out)] == [0, 1, 2]


def test_lines_end_where_they_should(tmp_path: Path):
    out = tmp_path / "out.jsonl"
    assert read_lines(out) == []
    out.touch()
    append_line(out, {"a": 1})
    append_line(out, {"a": 2})
    assert out.read_text() == '{"a": 1}\n{"a": 2}\n'


def test_a_digest_does_not_depend_on_the_order_of_keys():
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1}) != digest({"a": 1, "b": [3]})


@pytest.mark.parametrize(
    ("script", "options"),
    [
        (selection_rules, [["--side", "40"], ["--decoys", "3"]]),
        (selection_designs, [["--side", "40"], ["--decoys", "3"], ["--rule", "probes"]]),
    ],
)
def test_each_option_of_a_benchmark_is_measured_anew(
    script, options, tmp_path: Path, monkeypatch, capsys
):
    # Fault: an option that decides the numbers is left out of what tells entries apart.
    asked = []

    def one_world(world, **given):
        asked.append(given)
        names = ("all", "probes", *selection_designs.DESIGNS)
        return {name: {"n": 1, "decoys": 0, "rmse": 1.0} for name in names}

    monkeypatch.setattr(script, "one_world", one_world)
    out = tmp_path / "out.jsonl"
    for given in ([], *options, []):
        arguments = ["benchmark", "--out", str(out), "--worlds", "1", *given]
        monkeypatch.setattr("sys.argv", arguments)
        script.main()
    assert len(asked) == 1 + len(options)
    assert len({json.dumps(given) for given in asked}) == len(asked)
    assert "+0.00" in capsys.readouterr().out
