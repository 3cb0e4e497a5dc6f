"""Where and for which years covariates are computed."""

from dataclasses import dataclass

import ee
from odc.geo.geobox import GeoBox
from odc.geo.geom import BoundingBox

MARGIN_PX = 60


@dataclass(frozen=True)
class Scope:
    """What every composite needs beside its own settings.

    Parameters
    ----------
    geobox : the study's grid, whole; a composite's pixels never depend on the window asked for
    years : first and last year, both included
    window : the part of the grid for which scenes are looked up, unless given all of it. It may
        be narrowed to a tile: scenes that don't touch a pixel don't change it, so neither do
        its values
    """

    geobox: GeoBox
    years: tuple[int, int]
    window: GeoBox | None = None

    def bounds(self) -> ee.Geometry:
        """Return the rectangle in which scenes are looked up, with a margin of some pixels.

        The margin is for what looks beyond a pixel: interpolation, slopes, neighbourhoods.
        """
        box = self._box()
        edges = [box.left, box.bottom, box.right, box.top]
        bounds: ee.Geometry = ee.Geometry.Rectangle(edges, "EPSG:4326", False)
        return bounds

    def latitudes(self) -> tuple[float, float]:
        """Return the southern and the northern edge of the same rectangle in degrees."""
        box = self._box()
        return float(box.bottom), float(box.top)

    def _box(self) -> BoundingBox:
        geobox = self.geobox if self.window is None else self.window
        return geobox.pad(MARGIN_PX).geographic_extent.boundingbox
