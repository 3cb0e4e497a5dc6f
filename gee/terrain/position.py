"""Topographic position: height above the mean within a radius on the ground.

The mean is taken on a lattice whose pixels are about a fifth of the radius, made of means of the
elevation model: within 2,700 m lie some 25,000 of its own pixels. The kernel holds the share of
each pixel that lies within the radius. It is a circle on the ground, so an ellipse in degrees that
widens with latitude: the mean at a latitude is interpolated between kernels made every 5 degrees.
"""

import math

import ee
import numpy as np
from numpy.typing import NDArray

from gee.terrain.ellipsoid import latitude_image, metres_per_degree
from gee.terrain.radii import LATTICE_ARC_SECONDS
from gee.ways import averaged_from, interpolated

KNOT_DEG = 5
SUBPIXELS = 32


def position(heights: ee.Image, radius_m: int, latitudes: tuple[float, float]) -> ee.Image:
    """Return the height above the mean within the radius in metres, on the heights' own lattice.

    Neighbours without a height are left out of the mean. `latitudes` (degrees) are those between
    which pixels are asked for.
    """
    pixel_deg = LATTICE_ARC_SECONDS[radius_m] / 3600
    lattice = _lattice(pixel_deg)
    coarse = averaged_from(heights, heights.projection()).reproject(lattice)
    mean = _mean_within(coarse, radius_m, pixel_deg, latitudes).reproject(lattice)
    return heights.subtract(interpolated(mean, lattice, "bicubic"))


def kernel(radius_m: float, pixel_deg: float, latitude_deg: float) -> NDArray[np.float64]:
    """Return the share of each pixel within the radius, (rows, cols), both odd.

    That share, and heights that are means of pixels, widen a circle's second moment by a sixth of
    a pixel's squared sides each; its radius is taken smaller by as much, so that a bowl has the
    mean that its own circle has.
    """
    by_longitude, by_latitude = metres_per_degree(latitude_deg)
    sides = (by_latitude * pixel_deg, by_longitude * pixel_deg)
    radius_m = math.sqrt(radius_m**2 - (sides[0] ** 2 + sides[1] ** 2) / 3)
    half = [math.ceil(radius_m / side - 0.5) for side in sides]
    offset = (np.arange(SUBPIXELS) + 0.5) / SUBPIXELS - 0.5
    row, col = (
        ((np.arange(-count, count + 1)[:, None] + offset) * side).ravel()
        for count, side in zip(half, sides, strict=True)
    )
    inside = row[:, None] ** 2 + col[None, :] ** 2 <= radius_m**2
    rows, cols = 2 * half[0] + 1, 2 * half[1] + 1
    share: NDArray[np.float64] = inside.reshape(rows, SUBPIXELS, cols, SUBPIXELS).mean(axis=(1, 3))
    return share


def _mean_within(
    heights: ee.Image, radius_m: float, pixel_deg: float, latitudes: tuple[float, float]
) -> ee.Image:
    weight = heights.mask()
    weighted = heights.unmask(0, False).multiply(weight)
    first = math.floor(latitudes[0] / KNOT_DEG)
    last = max(math.ceil(latitudes[1] / KNOT_DEG), first + 1)
    means = []
    for knot in range(first, last + 1):
        shares = ee.Kernel.fixed(weights=kernel(radius_m, pixel_deg, knot * KNOT_DEG).tolist())
        mean = weighted.convolve(shares).divide(weight.convolve(shares))
        # 1 at the kernel's own latitude, falling to 0 at those of its neighbours.
        nearness = latitude_image().divide(KNOT_DEG).subtract(knot).abs().multiply(-1).add(1)
        means.append(mean.multiply(nearness.max(0)))
    total = means[0]
    for part in means[1:]:
        total = total.add(part)
    return total.updateMask(weight)


def _lattice(pixel_deg: float) -> ee.Projection:
    """Return the lattice whose edges are those of SRTM's pixels, half a second off whole ones."""
    west, north = -180 - 0.5 / 3600, 90 + 0.5 / 3600
    return ee.Projection("EPSG:4326", [pixel_deg, 0, west, 0, -pixel_deg, north])
