"""What is told at the end of a step and of a run, also where there is no score."""

from types import SimpleNamespace
from typing import Any

import pytest

from export.steps.train import _summary
from export.summary import shown

SCORES: dict[str, float | None] = {"r2": 0.512, "rmse": 0.0312, "mae": 0.02, "bias": None}


def _result(*, scores: Any) -> Any:
    designs = {"random": {"scores": SCORES}, "grouped": {"scores": scores}}
    selection = SimpleNamespace(chosen=("a",), candidates=("a", "b"), note="")
    return SimpleNamespace(
        fitted=SimpleNamespace(selection=selection),
        validation=SimpleNamespace(to_json=lambda: {"designs": designs}),
    )


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        (SCORES, "grouped R² 0.51 RMSE 0.0312"),
        (SCORES | {"r2": None}, "grouped R² – RMSE 0.0312"),
        (None, "grouped R² – RMSE –"),
    ],
)
def test_a_training_ends_with_its_scores_or_with_dashes(scores: Any, told: str) -> None:
    """Fault: a training of hours that ends in a TypeError, its model saved and not told."""
    expected = f"kept 1 of 2 covariates; nested: random R² 0.51 RMSE 0.0312, {told}"
    assert _summary(_result(scores=scores)) == expected


def test_a_score_that_is_not_defined_is_a_dash() -> None:
    assert shown(SCORES, "r2", ".3f") == "0.512"
    assert shown(SCORES, "bias", "+.2g") == shown(None, "r2", ".3f") == "–"
