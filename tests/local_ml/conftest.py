"""What several tests of `local_ml` share: a small trained model, in parts and as a bundle."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from local_ml.features import Feature
from local_ml.prediction.applicability_rule import ApplicabilityRule
from local_ml.prediction.features_encoding import FeatureEncoding
from local_ml.prediction.fusion_rule import FusionRule
from local_ml.prediction.interval_rule import IntervalRule
from local_ml.settings import TargetSettings

FEATURES = (
    Feature("twi", "1", group="terrain"),
    Feature("vv", "dB", missing="native", group="radar"),
    Feature("ndvi", "1", missing="impute", group="optical"),
    Feature("soil", "1", levels=(1, 2, 5), group="soil"),
)


class ModelParts(NamedTuple):
    """A trained model in memory: what `write_bundle` takes."""

    target: TargetSettings
    encoding: FeatureEncoding
    members: dict[str, Any]
    rule: FusionRule
    intervals: IntervalRule
    applicability: ApplicabilityRule
    values: np.ndarray
    y: np.ndarray

    def write(self, folder: Path, **changes: Any) -> str:
        """Save the model with `write_bundle`, with some of its arguments changed."""
        from local_ml.bundle import write_bundle

        arguments: dict[str, Any] = {
            "target": self.target,
            "encoding": self.encoding,
            "members": self.members,
            "rule": self.rule,
            "intervals": self.intervals,
            "applicability": self.applicability,
            "samples_fingerprint": "0" * 64,
            "seed": 2026,
            "settings": {"ensemble": {"trees": 12}},
            "extra": {"scores": {"rmse": 0.03}},
        }
        return write_bundle(folder, **arguments | changes)

    def expected(self, values: np.ndarray) -> np.ndarray:
        """Predict valid rows with the learning libraries themselves."""
        X = self.encoding.encode(values)
        P = np.column_stack([member.predict(X) for member in self.members.values()])
        return self.rule.deliver(P)[0]


@pytest.fixture(scope="session")
def make_values() -> Callable[[int, int], np.ndarray]:
    """Return a maker of feature values, (n, 4) float32, with gaps where the rules allow them."""

    def make(n: int, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        values = np.column_stack(
            [
                rng.normal(8, 2, n),
                rng.normal(-12, 3, n),
                rng.uniform(0, 0.8, n),
                rng.choice([1, 2, 5], n),
            ]
        ).astype(np.float32)
        values[rng.random(n) < 0.1, 1] = np.nan
        values[rng.random(n) < 0.1, 2] = np.nan
        return values

    return make


@pytest.fixture(scope="session")
def model(make_values: Callable[[int, int], np.ndarray]) -> ModelParts:
    """A model of all four members, trained on 150 rows of moisture, m3 m-3."""
    from catboost import CatBoostRegressor
    from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
    from xgboost import XGBRegressor

    from local_ml.validation.applicability import fit_applicability

    values = make_values(150, 1)
    rng = np.random.default_rng(2)
    y = 0.03 * values[:, 0] + 0.1 * (values[:, 3] == 2) + rng.normal(0, 0.02, 150)
    encoding = FeatureEncoding.fit(FEATURES, values)
    X = encoding.encode(values)
    members = {
        "random_forest": RandomForestRegressor(n_estimators=12, random_state=0),
        "extra_trees": ExtraTreesRegressor(n_estimators=12, random_state=0),
        "xgboost": XGBRegressor(n_estimators=12, max_depth=3, n_jobs=1, random_state=0),
        "catboost": CatBoostRegressor(
            iterations=12, depth=3, thread_count=1, verbose=0, allow_writing_files=False
        ),
    }
    for member in members.values():
        member.fit(X, y)
    rule = FusionRule(
        members=tuple(members),
        weights=(0.4, 0.3, 0.2, 0.1),
        intercept=-0.01,
        slope=1.1,
        fused_minimum=0.1,
        fused_maximum=0.4,
        minimum=0.0,
        maximum=0.42,
    )
    intervals = IntervalRule(
        level=0.9,
        quantile=2.5,
        floor=0.004,
        transform="none",
        minimum=0.0,
        maximum=0.42,
        design="grouped",
    )
    applicability = fit_applicability(
        X,
        encoding.column_feature(),
        np.array([3.0, 1.0, 0.5, 2.0]),
        [np.arange(150) % 5 == fold for fold in range(5)],
        "grouped",
    ).rule
    return ModelParts(
        TargetSettings(maximum=0.42),
        encoding,
        members,
        rule,
        intervals,
        applicability,
        values,
        y,
    )


@pytest.fixture(scope="session")
def bundle_folder(model: ModelParts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the saved `model`; read it, don't change it."""
    folder = tmp_path_factory.mktemp("bundle") / "model"
    model.write(folder)
    return folder
