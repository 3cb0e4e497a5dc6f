"""Backscatter of slopes as if the ground were flat, after Vollrath et al. (2020).

Vollrath, Mullissa and Reiche (2020), Remote Sensing 12, 1867. In: sigma nought in power, incidence
angles, an elevation model. Out: gamma nought in power, masked in layover and shadow.

The paper's aspects enter as vectors here. With u the unit vector on the ground towards the sensor
and d the direction downhill, as long as the tangent of the slope, tan(a_r) = d . u and
tan(a_az) = u x d: positive a_r where a slope faces the sensor. No angle is ever averaged, and flat
ground needs no aspect.
"""

import math
from typing import Literal

import ee

from gee.sentinel1.scenes import HEADING
from gee.terrain.surface import gradient

RIGHT_ANGLE = math.pi / 2


def downhill(elevation: ee.Image) -> ee.Image:
    """Return the slope's tangent as a vector downhill, bands `east` and `north`.

    On the elevation's own lattice, whatever is asked for after.
    """
    rise = gradient(elevation)
    fall = rise.eastward.addBands(rise.northward).multiply(-1).rename(["east", "north"])
    return fall.reproject(elevation.projection())


def towards_sensor(scene: ee.Image, scale_m: float) -> ee.Image:
    """Return the unit vector towards the sensor, one for a scene, bands `east` and `north`.

    Incidence angles grow away from the sensor, so their mean gradient points away from it. Masked
    where a scene is too small to have one.
    """
    angle = scene.select("angle").resample("bilinear")
    decline = ee.Terrain.slope(angle).multiply(math.pi / 180).tan()
    aspect = ee.Terrain.aspect(angle).multiply(math.pi / 180)
    vector = decline.multiply(aspect.sin()).rename("east")
    vector = vector.addBands(decline.multiply(aspect.cos()).rename("north"))
    mean = vector.reduceRegion(
        reducer=ee.Reducer.mean(),
        geometry=scene.geometry(),
        crs="EPSG:4326",
        scale=scale_m,
        maxPixels=10**8,
    )
    # A mean of nothing is null, which would fail the whole request.
    known = ee.Dictionary({"east": 0.0, "north": 0.0}).combine(mean)
    towards = known.toImage(["east", "north"])
    length = towards.select("east").hypot(towards.select("north"))
    return towards.divide(length).updateMask(length.gt(0))


def towards_sensor_by_heading(scene: ee.Image) -> ee.Image:
    """Return the same vector from the heading of the platform, whose radar looks to the right."""
    azimuth = ee.Number(scene.get(HEADING)).subtract(90).multiply(math.pi / 180)
    towards: ee.Image = ee.Image.constant([azimuth.sin(), azimuth.cos()])
    return towards.rename(["east", "north"])


def gamma_nought(
    sigma: ee.Image,
    angle_deg: ee.Image,
    slope: ee.Image,
    towards: ee.Image,
    model: Literal["surface", "volume"],
    margin_deg: float = 0.0,
) -> ee.Image:
    """Return gamma nought of flat ground, masked in layover and shadow.

    Parameters
    ----------
    sigma : sigma nought in power
    angle_deg : incidence angle on the ellipsoid
    slope, towards : vectors as of `downhill` and `towards_sensor`
    model : how ground scatters; `surface` from its surface, `volume` from what grows on it
    margin_deg : by which layover and shadow are widened
    """
    incidence = angle_deg.multiply(math.pi / 180)
    steepness = incidence.multiply(-1).add(RIGHT_ANGLE)
    range_slope, azimuth_slope = tilts(slope, towards)
    raised = steepness.add(range_slope)
    if model == "volume":
        factor = raised.tan().divide(steepness.tan())
    else:
        factor = steepness.cos().divide(azimuth_slope.cos().multiply(raised.cos()))
    margin = math.radians(margin_deg)
    no_layover = range_slope.lt(incidence.subtract(margin))
    no_shadow = range_slope.gt(steepness.multiply(-1).add(margin))
    flattened = sigma.divide(incidence.cos()).divide(factor)
    return flattened.updateMask(no_layover.And(no_shadow))


def tilts(slope: ee.Image, towards: ee.Image) -> tuple[ee.Image, ee.Image]:
    """Return the slope in range (towards the sensor positive) and in azimuth, in radians."""
    east, north = slope.select("east"), slope.select("north")
    sensor_east, sensor_north = towards.select("east"), towards.select("north")
    facing = east.multiply(sensor_east).add(north.multiply(sensor_north))
    aside = north.multiply(sensor_east).subtract(east.multiply(sensor_north))
    return facing.atan(), aside.atan()
