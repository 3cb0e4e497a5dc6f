"""Scenes of Landsat and Sentinel-2 on a lattice in UTM, with what was put into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

Array = np.ndarray[Any, Any]

R = 90 / 111319.49079327358
STUDY_GRID = GeoBox((8, 11), Affine(R, 0, 112000 * R, 0, -R, 42066 * R), "EPSG:4326")
"""About 90.55 E, 34.01 N, where the lattice of UTM zone 46 lies askew by 1.4 degrees."""

SCENE_LATTICE = GeoBox((40, 42), Affine(30, 0, 273637, 0, -30, 3766071), "EPSG:32646")

ASSETS = {
    "landsat5": "LANDSAT/LT05/C02/T1_L2",
    "landsat7": "LANDSAT/LE07/C02/T1_L2",
    "landsat8": "LANDSAT/LC08/C02/T1_L2",
    "landsat9": "LANDSAT/LC09/C02/T1_L2",
    "sentinel2": "COPERNICUS/S2_SR_HARMONIZED",
}
SCORES = "GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED"


@dataclass
class MadeScene:
    """One scene as written: sensor, ISO time, and its bands by name."""

    sensor: str
    time: str
    bands: dict[str, Array]
    lattice: GeoBox


@dataclass
class Archive:
    """Scenes as they are written, one after the other."""

    scenes: Any
    made: list[MadeScene] = field(default_factory=list)

    def __post_init__(self) -> None:
        for asset in (*ASSETS.values(), SCORES):
            self.scenes.collection(asset, pyramiding={"default": "SAMPLE"})

    def add(
        self,
        sensor: str,
        time: str,
        bands: Mapping[str, Array],
        lattice: GeoBox,
        with_score: bool = True,
    ) -> None:
        """Add a scene; `cs` and `cs_cdf` go into the collection of scores."""
        index = f"{sensor}_{len(self.made)}"
        own = {name: band for name, band in bands.items() if not name.startswith("cs")}
        scores = {name: band for name, band in bands.items() if name.startswith("cs")}
        self.scenes.scene(ASSETS[sensor], index, own, lattice, time)
        if scores and with_score:
            self.scenes.scene(SCORES, index, scores, lattice, time)
        self.made.append(MadeScene(sensor, time, dict(bands), lattice))


@pytest.fixture(scope="session")
def new_archive(new_scenes):
    """`new_archive()`: an empty archive of all sensors."""
    return lambda: Archive(new_scenes())


@pytest.fixture(scope="session")
def clear_scene():
    """`clear_scene(sensor, shape, **bands)`: bands of a clear scene, some of them given."""

    def clear(sensor: str, shape: tuple[int, int], **given: Array | int) -> dict[str, Array]:
        if sensor == "sentinel2":
            bands = {name: np.uint16(1500) for name in ("B3", "B4", "B8", "B8A", "B11")}
            bands |= {"SCL": np.uint8(4), "cs": np.float32(1), "cs_cdf": np.float32(1)}
        else:
            bands = {f"SR_B{number}": np.uint16(12000) for number in range(1, 8)}
            bands |= {"QA_PIXEL": np.uint16(1 << 6), "QA_RADSAT": np.uint16(0)}
        whole = {name: np.full(shape, value) for name, value in bands.items()}
        for name, value in given.items():
            whole[name] = np.broadcast_to(np.asarray(value).astype(whole[name].dtype), shape)
        return whole

    return clear


@pytest.fixture(scope="session")
def study_grid() -> GeoBox:
    """The grid of the map."""
    return STUDY_GRID


@pytest.fixture(scope="session")
def scene_lattice() -> GeoBox:
    """The lattice of the scenes, which covers the grid and a little more."""
    return SCENE_LATTICE
