"""The members, fitted; and their predictions of rows that they did not see.

In: features of the training rows and their target on the transformed scale. Out: fitted members,
and the members' predictions of each row from folds in which it was held out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from local_ml.errors import TrainingError
from local_ml.folds.splitters import Split, splitter
from local_ml.learning.importance import shap_values, sum_to_features
from local_ml.learning.learners import MEMBERS, Member, make_member, require_varying
from local_ml.prediction.features_encoding import FeatureEncoding
from local_ml.randomness import seed_for
from local_ml.samples import SampleTable
from local_ml.settings import EnsembleSettings, FusionSettings

_MADE_HERE = object()


@dataclass(frozen=True)
class OutOfFoldPredictions:
    """Predictions of rows by members not fitted on them, nor, in grouped folds, on their group.

    Only `out_of_fold` makes one. Weights and a calibration fitted on predictions of rows that
    the members know would trust the member that overfits most.

    Parameters
    ----------
    members : names, in the order of the columns
    predictions : (k, members) float64, transformed scale, mean over the repeats; k is the number
        of rows times that of the designs of folds, design after design
    rows : (k,) int, the row of the table that each is of
    group : (k,) of that row
    folds : for each design and repeat its pairs of training and held-out rows
    shap : (k, features, members) float64, attributions of those predictions; None if not asked
    """

    members: tuple[str, ...]
    predictions: np.ndarray
    rows: np.ndarray
    group: np.ndarray
    folds: tuple[tuple[Split, ...], ...]
    shap: np.ndarray | None = None
    made_by: object = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.made_by is not _MADE_HERE:
            raise TrainingError(
                "out-of-fold predictions can only come from ensemble.out_of_fold, which holds "
                "each row out of the fit that predicts it"
            )


def fit_members(
    X: np.ndarray,
    response: np.ndarray,
    settings: EnsembleSettings,
    seed: int,
    weight: np.ndarray | None = None,
) -> dict[str, Member]:
    """Fit all members.

    Parameters
    ----------
    X : (n, columns) float32, NaN where missing
    response : (n,) target on the transformed scale
    weight : (n,) of mean 1; None: equal

    Raises
    ------
    TrainingError
        All rows of `X` are alike.
    """
    require_varying(X)
    return {
        name: make_member(name, settings, seed_for(seed, "member", name)).fit(
            X, response, sample_weight=weight
        )
        for name in MEMBERS
    }


def predict_members(members: Mapping[str, Member], X: np.ndarray) -> np.ndarray:
    """Return the members' predictions, (n, members) float64, on the transformed scale."""
    return np.column_stack([np.asarray(m.predict(X), dtype=np.float64) for m in members.values()])


def out_of_fold(
    table: SampleTable,
    response: np.ndarray,
    ensemble: EnsembleSettings,
    fusion: FusionSettings,
    seed: int,
    weight: np.ndarray | None = None,
    explain: bool = False,
) -> OutOfFoldPredictions:
    """Predict every row by members fitted on other rows, once for each design of folds.

    Grouped folds alone ask for places without any site nearby, and their errors hang together by
    group, so that few groups give steep and noisy slopes: of clustered sites the map errs less
    with both designs (measured: docs/accuracy.md). Imputation is fitted inside each fold too.

    Parameters
    ----------
    table : training rows, with the features kept
    response : (n,) target on the transformed scale
    weight : (n,) of mean 1; None: equal
    explain : also compute the SHAP values of the held-out rows

    Raises
    ------
    TrainingError
        Too few rows or groups for the folds, or a fold whose rows are all alike.
    """
    rows = np.tile(np.arange(table.n), len(fusion.designs))
    predictions = np.zeros((len(rows), len(MEMBERS)))
    shap = np.zeros((len(rows), len(table.features), len(MEMBERS))) if explain else None
    drawn = []
    for number, design in enumerate(fusion.designs):
        for repeat in range(fusion.repeats):
            seed_of_folds = seed_for(seed, "fusion folds", design, repeat)
            folds = splitter(design, table.group, fusion.folds, seed_of_folds, "fusion.folds")
            drawn.append(tuple(folds))
            for fold, (train, test) in enumerate(folds):
                here = test + number * table.n
                encoding = FeatureEncoding.fit(table.features, table.values[train])
                X = encoding.encode(table.values)
                members = fit_members(
                    X[train],
                    response[train],
                    ensemble,
                    seed_for(seed, "fusion", design, repeat, fold),
                    None if weight is None else weight[train],
                )
                predictions[here] += predict_members(members, X[test]) / fusion.repeats
                if shap is not None:
                    for column, (name, member) in enumerate(members.items()):
                        values = shap_values(name, member, X[test])
                        summed = sum_to_features(values, encoding.column_feature())
                        shap[here, :, column] += summed / fusion.repeats
    return OutOfFoldPredictions(
        MEMBERS, predictions, rows, table.group[rows], tuple(drawn), shap, _MADE_HERE
    )
