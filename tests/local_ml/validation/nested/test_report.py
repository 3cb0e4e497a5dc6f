"""What the nested score reports: all scores, what is not scored, and where there is no skill."""

import json
from dataclasses import replace

import numpy as np
import pytest
from nested_cases import SETTINGS, sample_table, with_validation

from local_ml.errors import TrainingError
from local_ml.features import Feature
from local_ml.samples import SampleTable
from local_ml.scores.metrics import r2
from local_ml.settings import (
    TargetSettings,
)
from local_ml.validation.nested import fit_and_predict, validate


def test_the_report_has_all_scores_and_the_baseline_beside_them(validated):
    split = np.where(np.arange(72) % 6 == 0, "test", "train")
    report = validate(sample_table(split=split), SETTINGS).to_json()
    assert set(report["designs"]) == {"random", "grouped"}
    for part in (*report["designs"].values(), report["test"]):
        for scores in (part["scores"], part["baseline"]["scores"]):
            assert set(scores) == {
                "r2", "rmse", "mae", "bias", "concordance", "slope_observed_on_predicted",
            }  # fmt: skip
        assert [fifth["by"] for fifth in part["bias_by_fifth_of_observation"]] == [
            "observation"
        ] * 5
        assert part["transformed_scores"] is None
    assert [report["designs"]["random"][key] for key in ("n", "folds")] == [60, 3]
    assert report["test"]["n"] == 12
    json.dumps(report, allow_nan=False)
    assert validated.to_json()["test"] is None


def test_sites_without_a_prediction_are_counted_not_scored():
    table = sample_table(noise=0.0)
    values = table.values.copy()
    values[:5, 0] = np.nan
    features = [Feature(f"f{i}", "1") for i in range(3)]
    table = SampleTable.in_memory(features, values, table.target, group=table.group)
    result = validate(table, with_validation(SETTINGS, designs=("grouped",)))
    report = result.to_json()["designs"]["grouped"]
    assert (report["n"], report["no_prediction"]) == (67, 5)
    assert result.designs["grouped"].rows[~result.designs["grouped"].scored].tolist() == [
        0,
        1,
        2,
        3,
        4,
    ]


def test_scores_on_the_transformed_scale_beside_those_of_the_target():
    table = sample_table(noise=0.3)
    target = np.exp(table.target)
    table = SampleTable.in_memory(table.features, table.values, target, group=table.group)
    settings = SETTINGS.model_copy(
        update={"target": TargetSettings(minimum=0, maximum=None, transform="log")}
    )
    result = validate(table, with_validation(settings, designs=("random",)))
    part = result.to_json()["designs"]["random"]
    held_out = result.designs["random"]
    expected = r2(np.log(held_out.observed), held_out.transformed)
    assert part["transformed_scores"]["r2"] == pytest.approx(expected)
    assert part["transformed_scores"]["rmse"] != part["scores"]["rmse"]


def test_selection_frequency_is_a_share_of_the_folds(validated):
    frequency = validated.frequency()
    assert frequency["grouped"]["f0"] == 1
    assert all(0 < share <= 1 for shares in frequency.values() for share in shares.values())


def test_no_training_site_or_too_few_groups():
    with pytest.raises(TrainingError, match="no site has split 'train'"):
        validate(sample_table(split=np.full(72, "test")), SETTINGS)
    with pytest.raises(TrainingError, match=r"set validation.folds to 2 or less"):
        validate(sample_table(group=np.resize(["a", "b"], 72)), SETTINGS)


def test_folds_that_leave_too_few_sites_say_how_many_there_are():
    """Fault: "9 training sites: at least 10 are needed" of twelve, as if three had been lost."""
    table = sample_table(n=12, group=np.arange(12).astype(str))
    settings = with_validation(SETTINGS, folds=5, designs=("random",))
    told = (
        r"^12 sites to train on: the largest of the 5 outer folds \('random'\) leaves 9 to learn "
        r"from, at least 10 are needed"
    )
    with pytest.raises(TrainingError, match=told):
        validate(table, settings)


def test_a_fold_that_cannot_be_learned_is_named():
    """Fault: numbers of one fold, read as those of the study."""
    table = sample_table(n=36, group=np.arange(36).astype(str))
    table = replace(table, target=np.r_[np.zeros(24), np.arange(12.0)])
    split = np.arange(24), np.arange(24, 36)
    with pytest.raises(TrainingError, match=r"^fold 2 of 'block', which learns from 24 of the 36"):
        fit_and_predict(table, SETTINGS, "block", 1, split)


def test_sites_without_signal_end_in_the_plain_sentence(finished):
    noise = sample_table(n=36, noise=0.0)
    noise = replace(noise, target=np.random.default_rng(1).normal(size=36))
    settings = with_validation(SETTINGS, designs=("grouped",))
    assert "no skill is shown" in validate(noise, settings).to_json()["no_skill"]
    signal = validate(sample_table(), settings, cache=finished)
    assert signal.to_json()["no_skill"] is None
