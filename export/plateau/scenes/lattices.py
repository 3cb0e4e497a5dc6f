"""The pixels of scenes, and the world seen through them.

In: layers of (rows, cols) on the world's grid. Out: the same on a scene's lattice: interpolated
where its pixels are no larger than the world's, averaged where they are. Beyond the world's edge
a mirror image goes on, so that a scene is larger than the region as real ones are.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from affine import Affine
from pyproj import Transformer
from scipy import ndimage

from export.plateau.grid import PixelGrid

UTM = "EPSG:32646"
# MODIS's own, on a sphere; Earth Engine calls it SR-ORG:6974.
SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"
SINUSOIDAL_KILOMETRE = 926.625433055833
GEOGRAPHIC = "EPSG:4326"


@dataclass(frozen=True)
class Lattice:
    """Square, upright pixels of `side` in units of `crs`, from the corner `west`, `north`."""

    crs: str
    west: float
    north: float
    side: float
    rows: int
    cols: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows, self.cols

    @property
    def transform(self) -> Affine:
        return Affine(self.side, 0.0, self.west, 0.0, -self.side, self.north)

    def centres(self) -> tuple[np.ndarray, np.ndarray]:
        """Return easting (1, cols) and northing (rows, 1) of the pixels, in units of the CRS."""
        east = self.west + self.side * (np.arange(self.cols) + 0.5)
        north = self.north - self.side * (np.arange(self.rows) + 0.5)
        return east[None, :], north[:, None]


def lattice_over(
    grid: PixelGrid, crs: str, side: float, margin: float, offset: tuple[float, float] = (0.0, 0.0)
) -> Lattice:
    """Return the lattice in `crs` that covers `grid` and a margin (in units of the CRS).

    Its edges are whole multiples of `side`, moved by `offset` (shares of a pixel, east and south).
    """
    west, south, east, north = grid.bounds_deg
    along = np.linspace(0.0, 1.0, 21)
    longitude = np.r_[west + (east - west) * along, west + (east - west) * along, *[[west] * 21]]
    longitude = np.r_[longitude, [east] * 21]
    latitude = np.r_[[south] * 21, [north] * 21, south + (north - south) * along]
    latitude = np.r_[latitude, south + (north - south) * along]
    x, y = Transformer.from_crs(GEOGRAPHIC, crs, always_xy=True).transform(longitude, latitude)
    col = math.floor((x.min() - margin) / side)
    row = math.ceil((y.max() + margin) / side)
    return Lattice(
        crs=crs,
        west=(col + offset[0]) * side,
        north=(row - offset[1]) * side,
        side=side,
        rows=row - math.floor((y.min() - margin) / side),
        cols=math.ceil((x.max() + margin) / side) - col,
    )


def _mirrored(position: np.ndarray, n: int) -> np.ndarray:
    """Return positions beyond the first and last of `n` pixels turned back at them."""
    return np.asarray(np.clip((n - 1) - np.abs((n - 1) - np.abs(position)), 0.0, n - 1.0))


@dataclass(frozen=True, eq=False)
class View:
    """The world's grid seen from the pixels of a lattice."""

    grid: PixelGrid
    lattice: Lattice

    @cached_property
    def longitude_latitude_deg(self) -> tuple[np.ndarray, np.ndarray]:
        """Of the lattice's pixels, both (rows, cols)."""
        east, north = np.broadcast_arrays(*self.lattice.centres())
        to_degrees = Transformer.from_crs(self.lattice.crs, GEOGRAPHIC, always_xy=True)
        longitude, latitude = to_degrees.transform(east, north)
        return longitude, latitude

    @cached_property
    def position_share(self) -> tuple[np.ndarray, np.ndarray]:
        """Of the lattice's pixels in the region: 0 to 1 from north to south, from west to east."""
        longitude, latitude = self.longitude_latitude_deg
        west, south, east, north = self.grid.bounds_deg
        return (north - latitude) / (north - south), (longitude - west) / (east - west)

    @cached_property
    def _taps(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pixel to the north-west (flat index), and how far south and east of it, 0 to 1."""
        longitude, latitude = self.longitude_latitude_deg
        rows, cols = self.grid.shape
        row = self.grid.north_edge - latitude / self.grid.pixel_deg - 0.5
        col = longitude / self.grid.pixel_deg - self.grid.west_edge - 0.5
        row, col = _mirrored(row, rows), _mirrored(col, cols)
        top = np.minimum(row.astype(np.int32), rows - 2)
        left = np.minimum(col.astype(np.int32), cols - 2)
        down, right = (row - top).astype(np.float32), (col - left).astype(np.float32)
        return np.asarray(top * np.int32(cols) + left), np.asarray(down), np.asarray(right)

    def interpolated(self, values: np.ndarray) -> np.ndarray:
        """Return the layer (float32) between the four pixels that surround each position."""
        corner, down, right = self._taps
        cols = self.grid.cols
        flat = np.ascontiguousarray(values, dtype=np.float32).ravel()
        upper = flat[corner] * (1 - right) + flat[corner + 1] * right
        lower = flat[corner + cols] * (1 - right) + flat[corner + cols + 1] * right
        return np.asarray(upper * (1 - down) + lower * down)

    @cached_property
    def _cells(self) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
        longitude, latitude = np.broadcast_arrays(
            self.grid.longitude_deg[None, :], self.grid.latitude_deg[:, None]
        )
        lattice = self.lattice
        x, y = Transformer.from_crs(GEOGRAPHIC, lattice.crs, always_xy=True).transform(
            longitude, latitude
        )
        col = np.floor((x - lattice.west) / lattice.side).astype(np.int64)
        row = np.floor((lattice.north - y) / lattice.side).astype(np.int64)
        cell = (row * lattice.cols + col).ravel()
        count = np.bincount(cell, minlength=lattice.rows * lattice.cols)
        empty = (count == 0).reshape(lattice.shape)
        nearest = ndimage.distance_transform_edt(empty, return_distances=False, return_indices=True)
        return cell, count, (nearest[0], nearest[1])

    def averaged(self, values: np.ndarray) -> np.ndarray:
        """Return the mean of the world's pixels in each of the lattice's.

        Beyond the region the nearest pixel that has any goes on.
        """
        cell, count, nearest = self._cells
        total = np.bincount(cell, np.asarray(values, float).ravel(), minlength=count.size)
        mean = (total / np.maximum(count, 1)).reshape(self.lattice.shape)
        return np.asarray(mean[nearest])
