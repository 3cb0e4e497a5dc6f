"""Where the example plateau lies: pixels of the published 90 m grid, and their size on the ground.

In: the number of rows and columns. Out: edges and centres in degrees, pixel sides in metres.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gee.grid import PLATEAU_PIXEL_DEG

# Wudaoliang, on the road over the plateau.
CENTRE_LATITUDE_DEG = 35.2
CENTRE_LONGITUDE_DEG = 93.1

_SEMI_MAJOR_AXIS_M = 6378137.0
_ECCENTRICITY_SQUARED = 0.0066943799901413165


def metres_per_degree(latitude_deg: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return metres per degree of latitude and of longitude on WGS 84.

    From the radii of curvature of the ellipsoid in the meridian and in the prime vertical.
    """
    latitude = np.deg2rad(latitude_deg)
    root = 1.0 - _ECCENTRICITY_SQUARED * np.sin(latitude) ** 2
    meridian = _SEMI_MAJOR_AXIS_M * (1.0 - _ECCENTRICITY_SQUARED) / root**1.5
    prime_vertical = _SEMI_MAJOR_AXIS_M / np.sqrt(root)
    return np.deg2rad(meridian), np.deg2rad(prime_vertical * np.cos(latitude))


@dataclass(frozen=True)
class PixelGrid:
    """A window of a global grid in degrees whose pixel edges are whole multiples of `pixel_deg`.

    Parameters
    ----------
    north_edge, west_edge : first row's north and first column's west edge, in pixels from 0°
    rows, cols : size
    pixel_deg : side of a pixel in degrees
    """

    north_edge: int
    west_edge: int
    rows: int
    cols: int
    pixel_deg: float = PLATEAU_PIXEL_DEG

    @classmethod
    def around_wudaoliang(cls, rows: int, cols: int) -> "PixelGrid":
        north_edge = round(CENTRE_LATITUDE_DEG / PLATEAU_PIXEL_DEG) + rows // 2
        west_edge = round(CENTRE_LONGITUDE_DEG / PLATEAU_PIXEL_DEG) - cols // 2
        return cls(north_edge, west_edge, rows, cols)

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows, self.cols

    @property
    def bounds_deg(self) -> tuple[float, float, float, float]:
        """west, south, east, north."""
        return (
            self.west_edge * self.pixel_deg,
            (self.north_edge - self.rows) * self.pixel_deg,
            (self.west_edge + self.cols) * self.pixel_deg,
            self.north_edge * self.pixel_deg,
        )

    @cached_property
    def latitude_deg(self) -> np.ndarray:
        """Centres of the rows, (rows,)."""
        return (self.north_edge - np.arange(self.rows) - 0.5) * self.pixel_deg

    @cached_property
    def longitude_deg(self) -> np.ndarray:
        """Centres of the columns, (cols,)."""
        return (self.west_edge + np.arange(self.cols) + 0.5) * self.pixel_deg

    @cached_property
    def height_m(self) -> float:
        """Side of a pixel along the meridian, at the middle of the grid."""
        middle = np.array(0.5 * (self.latitude_deg[0] + self.latitude_deg[-1]))
        return float(metres_per_degree(middle)[0]) * self.pixel_deg

    @cached_property
    def width_m(self) -> np.ndarray:
        """Side of a pixel along the parallel, by row, (rows, 1)."""
        return (metres_per_degree(self.latitude_deg)[1] * self.pixel_deg)[:, None]

    @cached_property
    def mean_width_m(self) -> float:
        return float(self.width_m.mean())

    @property
    def extent_m(self) -> float:
        """The longer side of the grid."""
        return max(self.rows * self.height_m, self.cols * self.mean_width_m)

    def padded(self, margin: int) -> "PixelGrid":
        """Return the grid grown by `margin` pixels on each side."""
        return PixelGrid(
            self.north_edge + margin,
            self.west_edge - margin,
            self.rows + 2 * margin,
            self.cols + 2 * margin,
            self.pixel_deg,
        )

    def covering(self, pixel_deg: float, margin: int = 2) -> "PixelGrid":
        """Return the grid of pixels of `pixel_deg` that covers this one, and `margin` more.

        Its edges are whole multiples of its own pixel, as those of global products are.
        """
        west, south, east, north = self.bounds_deg
        west_edge = math.floor(west / pixel_deg) - margin
        north_edge = math.ceil(north / pixel_deg) + margin
        return PixelGrid(
            north_edge,
            west_edge,
            north_edge - math.floor(south / pixel_deg) + margin,
            math.ceil(east / pixel_deg) - west_edge + margin,
            pixel_deg,
        )
