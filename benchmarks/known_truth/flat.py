"""What not to do: features eliminated and scored on the same rows.

In: the table of the sites, and places whose target was measured afresh. Out: the R² that a flat
SHAP-RFE would report, and the R² of its model at those places.

The usual practice: XGBoost is fitted on all rows, the feature of least mean |SHAP| on those same
rows falls, again and again; the set of least cross-validated error is kept, and that error is
reported as the model's. The folds of each fit are honest; the choice among the sets is not.
"""

from typing import Any

import numpy as np
from sklearn.model_selection import KFold
from xgboost import XGBRegressor

from local_ml.learning.importance import mean_absolute_shap
from local_ml.learning.learners import make_light_member
from local_ml.randomness import seed_for
from local_ml.samples import SampleTable
from local_ml.scores.metrics import r2
from local_ml.settings import LearningSettings

FEWEST = 2


def flat_selection(
    table: SampleTable,
    values: np.ndarray,
    measured: np.ndarray,
    settings: LearningSettings,
    usual: bool = False,
) -> dict[str, float]:
    """Return ``reported`` and ``true`` R² of a flat SHAP-RFE, and how many features it kept.

    Parameters
    ----------
    table : the sites, all features continuous
    values : (m, p) the same features at other places
    measured : (m,) the target there
    settings : of the light XGBoost that ranks features in the product
    usual : XGBoost as its library sets it instead, which is what most would take
    """
    seed = seed_for(settings.seed, "flat")
    folds = KFold(settings.validation.folds, shuffle=True, random_state=seed)
    splits = list(folds.split(table.values))

    def fitted(rows: np.ndarray, columns: list[int]) -> Any:
        member: Any = make_light_member("xgboost", settings.selection, settings.ensemble, seed)
        if usual:
            member = XGBRegressor(n_jobs=1, random_state=seed, verbosity=0)
        return member.fit(table.values[np.ix_(rows, columns)], table.target[rows])

    everything = np.arange(table.n)
    left = list(range(table.values.shape[1]))
    best, kept = -np.inf, left
    while True:
        held_out = np.zeros(table.n)
        for train, test in splits:
            held_out[test] = fitted(train, left).predict(table.values[np.ix_(test, left)])
        found = r2(table.target, held_out)
        if found > best:
            best, kept = found, left
        if len(left) <= FEWEST:
            break
        importance = mean_absolute_shap("xgboost", fitted(everything, left), table.values[:, left])
        out = int(np.argmin(importance))
        left = [*left[:out], *left[out + 1 :]]
    predicted = fitted(everything, kept).predict(values[:, kept])
    return {"reported": best, "true": r2(measured, predicted), "features": float(len(kept))}
