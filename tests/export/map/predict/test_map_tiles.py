"""Map tiles from covariate tiles: bound by name, missing stays missing."""

import numpy as np
import pytest
from known_model import KnownModel, values_of

from export.errors import TileError
from export.rasters.info import read_info


def test_a_map_tile_holds_what_the_model_says(tile, run, bands, grid):
    report = run([tile(bands)])
    file = report.files["tile_r0000_c0000"]
    found = values_of(file)
    expected = KnownModel().predict(bands)
    np.testing.assert_array_equal(np.ma.getmaskarray(found), np.isnan(expected.value))
    np.testing.assert_array_equal(found.compressed(), expected.value[~np.isnan(expected.value)])
    assert (found[8] == 0).all()
    info = read_info(file)
    assert info.geobox == grid
    assert (info.nodata, info.dtypes) == ((-9999.0,), ("float32",))
    assert (info.band_names, info.units) == (("vwc",), ("m3 m-3",))
    assert info.tags["model"] == "f1"
    outside = int(expected.outside_area.sum())
    assert report.counts.astuple() == (2880, 2816, 10, 60, 4, outside, 0)
    assert outside > 0


def test_the_order_of_the_bands_has_no_influence_nor_has_an_extra_one(tile, run, bands):
    """All four learners take a nameless array in any order, and give wrong numbers."""
    right = values_of(run([tile(bands)]).files["tile_r0000_c0000"])
    shuffled = {name: bands[name] for name in ("soil", "ndvi", "twi")}
    shuffled = {"depth": np.ones((48, 60), np.float32), **shuffled}
    other = values_of(run([tile(shuffled, "shuffled")]).files["shuffled"])
    np.testing.assert_array_equal(right.filled(-1), other.filled(-1))


def test_a_band_that_the_model_needs_and_the_tiles_lack_is_named(tile, run, bands):
    bands["NDVI_"] = bands.pop("ndvi")
    with pytest.raises(TileError, match=r"'ndvi', but .*tif has no such band \(the nearest is"):
        run([tile({"ndvi_2": bands["NDVI_"], **bands})])


def test_outside_the_region_there_is_no_prediction(tile, run, bands):
    region = np.zeros((48, 60), np.float32)
    region[10:20, 10:20] = 1
    report = run([tile({"region": region, **bands}), tile({"region": region * 0, **bands}, "none")])
    found = values_of(report.files["tile_r0000_c0000"])
    np.testing.assert_array_equal(~np.ma.getmaskarray(found), region == 1)
    expected = KnownModel().predict(bands).value
    np.testing.assert_array_equal(found[10:20, 10:20], expected[10:20, 10:20])
    assert np.ma.getmaskarray(values_of(report.files["none"])).all()
    assert report.counts.region == 100


def test_tiles_of_another_hand(tile, run, bands, raster, grid):
    """Their own nodata is honoured; bands without names are refused unless they are given."""
    filled = {name: np.where(np.isnan(band), -1, band) for name, band in bands.items()}
    theirs = tile(filled, "theirs", nodata=-1)
    ours = tile(bands)
    report = run([theirs, ours])
    np.testing.assert_array_equal(
        values_of(report.files["theirs"]).filled(-5),
        values_of(report.files["tile_r0000_c0000"]).filled(-5),
    )
    array = np.stack(list(bands.values()))
    nameless = raster("nameless.tif", array, grid.transform, "EPSG:4326")
    assert "no name" in run([nameless]).failed["nameless"]
    assert run([nameless], band_names=list(bands)).failed == {}


def test_a_predictor_that_is_asked_for_a_part_is_told_which_pixels_count(tile, run, bands):
    """Pixels outside the region predicted for nothing, or the region's edge no raster any more."""
    region = np.zeros((48, 60), np.float32)
    region[10:20, 10:20] = 1
    asked = []

    class Listening(KnownModel):
        def predict(self, bands, within=None):
            asked.append((bands["ndvi"].shape, within))
            return super().predict(bands, within)

    run(
        [tile({"region": region, **bands}), tile({"region": region * 0, **bands}, "none")],
        Listening(),
    )
    ((shape, within),) = asked
    assert shape == (48, 60)
    np.testing.assert_array_equal(within, region == 1)
