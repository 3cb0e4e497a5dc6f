"""Bias by fifths with its intervals, and how many covariates the folds kept."""

import json
import re
from typing import Any

import pytest
from page import Page

from export.report.documents import Design, Selection
from export.report.selected import kept_by_folds

# Ends that no formula gives: they can only have been read. The last fifth has none.
ENDS = [[-0.01171875 * (i + 1), 0.0048828125 * (i + 1)] for i in range(4)] + [None]


def _with_intervals(files: Any, designs: tuple[str, ...], told: Any = ENDS) -> Page:
    path = files.folder / "model/validation.json"
    document = json.loads(path.read_text())
    for name in designs:
        fifths = document["designs"][name]["bias_by_fifth_of_prediction"]
        for fifth, ends in zip(fifths, told, strict=True):
            fifth["interval"] = ends
    files.json("model/validation.json", document)
    page: Page = files.render()
    return page


def _svg(page: Page, name: str) -> str:
    start = page.html.index(f'<svg class="{name}"')
    return page.html[start : page.html.index("</svg>", start)]


def test_bias_is_shown_with_its_intervals(files: Any) -> None:
    """Fault: readers told to mind bars "well away from zero" without what tells how far that is."""
    without = files.render()
    assert "Without intervals nobody can tell" in without.text
    page = _with_intervals(files, ("random",))
    assert [end for ends in ENDS if ends for end in ends if not page.shows(end)] == []
    assert "95 % intervals, groups of sites drawn anew" in page.text
    # Four lines more, of two ends each: the fifth without an interval has none.
    lines = [_svg(one, "bias-random").count("<use") for one in (without, page)]
    assert lines[1] - lines[0] == 8
    assert "Without intervals" not in page.text


def test_the_longest_interval_stays_inside_its_chart(files: Any) -> None:
    """Fault: an axis as long as the largest bar, which cuts the intervals off."""
    svg = _svg(_with_intervals(files, ("random",), [[-0.5, 0.5], *ENDS[1:]]), "bias-random")
    ticks = re.findall(r"<text[^>]*>\s*([\d.−]+)\s*</text>", svg)
    assert max(float(tick.replace("−", "-")) for tick in ticks) >= 0.4


def test_the_flawless_prediction_is_that_of_the_map(files: Any) -> None:
    """Fault: R² of random folds, which flatter, where the design nearest to the map has another."""
    text = files.render().text
    documents = json.loads((files.folder / "model/validation.json").read_text())["designs"]
    deciding = documents["grouped"]["scores"]["r2"]
    assert f"flawless prediction with R² = {deciding:.2f}, as under grouped folds," in text


def _selection(chosen: tuple[str, ...], frequency: dict[str, dict[str, float]]) -> Selection:
    return Selection(
        candidates=("a", "b", "c", "d"), dropped=(), path=(), chosen=chosen, frequency=frequency
    )


def _designs(files: Any, *selected: tuple[str, ...]) -> dict[str, Design]:
    document = json.loads((files.folder / "model/validation.json").read_text())
    return {"grouped": Design(**document["designs"]["grouped"] | {"selected": selected})}


def test_what_the_folds_kept_stands_beside_what_is_delivered(finished: Any) -> None:
    """Fault: a delivered covariate that no fold kept passes for one that the sites support."""
    designs = _designs(finished, ("a",), ("a", "b"), ("a", "b", "d"))
    frequency = {"grouped": {"a": 1.0, "b": 2 / 3, "d": 1 / 3}}
    told = kept_by_folds(_selection(("a", "b", "c"), frequency), designs, "grouped")
    assert told is not None
    assert (
        "grouped folds kept 1 to 3 (median 2) of 4 candidates each, the delivered model 3" in told
    )
    assert "1 of the 3 delivered was kept by no fold at all (c)" in told
    told = kept_by_folds(_selection(("a", "b"), frequency), designs, "grouped")
    assert told is not None
    assert "no fold" not in told


@pytest.mark.parametrize("deciding", ["grouped", None])
def test_nothing_is_said_of_folds_that_no_file_tells(finished: Any, deciding: str | None) -> None:
    assert kept_by_folds(_selection(("a",), {}), _designs(finished), deciding) is None
