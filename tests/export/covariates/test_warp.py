"""Covariates on the grid: rasters that hold their own coordinates show any shift as a number."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from export.covariates import source as covariate_source
from export.covariates import warp
from export.covariates.settings import LARGEST_CODE, CovariateSettings
from export.covariates.source import open_source
from export.covariates.warp import read_tile
from export.errors import RasterError, StudyError, TileError
from gee.grid import Tile, geobox_of_region, tiles_of


def whole(source, tile_px=512):
    """Read all tiles of the study's grid into one array."""
    grid = source.study_grid
    result = np.full(tuple(grid.shape.yx), np.nan, np.float32)
    for tile in tiles_of(grid, tile_px):
        row, col, height, width = tile.window
        result[row : row + height, col : col + width] = read_tile(source, tile)
    return result


def ramp(height, width):
    rows, cols = np.mgrid[0:height, 0:width]
    return np.stack([rows, cols]).astype(np.float32)


def expected_places(grid, transform, crs):
    """Where the centres of the grid's pixels lie in a raster: row, col, in pixel centres."""
    rows, cols = np.mgrid[0 : grid.shape.y, 0 : grid.shape.x]
    points = grid.transform * (cols + 0.5, rows + 0.5)
    points = Transformer.from_crs(str(grid.crs), crs, always_xy=True).transform(*points)
    source_cols, source_rows = ~transform * points
    return source_rows - 0.5, source_cols - 0.5


def about(easting, northing, size, pixels, rotation=0.0):
    """A transform of `pixels` squared, centred on a position."""
    return (
        Affine.translation(easting, northing)
        * Affine.rotation(rotation)
        * Affine.scale(size, -size)
        * Affine.translation(-pixels / 2, -pixels / 2)
    )


UTM = "EPSG:32646"
CENTRE = Transformer.from_crs("EPSG:4326", UTM, always_xy=True).transform(93.1, 35.14)


@pytest.mark.parametrize("resampling", ["auto", "bilinear", "cubic"])
@pytest.mark.parametrize(
    ("crs", "size", "rotation"),
    [
        ("EPSG:4326", 0.05, 0),
        ("EPSG:4326", 0.0093, 0),
        (UTM, 5000, 0),
        (UTM, 900, 20),
        (UTM, 800, 0),
    ],
)
def test_coarser_and_turned_rasters_are_placed_exactly(
    raster, source, grid, crs, size, rotation, resampling
):
    """A half-pixel shift would be 0.5 here, GDAL's tolerance 0.06, its tile-wise kernel 0.09."""
    centre = (93.1, 35.14) if crs == "EPSG:4326" else CENTRE
    extent = 1.2 if crs == "EPSG:4326" else 110_000
    pixels = int(extent / size)
    transform = about(*centre, size, pixels, rotation)
    path = raster("ramp.tif", ramp(pixels, pixels), transform, crs)
    for band, places in enumerate(expected_places(grid, transform, crs), start=1):
        found = whole(source(path, band=band, resampling=resampling), tile_px=32)
        np.testing.assert_allclose(found, places, atol=2e-4)


def test_nearest_takes_the_pixel_under_the_centre(raster, source, grid):
    transform = about(*CENTRE, 700, 160, 30)
    path = raster("ramp.tif", ramp(160, 160), transform, UTM)
    for band, places in enumerate(expected_places(grid, transform, UTM), start=1):
        found = whole(source(path, band=band, resampling="nearest"), tile_px=16)
        np.testing.assert_array_equal(found, np.floor(places + 0.5))


def test_average_of_finer_pixels_is_their_mean(raster, source, grid):
    """4 x 4 pixels lie under each of ours: the mean of their columns is known."""
    west, north = grid.transform * (0, 0)
    fine = Affine(0.0025, 0, west, 0, -0.0025, north)
    path = raster("fine.tif", ramp(4 * 48, 4 * 60), fine, "EPSG:4326")
    found = source(path, band=2)
    assert found.resampling == "average"
    assert found.fineness == pytest.approx(4)
    expected = np.broadcast_to(4 * np.arange(60) + 1.5, (48, 60))
    np.testing.assert_allclose(whole(found, 20), expected, atol=1e-4)


