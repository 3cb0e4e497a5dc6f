"""Units: a typing error is answered with the unit meant, words are not answered with nonsense."""

import numpy as np
import pytest

from local_ml.units import convert, require_known_unit


@pytest.mark.parametrize(
    ("unit", "nearest"),
    [("dgC", "degC"), ("m3 m−3", "m3 m-3"), ("degres", "degree"), ("kgkg", "kg kg-1")],
)
def test_a_slip_of_the_pen_is_answered_with_the_unit_meant(unit: str, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"the nearest known one is '{nearest}'. Write it like"):
        require_known_unit(unit)


@pytest.mark.parametrize("unit", ["metres above sea", "moisture", "volume", "percent vol", "vol%"])
def test_words_that_resemble_no_unit_get_no_nearest_one(unit: str) -> None:
    """Fault: 'metres above sea' is told that 'degree' is near."""
    with pytest.raises(ValueError, match=f"^unit '{unit}' is not known. Write it like"):
        require_known_unit(unit)


def test_parts_per_million_are_known() -> None:
    assert convert(np.array([250.0]), "ppm", "1") == pytest.approx(2.5e-4)
