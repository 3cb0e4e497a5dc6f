"""Which stored numbers mean 'missing'."""

import warnings

import numpy as np
import pytest

from export.rasters.stored_numbers import missing_numbers, representable

FLOAT32 = np.finfo(np.float32)


@pytest.mark.parametrize("code", [-1.7976931348623157e308, 1e300, 3.5e38])
def test_a_code_beyond_the_type_cannot_occur_and_nobody_is_warned(code: float) -> None:
    """Fault: numpy warns of an overflow in a cast, once a block."""
    raw = np.array([FLOAT32.min, 0.0, FLOAT32.max], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not missing_numbers(raw, (code, 1e40)).any()
        assert not representable(code, raw.dtype)


@pytest.mark.parametrize("code", [float(FLOAT32.min), -3.40282347e38, -3.4028235e38])
def test_the_lowest_number_of_the_type_is_found_however_it_is_written(code: float) -> None:
    """Fault: with few digits it lies a little beyond the type, and is taken for a value."""
    raw = np.array([FLOAT32.min, -3.4e38, 0.0], np.float32)
    assert missing_numbers(raw, (code,)).tolist() == [True, False, False]


def test_infinity_and_nan_are_always_missing() -> None:
    raw = np.array([np.nan, np.inf, -np.inf, 7.0], np.float32)
    assert missing_numbers(raw, ()).tolist() == [True, True, True, False]
    assert missing_numbers(raw, (np.nan, np.inf, 7.0)).all()
