"""A baseline that is small enough for tests."""

import pytest

from local_ml.validation import nested as validation


@pytest.fixture(autouse=True)
def _small_baseline(monkeypatch):
    monkeypatch.setattr(validation, "BASELINE_TREES", 20)
