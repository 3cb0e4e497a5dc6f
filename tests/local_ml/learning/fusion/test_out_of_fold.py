"""Out-of-fold predictions: no row by a member that saw it, and no others reach the fusion."""

import numpy as np
import pytest
from held_out import SMALL, UNBOUNDED, held_out, table_of_sites

from local_ml.errors import TrainingError
from local_ml.learning import ensemble
from local_ml.learning.ensemble import OutOfFoldPredictions, out_of_fold
from local_ml.learning.fusion import (
    fit_fusion,
)
from local_ml.settings import FusionSettings


@pytest.mark.parametrize("design", ["grouped", "random"])
def test_no_row_is_predicted_by_a_member_that_saw_it_or_its_group(monkeypatch, design):
    # Fault: inner folds that divide a group, or that index rows of another table.
    table = table_of_sites()
    unit = table.group if design == "grouped" else table.site_id
    group_of = {row.tobytes(): group for row, group in zip(table.values, unit, strict=True)}
    learned: dict[int, set[str]] = {}
    genuine = ensemble.make_member

    def watched(name, settings, seed):
        member = genuine(name, settings, seed)
        fit, predict = member.fit, member.predict

        def watched_fit(X, y, sample_weight=None):
            learned[id(member)] = {group_of[row.tobytes()] for row in X}
            fit(X, y, sample_weight=sample_weight)
            return member

        def watched_predict(X):
            seen = {group_of[row.tobytes()] for row in X}
            assert not seen & learned[id(member)]
            checked.append(len(X))
            return predict(X)

        member.fit, member.predict = watched_fit, watched_predict
        kept.append(member)
        return member

    kept, checked = [], []
    monkeypatch.setattr(ensemble, "make_member", watched)
    settings = FusionSettings(folds=3, repeats=2, designs=(design,))
    result = out_of_fold(table, table.target, SMALL, settings, 1)
    assert sum(checked) == table.n * 4 * 2
    assert (result.predictions != 0).all()


def test_repeats_are_averaged_over_other_folds():
    table, once = table_of_sites(), FusionSettings(folds=3, designs=("grouped",))
    single = out_of_fold(table, table.target, SMALL, once, 1)
    twice = once.model_copy(update={"repeats": 2})
    double = out_of_fold(table, table.target, SMALL, twice, 1)
    assert len(double.folds) == 2
    assert double.folds[0][0][1].tolist() == single.folds[0][0][1].tolist()
    assert double.folds[1][0][1].tolist() != single.folds[0][0][1].tolist()
    assert (double.predictions != single.predictions).any()


def test_each_design_predicts_every_row_and_neither_moves_the_other():
    # Fault: the second design written over the first, or rows of one scored with another's target.
    table = table_of_sites()
    one, two, both = (
        out_of_fold(table, table.target, SMALL, FusionSettings(folds=3, designs=designs), 1)
        for designs in (("random",), ("grouped",), ("random", "grouped"))
    )
    assert (both.predictions == np.vstack([one.predictions, two.predictions])).all()
    assert both.rows.tolist() == [*range(table.n)] * 2
    assert (both.group == table.group[both.rows]).all()
    assert (both.predictions[: table.n] != both.predictions[table.n :]).any()
    # Observations are told by row of the table, however often it was predicted.
    rule = fit_fusion(both, table.target, UNBOUNDED, FusionSettings())
    error = rule.deliver(both.predictions)[0] - table.target[both.rows]
    assert np.mean(error**2) < 0.5 * table.target.var()


def test_attributions_of_held_out_rows_add_up():
    table = table_of_sites()
    result = out_of_fold(table, table.target, SMALL, FusionSettings(folds=3), 1, explain=True)
    assert len(result.shap) == 2 * table.n
    for _, test in result.folds[0]:
        base = result.predictions[test] - result.shap[test].sum(axis=1)
        np.testing.assert_allclose(base, base[:1].repeat(len(test), axis=0), atol=1e-5)


def test_in_sample_predictions_are_refused():
    # Fault: weights that trust the member that overfits most.
    predictions, observed = np.zeros((9, 2)), np.zeros(9)
    with pytest.raises(TrainingError, match=r"out-of-fold predictions alone.*ndarray"):
        fit_fusion(predictions, observed, UNBOUNDED, FusionSettings())
    with pytest.raises(TrainingError, match=r"only come from ensemble.out_of_fold"):
        OutOfFoldPredictions(("a", "b"), predictions, np.arange(9), np.arange(9), ())


def test_rows_that_do_not_match_are_refused():
    with pytest.raises(TrainingError, match="predictions of 12 sites for 9 observations"):
        fit_fusion(held_out(np.zeros((12, 2))), np.zeros(9), UNBOUNDED, FusionSettings())
