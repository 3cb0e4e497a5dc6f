"""The whole example plateau in memory, from one seed."""

from dataclasses import dataclass

import numpy as np

from export.plateau.climate import Climate, make_climate
from export.plateau.grid import PixelGrid
from export.plateau.moisture import Moisture, make_moisture
from export.plateau.sensing import Radar, make_indices, make_radar
from export.plateau.surface import Surface, make_surface
from export.plateau.terrain import Terrain, make_terrain


@dataclass(frozen=True)
class Plateau:
    """The world as it is, and what satellites see of it; layers of (rows, cols) on `grid`."""

    seed: int
    grid: PixelGrid
    terrain: Terrain
    climate: Climate
    surface: Surface
    moisture: Moisture
    radar: Radar
    ndvi: np.ndarray
    ndwi_gao: np.ndarray

    @property
    def active_layer(self) -> np.ndarray:
        """(rows, cols) bool: land over permafrost, where the target exists."""
        return np.asarray(self.climate.permafrost & ~self.terrain.lake)


def make_plateau(seed: int, shape: tuple[int, int]) -> Plateau:
    """Make the plateau around Wudaoliang with `shape` (rows, cols) pixels."""
    grid = PixelGrid.around_wudaoliang(*shape)
    terrain = make_terrain(seed, grid)
    climate = make_climate(seed, grid, terrain)
    surface = make_surface(seed, grid, terrain, climate)
    moisture = make_moisture(seed, grid, terrain, climate, surface)
    radar = make_radar(seed, grid, terrain, surface, moisture.explained)
    ndvi, ndwi = make_indices(seed, grid, terrain, surface, moisture.explained)
    return Plateau(seed, grid, terrain, climate, surface, moisture, radar, ndvi, ndwi)