def test_the_same_grid_is_taken_as_it_is(raster, source, grid):
    values = np.random.default_rng(0).normal(size=(48, 60)).astype(np.float32)
    same = source(raster("same.tif", values, grid.transform, "EPSG:4326"))
    assert same.resampling == "none"
    np.testing.assert_array_equal(whole(same, 17), values)


def test_a_larger_raster_on_the_same_lattice_is_cut_not_resampled(raster, source, grid):
    west, north = grid.transform * (-5, -3)
    rows, cols = np.mgrid[0:70, 0:50]
    path = raster(
        "larger.tif", (1000 * rows + cols).astype(np.float64),
        Affine(0.01, 0, west, 0, -0.01, north), "EPSG:4326",
    )  # fmt: skip
    larger = source(path)
    assert larger.origin == (-3, -5)
    found = whole(larger, 16)
    np.testing.assert_array_equal(found[:, :45], (1000 * rows + cols)[3:51, 5:])
    assert np.isnan(found[:, 45:]).all()


def test_a_raster_half_a_pixel_off_is_not_taken_for_the_same_grid(raster, source, grid):
    path = raster(
        "off.tif", ramp(48, 60), grid.transform * Affine.translation(0.5, 0.5), "EPSG:4326"
    )
    assert source(path).origin is None
    found = whole(source(path, band=2), 16)
    np.testing.assert_allclose(found[1:, 1:], np.broadcast_to(np.arange(59) + 0.5, (47, 59)))


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    tile_px=st.integers(5, 70),
    size=st.sampled_from([250.0, 600.0, 1000.0, 9000.0]),
    rotation=st.floats(0, 90),
    resampling=st.sampled_from(["auto", "nearest", "cubic"]),
    seed=st.integers(0, 99),
)
def test_values_do_not_depend_on_the_tiling(
    raster, source, tile_px, size, rotation, resampling, seed
):
    """A tile's own window, kernel or approximation would show as a seam."""
    pixels = int(80_000 / size)
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(pixels, pixels)).astype(np.float32)
    values[rng.random(values.shape) < 0.1] = np.nan
    path = raster("noise.tif", values, about(*CENTRE, size, pixels, rotation), UTM)
    covariate = source(path, resampling=resampling)
    one, many = whole(covariate, 512), whole(covariate, tile_px)
    np.testing.assert_array_equal(np.isnan(one), np.isnan(many))
    np.testing.assert_allclose(one, many, rtol=1e-4, atol=1e-4)


def test_quarters_of_a_tile_over_too_many_pixels_equal_the_whole(raster, source, monkeypatch):
    path = raster("ramp.tif", ramp(400, 400), about(*CENTRE, 250, 400, 10), UTM)
    covariate = source(path, band=2)
    expected = whole(covariate)
    sizes = []

    def read_source(source, dataset, row, col, height, width):
        sizes.append(height * width)
        return covariate_source.read_source(source, dataset, row, col, height, width)

    monkeypatch.setattr(warp, "read_source", read_source)
    monkeypatch.setattr(warp, "MOST_SOURCE_PX", 5000)
    np.testing.assert_allclose(whole(covariate), expected, atol=1e-3)
    assert len(sizes) > 4
    assert max(sizes) <= 5000


def test_true_zeros_beside_masked_pixels(raster, source, grid):
    """A masked pixel must not become 0, nor a true 0 missing; none bleeds into the other."""
    values = np.zeros((12, 15), np.float32)
    values[:, 7:] = -9999
    west, north = grid.transform * (0, 0)
    coarse = Affine(0.04, 0, west, 0, -0.04, north)
    path = raster("zeros.tif", values, coarse, "EPSG:4326", nodata=-9999)
    for resampling in ("nearest", "bilinear", "cubic"):
        found = whole(source(path, resampling=resampling), 16)
        assert (found[:, :28] == 0).all()
        assert np.isnan(found[:, 28:]).all()


