"""The accuracy benchmark: worlds are what they say, folds are the product's, sums are right."""

import json
from pathlib import Path

import numpy as np
import pytest
from accuracy import measure, read
from known_truth import summary
from known_truth.contenders import Fitted
from known_truth.nested import nested
from known_truth.scoring import LIGHT, reported, settings_key
from known_truth.worlds import (
    CANDIDATES,
    MEAN,
    MEASUREMENT_SHARE,
    STANDARD_DEVIATION,
    make_world,
)

from local_ml.folds.distances import on_sphere, to_nearest_other
from local_ml.learning.learners import MEMBERS, lighten
from local_ml.validation.nested import validate

# Fewer trees and folds than any study would take.
TINY = LIGHT.model_copy(
    update={
        "selection": LIGHT.selection.model_copy(update={"trees": 10, "folds": 2, "rule": "probes"}),
        "ensemble": lighten(LIGHT.ensemble, 4),
        "fusion": LIGHT.fusion.model_copy(update={"folds": 2}),
        "validation": LIGHT.validation.model_copy(update={"folds": 3}),
    }
)
SITES, FRESH = 90, 300


# ---- worlds


def test_the_same_world_comes_back_and_another_number_is_another_world():
    one, again, other = (make_world("clustered", k, SITES, FRESH) for k in (3, 3, 4))
    assert (one.table.fingerprint, one.domain.fingerprint) == (
        again.table.fingerprint,
        again.domain.fingerprint,
    )
    assert (one.measured == again.measured).all()
    assert one.table.fingerprint != other.table.fingerprint


def test_shares_of_variance_and_errors_of_measurement_are_as_written():
    worlds = [make_world("even", number) for number in range(2)]
    assert worlds[0].values.shape[1] == CANDIDATES
    variance = np.mean([world.truth.var() for world in worlds])
    assert variance == pytest.approx((1 - MEASUREMENT_SHARE) * STANDARD_DEVIATION**2, rel=0.1)
    for world in worlds:
        assert world.truth.mean() == pytest.approx(MEAN, abs=1e-9)
        stated = np.mean(world.table.target_sd**2)
        assert stated == pytest.approx(MEASUREMENT_SHARE * STANDARD_DEVIATION**2, rel=0.1)
        # Fresh measurements err as those of the sites do.
        found = np.var(world.measured - world.truth)
        assert found == pytest.approx(stated, rel=0.15)


def test_clustered_sites_are_clustered_and_noise_depends_on_nothing():
    clustered, even, noise = (
        make_world(family, 0, fresh=50) for family in ("clustered", "even", "noise")
    )

    def nearest(world):
        return np.median(to_nearest_other(on_sphere(world.table.longitude, world.table.latitude)))

    assert nearest(clustered) < nearest(even) / 2
    assert len(np.unique(clustered.table.group)) < 150 < len(np.unique(even.table.group))
    assert (noise.truth == MEAN).all()
    assert noise.table.target.std() == pytest.approx(STANDARD_DEVIATION, rel=0.15)


def test_a_family_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="no family 'flat'; there are clustered, even, noise"):
        make_world("flat", 0)


# ---- the folds are the product's own


def test_reported_scores_are_those_of_the_product(monkeypatch):
    # Oracle: the validation that a study runs. Fault: folds or seeds of our own making.
    monkeypatch.setattr("local_ml.validation.nested.BASELINE_TREES", 2)
    world = make_world("clustered", 0, 60, 50)
    ours = nested(world.table, TINY, world.domain)
    told = validate(world.table, TINY, domain=world.domain).to_json()["designs"]
    assert set(ours) == set(told)
    for design, part in ours.items():
        assert reported(part)["r2"] == pytest.approx(told[design]["scores"]["r2"], abs=1e-12)


def test_contenders_share_the_members_and_differ_in_how_they_are_combined():
    world = make_world("even", 0, SITES, FRESH)
    fitted = Fitted.on(world.table, TINY, world.domain)
    found = fitted.predict(world.values)
    alone = np.column_stack([found[name] for name in MEMBERS])
    np.testing.assert_allclose(found["plain_mean"], alone.mean(axis=1))
    np.testing.assert_allclose(found["fusion"], fitted.pipeline.predict(world.values))
    spread = [found[name].std() for name in ("fusion", "dial_0.5", "dial_1")]
    assert spread == sorted(spread) or spread == sorted(spread, reverse=True)


# ---- runs


