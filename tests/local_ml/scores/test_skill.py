"""No skill is said plainly, and only where there is none."""

import numpy as np
import pytest

from local_ml.scores.skill import no_skill


def _design(r2, lower, upper):
    return {"scores": {"r2": r2}, "intervals": {"r2": [lower, upper]}}


def test_the_interval_decides_and_not_the_score():
    # Fault: a score of 0.15 from thirty sites taken for skill.
    assert no_skill({"knndm": _design(0.4, 0.1, 0.6)}) is None
    sentence = no_skill({"knndm": _design(0.15, -0.2, 0.4)})
    assert "no skill is shown: R² under knndm folds is 0.15" in sentence
    assert "\N{MINUS SIGN}0.20 to 0.40" in sentence
    assert no_skill({"knndm": _design(0.0, 0.0, 0.0)}) is not None


def test_matched_folds_decide_where_there_are_any():
    good, bad = _design(0.6, 0.5, 0.7), _design(-0.1, -0.4, 0.1)
    assert no_skill({"random": good, "grouped": good, "knndm": bad}) is not None
    assert no_skill({"random": bad, "grouped": bad, "knndm": good}) is None
    assert "grouped" in no_skill({"random": good, "random_weighted": good, "grouped": bad})
    assert no_skill({"random": good}) is None


@pytest.mark.parametrize(
    ("design", "told"),
    [
        ({"scores": None, "intervals": None}, "no R² could be found"),
        ({"scores": {"r2": None}, "intervals": None}, "no R² could be found"),
        ({"scores": {"r2": 0.9}, "intervals": None}, "one group of sites alone"),
        # Fault: twelve groups called one.
        (
            {"scores": {"r2": 0.9}, "intervals": {"clusters": 12, "r2": None}},
            "among the draws of its 12 groups of sites none defines an R²",
        ),
    ],
)
def test_what_cannot_be_told_is_no_skill(design, told):
    assert told in no_skill({"knndm": design})


def test_it_is_rarely_found_in_noise_and_found_in_signal():
    # 36 sites without signal: predictions that owe nothing to the observations.
    from local_ml.prediction.target_transform import TargetTransform
    from local_ml.validation.held_out import HeldOut

    def said(seed, signal):
        random = np.random.default_rng(seed)
        observed = random.normal(size=36)
        predicted = signal * observed + 0.3 * random.normal(size=36)
        held_out = HeldOut(
            "knndm", np.arange(36) % 5, np.arange(36), observed, predicted, predicted, predicted,
            (("a",),) * 5, group=np.arange(36) // 2,
        )  # fmt: skip
        return no_skill({"knndm": held_out.report(TargetTransform("none"), seed)})

    assert sum(said(seed, 0.0) is None for seed in range(20)) <= 1
    assert all(said(seed, 0.8) is None for seed in range(20))
