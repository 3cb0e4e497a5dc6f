"""Members of all four libraries, trained on a small table with gaps and one-hot columns."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from catboost import CatBoostRegressor
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from xgboost import XGBRegressor


class Table(NamedTuple):
    X: np.ndarray
    y: np.ndarray


def make_table(missing: bool, seed: int = 7) -> Table:
    """180 rows: three continuous columns, one constant, one of whole numbers, three one-hot."""
    rng = np.random.default_rng(seed)
    continuous = rng.normal(size=(180, 3)) * [1, 100, 1e-4]
    whole = rng.integers(0, 5, 180)
    one_hot = np.eye(3)[rng.integers(0, 3, 180)]
    y = continuous[:, 0] + 0.3 * whole + one_hot[:, 1] + rng.normal(0, 0.2, 180)
    X = np.column_stack([continuous, np.full(180, 3.5), whole, one_hot]).astype(np.float32)
    if missing:
        gaps = rng.random((180, 3)) < 0.15
        X[:, :3][gaps] = np.nan
    return Table(X, y)


def random_forest(**settings: Any) -> RandomForestRegressor:
    return RandomForestRegressor(**{"n_estimators": 30, "random_state": 1, "n_jobs": 1} | settings)


def extra_trees(**settings: Any) -> ExtraTreesRegressor:
    return ExtraTreesRegressor(**{"n_estimators": 30, "random_state": 1, "n_jobs": 1} | settings)


def xgboost(**settings: Any) -> XGBRegressor:
    return XGBRegressor(
        **{"n_estimators": 40, "max_depth": 4, "random_state": 1, "n_jobs": 1} | settings
    )


def catboost(**settings: Any) -> CatBoostRegressor:
    defaults = {
        "iterations": 40,
        "depth": 4,
        "random_seed": 1,
        "thread_count": 1,
        "verbose": 0,
        "allow_writing_files": False,
        "bootstrap_type": "No",
    }
    return CatBoostRegressor(**defaults | settings)


MAKERS = {
    "random_forest": random_forest,
    "extra_trees": extra_trees,
    "xgboost": xgboost,
    "catboost": catboost,
}


@pytest.fixture(params=list(MAKERS))
def make(request) -> Callable[..., Any]:
    """Return each maker of an unfitted member in turn."""
    return MAKERS[request.param]


@pytest.fixture(scope="session", params=[False, True], ids=["complete", "gaps"])
def table(request) -> Table:
    return make_table(missing=request.param)


@pytest.fixture(scope="session")
def complete() -> Table:
    return make_table(missing=False)


@pytest.fixture(scope="session")
def gaps() -> Table:
    return make_table(missing=True)


@pytest.fixture(scope="session", params=list(MAKERS))
def fitted(request, table) -> Any:
    """Return each member, fitted without and with NaN in the table."""
    return MAKERS[request.param]().fit(*table)


def around_thresholds(forest: Any, columns: int, seed: int = 0) -> np.ndarray:
    """Rows of thresholds of the forest and of the float32 numbers one step to either side."""
    rng = np.random.default_rng(seed)
    rows = np.zeros((600, columns), dtype=np.float32)
    for column in range(columns):
        # A split of NaN against the rest has an infinite threshold, beside which nothing lies.
        threshold = forest.threshold[(forest.feature == column) & (abs(forest.threshold) < 1e38)]
        if threshold.size:
            chosen = rng.choice(threshold, 600)
            step = rng.integers(-1, 2, 600)
            moved = np.nextafter(chosen, np.where(step < 0, -np.inf, np.inf).astype(np.float32))
            rows[:, column] = np.where(step == 0, chosen, moved)
    return rows


@pytest.fixture
def around_rows() -> Callable[[Any, int], np.ndarray]:
    """Return a maker of rows around the thresholds of a fitted member."""
    from local_ml.forest.compile import compile_forest

    return lambda member, columns: around_thresholds(compile_forest(member), columns)
