"""Small tables, settings and a cache for the nested score."""

import json

import numpy as np

from local_ml.domain import DomainSample
from local_ml.features import Feature
from local_ml.learning.learners import lighten
from local_ml.samples import SampleTable
from local_ml.settings import (
    EnsembleSettings,
    FusionSettings,
    LearningSettings,
    SelectionSettings,
    TargetSettings,
    ValidationSettings,
)

SETTINGS = LearningSettings(
    target=TargetSettings(minimum=None, maximum=None),
    selection=SelectionSettings(
        designs=("grouped",), trees=10, folds=2, drop_share=0.5, probes=1, minimum_features=1
    ),
    ensemble=lighten(EnsembleSettings(), 10),
    fusion=FusionSettings(folds=2),
    validation=ValidationSettings(folds=3, workers=1),
)


def sample_table(n=72, p=3, seed=0, noise=0.1, **columns):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, p))
    features = [Feature(f"f{i}", "1", missing="native") for i in range(p)]
    target = X[:, 0] + noise * random.normal(size=n)
    columns = {"group": np.repeat(np.arange(n // 4), 4).astype(str)} | columns
    return SampleTable.in_memory(features, X, target, **columns)


def with_validation(settings, **validation_settings):
    changed = settings.validation.model_copy(update=validation_settings)
    return settings.model_copy(update={"validation": changed})


class Memory:
    """A cache of folds in memory, through JSON as one on disk would."""

    def __init__(self):
        self.folds = {}

    def get(self, key):
        text = self.folds.get(key)
        return None if text is None else json.loads(text)

    def put(self, key, fold):
        self.folds[key] = json.dumps(fold)


def scattered(n_places=18, size=4):
    """Clusters of four sites, each a group of its own, and a domain that surrounds them."""
    random = np.random.default_rng(5)
    n = n_places * size
    table = sample_table(
        n=n,
        longitude=np.repeat(random.uniform(80, 95, n_places), size) + random.normal(0, 0.01, n),
        latitude=np.repeat(random.uniform(30, 36, n_places), size) + random.normal(0, 0.01, n),
    )
    values = random.normal(size=(300, 3)).astype(np.float32)
    domain = DomainSample(
        table.names, values, random.uniform(80, 95, 300), random.uniform(30, 36, 300)
    )
    return table, domain
