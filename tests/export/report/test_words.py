"""Sentences follow from the numbers."""

from typing import Any

import pytest

from export.report import words
from export.report.data import read_report_data
from export.report.documents import Scores


def _with_r2(files: Any, random: float | None, grouped: float | None) -> Any:
    data = read_report_data(files.study)
    designs = data.validation.designs
    for name, value in (("random", random), ("grouped", grouped)):
        scores = designs[name].scores.model_copy(update={"r2": value})
        designs[name] = designs[name].model_copy(update={"scores": scores})
    return data


@pytest.mark.parametrize(
    ("random", "grouped", "said"),
    [
        (0.61, 0.25, "neighbours that resemble each other"),
        (0.61, 0.59, "They agree"),
        (0.31, 0.59, "is unusual"),
    ],
)
def test_what_the_difference_of_designs_means(
    files: Any, random: float, grouped: float, said: str
) -> None:
    sentence = words.difference_sentence(_with_r2(files, random, grouped))
    assert sentence is not None
    assert said in sentence
    assert f"{random:.2f}" in sentence
    assert f"{grouped:.2f}" in sentence


def test_nothing_is_said_of_a_difference_that_is_not_defined(files: Any) -> None:
    assert words.difference_sentence(_with_r2(files, None, 0.5)) is None


def test_a_baseline_that_does_better_is_owned_up_to(files: Any) -> None:
    data = read_report_data(files.study)
    design = data.validation.designs["random"]
    assert design.scores is not None
    assert design.baseline is not None
    better = design.scores.model_copy(update={"rmse": design.scores.rmse / 2})
    data.validation.designs.clear()
    data.validation.designs["random"] = design.model_copy(
        update={"baseline": design.baseline.model_copy(update={"scores": better})}
    )
    sentence = words.baseline_sentence(data)
    assert sentence is not None
    assert "100 % higher (random folds)" in sentence


@pytest.mark.parametrize(("r2", "said"), [(0.64, True), (-0.2, False), (None, False)])
def test_a_flawless_prediction_rises_by_r2_where_there_is_skill(
    r2: float | None, said: bool
) -> None:
    scores = Scores(r2=r2, rmse=1, mae=1, bias=0, concordance=0, slope_observed_on_predicted=1)
    assert ("rises by only 0.64" in words.regression_to_the_mean(scores)) is said