def test_a_pixel_is_missing_where_half_of_what_is_under_it_is(raster, source, grid):
    west, north = grid.transform * (0, 0)
    values = np.ones((96, 120), np.float32)
    values[1::2, 0:20:2] = values[::2, 0:20:2] = np.nan  # half of each pixel: present enough
    values[:, 20:40] = np.nan
    values[::2, 20:40:2] = 5  # a quarter of each pixel: too little
    path = raster("half.tif", values, Affine(0.005, 0, west, 0, -0.005, north), "EPSG:4326")
    found = whole(source(path), 16)
    assert (found[:, :10] == 1).all()
    assert np.isnan(found[:, 10:20]).all()
    assert (found[:, 20:] == 1).all()


def test_scale_and_offset_come_after_nodata(raster, source, grid):
    """-32768 * 0.02 - 273.15 would be a number like any other."""
    stored = np.full((48, 60), 14_000, np.int16)
    stored[0, 0] = -32768
    path = raster("lst.tif", stored, grid.transform, "EPSG:4326", nodata=-32768)
    found = whole(source(path, scale=0.02, offset=-273.15))
    assert np.isnan(found[0, 0])
    np.testing.assert_allclose(found[0, 1:], 14_000 * 0.02 - 273.15, rtol=1e-6)


def test_the_files_own_scale_is_applied_unless_the_study_gives_one(raster, source, grid):
    stored = np.full((48, 60), 100, np.int16)
    path = raster("declared.tif", stored, grid.transform, "EPSG:4326", scales=(0.1,), offsets=(5,))
    assert (whole(source(path)) == np.float32(15)).all()
    assert (whole(source(path, scale=1, offset=0)) == 100).all()


def test_override_and_valid_range_and_infinity_are_missing(raster, source, grid):
    values = np.full((48, 60), 5.0, np.float32)
    values[0, :6] = [-9999, 1e20, np.inf, -np.inf, 0, np.nan]
    path = raster("codes.tif", values, grid.transform, "EPSG:4326", nodata=0)
    found = whole(source(path, nodata=[-9999], maximum=100))
    assert np.isnan(found[0, [0, 1, 2, 3, 5]]).all()
    assert found[0, 4] == 0  # no longer nodata: the study says which code is
    assert np.isnan(whole(source(path))[0, 4])
    assert (found[1:] == 5).all()


def test_bounds_of_the_valid_range_are_valid(raster, source, grid):
    """0.85 as float32 is a little more than 0.85."""
    values = np.full((48, 60), 0.85, np.float32)
    path = raster("bound.tif", values, grid.transform, "EPSG:4326")
    assert (whole(source(path, minimum=0.1, maximum=0.85)) == np.float32(0.85)).all()


@pytest.mark.parametrize("nodata", [-1.797693e308, -3.4028230607370965e38])
def test_both_nodata_conventions(raster, source, grid, nodata):
    dtype = np.float64 if nodata < -1e300 else np.float32
    values = np.ones((48, 60), dtype)
    values[:10] = nodata
    found = whole(source(raster("n.tif", values, grid.transform, "EPSG:4326", nodata=nodata)))
    assert np.isnan(found[:10]).all()
    assert (found[10:] == 1).all()


def test_categories_keep_their_codes(raster, source, grid):
    """A mean of soils 1 and 3 is not soil 2."""
    values = np.where(np.mgrid[0:200, 0:200][1] % 2, 1, 3).astype(np.uint8)
    path = raster("soil.tif", values, about(*CENTRE, 400, 200, 15), UTM)
    soil = source(path, categorical=True)
    assert soil.resampling == "mode"
    assert set(np.unique(whole(soil))) <= {1, 3}
    coarse = raster("coarse.tif", values[:40, :40], about(*CENTRE, 2500, 40), UTM)
    assert source(coarse, categorical=True).resampling == "nearest"
    large = raster(
        "large.tif", np.full((48, 60), LARGEST_CODE + 2, np.int32), grid.transform, "EPSG:4326"
    )
    with pytest.raises(RasterError, match="codes are whole numbers"):
        whole(source(large, categorical=True))


