"""What stands behind the scores: shown where the files have it, unsaid where they do not."""

import json
from typing import Any

import pytest

SCORES = {
    "r2": 0.4125, "rmse": 0.08125, "mae": 0.0625, "bias": 0.0109375, "concordance": 0.5,
    "slope_observed_on_predicted": 1.0625,
}  # fmt: skip


def change(files: Any, name: str, edit: Any) -> None:
    path = files.folder / name
    document = json.loads(path.read_text())
    edit(document)
    files.json(name, document)


def neighbours(mean: float, wasserstein: float | None = None) -> dict[str, Any]:
    told = {"n": 60, "mean": mean, "quantiles": [mean * step / 10 for step in range(21)]}
    return told if wasserstein is None else told | {"wasserstein": wasserstein}


def test_nothing_is_said_of_what_no_file_tells(page: Any) -> None:
    for heading in (
        "By how a site was measured",
        "How far the folds lie",
        "What other corrections cost",
        "What each group of covariates is worth",
        "Stability of the selection",
        "could not be made",
    ):
        assert heading not in page.text


def test_methods_are_scored_side_by_side(files: Any) -> None:
    """Fault: a score that hides that one method is not predicted at all."""

    def edit(document: dict[str, Any]) -> None:
        intervals = {"level": 0.95, "r2": [0.125, 0.71875], "rmse": None}
        document["designs"]["grouped"]["by_method"] = {
            "gpr": {"n": 40, "scores": SCORES, "intervals": intervals},
            "ring": {"n": 20, "scores": None, "intervals": None},
        }

    change(files, "model/validation.json", edit)
    page = files.render()
    assert "By how a site was measured" in page.text
    for value in (0.4125, 0.125, 0.71875, 0.0109375):
        assert page.shows(value)
    change(
        files,
        "model/validation.json",
        lambda d: d["designs"]["grouped"]["by_method"].pop("ring"),
    )
    assert "By how a site was measured" not in files.render().text


def test_each_correction_shows_its_price_beside_the_delivered(files: Any) -> None:
    """Fault: the price taken from another design than the one that says most of the map."""
    told: dict[str, Any] = {}

    def edit(document: dict[str, Any]) -> None:
        delivered = document["designs"]["grouped"]["scores"]["rmse"]
        told["change"] = 0.08125 / delivered - 1
        document["designs"]["grouped"]["corrections"] = {
            "distribution": {"scores": SCORES, "standard_deviation_ratio": 0.984375}
        }
        document["designs"]["random"]["corrections"] = {
            "none": {"scores": SCORES | {"r2": 0.9375}, "standard_deviation_ratio": None}
        }

    change(files, "model/validation.json", edit)
    page = files.render()
    section = page.text[page.text.index("What other corrections cost") :]
    assert "under grouped folds" in section
    assert page.shows(told["change"])
    assert page.shows(0.984375)
    assert not page.shows(0.9375)


def test_distances_name_the_folds_that_ask_what_the_map_asks(files: Any) -> None:
    files.told |= {
        "distances": {
            "space": "great_circle",
            "unit": "km",
            "quantile_levels": [step / 20 for step in range(21)],
            "sample_to_sample": neighbours(2.125),
            "domain_to_sample": neighbours(31.25),
            "p_clustered": 0.0,
            "clustered": True,
            "designs": {"random": neighbours(2.25, 28.5), "grouped": neighbours(25.5, 6.125)},
        }
    }
    files.validate()
    page = files.render()
    assert "so that random folds flatter the map" in page.text
    assert "grouped folds ask most nearly what the map asks" in page.text
    for value in (2.125, 31.25, 28.5, 6.125):
        assert page.shows(value)
    (figure,) = [svg for svg in page.named("svg") if svg["class"] == "distances"]
    assert figure["aria-label"]
    files.told["distances"]["domain_to_sample"] = None
    files.told["distances"] |= {"clustered": None, "p_clustered": None}
    files.validate()
    assert "nobody can tell how far the map lies" in files.render().text


def test_a_lean_of_the_predictions_shows_in_the_histogram(files: Any) -> None:
    def edit(document: dict[str, Any]) -> None:
        leaning = [0.28, 0.2, 0.12, 0.1, 0.08, 0.06, 0.05, 0.05, 0.03, 0.03]
        document["intervals"]["designs"]["grouped"]["pit_histogram"] = leaning

    change(files, "model/validation.json", edit)
    (figure,) = [svg for svg in files.render().named("svg") if svg["class"] == "pit"]
    assert "28 %, 20 %, 12 %" in (figure["aria-label"] or "")


@pytest.mark.parametrize("estimate", [0.71875, None])
def test_stability_is_told_for_each_design(files: Any, estimate: float | None) -> None:
    ends = {"lower": 0.5, "upper": 1.25} if estimate else {"lower": None, "upper": None}
    stability = {"estimate": estimate, "level": 0.95, "sets": 5} | ends
    change(files, "model/selection.json", lambda d: d.update(stability={"knndm": stability}))
    text = files.render().text
    if estimate is None:
        assert "Matched folds (kNNDM): all 5 folds kept everything, or nothing." in text
    else:
        told = "Matched folds (kNNDM): 0.72 (95 % interval 0.50 to 1.00) over 5 folds."
        assert told in text


def test_groups_of_covariates_are_told_the_most_missed_first(files: Any) -> None:
    def without(change: float | None) -> dict[str, Any]:
        error = None if change is None else 0.001953125
        return {
            "features": ["twi"], "n": 60, "rmse": 0.0859375, "r2": 0.34375, "rmse_change": change,
            "standard_error": error,
        }  # fmt: skip

    ablation = {
        "design": "grouped", "n": 60, "rmse": 0.08203125, "r2": 0.4375,
        "without": {"optical": without(-0.00390625), "radar": without(None),
                    "terrain": without(0.0078125)},
    }  # fmt: skip
    change(files, "model/selection.json", lambda d: d.update(ablation=ablation))
    page = files.render()
    section = page.text[page.text.index("What each group of covariates is worth") :]
    table = section[section.index("Without one group") :]
    assert table.index("terrain") < table.index("optical") < table.index("radar")
    for value in (0.0078125, -0.00390625, 0.001953125, 0.4375):
        assert page.shows(value)


def test_a_group_without_which_nothing_could_be_learned_says_why(files: Any) -> None:
    """Fault: a row of dashes, as if the group had not been looked at."""
    reason = "fold 1: no covariate can be learned from (slope: constant (7 at every site))"
    empty = dict.fromkeys(("n", "rmse", "r2", "rmse_change", "standard_error"))
    ablation = {
        "design": "grouped", "n": 60, "rmse": 0.08203125, "r2": 0.4375,
        "without": {"terrain": {"features": ["twi"], "reason": reason} | empty},
    }  # fmt: skip
    change(files, "model/selection.json", lambda d: d.update(ablation=ablation))
    text = files.render().text
    section = text[text.index("What each group of covariates is worth") :]
    assert reason in section
    assert "(none left out)" in section[section.index(reason) :]


def test_holes_are_told_beside_the_map(files: Any) -> None:
    from export.report import write_report

    path = files.folder / "report.html"
    holes = [f"map tile tile_{number}: no space <left>" for number in range(23)]
    write_report(files.study, path, provenance={}, holes=holes)
    html = path.read_text()
    assert "<strong>23 tiles could not be made</strong>" in html
    assert "map tile tile_0: no space &lt;left&gt;" in html
    assert "and 3 more" in html
    assert html.index("could not be made") < html.index('id="scores"')
