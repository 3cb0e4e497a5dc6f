"""Optical: from scenes to one image a covariate.

The index is averaged over the working lattice, not the reflectance: the mean index of a pixel's
parts, each part having its own clear looks.
"""

from collections.abc import Collection

import ee

from gee.optical.composites import composite
from gee.optical.settings import OpticalSettings
from gee.scope import Scope
from gee.ways import averaged


def images(names: Collection[str], scope: Scope, settings: OpticalSettings) -> dict[str, ee.Image]:
    """Return one single-band image a name, in the catalogue's unit, on its way to the grid."""
    return {
        name: averaged(composite(name, scope, settings), scope.geobox, settings.scale_m)
        for name in names
    }
