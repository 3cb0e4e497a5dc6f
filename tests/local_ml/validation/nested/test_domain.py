"""Designs that need points of the domain, and what folds are told of it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from nested_cases import SETTINGS, sample_table, scattered, with_validation

from local_ml.errors import TrainingError
from local_ml.folds.designs import count_folds
from local_ml.folds.distances import across_folds, on_sphere, to_nearest, wasserstein
from local_ml.scores.metrics import r2
from local_ml.validation import nested as validation
from local_ml.validation.nested import validate


def test_four_designs_side_by_side_of_which_the_weighted_one_fits_nothing(surrounded):
    result, fitted = surrounded.result, surrounded.fitted
    assert list(result.designs) == ["random", "random_weighted", "grouped", "knndm"]
    assert sorted(fitted) == ["grouped"] * 3 + ["knndm"] * 3 + ["random"] * 3
    assert len(fitted) == count_folds(SETTINGS, surrounded.domain)
    random, weighted = result.designs["random"], result.designs["random_weighted"]
    np.testing.assert_array_equal(random.predicted, weighted.predicted)
    document = json.loads(json.dumps(result.to_json(), allow_nan=False))
    told = document["designs"]["random_weighted"]
    assert told["borrowed_from"] == "random"
    expected = r2(random.observed, random.predicted, weighted.weight)
    assert told["scores"]["r2"] == pytest.approx(expected)
    assert told["scores"]["r2"] != document["designs"]["random"]["scores"]["r2"]
    assert "random_weighted" not in result.frequency()
    assert result.notes == ()


def test_distances_show_which_design_asks_what_the_map_asks(surrounded):
    table, domain, result, _ = surrounded
    told = json.loads(json.dumps(result.to_json(), allow_nan=False))["distances"]
    assert (told["unit"], told["clustered"]) == ("km", True)
    assert set(told["designs"]) == {"random", "grouped", "knndm"}
    places = on_sphere(table.longitude, table.latitude)
    region = on_sphere(domain.longitude, domain.latitude)
    wanted = to_nearest(region, places)
    assert told["domain_to_sample"]["mean"] == pytest.approx(wanted.mean())
    assert told["sample_to_sample"]["mean"] < 3 < told["domain_to_sample"]["mean"]
    for name, part in told["designs"].items():
        held_out = result.designs[name]
        folds = [
            (np.setdiff1d(np.arange(table.n), rows), rows)
            for rows in (held_out.rows[held_out.fold == f] for f in range(3))
        ]
        reached = across_folds(places, folds)
        assert part["n"] == table.n
        assert part["wasserstein"] == pytest.approx(wasserstein(reached, wanted))
    assert told["designs"]["knndm"]["wasserstein"] < told["designs"]["random"]["wasserstein"]


def test_without_a_domain_its_designs_are_left_out_aloud(validated):
    result = validated
    assert list(result.designs) == ["random", "grouped"]
    assert "no score under knndm and random_weighted" in result.notes[0]
    document = result.to_json()
    assert document["notes"] == list(result.notes)
    assert document["distances"]["domain_to_sample"] is None
    with pytest.raises(TrainingError, match=r"name another design in validation\.designs"):
        validate(sample_table(), with_validation(SETTINGS, designs=("knndm",)))
    inner = SETTINGS.selection.model_copy(update={"designs": ("knndm",)})
    with pytest.raises(TrainingError, match="need points of the domain"):
        validate(sample_table(), SETTINGS.model_copy(update={"selection": inner}))


def test_the_domain_is_part_of_a_fold_only_where_folds_within_it_depend_on_it():
    # Fault: folds kept from another domain taken for this one's, or refitted without need.
    table, domain = scattered()
    other = replace(domain, longitude=domain.longitude + 0.5)

    def keys(settings, domain):
        jobs = validation._jobs(table, np.arange(table.n), settings, ("random",), domain)
        return {job.key for job in jobs}

    assert keys(SETTINGS, domain) == keys(SETTINGS, other) == keys(SETTINGS, None)
    inner = SETTINGS.selection.model_copy(update={"designs": ("knndm",)})
    matched = SETTINGS.model_copy(update={"selection": inner})
    assert not keys(matched, domain) & keys(matched, other)
    features = with_validation(matched, space="features")
    assert not keys(matched, domain) & keys(features, domain)


def test_inner_folds_matched_to_the_domain_run_the_pipeline():
    table, domain = scattered()
    inner = SETTINGS.selection.model_copy(update={"designs": ("knndm",)})
    settings = with_validation(
        SETTINGS.model_copy(update={"selection": inner}), designs=("grouped",)
    )
    assert validate(table, settings, domain=domain).to_json()["designs"]["grouped"]["n"] == table.n