def test_a_raster_elsewhere_is_all_missing(raster, source):
    path = raster("far.tif", ramp(10, 10), Affine(0.01, 0, 10, 0, -0.01, 50), "EPSG:4326")
    assert np.isnan(whole(source(path))).all()


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_what_cannot_be_used_is_refused_with_the_way_out(raster, source, grid, tmp_path):
    values = np.ones((48, 60), np.uint8)
    bare = raster("bare.tif", values, grid.transform, None)
    with pytest.raises(RasterError, match=r"bare\.tif has no CRS.*crs = "):
        source(bare)
    assert (whole(source(bare, crs="EPSG:4326")) == 1).all()
    with pytest.raises(StudyError, match="EPSG:0"):
        source(bare, crs="EPSG:0")
    with pytest.raises(RasterError, match="1 band"):
        source(bare, crs="EPSG:4326", band=2)
    with pytest.raises(StudyError, match="nodata = -9999 cannot occur"):
        source(bare, crs="EPSG:4326", nodata=-9999)
    with pytest.raises(RasterError, match=r"nowhere\.tif says nowhere"):
        source(raster("nowhere.tif", values, Affine.identity(), None), crs="EPSG:4326")
    text = tmp_path / "text.tif"
    text.write_text("no raster")
    with pytest.raises(RasterError, match=r"text\.tif cannot be read as a raster"):
        source(text)
    with pytest.raises(RasterError, match=r"absent\.tif is not there"):
        source(tmp_path / "absent.tif")


def test_a_tile_of_another_grid_is_refused(raster, source, grid):
    covariate = source(raster("same.tif", ramp(48, 60), grid.transform, "EPSG:4326"))
    other = tiles_of(geobox_of_region(92.81, 34.9, 93.4, 35.38, "EPSG:4326", 0.01), 16)[1]
    with pytest.raises(TileError, match="not of the grid"):
        read_tile(covariate, Tile(0, 0, other.geobox, other.window))


@pytest.mark.real
def test_the_real_rasters_are_read_without_a_missing_code_left(shared_data):
    """Both nodata conventions of vindum; meuse, whose CRS the study gives; Wenquan, Tibet."""
    from export.covariates.settings import CovariateSettings
    from export.rasters.info import read_info

    for pattern, crs in (
        ("vindum/rasters/*.tif", None),
        ("meuse/rasters/*.tif", "EPSG:28992"),
        ("qtp/rasters_wenquan/*.tif", None),
    ):
        paths = sorted(shared_data.glob(pattern))
        assert len(paths) >= 4
        first = read_info(paths[0]).geobox
        box = first.boundingbox
        size = round(abs(first.transform.e), 9)  # vindum's 1.6 m is written 1.5999999999984857
        grid = geobox_of_region(
            box.left, box.bottom, box.right, box.top, crs or str(first.crs), size
        )
        for path in paths:
            fields = {"name": path.stem, "file": path.name, "crs": crs}
            covariate = open_source(CovariateSettings.model_validate(fields), path, grid)
            assert (covariate.resampling == "none") == ("wenquan" not in pattern)
            found = whole(covariate, 128)
            assert np.isfinite(found).any()
            assert np.nanmin(found) > -1000
            assert np.nanmax(found) < 10_000


def test_nearest_ties_do_not_depend_on_the_tile(tmp_path):
    """A file four times finer than the grid has every centre of ours on an edge between two."""
    grid = GeoBox((60, 70), Affine(0.01, 0, 93, 0, -0.01, 35), "EPSG:4326")
    values = np.random.default_rng(3).integers(0, 2, (240, 280)).astype(np.uint8)
    path = tmp_path / "fine.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=280, height=240, count=1, dtype="uint8",
        crs="EPSG:4326", transform=Affine(0.0025, 0, 93, 0, -0.0025, 35),
    ) as dataset:  # fmt: skip
        dataset.write(values, 1)
    fine_settings = CovariateSettings(name="fine", file=str(path), resampling="nearest", nodata=())
    fine = open_source(fine_settings, path, grid)
    expected = values[2::4, 2::4].astype(np.float32)
    for tile_px in (7, 32, 64):
        for tile in tiles_of(grid, tile_px):
            row, col, height, width = tile.window
            np.testing.assert_array_equal(
                read_tile(fine, tile), expected[row : row + height, col : col + width]
            )
