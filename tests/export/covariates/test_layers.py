"""Depth layers of a soil property: their mean over the depth that counts."""

import numpy as np
import pytest
from affine import Affine
from pydantic import ValidationError

from export.covariates.provider import CovariateStack
from export.covariates.raster_provider import RasterProvider, open_covariate, read_covariate
from export.covariates.settings import CovariateSettings
from export.errors import RasterError
from export.journal import file_sha256
from export.progress import silent
from gee.grid import tiles_of

TILE_PX = 32


def layers(*edges, names="abcdef"):
    return [
        {"file": f"{name}.tif", "top_cm": top, "bottom_cm": bottom}
        for name, (top, bottom) in zip(names, edges, strict=False)
    ]


def settings(edges, depth_cm, **fields):
    return CovariateSettings.model_validate(
        {"name": "clay", "layers": layers(*edges), "depth_cm": depth_cm, **fields}
    )


@pytest.fixture
def stored(raster, grid, tmp_path):
    """Three layers as their publisher stores them, tenths in int16, and a way to open them."""
    values = np.random.default_rng(2).integers(100, 500, (3, 48, 60)).astype(np.int16)
    values[1, 10, 10] = -32768
    for name, layer in zip("abc", values, strict=True):
        raster(f"{name}.tif", layer, grid.transform, "EPSG:4326", nodata=-32768)

    def opened(*args, **fields):
        return open_covariate(settings(*args, **fields), tmp_path.joinpath, grid)

    return values, opened


def test_layers_are_weighted_by_their_thickness_within_the_depth(stored, grid):
    """Fault: the plain mean of the layers, or one before the scale, or a layer counted whole."""
    values, opened = stored
    edges = ((0, 5), (5, 15), (15, 30))
    covariate = opened(edges, [0, 20], scale=0.1, offset=1.0)
    tile = tiles_of(grid, 64)[0]
    found = read_covariate(covariate, tile)
    true = values.astype(float) * 0.1 + 1.0
    expected = (5 * true[0] + 10 * true[1] + 5 * true[2]) / 20
    expected[10, 10] = np.nan  # no layer stands in for another
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_layer_beyond_the_depth_is_not_opened(stored, grid, tmp_path):
    values, opened = stored
    (tmp_path / "c.tif").unlink()
    covariate = opened(((0, 5), (5, 15), (15, 30)), [0, 15])
    assert [source.path.name for source, _ in covariate.layers] == ["a.tif", "b.tif"]
    (one,) = opened(((0, 5), (5, 15), (15, 30)), [1, 4]).layers
    assert one[1] == 1.0
    tile = tiles_of(grid, 64)[0]
    np.testing.assert_array_equal(
        read_covariate(opened(((0, 5),), [1, 4]), tile), values[0].astype(np.float32)
    )


def test_samples_tiles_and_reasons_follow(stored, grid):
    _, opened = stored
    covariate = opened(((0, 5), (5, 15), (15, 30)), [0, 30], maximum=1000)
    stack = CovariateStack.of(RasterProvider([covariate], grid, TILE_PX, file_sha256, workers=1))
    (info,) = stack.covariates
    assert info.source == "a.tif, b.tif, c.tif"
    found = stack.sample(np.array([10, 11]), np.array([10, 10]), silent())
    assert np.isnan(found.values[0, 0])
    assert [tuple(entry) for entry in found.missing] == [(0, "clay", "missing in b.tif")]
    tile = next(tile for tile in tiles_of(grid, TILE_PX) if tile.name == "tile_r0000_c0000")
    np.testing.assert_array_equal(stack.read(tile).values[0, 10:12, 10], found.values[:, 0])


def test_another_depth_is_another_covariate(stored, grid):
    _, opened = stored
    edges = ((0, 5), (5, 15), (15, 30))
    prints = {
        RasterProvider([opened(edges, depth)], grid, TILE_PX, file_sha256).fingerprint("clay")
        for depth in ([0, 30], [0, 20], [0, 20.0])
    }
    assert len(prints) == 2


def test_a_coarser_layer_is_put_on_the_grid_first(raster, grid, tmp_path):
    raster("a.tif", np.full((48, 60), 2.0, np.float32), grid.transform, "EPSG:4326")
    coarse = Affine(0.1, 0, 92.5, 0, -0.1, 35.8)
    raster("b.tif", np.full((10, 12), 4.0, np.float32), coarse, "EPSG:4326")
    covariate = open_covariate(settings(((0, 1), (1, 4)), [0, 4]), tmp_path.joinpath, grid)
    found = read_covariate(covariate, tiles_of(grid, 64)[0])
    np.testing.assert_allclose(found, (2 + 3 * 4) / 4)


def test_a_layer_s_file_that_is_not_there_is_named(stored, tmp_path):
    _, opened = stored
    (tmp_path / "b.tif").unlink()
    with pytest.raises(RasterError, match=r"b\.tif"):
        opened(((0, 5), (5, 15)), [0, 15])


@pytest.mark.parametrize(
    ("edges", "depth_cm", "words"),
    [
        (((0, 5), (15, 30)), [0, 30], "no layer holds 5 to 15 cm"),
        (((0, 5), (5, 15)), [0, 30], "no layer holds 15 to 30 cm"),
        (((5, 15),), [0, 15], "no layer holds 0 to 5 cm"),
        (((0, 10), (5, 15)), [0, 15], "two layers hold 5 to 10 cm"),
        (((0, 5),), [5, 0], "must lie above"),
        (((5, 2),), [0, 5], "must lie above"),
        (((0, 5),), None, "go together"),
    ],
)
def test_layers_that_don_t_fill_the_depth_are_refused(edges, depth_cm, words):
    """Fault: a depth without data is silently left out of the mean."""
    with pytest.raises(ValidationError, match=words):
        settings(edges, depth_cm)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"file": "x.tif"}, "either file or layers"),
        ({"categorical": True}, "categories of several layers"),
    ],
)
def test_layers_exclude_what_has_no_mean(fields, words):
    with pytest.raises(ValidationError, match=words):
        settings(((0, 5),), [0, 5], **fields)
    with pytest.raises(ValidationError, match="either file or layers"):
        CovariateSettings.model_validate({"name": "clay"})


def test_the_order_of_layers_does_not_matter():
    assert settings(((5, 15), (0, 5)), [0, 15]).files == ("a.tif", "b.tif")
