"""Beside each map tile: its companion, and flags that say why a pixel is what it is."""

import numpy as np
import rasterio
from known_model import KnownModel

from export.rasters.info import read_info


def beside(tmp_path, name="tile_r0000_c0000"):
    with rasterio.open(tmp_path / "companion" / f"{name}.tif") as dataset:
        companion = dict(zip(dataset.descriptions, dataset.read(masked=True), strict=True))
    with rasterio.open(tmp_path / "flags" / f"{name}.tif") as dataset:
        return companion, dataset.read(1)


def test_the_companion_holds_what_the_model_says(tile, run, bands, tmp_path):
    run([tile(bands)], companion=True)
    companion, _ = beside(tmp_path)
    expected = KnownModel().predict(bands)
    names = ["lower", "upper", "dissimilarity_index", "local_point_density"]
    assert list(companion) == names
    for name in names:
        wanted = getattr(expected, name)
        np.testing.assert_array_equal(np.ma.getmaskarray(companion[name]), np.isnan(wanted))
        np.testing.assert_array_equal(companion[name].compressed(), wanted[~np.isnan(wanted)])
    info = read_info(tmp_path / "companion" / "tile_r0000_c0000.tif")
    assert info.units == ("m3 m-3", "m3 m-3", "1", "1")
    assert (set(info.dtypes), set(info.nodata)) == ({"float32"}, {-9999.0})
    assert info.tags["model"] == "f1"


def test_the_second_product_is_there_where_the_model_has_it(tile, run, bands, tmp_path):
    run([tile(bands)], KnownModel(has_distribution=True), companion=True)
    companion, _ = beside(tmp_path)
    expected = KnownModel().predict(bands).value * 3
    assert list(companion)[4:] == ["distribution"]
    np.testing.assert_array_equal(companion["distribution"].filled(np.nan), expected)


def test_flags_say_why_a_pixel_is_what_it_is(tile, run, bands, tmp_path):
    """Pixels of the region without a prediction that pass for pixels outside it."""
    region = np.ones((48, 60), np.float32)
    region[:, :3] = 0
    run([tile({"region": region, **bands})], companion=True)
    _, flags = beside(tmp_path)
    expected = KnownModel().predict(bands)
    inside = region == 1
    assert (flags[~inside] == 16).all()
    missing = np.isnan(expected.value)
    assert (flags[inside & missing] == 32).all()
    rest = inside & ~missing
    codes = 1 * expected.outside_area + 2 * expected.clipped
    np.testing.assert_array_equal(flags[rest], codes[rest])
    assert set(np.unique(flags)) == {0, 1, 2, 16, 32}
    tags = read_info(tmp_path / "flags" / "tile_r0000_c0000.tif").tags
    names = dict(zip(tags["flag_masks"].split(), tags["flag_meanings"].split(), strict=True))
    assert names["1"] == "outside_area_of_applicability"
    assert names["16"] == "outside_region"


def test_water_and_glaciers_are_flagged_from_their_layers(tile, run, bands, tmp_path):
    """Lakes and ice that pass for soil; a layer that the model is asked to learn from."""
    occurrence, ice = np.zeros((2, 48, 60), np.float32)
    occurrence[0, :4] = 49, 50, 100, np.nan
    ice[1, :3] = 0.4, 0.5, 1
    run([tile({"water_occurrence": occurrence, "glacier": ice, **bands})], companion=True)
    _, flags = beside(tmp_path)
    assert (flags[0, :4] & 4).tolist() == [0, 4, 4, 0]
    assert (flags[1, :3] & 8).tolist() == [0, 8, 8]
    assert not (flags[2:] & 12).any()


def test_two_reasons_share_a_pixel(tile, run, bands, tmp_path):
    bands["ndvi"][9], bands["twi"][9] = 60, 0.5  # clipped, and unlike any site
    run([tile(bands)], companion=True)
    _, flags = beside(tmp_path)
    assert (flags[9] == 3).all()


def test_a_tile_outside_the_region_is_flagged_so(tile, run, bands, tmp_path):
    run([tile({"region": np.zeros((48, 60), np.float32), **bands})], companion=True)
    companion, flags = beside(tmp_path)
    assert (flags == 16).all()
    assert all(np.ma.getmaskarray(band).all() for band in companion.values())
