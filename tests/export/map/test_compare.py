"""A reference in another unit than the map's is told."""

import pytest

from export.map.compare import unit_hint


@pytest.mark.parametrize(
    ("means", "told"),
    [
        ((31.0, 0.28), "111 times those of the map on average (means 31 and 0.28): it seems to be "
                       "percent, the map a ratio"),
        ((0.3, 25.0), "it seems to be a ratio, the map percent"),
        ((0.31, 0.28), None),
        ((310.0, 0.28), None),
        ((0.0, 0.28), None),
        ((0.3, 0.0), None),
        ((-31.0, 0.28), None),
    ],
)  # fmt: skip
def test_a_factor_of_a_hundred_is_told(means: tuple[float, float], told: str | None) -> None:
    hint = unit_hint(means, "m3 m-3")
    if told is None:
        assert hint is None
    else:
        assert hint is not None
        assert told in hint
        assert "write the reference in 'm3 m-3'" in hint
