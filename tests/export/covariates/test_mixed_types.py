"""Rasters of unlike types in one stack: each keeps its own numbers and its own missing code."""

import numpy as np
import pytest

from export.covariates.provider import CovariateStack
from export.covariates.raster_provider import RasterCovariate, RasterProvider
from export.covariates.region import Region, region_tiles
from export.covariates.tile_plans import plan_tiles
from export.covariates.tile_writing import write_covariate_tiles
from export.covariates.tiles import read_covariate_tile
from export.journal import Journal, file_sha256
from export.progress import silent


@pytest.fixture
def tiles(raster, source, grid, tmp_path):
    """Write the tiles of int16, float32 and float64 covariates, the first of them integers."""
    shape = tuple(grid.shape.yx)
    whole = np.arange(np.prod(shape)).reshape(shape).astype(np.int16)
    whole[0, 0] = -99
    fraction = (np.mgrid[0 : shape[0], 0 : shape[1]][0] / 7).astype(np.float32)
    fraction[1, 1] = np.nan
    both = np.stack([np.ones(shape), np.full(shape, 0.125)])
    both[1, 2, 2] = -1.797e308
    opened = [
        source(raster("i.tif", whole, grid.transform, "EPSG:4326", nodata=-99), name="integers"),
        source(
            raster("f.tif", fraction, grid.transform, "EPSG:4326", nodata=np.nan), name="fractions"
        ),
        source(
            raster("b.tif", both, grid.transform, "EPSG:4326", nodata=-1.797e308),
            name="second",
            band=2,
        ),
    ]
    stack = CovariateStack.of(
        RasterProvider(
            [RasterCovariate(one.settings, ((one, 1.0),)) for one in opened], grid, 64, file_sha256
        )
    )
    region = Region(grid)
    journal = Journal(tmp_path / "journal.sqlite")
    plans = plan_tiles(stack, region, region_tiles(region, 64), tmp_path / "tiles", journal)
    report = write_covariate_tiles(stack, region, plans, journal, silent(), 1)
    journal.close()
    (path,) = report.files.values()
    return path, {"integers": whole, "fractions": fraction, "second": both[1]}


def test_no_covariate_is_cast_to_the_type_of_the_first(tiles):
    """Fault: fractions cut to whole numbers, since the first raster of the stack held integers."""
    path, written = tiles
    bands, _ = read_covariate_tile(path)
    for name, values in written.items():
        known = np.isfinite(bands[name])
        np.testing.assert_array_equal(bands[name][known], values[known].astype(np.float32))
        assert (~known).sum() == 1, name


def test_what_is_missing_in_a_later_band_is_missing_there_alone(tiles):
    """Faults: missing codes looked for in the first band only, and NaN sought by comparison."""
    path, _ = tiles
    bands, _ = read_covariate_tile(path)
    for name, place in {"integers": (0, 0), "fractions": (1, 1), "second": (2, 2)}.items():
        for other, band in bands.items():
            if other in ("integers", "fractions", "second"):
                assert np.isnan(band[place]) == (other == name), (name, other)
