"""The report of one design: by method, weighted, repeated, with intervals about each score."""

import json

import numpy as np
import pytest

from local_ml.prediction.target_transform import TargetTransform
from local_ml.scores.metrics import scores
from local_ml.validation.held_out import HeldOut

N = 60


def _held_out(**changed):
    random = np.random.default_rng(0)
    observed = random.uniform(0.1, 0.5, N)
    predicted = observed + random.normal(0, 0.05, N)
    values = {
        "design": "random",
        "fold": np.arange(N) % 5,
        "rows": np.arange(N),
        "observed": observed,
        "predicted": predicted,
        "transformed": predicted,
        "baseline": predicted + 0.01,
        "selected": (("twi",),) * 5,
        "group": np.arange(N) // 3,
        "method": np.where(np.arange(N) % 4 == 0, "ring", "gpr"),
    }
    return HeldOut(**values | changed)


def _report(**changed):
    report = _held_out(**changed).report(TargetTransform("none"), seed=1)
    return json.loads(json.dumps(report, allow_nan=False))


def test_each_score_lies_within_its_interval():
    report = _report()
    assert report["intervals"]["clusters"] == N / 3
    for name, value in report["scores"].items():
        lower, upper = report["intervals"][name]
        assert lower < value < upper
    for fifth in report["bias_by_fifth_of_prediction"]:
        assert fifth["interval"][0] <= fifth["bias"] <= fifth["interval"][1]


def test_methods_are_scored_apart():
    held_out, report = _held_out(), _report()
    for name, n in (("ring", 15), ("gpr", 45)):
        rows = held_out.method == name
        assert report["by_method"][name]["n"] == n
        assert report["by_method"][name]["scores"] == pytest.approx(
            scores(held_out.observed[rows], held_out.predicted[rows])
        )


def test_weights_enter_every_score():
    # Fault: a weighted design that reports the unweighted baseline, fifths or intervals.
    weight = np.where(np.arange(N) < 10, 1.0, 0.0)
    held_out, report = _held_out(), _report(weight=weight)
    first = slice(0, 10)
    expected = scores(held_out.observed[first], held_out.predicted[first])
    assert report["scores"] == pytest.approx(expected)
    assert report["baseline"]["scores"] == pytest.approx(
        scores(held_out.observed[first], held_out.baseline[first])
    )
    assert sum(fifth["n"] for fifth in report["bias_by_fifth_of_prediction"]) == 10
    lower, upper = report["intervals"]["rmse"]
    assert lower < expected["rmse"] < upper


def test_repeats_count_a_site_once_and_draw_it_whole():
    twice = {
        name: np.tile(getattr(_held_out(), name), 2)
        for name in (
            "rows", "fold", "observed", "predicted", "transformed", "baseline", "group", "method",
        )
    }  # fmt: skip
    once, report = _report(), _report(**twice)
    assert report["n"] == N
    assert report["scores"] == pytest.approx(once["scores"])
    # Fault: the repeats taken for more sites, which would narrow the intervals.
    assert report["intervals"]["rmse"] == pytest.approx(once["intervals"]["rmse"])


def test_without_a_prediction_there_is_no_score():
    report = _report(predicted=np.full(N, np.nan))
    assert (report["n"], report["no_prediction"]) == (0, N)
    assert report["scores"] is report["baseline"] is report["intervals"] is None
    assert report["by_method"]["ring"]["scores"] is None
