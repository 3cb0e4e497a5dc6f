"""The four members of the ensemble, each set for a few hundred rows.

In: a member's name, the settings, a seed. Out: a scikit-learn regressor that takes float32
columns, NaN where a value is missing, and learns on the scale of the transformed target.

Every member works in one thread: that is what makes its bytes repeat. The folds share the cores.
"""

from typing import Any, Protocol, Self

import numpy as np

from local_ml.errors import TrainingError
from local_ml.settings import (
    CatBoostSettings,
    EnsembleSettings,
    ForestSettings,
    SelectionSettings,
    XGBoostSettings,
)

MEMBERS = ("random_forest", "extra_trees", "xgboost", "catboost")

# Fewer boosting rounds need larger steps: the light boosters keep rounds × learning rate, the
# length of the path, up to this rate.
FASTEST_LEARNING_RATE = 0.15
# Few rows have few distinct values: finer histograms cost time and gain nothing.
XGBOOST_BINS = 64


class Member(Protocol):
    """What the ensemble asks of a learner."""

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> Self:
        """Learn from X (n, columns) float32, y (n,) and weights (n,), None for equal ones."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return predictions, (n,)."""


def make_member(name: str, settings: EnsembleSettings, seed: int) -> Member:
    """Return an unfitted member.

    Parameters
    ----------
    name : one of `MEMBERS`
    seed : in [0, 2**31)

    Raises
    ------
    ValueError
        No such member.
    """
    if name == "random_forest":
        return _random_forest(settings.random_forest, seed)
    if name == "extra_trees":
        return _extra_trees(settings.extra_trees, seed)
    if name == "xgboost":
        return _xgboost(settings.xgboost, seed)
    if name == "catboost":
        return _catboost(settings.catboost, seed)
    raise ValueError(f"no member {name!r}; there are {', '.join(MEMBERS)}")


def require_varying(X: np.ndarray) -> None:
    """Refuse rows that are all alike, of which CatBoost would say so in its own words.

    Parameters
    ----------
    X : (n, columns) float32 to be learned from, NaN where missing

    Raises
    ------
    TrainingError
        No column has two values.
    """
    if np.array_equal(X, np.broadcast_to(X[:1], X.shape)):
        raise TrainingError(
            f"the covariates are the same at all {len(X)} sites of a fold, so nothing can be "
            "learned there"
        )


def make_light_member(
    name: str, selection: SelectionSettings, ensemble: EnsembleSettings, seed: int
) -> Member:
    """Return the member with at most `selection.trees` trees, for ranking features quickly."""
    return make_member(name, lighten(ensemble, selection.trees), seed)


def lighten(settings: EnsembleSettings, trees: int) -> EnsembleSettings:
    """Return the settings with at most `trees` trees a member, boosters learning faster."""

    def fewer(member: Any) -> Any:
        if member.trees <= trees:
            return member
        change: dict[str, Any] = {"trees": trees}
        if hasattr(member, "learning_rate"):
            rate = member.learning_rate * member.trees / trees
            change["learning_rate"] = max(member.learning_rate, min(rate, FASTEST_LEARNING_RATE))
        return member.model_copy(update=change)

    return settings.model_copy(update={name: fewer(getattr(settings, name)) for name in MEMBERS})


def _random_forest(settings: ForestSettings, seed: int) -> Member:
    from sklearn.ensemble import RandomForestRegressor

    member: Member = RandomForestRegressor(**_forest_options(settings, seed))
    return member


def _extra_trees(settings: ForestSettings, seed: int) -> Member:
    from sklearn.ensemble import ExtraTreesRegressor

    member: Member = ExtraTreesRegressor(**_forest_options(settings, seed))
    return member


def _forest_options(settings: ForestSettings, seed: int) -> dict[str, Any]:
    return {
        "n_estimators": settings.trees,
        "min_samples_leaf": settings.minimum_leaf,
        "max_features": settings.feature_share,
        "n_jobs": 1,
        "random_state": seed,
    }


def _xgboost(settings: XGBoostSettings, seed: int) -> Member:
    from xgboost import XGBRegressor

    member: Member = XGBRegressor(
        n_estimators=settings.trees,
        max_depth=settings.depth,
        learning_rate=settings.learning_rate,
        subsample=settings.row_share,
        colsample_bytree=settings.feature_share,
        min_child_weight=settings.minimum_child_weight,
        reg_lambda=settings.l2,
        tree_method="hist",
        max_bin=XGBOOST_BINS,
        n_jobs=1,
        random_state=seed,
        verbosity=0,
    )
    return member


def _catboost(settings: CatBoostSettings, seed: int) -> Member:
    from catboost import CatBoostRegressor

    member: Member = CatBoostRegressor(
        iterations=settings.trees,
        depth=settings.depth,
        learning_rate=settings.learning_rate,
        l2_leaf_reg=settings.l2,
        border_count=settings.borders,
        boosting_type="Plain",
        bootstrap_type="Bernoulli",
        subsample=0.8,
        thread_count=1,
        random_seed=seed,
        allow_writing_files=False,
        logging_level="Silent",
    )
    return member
