"""The scale of the members, there and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_ml.errors import TrainingError
from local_ml.prediction.target_transform import TargetTransform

positive = st.lists(st.floats(1e-6, 1e6), max_size=20)


@given(positive)
def test_log_and_back_is_the_identity(values):
    """Another base of the logarithm on the way back."""
    log = TargetTransform("log")
    np.testing.assert_allclose(log.inverse(log.forward(np.array(values))), values, rtol=1e-12)


def test_log_is_natural():
    """A base other than e, under which Duan's smearing would be wrong."""
    assert TargetTransform("log").forward(np.array([1.0, np.e])).tolist() == [0.0, 1.0]


def test_none_changes_nothing_and_copies():
    """A caller's table changed through what the transform returned."""
    y = np.array([0.0, -1.0, np.nan])
    for result in (TargetTransform().forward(y), TargetTransform().inverse(y)):
        np.testing.assert_array_equal(result, y)
        assert result is not y


@pytest.mark.parametrize("bad", [0.0, -0.1, np.nan, np.inf])
def test_log_names_the_first_row_it_refuses(bad):
    """-inf or NaN targets handed to the members."""
    with pytest.raises(TrainingError, match=r"row 2 .* 2 of 4 rows"):
        TargetTransform("log").forward(np.array([0.2, 0.1, bad, bad]))


def test_an_unknown_transform_is_refused():
    """A misspelt transform that silently does nothing."""
    with pytest.raises(ValueError, match="'sqrt' is unknown"):
        TargetTransform("sqrt")
