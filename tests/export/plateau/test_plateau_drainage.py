"""Water runs off every cell, reaches the border, and none is lost on the way."""

import heapq

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from export.plateau.drainage import (
    STEPS,
    accumulate_multiple_flow,
    accumulate_single_flow,
    fill_depressions,
    levels_of,
    steepest_receivers,
)

surfaces = hnp.arrays(
    np.float64,
    st.tuples(st.integers(3, 9), st.integers(3, 9)),
    elements=st.integers(0, 30).map(float),
)


def priority_flood(elevation: np.ndarray) -> np.ndarray:
    """Spill levels by a queue from the border inward, through the sides of cells: an oracle."""
    rows, cols = elevation.shape
    level = np.full(elevation.shape, np.inf)
    queue = []
    for row, col in np.ndindex(rows, cols):
        if row in (0, rows - 1) or col in (0, cols - 1):
            level[row, col] = elevation[row, col]
            heapq.heappush(queue, (elevation[row, col], row, col))
    while queue:
        height, row, col = heapq.heappop(queue)
        for step in STEPS[:4]:
            r, c = row + step[0], col + step[1]
            if 0 <= r < rows and 0 <= c < cols and np.isinf(level[r, c]):
                level[r, c] = max(height, elevation[r, c])
                heapq.heappush(queue, (level[r, c], r, c))
    return level


@settings(max_examples=60, deadline=None)
@given(surfaces)
def test_depressions_fill_to_their_spill_level(elevation: np.ndarray) -> None:
    """Catches a basin filled too high or too low, or a border cell changed."""
    level, drained = fill_depressions(elevation)
    np.testing.assert_array_equal(level, priority_flood(elevation))
    assert np.all(drained >= level)
    assert np.all(drained - level <= 1e-3 * (elevation.size + 1))


@settings(max_examples=60, deadline=None)
@given(surfaces)
def test_every_inner_cell_has_a_lower_neighbour_after_filling(elevation: np.ndarray) -> None:
    """Catches pits that are left: flow would end in them, and the wetness index be wrong."""
    _, drained = fill_depressions(elevation)
    for row, col in np.ndindex(*(n - 2 for n in drained.shape)):
        window = drained[row : row + 3, col : col + 3]
        assert window.min() < window[1, 1]


@settings(max_examples=60, deadline=None)
@given(surfaces)
def test_all_area_arrives_on_the_border(elevation: np.ndarray) -> None:
    """Catches area lost or doubled, by either routing."""
    _, drained = fill_depressions(elevation)
    area = np.random.default_rng(1).uniform(1.0, 2.0, drained.shape)
    width = np.full((drained.shape[0], 1), 73.0)
    border = np.ones(drained.shape, dtype=bool)
    border[1:-1, 1:-1] = False
    multiple = accumulate_multiple_flow(drained, area, 90.0, width)
    assert np.isclose(multiple[border].sum(), area.sum(), rtol=1e-12)
    assert np.all(multiple >= area)
    receiver, _ = steepest_receivers(drained, 90.0, width)
    single = accumulate_single_flow(receiver, levels_of(receiver), area)
    assert np.isclose(single[border.ravel()].sum(), area.sum(), rtol=1e-12)


def test_on_a_slope_each_row_gathers_the_rows_above_it() -> None:
    """Catches flow that leaves the line of steepest descent."""
    slope = np.repeat(np.arange(8.0)[::-1, None] * 10.0, 5, axis=1)
    receiver, distance = steepest_receivers(slope, 90.0, np.full((8, 1), 73.0))
    area = accumulate_single_flow(receiver, levels_of(receiver), np.ones(slope.shape))
    inner = area.reshape(slope.shape)[1:-1, 1:-1]
    np.testing.assert_array_equal(inner, np.repeat(np.arange(1.0, 7.0)[:, None], 3, axis=1))
    assert np.all(distance.reshape(slope.shape)[1:-1, 1:-1] == 90.0)


def test_multiple_flow_parts_by_slope_to_the_power() -> None:
    """Catches a wrong exponent or a diagonal taken as long as a side (Freeman 1991)."""
    drained = np.full((3, 3), 9.0)
    drained[1, 1], drained[1, 2], drained[2, 2] = 5.0, 4.0, 3.0
    total = accumulate_multiple_flow(drained, np.ones((3, 3)), 1.0, np.ones((3, 1)))
    side, diagonal = 1.0**1.1, (2.0 / 2**0.5) ** 1.1
    assert np.isclose(total[1, 2], 1.0 + side / (side + diagonal), rtol=1e-12)
    assert np.isclose(total[2, 2], 1.0 + diagonal / (side + diagonal), rtol=1e-12)
