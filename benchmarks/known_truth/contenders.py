"""What is held against each other on the same sites: our fusion, and what others would do.

In: a table of training rows. Out: for rows without a target the prediction of each contender, in
the target's unit.

``fusion`` is the product's pipeline; ``dial_0.5`` and ``dial_1`` are the same with the variance
dial turned; each member alone and ``plain_mean`` are its members on the features that it selected,
fitted once for all of these. ``stacking`` is scikit-learn's StackingRegressor of the same members
on the same features, rows and weights. ``forest_corrected`` is a random forest on all candidates
with a linear bias correction fitted on its out-of-bag predictions (Belitz and Stackelberg 2021).
"""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import RandomForestRegressor, StackingRegressor
from sklearn.model_selection import KFold

from local_ml.domain import DomainSample
from local_ml.learning.ensemble import predict_members
from local_ml.learning.fusion import fit_fusion
from local_ml.learning.learners import MEMBERS, make_member
from local_ml.learning.pipeline import FittedPipeline, MoisturePipeline
from local_ml.prediction.fusion_rule import FusionRule
from local_ml.prediction.target_transform import TargetTransform
from local_ml.randomness import seed_for
from local_ml.samples import SampleTable
from local_ml.settings import EnsembleSettings, LearningSettings

DIALS = {"fusion": 0.0, "dial_0.5": 0.5, "dial_1": 1.0}
FOREST_TREES = 100


@dataclass(frozen=True)
class Fitted:
    """All contenders that share one fit of the members.

    Parameters
    ----------
    pipeline : the product's
    rules : by contender, each a way to make one value of the members' predictions
    """

    pipeline: FittedPipeline
    rules: dict[str, FusionRule]

    @classmethod
    def on(
        cls, table: SampleTable, settings: LearningSettings, domain: DomainSample | None = None
    ) -> "Fitted":
        """Fit the pipeline on the rows of a table, and the rules on its held-out predictions."""
        pipeline = MoisturePipeline(settings).fit(table, domain=domain)
        response = TargetTransform(settings.target.transform).forward(
            table.target[pipeline.used_rows]
        )
        rules = {}
        for name, dial in DIALS.items():
            fusion = settings.fusion.model_copy(update={"variance_dial": dial})
            rules[name] = fit_fusion(
                pipeline.out_of_fold, response, settings.target, fusion, pipeline.weight
            )
        bare = replace(pipeline.alternatives["none"], smearing=rules["fusion"].smearing)
        for name in MEMBERS:
            alone = tuple(float(member == name) for member in MEMBERS)
            rules[name] = replace(bare, weights=alone)
        equal = (1 / len(MEMBERS),) * len(MEMBERS)
        rules["plain_mean"] = replace(bare, weights=equal)
        rules["weighted_mean"] = bare
        return cls(pipeline, rules)

    def predict(self, values: np.ndarray | SampleTable) -> dict[str, np.ndarray]:
        """Return each contender's predictions, (n,), NaN where a value is missing."""
        if isinstance(values, SampleTable):
            values = values.with_features(self.pipeline.candidates).values
        X, valid = self.encode(values)
        predictions = predict_members(self.pipeline.members, X)
        result = {}
        for name, rule in self.rules.items():
            result[name] = np.full(len(values), np.nan)
            result[name][valid] = rule.deliver(predictions)[0]
        return result

    def encode(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the members' columns of the rows that can be predicted, and which those are."""
        pipeline = self.pipeline
        columns = [pipeline.candidates.index(name) for name in pipeline.selection.chosen]
        kept = values[:, columns]
        valid = pipeline.encoding.valid(kept)
        return pipeline.encoding.encode(kept[valid]), valid


class NamedMember(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A member by its name, so that scikit-learn can clone and stack it.

    Parameters
    ----------
    name : one of `MEMBERS`
    settings : of the members
    random_state : seed
    """

    def __init__(self, name: str, settings: EnsembleSettings, random_state: int) -> None:
        self.name = name
        self.settings = settings
        self.random_state = random_state

    def fit(
        self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> "NamedMember":
        member = make_member(self.name, self.settings, self.random_state)
        self.member_ = member.fit(X, y, sample_weight=sample_weight)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(self.member_.predict(X), dtype=np.float64)


def stacking(
    fitted: Fitted, table: SampleTable, values: np.ndarray, settings: LearningSettings
) -> np.ndarray:
    """Return the predictions of scikit-learn's StackingRegressor, ridge on random folds, (n,).

    The members that it refits on all rows get the seeds of ours, so that the same members are
    combined in two ways.
    """
    pipeline = fitted.pipeline
    transform = TargetTransform(settings.target.transform)
    rows = pipeline.used_rows
    seed = seed_for(settings.seed, "stacking")
    stack = StackingRegressor(
        [
            (name, NamedMember(name, settings.ensemble, seed_for(settings.seed, "member", name)))
            for name in MEMBERS
        ],
        cv=KFold(settings.fusion.folds, shuffle=True, random_state=seed),
    )
    kept = table.with_features(pipeline.selection.chosen)
    stack.fit(
        pipeline.encoding.encode(kept.values[rows]),
        transform.forward(table.target[rows]),
        sample_weight=pipeline.weight,
    )
    X, valid = fitted.encode(values)
    return _delivered(stack.predict(X), valid, fitted)


def forest_corrected(
    fitted: Fitted, table: SampleTable, values: np.ndarray, settings: LearningSettings
) -> np.ndarray:
    """Return a random forest's predictions, its line of observed on out-of-bag applied, (n,)."""
    rows = fitted.pipeline.used_rows
    response = TargetTransform(settings.target.transform).forward(table.target[rows])
    forest = RandomForestRegressor(
        FOREST_TREES,
        min_samples_leaf=settings.ensemble.random_forest.minimum_leaf,
        max_features=settings.ensemble.random_forest.feature_share,
        oob_score=True,
        n_jobs=1,
        random_state=seed_for(settings.seed, "forest corrected"),
    )
    forest.fit(table.values[rows], response)
    slope, intercept = np.polyfit(forest.oob_prediction_, response, 1)
    _, valid = fitted.encode(values)
    return _delivered(intercept + slope * forest.predict(values[valid]), valid, fitted)


def _delivered(predicted: np.ndarray, valid: np.ndarray, fitted: Fitted) -> np.ndarray:
    """Bring predictions of the transformed scale to the unit, smeared and clipped as ours are."""
    rule = fitted.rules["fusion"]
    value = predicted if rule.transform == "none" else np.exp(predicted) * rule.smearing
    low = -np.inf if rule.minimum is None else rule.minimum
    high = np.inf if rule.maximum is None else rule.maximum
    result = np.full(len(valid), np.nan)
    result[valid] = np.clip(value, low, high)
    return result
