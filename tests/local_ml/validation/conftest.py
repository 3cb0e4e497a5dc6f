"""A baseline that is small enough for tests."""

import pytest

from local_ml.validation import nested as validation


@pytest.fixture(autouse=True, scope="session")
def _small_baseline():
    """20 trees in place of 500, beside each fold; other processes don't see it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validation, "BASELINE_TREES", 20)
        yield
