"""The ways from an image's own pixels onto the study's grid.

Earth Engine computes an image where it is asked for: at 90 m it would read a coarser pyramid
level and take the nearest pixel of it. So an image is pinned to a lattice of its own first, and
then averaged (finer pixels) or interpolated (coarser ones) onto the grid of the request. A
composite has no lattice of its own (EPSG:4326 at 1 degree), hence one is always named here.
"""

import math
from typing import Literal

import ee
from affine import Affine
from odc.geo.geobox import GeoBox

METRES_PER_DEGREE = 111319.49079327358
"""Along the equator of the sphere with WGS 84's semi-major axis, as Earth Engine counts scales."""


def projection_of(geobox: GeoBox) -> ee.Projection:
    """Return a grid as Earth Engine's projection, equal to the bit."""
    return ee.Projection(str(geobox.crs), [float(number) for number in tuple(geobox.transform)[:6]])


def pixel_size_m(geobox: GeoBox) -> float:
    """Return the nominal side of a pixel in metres, in a geographic CRS that along the equator."""
    side = math.sqrt(abs(geobox.transform.determinant))
    return side * METRES_PER_DEGREE if geobox.crs.geographic else side * _metres_per_unit(geobox)


def finer_lattice(geobox: GeoBox, scale_m: float) -> GeoBox:
    """Return the lattice that divides each pixel of the grid into k x k, near `scale_m` wide.

    k is the nearest whole number to pixel size / scale, at least 1: each pixel of the grid holds
    whole pixels of the lattice, so a mean over them is the same in whichever tile it is taken.
    """
    parts = divisions(geobox, scale_m)
    rows, cols = geobox.shape.yx
    return GeoBox(
        (rows * parts, cols * parts), geobox.transform * Affine.scale(1 / parts), geobox.crs
    )


def divisions(geobox: GeoBox, scale_m: float) -> int:
    """Return into how many pixels a side of the grid's pixel is divided by `finer_lattice`."""
    return max(1, round(pixel_size_m(geobox) / scale_m))


def averaged(image: ee.Image, geobox: GeoBox, scale_m: float) -> ee.Image:
    """Return the mean over the pixels of `finer_lattice(geobox, scale_m)`, masked ones left out.

    Backscatter must come in power, angles as sine and cosine.
    """
    parts = divisions(geobox, scale_m)
    pinned = image.setDefaultProjection(projection_of(finer_lattice(geobox, scale_m)))
    # One pixel more on each side, for a grid that is only nearly a multiple after rounding.
    return _whole(pinned.reduceResolution(ee.Reducer.mean(), False, (parts + 2) ** 2))


def averaged_from(image: ee.Image, projection: ee.Projection, pixels: int = 4096) -> ee.Image:
    """Return the mean over an image's own pixels, weighted by the share that lies in each of ours.

    For what must be computed on the data's own lattice first, such as terrain.
    """
    pinned = image.setDefaultProjection(projection)
    return _whole(pinned.reduceResolution(ee.Reducer.mean(), False, pixels))


def interpolated(
    image: ee.Image,
    projection: ee.Projection,
    mode: Literal["bilinear", "bicubic"] = "bilinear",
) -> ee.Image:
    """Return the image interpolated between the coarse pixels of `projection`.

    Cubic where the values are means so smooth that straight lines between them would show.
    """
    return image.setDefaultProjection(projection).resample(mode)


def interpolated_to_the_edge(image: ee.Image, projection: ee.Projection) -> ee.Image:
    """Return the image interpolated, and beside missing pixels the value of the own coarse pixel.

    Interpolation needs all four neighbours; without this, every gap in a coarse layer, such as a
    lake in a soil map, would be wider by a coarse pixel.
    """
    # Pinned: otherwise what the image is computed from would be computed at the grid's pixels.
    return interpolated(image, projection).unmask(image.reproject(projection), False)


def _whole(image: ee.Image) -> ee.Image:
    """The image with a mask of 0 or 1.

    A mean over pixels of which some are masked carries the share of the others as its mask, and
    that would be its weight in whatever is reduced next: a scene seen in part would count in part.
    """
    seen = image.mask().gt(0)
    return image.mask().multiply(0).where(seen, image).updateMask(seen)


def _metres_per_unit(geobox: GeoBox) -> float:
    return float(geobox.crs.proj.axis_info[0].unit_conversion_factor)
