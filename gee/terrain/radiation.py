"""Direct radiation on a slope over that on level ground, from the geometry of the sun alone.

In: the gradient (m m-1) and the months. Out: an index without unit, 1 on level ground. Without
clouds, air, or the shade of other slopes.

The cosine of incidence on a slope is the dot product of its normal with the direction to the sun.
Between sunrise and sunset of level ground, the integral of that direction over the hour angle is
closed; east and west cancel. So the index of a place is

    max(0, cos(slope) + sin(slope) cos(aspect) N / U)

with N and U the northward and the upward part of the integral, summed over the middle days of the
months: a function of the latitude alone, which is tabulated here and interpolated there.
"""

from collections.abc import Sequence

import ee
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gee.terrain.ellipsoid import latitude_image
from gee.terrain.surface import Gradient

OBLIQUITY_DEG = 23.45
KNOT_DEG = 0.25
"""Between latitudes so far apart, linear interpolation errs by less than 1e-5."""
POLES_DEG = 89.75


def radiation_index(
    rise: Gradient, months: Sequence[int], latitudes: tuple[float, float]
) -> ee.Image:
    """Return the index on the gradient's lattice, for places between two latitudes (degrees)."""
    south, north = latitudes
    first = max(np.floor(south / KNOT_DEG), -POLES_DEG / KNOT_DEG)
    last = min(np.ceil(north / KNOT_DEG), POLES_DEG / KNOT_DEG)
    knots = np.arange(first, last + 1) * KNOT_DEG
    share = latitude_image().interpolate(
        knots.tolist(), northward_share(knots, months).tolist(), "clamp"
    )
    # With the gradient g, cos(slope) is 1 / sqrt(1 + g^2), and sin(slope) cos(aspect) is that
    # times minus the rise towards the north.
    steepness = rise.steepness()
    upright = steepness.multiply(steepness).add(1).pow(-0.5)
    facing = rise.northward.multiply(share).multiply(-1)
    return facing.add(1).multiply(upright).max(0)


def northward_share(latitude_deg: ArrayLike, months: Sequence[int]) -> NDArray[np.float64]:
    """Return N / U of the module's formula, in the shape of the latitudes.

    Declinations by the formula of Cooper (1969) on the middle day of each month.
    """
    latitude = np.deg2rad(np.asarray(latitude_deg, float))[..., None]
    day = 15.5 + 30.44 * (np.asarray(months) - 1)
    declination = np.deg2rad(OBLIQUITY_DEG) * np.sin(2 * np.pi * (284 + day) / 365.25)
    # Beyond the polar circles the sun may not set, or not rise.
    sunset = np.arccos(np.clip(-np.tan(latitude) * np.tan(declination), -1, 1))
    up = (
        np.sin(latitude) * np.sin(declination) * sunset
        + np.cos(latitude) * np.cos(declination) * np.sin(sunset)
    ).sum(axis=-1)
    north = (
        np.cos(latitude) * np.sin(declination) * sunset
        - np.sin(latitude) * np.cos(declination) * np.sin(sunset)
    ).sum(axis=-1)
    share: NDArray[np.float64] = np.divide(north, up, out=np.zeros_like(up), where=up > 0)
    return share
