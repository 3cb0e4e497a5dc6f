"""Terrain: from the elevation model to one image a covariate."""

from collections.abc import Callable, Collection
from functools import partial

import ee

from gee.scope import Scope
from gee.terrain import surface
from gee.terrain.position import position
from gee.terrain.radiation import radiation_index
from gee.terrain.radii import RADII_M
from gee.terrain.settings import TerrainSettings
from gee.terrain.wetness import wetness_index
from gee.ways import averaged_from


def images(names: Collection[str], scope: Scope, settings: TerrainSettings) -> dict[str, ee.Image]:
    """Return one single-band image a name, in the catalogue's unit, on its way to the grid."""
    heights = surface.elevation(settings)
    lattice = heights.projection()
    rise = surface.gradient(heights)
    latitudes = scope.latitudes()

    def averaged(image: ee.Image) -> ee.Image:
        # A default projection may be overridden by what follows; neighbours must be native ones.
        return averaged_from(image.reproject(lattice), lattice)

    def position_averaged(radius_m: int) -> ee.Image:
        return averaged(position(heights, radius_m, latitudes))

    made: dict[str, Callable[[], ee.Image]] = {
        "elevation": lambda: averaged(heights),
        "slope": lambda: averaged(surface.slope(rise)),
        "aspect_sine": lambda: averaged(surface.aspect(rise)[0]),
        "aspect_cosine": lambda: averaged(surface.aspect(rise)[1]),
        "curvature": lambda: averaged(surface.curvature(heights)),
        "roughness": lambda: averaged(surface.roughness(heights)),
        "twi": lambda: averaged(wetness_index(rise, lattice, settings)),
        "radiation_index": lambda: averaged(
            radiation_index(rise, settings.radiation_months, latitudes)
        ),
        **{f"tpi_{radius}m": partial(position_averaged, radius) for radius in RADII_M},
    }
    return {name: made[name]() for name in names}
