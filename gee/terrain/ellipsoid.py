"""Metres per degree on WGS 84, from its radii of curvature in the meridian and across it."""

import math

import ee

SEMI_MAJOR_AXIS_M = 6378137.0
ECCENTRICITY_SQUARED = 0.0066943799901413165


def metres_per_degree(latitude_deg: float) -> tuple[float, float]:
    """Return metres per degree of longitude and of latitude."""
    latitude = math.radians(latitude_deg)
    root = 1 - ECCENTRICITY_SQUARED * math.sin(latitude) ** 2
    across = SEMI_MAJOR_AXIS_M / math.sqrt(root) * math.cos(latitude)
    along = SEMI_MAJOR_AXIS_M * (1 - ECCENTRICITY_SQUARED) / root**1.5
    return math.radians(across), math.radians(along)


def metres_per_degree_images() -> tuple[ee.Image, ee.Image]:
    """Return the same at each pixel's centre, as images."""
    latitude = latitude_image().multiply(math.pi / 180)
    sine = latitude.sin()
    root = sine.multiply(sine).multiply(-ECCENTRICITY_SQUARED).add(1)
    degree_m = math.radians(SEMI_MAJOR_AXIS_M)
    across = latitude.cos().multiply(degree_m).divide(root.sqrt())
    along = root.pow(-1.5).multiply(degree_m * (1 - ECCENTRICITY_SQUARED))
    return across, along


def latitude_image() -> ee.Image:
    """Return the latitude of each pixel's centre in degrees."""
    latitude: ee.Image = ee.Image.pixelLonLat().select("latitude")
    return latitude
