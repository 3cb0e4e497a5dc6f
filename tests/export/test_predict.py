"""Map tiles from covariate tiles: bound by name, missing stays missing, resumed by fingerprint."""

import hashlib
from dataclasses import dataclass

import numpy as np
import pytest
import rasterio

from export.covariates.tiles import tile_files
from export.errors import TileError
from export.journal import Journal
from export.predict import predict_tiles
from export.progress import silent
from export.rasters import read_info, write_geotiff
from local_ml.features import Feature


@dataclass(frozen=True)
class Outcome:
    value: np.ndarray
    clipped: np.ndarray
    unseen_levels: int


@dataclass(frozen=True)
class KnownModel:
    """ndvi + 10 * twi, at most 50; soil must be 1 or 2: every value of the map is known."""

    fingerprint: str = "f1"
    target_name: str = "vwc"
    target_unit: str = "m3 m-3"
    features: tuple[Feature, ...] = (
        Feature("ndvi", "1"),
        Feature("twi", "1"),
        Feature("soil", "1", levels=(1, 2)),
    )

    def predict(self, bands):
        ndvi, twi, soil = (bands[feature.name] for feature in self.features)
        total = ndvi + 10 * twi
        missing = np.isnan(total) | np.isnan(soil)
        unseen = ~missing & ~np.isin(soil, (1, 2))
        clipped = ~missing & ~unseen & (total > 50)
        value = np.where(missing | unseen, np.nan, np.minimum(total, 50)).astype(np.float32)
        return Outcome(value, clipped, int(unseen.sum()))


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

    def predict(paths, model=None, workers=1, **options):
        return predict_tiles(
            paths, model or KnownModel(), tmp_path / "map", journal, silent(), workers, **options
        )

    yield predict
    journal.close()


def values_of(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1, masked=True)


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
    assert report.counts.astuple() == (2880, 2816, 10, 60, 4)


def test_the_order_of_the_bands_has_no_influence_nor_has_an_extra_one(tile, run, bands):
    """All four learners take a nameless array in any order, and give wrong numbers."""
    right = values_of(run([tile(bands)]).files["tile_r0000_c0000"])
    shuffled = {name: bands[name] for name in ("soil", "ndvi", "twi")}
    shuffled = {"depth": np.ones((48, 60), np.float32), **shuffled}
    other = values_of(run([tile(shuffled, "shuffled")]).files["shuffled"])
    np.testing.assert_array_equal(right.filled(-1), other.filled(-1))


def test_a_band_that_the_model_needs_and_the_tiles_lack_is_named(tile, run, bands):
    bands["NDVI_"] = bands.pop("ndvi")
    with pytest.raises(TileError, match=r"'ndvi', but .*tif has no such band; the nearest is"):
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


def test_only_what_changed_is_predicted_again(tile, run, bands, tmp_path):
    paths = [tile(bands, f"t{k}") for k in range(4)]
    first = run(paths, workers=2)
    assert first.written == ("t0", "t1", "t2", "t3")

    def hashes():
        folder = tmp_path / "map"
        return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}

    before = hashes()
    again = run(paths)
    assert again.skipped == first.written
    assert again.counts == first.counts
    (tmp_path / "map" / "t1.tif").write_bytes(b"half")
    assert run(paths).written == ("t1",)
    assert hashes() == before
    tile({**bands, "twi": bands["twi"] + 1}, "t2")
    assert run(paths).written == ("t2",)
    assert run(paths, KnownModel(fingerprint="f2")).written == first.written


def test_a_tile_that_cannot_be_read_is_a_hole_and_the_others_are_made(tile, run, bands, tmp_path):
    paths = [tile(bands, f"t{k}") for k in range(3)]
    run(paths)
    paths[1].write_bytes(paths[1].read_bytes()[:-4000])
    report = run(paths)
    assert list(report.failed) == ["t1"]
    assert "t1.tif" in report.failed["t1"]
    assert sorted(report.files) == ["t0", "t2"]
    assert not (tmp_path / "map" / "t1.tif").exists()


def test_the_first_tile_may_be_the_broken_one(tile, run, bands):
    paths = [tile(bands, f"t{k}") for k in range(2)]
    paths[0].write_bytes(b"no raster")
    report = run(paths)
    assert (list(report.failed), report.written) == (["t0"], ("t1",))


def test_a_folder_without_tiles_is_said_to_be_so(tmp_path):
    with pytest.raises(TileError, match="holds no GeoTIFF tiles"):
        tile_files(tmp_path)
