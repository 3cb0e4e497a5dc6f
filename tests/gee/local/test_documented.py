"""Results that the service's own reference pages print, so that a rule is not ours but theirs.

Source: the examples on https://developers.google.com/earth-engine/apidocs (ee.Number.atan2, divide,
mod, toByte; ee.Kernel.circle, gaussian, cross, euclidean), as read in 2026.
"""

from __future__ import annotations

import math
from typing import Any

import ee
import numpy as np
import pytest

from gee.local.registry import call


@pytest.mark.usefixtures("service")
class TestNumbers:
    @pytest.mark.parametrize(
        ("left", "right", "angle"),
        [(0, 0, 0), (1, 0, 0), (0, 1, math.pi / 2), (-1, 0, math.pi), (0, -1, -math.pi / 2)],
    )
    def test_atan2_takes_x_before_y(self, left: int, right: int, angle: float) -> None:
        """Fault: the order of every other atan2, which mirrors phases and aspects."""
        assert ee.Number(left).atan2(right).getInfo() == pytest.approx(angle)

    @pytest.mark.parametrize(
        ("left", "right", "quotient"),
        [(5, 10, 0.5), (5, -10.2, -0.490196078), (-10.2, -5, 2.04), (0, 10, 0), (10, 0, 0)],
    )
    def test_divide(self, left: float, right: float, quotient: float) -> None:
        """Fault: an infinity for a division by 0."""
        found = ee.Number(left).divide(ee.Number(right)).getInfo()
        assert found == pytest.approx(quotient, abs=1e-9)

    @pytest.mark.parametrize(
        ("left", "right", "remainder"),
        [(12, 5, 2), (1, -2, 1), (5.5, 2, 1.5), (-12, 5, -2), (-1, 2, -1), (-4, 2, 0)],
    )
    def test_mod(self, left: float, right: float, remainder: float) -> None:
        """Fault: the sign of the divisor."""
        assert ee.Number(left).mod(right).getInfo() == remainder

    def test_to_byte_holds_to_the_range(self) -> None:
        """Fault: a cast that wraps around."""
        assert ee.Number(255 + 12345).toByte().getInfo() == 255
        assert ee.Number(0 - 12345).toByte().getInfo() == 0


@pytest.mark.usefixtures("service")
class TestDates:
    def test_months_of_one_digit(self) -> None:
        """Fault: a date that the reference writes refused."""
        date = ee.Date("2021-4-30T07:15:31.24")
        assert date.format("YYYY-MM-dd HH:mm:ss.SSS").getInfo() == "2021-04-30 07:15:31.240"

    def test_differences_have_a_sign(self) -> None:
        """Fault: the difference taken the other way round."""
        first, second = ee.Date("2020-01-01"), ee.Date("2020-01-15")
        assert second.difference(first, "days").getInfo() == 14
        assert first.difference(second, "weeks").getInfo() == -2


def weights(name: str, **arguments: Any) -> np.ndarray[Any, Any]:
    """A kernel's weights on a grid of pixels."""
    kernel = call(f"Kernel.{name}", {"radius": 3, **arguments})
    found: np.ndarray[Any, Any] = kernel.weights_of_scale(1.0)
    return found


class TestKernels:
    def test_circle(self) -> None:
        """Fault: another disc of radius 3."""
        found = weights("circle")
        rows = ["0001000", "0111110", "0111110", "1111111", "0111110", "0111110", "0001000"]
        expected = np.array([[int(mark) for mark in row] for row in rows])
        np.testing.assert_allclose(found, expected / 29)
        assert int(found[3, 3] * 1000) == 34

    def test_gaussian_ends_before_its_radius(self) -> None:
        """Fault: 7 by 7 weights for a radius of 3."""
        found = weights("gaussian")
        inner = found[1:-1, 1:-1]
        assert found.sum() == pytest.approx(1)
        assert inner.sum() == pytest.approx(1)
        printed = [
            [0.002, 0.013, 0.021, 0.013, 0.002],
            [0.013, 0.059, 0.098, 0.059, 0.013],
            [0.021, 0.098, 0.162, 0.098, 0.021],
        ]
        np.testing.assert_array_equal(np.floor(inner[:3] * 1000) / 1000, printed)

    def test_cross_is_diagonal(self) -> None:
        """Fault: a plus for a cross."""
        found = weights("cross")
        np.testing.assert_allclose(found, ((np.eye(7) + np.eye(7)[::-1]) > 0) / 13)

    def test_euclidean_fills_its_square(self) -> None:
        """Fault: zeros in the corners."""
        found = weights("euclidean")
        assert np.floor(found[0] * 1000).tolist() == [4242, 3605, 3162, 3000, 3162, 3605, 4242]
