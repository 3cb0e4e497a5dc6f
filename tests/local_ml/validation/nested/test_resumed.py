"""The nested score is the same however it came about: by one worker, from a cache, in two runs."""

import json
from dataclasses import replace

import numpy as np
import pytest
from nested_cases import SETTINGS, Memory, sample_table, with_validation

from local_ml.folds.designs import designs_of
from local_ml.scores.metrics import r2
from local_ml.settings import (
    FusionSettings,
)
from local_ml.validation import nested as validation
from local_ml.validation.nested import validate


def test_one_worker_and_two_give_the_same(monkeypatch):
    # Other processes don't see the smaller baseline of these tests.
    monkeypatch.setattr(validation, "BASELINE_TREES", 500)
    table = sample_table()
    one, two = (
        validate(table, with_validation(SETTINGS, folds=2, workers=workers)) for workers in (1, 2)
    )
    assert json.dumps(one.to_json()) == json.dumps(two.to_json())
    for design in ("random", "grouped"):
        assert one.designs[design].predicted.tobytes() == two.designs[design].predicted.tobytes()


def test_a_second_run_takes_all_folds_from_the_cache(monkeypatch, validated, finished):
    told = []
    assert len(finished.folds) == 6

    def never(*arguments):
        raise AssertionError("a finished fold was fitted again")

    monkeypatch.setattr(validation, "fit_and_predict", never)
    again = validate(sample_table(), SETTINGS, cache=finished, progress=lambda *a: told.append(a))
    assert again.to_json() == validated.to_json()
    assert [entry[1:] for entry in told] == [(done, 6) for done in range(1, 7)]


def test_an_interrupted_run_does_only_what_is_left(monkeypatch, validated):
    table, cache = sample_table(), Memory()
    fit_and_predict, done = validation.fit_and_predict, []

    def interrupted(*arguments):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(arguments[2:4])
        return fit_and_predict(*arguments)

    monkeypatch.setattr(validation, "fit_and_predict", interrupted)
    with pytest.raises(KeyboardInterrupt):
        validate(table, SETTINGS, cache=cache)
    assert len(cache.folds) == 2
    done.clear()
    monkeypatch.setattr(
        validation, "fit_and_predict", lambda *a: done.append(a[2:4]) or fit_and_predict(*a)
    )
    assert validate(table, SETTINGS, cache=cache).to_json() == validated.to_json()
    assert len(done) == 4


def test_another_table_or_setting_is_another_fold():
    # Fault: a fold kept for other data or settings taken for this one's.
    def keys(table, settings):
        cache = Memory()
        designs, _ = designs_of(settings, None)
        jobs = validation._jobs(table, np.arange(table.n), settings, designs, None)
        return {job.key for job in jobs} | set(cache.folds)

    table = sample_table()
    reference = keys(table, SETTINGS)
    assert len(reference) == 6
    assert keys(table, with_validation(SETTINGS, workers=2)) == reference
    assert keys(table, with_validation(SETTINGS, designs=("random",))) < reference
    assert not keys(sample_table(noise=0.2), SETTINGS) & reference
    assert not keys(table, SETTINGS.model_copy(update={"seed": 1})) & reference
    assert not keys(table, SETTINGS.model_copy(update={"fusion": FusionSettings()})) & reference
    assert not keys(table, with_validation(SETTINGS, folds=4)) & reference


def test_repeats_redraw_random_folds_and_keep_those_that_are_done():
    table, cache = sample_table(), Memory()
    once = validate(table, with_validation(SETTINGS, designs=("random",)), cache=cache)
    thrice = validate(table, with_validation(SETTINGS, designs=("random",), repeats=3), cache=cache)
    assert len(cache.folds) == 9
    first, all_of_them = once.designs["random"], thrice.designs["random"]
    np.testing.assert_array_equal(all_of_them.predicted[: table.n], first.predicted)
    assert np.bincount(all_of_them.rows).tolist() == [3] * table.n
    told = thrice.to_json()["designs"]["random"]
    assert (told["n"], told["folds"]) == (table.n, 9)
    each = [
        r2(first.observed, first.predicted)
        for first in (
            replace(
                all_of_them,
                observed=all_of_them.observed[part],
                predicted=all_of_them.predicted[part],
            )
            for part in np.split(np.arange(3 * table.n), 3)
        )
    ]
    assert told["scores"]["r2"] == pytest.approx(np.mean(each))
    assert len(set(each)) == 3
