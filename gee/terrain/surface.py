"""The elevation model and its derivatives, on its own lattice and in metres on the ground.

In: an image of heights (m) on a lattice in degrees. Out: gradients (m m-1), slope (degree),
curvature (m-1) and roughness (m) on the same lattice; `gee.ways.averaged_from` brings them onto
the grid. Computed at the grid's own pixels they would be those of a coarser, smoother surface.
"""

import math
from dataclasses import dataclass

import ee

from gee.terrain.ellipsoid import metres_per_degree_images
from gee.terrain.settings import TerrainSettings
from gee.ways import METRES_PER_DEGREE

# Weights 1, 2, 1 across the direction of the difference (Horn 1981).
EASTWARD = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
SOUTHWARD = [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]
ROUGHNESS_WINDOW_PX = 5


@dataclass(frozen=True)
class Gradient:
    """Rise in metres a metre towards the east and towards the north, one band each."""

    eastward: ee.Image
    northward: ee.Image

    def steepness(self) -> ee.Image:
        """Return the tangent of the slope."""
        return self.eastward.hypot(self.northward)


def elevation(settings: TerrainSettings) -> ee.Image:
    """Return the heights in metres, on the elevation model's own lattice."""
    heights: ee.Image = ee.Image(settings.dem).select([settings.dem_band], ["elevation"])
    return heights


def gradient(heights: ee.Image) -> Gradient:
    """Return the gradient by differences of the 3 x 3 neighbours (Horn 1981).

    A kernel might be turned around before it is applied: the documentation leaves that open. The
    same kernel is applied to the numbers of columns and rows, so that the sign of the quotient
    does not depend on it.
    """
    projection = heights.projection()
    position = ee.Image.pixelCoordinates(projection)
    width, height = _pixel_sides(projection)
    eastward = _difference(heights, EASTWARD).divide(_difference(position.select("x"), EASTWARD))
    southward = _difference(heights, SOUTHWARD).divide(_difference(position.select("y"), SOUTHWARD))
    whole = _surrounded(heights, 1)
    return Gradient(
        eastward.divide(width).updateMask(whole),
        southward.divide(height).multiply(-1).updateMask(whole),
    )


def slope(rise: Gradient) -> ee.Image:
    """Return the slope in degrees."""
    return rise.steepness().atan().multiply(180 / math.pi)


def aspect(rise: Gradient) -> tuple[ee.Image, ee.Image]:
    """Return sine and cosine of the aspect: downhill, clockwise from north; both 0 on level ground.

    The mean of either over several pixels is the component of their mean direction, and so is
    shorter than 1 where they differ.
    """
    steepness = rise.steepness()
    level = steepness.eq(0)
    divisor = steepness.where(level, 1)
    return (
        rise.eastward.divide(divisor).multiply(-1),
        rise.northward.divide(divisor).multiply(-1),
    )


def curvature(heights: ee.Image) -> ee.Image:
    """Return minus the Laplacian in m-1: positive on ridges, negative in hollows."""
    width, height = _pixel_sides(heights.projection())
    by_col = _difference(heights, [[0, 0, 0], [1, -2, 1], [0, 0, 0]])
    by_row = _difference(heights, [[0, 1, 0], [0, -2, 0], [0, 1, 0]])
    bend = by_col.divide(width.multiply(width)).add(by_row.divide(height.multiply(height)))
    return bend.multiply(-1).updateMask(_surrounded(heights, 1))


def roughness(heights: ee.Image) -> ee.Image:
    """Return the standard deviation of the residual topography in metres (Cavalli et al. 2008).

    The residual is the height less the mean of 5 x 5 pixels, its deviation that within 5 x 5
    pixels: 0 on a plane however steep, which a ruggedness index is not.
    """
    side = ROUGHNESS_WINDOW_PX
    window = ee.Kernel.fixed(side, side, [[1 / side**2] * side] * side)
    filled = _filled(heights)
    residual = filled.subtract(filled.convolve(window))
    mean = residual.convolve(window)
    variance = residual.multiply(residual).convolve(window).subtract(mean.multiply(mean))
    # The mean of 5 x 5 residuals, each less a mean of 5 x 5 heights.
    return variance.max(0).sqrt().updateMask(_surrounded(heights, 2 * (side // 2)))


def _difference(image: ee.Image, weights: list[list[int]]) -> ee.Image:
    return _filled(image).convolve(ee.Kernel.fixed(3, 3, weights))


def _filled(image: ee.Image) -> ee.Image:
    """Return the image with 0 where it is missing, for what is masked by `_surrounded` after."""
    return image.toDouble().unmask(0, False)


def _surrounded(heights: ee.Image, reach_px: int) -> ee.Image:
    """Return 1 where all heights within so many columns and rows are known.

    Said here, since a kernel over missing pixels may count them as 0: a slope of 90 degrees.
    """
    known: ee.Image = heights.mask().focalMin(reach_px, "square", "pixels")
    return known


def _pixel_sides(projection: ee.Projection) -> tuple[ee.Image, ee.Image]:
    """Return the width and the height of a pixel of a lattice in degrees, in metres."""
    degrees = projection.nominalScale().divide(METRES_PER_DEGREE)
    by_longitude, by_latitude = metres_per_degree_images()
    return by_longitude.multiply(degrees), by_latitude.multiply(degrees)
