"""Covariate tiles for a model whose every prediction is known, and what predicts them."""

import numpy as np
import pytest
from known_model import KnownModel

from export.journal import Journal
from export.map.map_tile import TileFolders
from export.map.predict import predict_tiles
from export.progress import silent
from export.rasters.writing import write_geotiff


@pytest.fixture
def bands():
    rng = np.random.default_rng(3)
    values = {
        "ndvi": rng.uniform(0, 1, (48, 60)),
        "twi": rng.uniform(0, 4, (48, 60)),
        "soil": rng.integers(1, 3, (48, 60)),
    }
    values["ndvi"][5] = np.nan  # 60 pixels
    values["twi"][6, :10] = 9  # clipped
    values["soil"][7, :4] = 8  # a category that no site has
    values["ndvi"][8] = values["twi"][8] = 0  # a true 0
    return {name: band.astype(np.float32) for name, band in values.items()}


@pytest.fixture
def tile(tmp_path, grid):
    """Write a covariate tile whose bands are given, in their order."""

    def write(bands, name="tile_r0000_c0000", nodata=float("nan")):
        path = tmp_path / "tiles" / f"{name}.tif"
        array = np.stack(list(bands.values()))
        write_geotiff(path, array, grid, nodata, list(bands), ["1"] * len(bands), {})
        return path

    return write


@pytest.fixture
def run(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")

    def predict(paths, model=None, workers=1, companion=False, **options):
        folders = TileFolders(
            tmp_path / "map",
            tmp_path / "companion" if companion else None,
            tmp_path / "flags" if companion else None,
        )
        return predict_tiles(
            paths, model or KnownModel(), folders, journal, silent(), workers, **options
        )

    yield predict
    journal.close()
