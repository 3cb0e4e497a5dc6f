"""Predictions as if held out, for a fusion whose truth is known; a small table of sites."""

from dataclasses import replace
from functools import cache

import numpy as np

from local_ml.features import Feature
from local_ml.learning.ensemble import out_of_fold
from local_ml.learning.learners import lighten
from local_ml.samples import SampleTable
from local_ml.settings import EnsembleSettings, FusionSettings, TargetSettings

SMALL = lighten(EnsembleSettings(), 10)

UNBOUNDED = TargetSettings(minimum=None, maximum=None)


def table_of_sites(n=60, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, 3))
    y = X[:, 0] + 0.3 * random.normal(size=n)
    features = [Feature(name, "1") for name in "abc"]
    return SampleTable.in_memory(features, X, y, group=np.repeat(np.arange(n // 3), 3))


@cache
def _real():
    return out_of_fold(
        table_of_sites(12), table_of_sites(12).target, SMALL, FusionSettings(folds=2), 0
    )


def held_out(predictions):
    """Predictions as if out of fold, for a fusion whose truth is known."""
    real = _real()
    names = tuple(f"m{i}" for i in range(predictions.shape[1]))
    rows = np.arange(len(predictions))
    return replace(real, members=names, predictions=predictions, rows=rows, group=rows)


def shrunk(seed=0, n=400):
    """A calibrated predictor of R² 0.6 from two equal members."""
    random = np.random.default_rng(seed)
    fused = random.normal(size=n)
    observed = fused + np.sqrt(2 / 3) * random.normal(size=n)
    jitter = 0.05 * random.normal(size=n)
    return np.column_stack([fused + jitter, fused - jitter]), observed
