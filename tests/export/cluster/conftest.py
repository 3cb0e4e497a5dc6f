"""A small model and its tiles, and machines that predict them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from cluster_runs import Machines, hashes

from export.cluster.connection import scheduler_address
from export.progress import silent
from export.steps.predict import predict_folder
from gee.grid import geobox_of_region, tiles_of

TILES = 12
TILE_PX = 16


class World(NamedTuple):
    """model : bundle; tiles : folder of covariate tiles."""

    model: Path
    tiles: Path


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A model of two forests, and twelve tiles of a region; read them, don't change them."""
    from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

    from export.rasters.writing import write_geotiff
    from local_ml.bundle import write_bundle
    from local_ml.features import Feature
    from local_ml.prediction.applicability_rule import ApplicabilityRule
    from local_ml.prediction.features_encoding import FeatureEncoding
    from local_ml.prediction.fusion_rule import FusionRule
    from local_ml.prediction.interval_rule import IntervalRule
    from local_ml.settings import TargetSettings

    folder = tmp_path_factory.mktemp("world")
    generator = np.random.default_rng(6)
    sites = generator.uniform(0, 1, (40, 2)).astype(np.float32)
    moisture = 0.3 * sites[:, 0] + 0.1 * sites[:, 1]
    members = {
        "random_forest": RandomForestRegressor(5, random_state=0).fit(sites, moisture),
        "extra_trees": ExtraTreesRegressor(5, random_state=0).fit(sites, moisture),
    }
    write_bundle(
        folder / "model",
        target=TargetSettings(),
        encoding=FeatureEncoding.fit([Feature("twi", "1"), Feature("ndvi", "1")], sites),
        members=members,
        rule=FusionRule(tuple(members), (0.5, 0.5), 0.0, 1.0, 0.0, 1.0, minimum=0.0, maximum=0.85),
        intervals=IntervalRule(0.9, 1.5, 0.01, "none", 0.0, 0.85, "grouped"),
        applicability=ApplicabilityRule(
            np.zeros(2, np.float32), np.ones(2, np.float32), sites, 0.05, "grouped"
        ),
        samples_fingerprint="of a test",
        seed=0,
        settings={},
    )
    grid = geobox_of_region(90, 33, 90 + 0.16 * TILES, 33.16, "EPSG:4326", 0.01)
    for tile in tiles_of(grid, TILE_PX):
        bands = generator.uniform(0, 1, (2, TILE_PX, TILE_PX)).astype(np.float32)
        bands[:, 0] = np.nan
        write_geotiff(
            folder / "tiles" / f"{tile.name}.tif",
            bands,
            tile.geobox,
            float("nan"),
            ["twi", "ndvi"],
            ["1", "1"],
            {},
        )
    assert len(list((folder / "tiles").iterdir())) == TILES
    return World(folder / "model", folder / "tiles")


@pytest.fixture(scope="session")
def start_machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Machines]]:
    """Start a scheduler without workers."""
    started: list[Machines] = []

    def start() -> Machines:
        started.append(Machines(tmp_path_factory.mktemp("machines")))
        return started[-1]

    yield start
    for machines in started:
        machines.close()


@pytest.fixture(scope="session")
def machines(start_machines: Callable[[], Machines]) -> Machines:
    """A scheduler that no test kills; ask it for workers by `have`."""
    return start_machines()


@pytest.fixture
def predict(world: World, tmp_path: Path) -> Callable[..., tuple[list[str], str]]:
    """Predict the tiles of the world into a folder; return holes and what was said."""

    def run(
        machines: Machines | None = None, out: Path = tmp_path / "out", **changes: Any
    ) -> tuple[list[str], str]:
        said: list[str] = []
        address = None if machines is None else scheduler_address(None, machines.file)
        arguments = {"model": world.model, "covariates": world.tiles} | changes
        holes = predict_folder(
            out=out, progress=silent(), say=said.append, scheduler=address, **arguments
        )
        return holes, "\n".join(said)

    return run


@pytest.fixture(scope="session")
def alone(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What one process makes of the world."""
    out = tmp_path_factory.mktemp("alone")
    predict_folder(world.model, world.tiles, out, silent(), lambda _: None)
    return hashes(out)
