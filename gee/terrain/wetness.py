"""Topographic wetness index: where water gathers and leaves slowly (Beven and Kirkby 1979)."""

import ee

from gee.terrain.settings import TerrainSettings
from gee.terrain.surface import Gradient
from gee.ways import averaged_from, interpolated

SQUARE_METRES_PER_SQUARE_KILOMETRE = 1e6


def wetness_index(rise: Gradient, projection: ee.Projection, settings: TerrainSettings) -> ee.Image:
    """Return the index on the gradient's lattice, interpolated from that of the upslope area.

    ln(a / max(tan(slope), least gradient)), a the upslope area per width: area over the square
    root of a pixel's own, in metres. The tangent is the mean over the elevation model's pixels
    within one of the area's.
    """
    area = ee.Image(settings.upslope_area).select([settings.upslope_area_band], ["twi"])
    lattice = area.projection()
    steepness = averaged_from(rise.steepness().reproject(projection), projection).reproject(lattice)
    width = ee.Image.pixelArea().sqrt()
    per_width = area.toDouble().multiply(SQUARE_METRES_PER_SQUARE_KILOMETRE).divide(width)
    index = per_width.divide(steepness.max(settings.least_gradient)).log()
    # A pixel's own area is that of the lattice on which it is computed.
    return interpolated(index.reproject(lattice), lattice)