def test_a_run_goes_on_where_it_was_and_its_tables_can_be_printed(tmp_path: Path, capsys):
    out = tmp_path / "accuracy.jsonl"
    jobs = [("clustered", 0), ("noise", 0)]
    measure(jobs[:1], out, settings=TINY, sites=SITES, fresh=FRESH)
    first = out.read_text()
    # A line cut short, as by a run that was killed, is measured again, and the one after it is
    # whole; a world told twice counts once.
    out.write_text(first + first + first[: len(first) // 2])
    measure(jobs, out, settings=TINY, sites=SITES, fresh=FRESH)
    assert "clustered 0" not in capsys.readouterr().out.split("CPU s", 1)[1]
    entries = read(out, settings_key(TINY))
    assert [(e["family"], e["world"]) for e in entries] == jobs
    assert out.read_text().startswith(first)
    assert read(out, settings_key(LIGHT)) == []
    entry = entries[0]
    assert set(entry["reported"]) == {"random", "random_weighted", "grouped", "knndm"}
    assert set(entry["map"]) >= {"fusion", "stacking", "forest_corrected", "plain_mean", *MEMBERS}
    assert 0 < entry["coverage"]["grouped"]["map"]["0.9"] <= 1
    told = summary.tables(entries * 2)
    assert "2 worlds clustered" in told
    assert "flat SHAP-RFE" in told


# ---- the arithmetic of the summary


def _entry(rmse, **changes):
    """A world whose members have RMSE 2, 1, 3 and 4, plain mean 1.25 and stacking 1."""
    others = dict(zip(MEMBERS, (2.0, 1.0, 3.0, 4.0), strict=True))
    maps = {"fusion": rmse, "plain_mean": 1.25, "stacking": 1.0, **others}
    entry = {
        "map": {name: {"rmse": value} for name, value in maps.items()},
        "true": {"fusion": {"r2": 0.5}},
        "reported": {name: {"r2": 0.5} for name in summary.DESIGNS},
        "true_of_folds": dict.fromkeys(summary.DESIGNS, 0.48),
        "flat": {"reported": 0.55, "true": 0.5},
        "flat_usual": {"reported": 0.7, "true": 0.5},
        "coverage": {"grouped": {"grouped": {"0.9": 0.9}}},
    }
    return entry | changes


def test_the_mean_its_error_and_its_bound():
    found = summary.mean_of([1.0, 2.0, 3.0, 6.0])
    assert found.mean == 3
    assert found.error == pytest.approx(np.std([1, 2, 3, 6], ddof=1) / 2)
    # Student's t of 3 degrees of freedom at 95 %: 2.3534.
    assert found.upper == pytest.approx(3 + 2.3534 * found.error, abs=1e-3)
    assert np.isnan(summary.mean_of([1.0]).error)


def test_differences_are_paired_by_world_and_the_oracle_chooses_in_each():
    entries = [_entry(1.01), _entry(1.03)]
    assert summary.percent_above(entries, "fusion", MEMBERS).mean == pytest.approx(2)
    assert summary.percent_above(entries, "fusion", ("plain_mean",)).mean == pytest.approx(-18.4)


def test_the_r2_of_a_small_sample_is_lower_on_average():
    # Oracle: a constant prediction of noise, in samples of 20 and of 2,000.
    random = np.random.default_rng(0)
    drawn = [random.normal(size=20) for _ in range(4000)]
    small = np.mean([1 - (y**2).sum() / ((y - y.mean()) ** 2).sum() for y in drawn])
    assert summary.in_sample_of(20, 0.0, 10**9) == pytest.approx(-1 / 19)
    # The mean of a ratio lies below the ratio of means.
    assert small == pytest.approx(summary.in_sample_of(20, 0.0, 10**9), abs=0.01)


@pytest.mark.parametrize(
    ("entries", "bar", "cleared"),
    [
        ([_entry(1.0), _entry(1.001)], "chosen by an oracle", True),
        # Fault: a bar held against the mean and not against its bound.
        ([_entry(0.9), _entry(1.1)], "chosen by an oracle", False),
        ([_entry(1.006), _entry(1.007)], "StackingRegressor", False),
        ([_entry(1.0, reported={n: {"r2": 0.56} for n in summary.DESIGNS})] * 2, "kNNDM", False),
        ([_entry(1.0, reported={n: {"r2": 0.46} for n in summary.DESIGNS})] * 2, "kNNDM", True),
        ([_entry(1.0, coverage={"grouped": {"grouped": {"0.9": 0.87}}})] * 2, "coverage", False),
        ([_entry(1.0, coverage={"grouped": {"grouped": {"0.9": 0.915}}})] * 2, "coverage", True),
    ],
)
def test_a_bar_is_cleared_or_not(entries, bar, cleared):
    (line,) = [line for line in summary.bars({"clustered": entries}).splitlines() if bar in line]
    assert line.endswith("| yes |" if cleared else "| **no** |")


def test_on_noise_both_the_honest_and_the_flat_score_are_judged():
    def noise(r2):
        return _entry(1.0, reported={name: {"r2": r2} for name in summary.DESIGNS})

    told = summary.bars({"noise": [noise(0.49), noise(0.515)]})
    honest = [line for line in told.splitlines() if "nested R² (random folds) minus" in line]
    of_map, of_folds = honest
    assert of_map.endswith("| +0.0025 ± 0.0125 | yes |")
    # 0.5025 - 0.48, and the 1 / 342 that an R² of 342 sites is lower by.
    assert of_folds.endswith("| +0.0238 ± 0.0125 | yes |")
    light, usual = [line for line in told.splitlines() if "by a flat SHAP-RFE" in line]
    assert "+0.050" in light
    assert light.endswith("| **no** |")
    assert usual.endswith("| yes |")
    biased = summary.bars({"noise": [noise(0.60), noise(0.61)]})
    assert "within 2 standard errors of 0 | +0.1050 ± 0.0050 | **no** |" in biased


def test_lines_are_plain_json(tmp_path: Path):
    # Fault: NaN, which is no JSON, where a slope is undefined: the truth of noise is constant.
    out = tmp_path / "noise.jsonl"
    measure([("noise", 1)], out, settings=TINY, sites=SITES, fresh=FRESH)

    def refuse(word):
        raise AssertionError(word)

    json.loads(out.read_text(), parse_constant=refuse)
