"""The checks of assets over a small synthetic plateau, whose facts are those of the real place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conformance import assets
from conformance.place import Place
from conformance.record import Check

from export.plateau.scenes import scene_settings, write_scenes
from export.plateau.scenes.overpasses import ORBITS
from export.plateau.world import make_plateau
from gee import session
from gee.grid import PLATEAU_PIXEL_DEG, geobox_of_region
from gee.settings import EarthEngineSettings

SHAPE = (18, 22)
RADAR = "COPERNICUS/S1_GRD_FLOAT"


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[float, ...]]:
    """Scenes of every dataset, with headings of the platform, and the edges of their region."""
    plateau = make_plateau(2026, SHAPE)
    folder = tmp_path_factory.mktemp("scenes")
    write_scenes(plateau, folder)
    path = folder / "catalogue.json"
    catalogue = json.loads(path.read_text("utf-8"))
    # The radar looks to the right, so it flies a right angle to the left of where it looks.
    headings = {number: orbit.look_azimuth_deg - 90 for number, orbit in ORBITS.items()}
    for image in catalogue["assets"][RADAR]["images"]:
        told = image["properties"]
        told["platformHeading"] = headings[told["relativeOrbitNumber_start"]]
    path.write_text(json.dumps(catalogue), "utf-8")
    return folder, plateau.grid.bounds_deg


@pytest.fixture(scope="module")
def synthetic(scenes: tuple[Path, tuple[float, ...]]) -> Iterator[Place]:
    """A place on the synthetic plateau, with the session connected to its scenes."""
    folder, edges = scenes
    west, south, east, north = edges
    grid = geobox_of_region(west, south, east, north, "EPSG:4326", PLATEAU_PIXEL_DEG)
    settings = EarthEngineSettings.model_validate({**scene_settings(), "url": f"local:{folder}"})
    session.connect(settings, folder)
    yield Place(grid, 6, 8, settings, tile_px=4)
    session.disconnect()


@pytest.mark.parametrize("check", assets.CHECKS, ids=lambda check: check.name)
def test_a_check_of_assets_can_be_asked(
    check: Check, synthetic: Place, asked: Callable[[Check, Place], int]
) -> None:
    """Catches a question that would fail on the service for a fault of its own."""
    assert asked(check, synthetic) == check.requests
