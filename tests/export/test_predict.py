"""Map tiles from covariate tiles: bound by name, missing stays missing, resumed by fingerprint."""

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rasterio

from export.covariates.tiles import tile_files
from export.errors import TileError
from export.journal import Journal
from export.map_tile import TileFolders
from export.mosaic import write_map
from export.predict import predict_tiles
from export.progress import silent
from export.rasters import read_info, write_geotiff
from local_ml.features import Feature


@dataclass(frozen=True)
class Outcome:
    value: np.ndarray
    clipped: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    dissimilarity_index: np.ndarray
    local_point_density: np.ndarray
    outside_area: np.ndarray
    distribution: np.ndarray | None
    unseen_levels: int
    without_maximum: int


@dataclass(frozen=True)
class KnownModel:
    """ndvi + 10 * twi, at most 50; soil must be 1 or 2: every value of the map is known."""

    fingerprint: str = "f1"
    target_name: str = "vwc"
    target_unit: str = "m3 m-3"
    has_distribution: bool = False
    features: tuple[Feature, ...] = (
        Feature("ndvi", "1"),
        Feature("twi", "1"),
        Feature("soil", "1", levels=(1, 2)),
    )

    def predict(self, bands, within=None):
        ndvi, twi, soil = (bands[feature.name] for feature in self.features)
        if within is not None:
            ndvi = np.where(within, ndvi, np.nan)
        total = ndvi + 10 * twi
        missing = np.isnan(total) | np.isnan(soil)
        unseen = ~missing & ~np.isin(soil, (1, 2))
        clipped = ~missing & ~unseen & (total > 50)
        value = np.where(missing | unseen, np.nan, np.minimum(total, 50)).astype(np.float32)
        near = np.floor(twi).astype(np.float32)
        return Outcome(
            value=value,
            clipped=clipped,
            lower=value - 1,
            upper=value + 2,
            dissimilarity_index=np.where(np.isnan(value), np.nan, twi),
            local_point_density=np.where(np.isnan(value), np.nan, near),
            outside_area=(near == 0) & np.isfinite(value),
            distribution=3 * value if self.has_distribution else None,
            unseen_levels=int(unseen.sum()),
            without_maximum=0,
        )


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


# ---- beside the map


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


def test_a_companion_that_was_altered_or_not_yet_wanted_is_made(tile, run, bands, tmp_path):
    """A map and a companion of two models."""
    paths = [tile(bands, f"t{k}") for k in range(2)]
    run(paths)
    assert run(paths, companion=True).written == ("t0", "t1")
    assert run(paths, companion=True).written == ()
    before = (tmp_path / "flags" / "t1.tif").read_bytes()
    (tmp_path / "flags" / "t1.tif").write_bytes(before[:-5])
    assert run(paths, companion=True).written == ("t1",)
    assert (tmp_path / "flags" / "t1.tif").read_bytes() == before
    paths[0].write_bytes(b"no raster")
    assert list(run(paths, companion=True).failed) == ["t0"]
    assert list(tmp_path.glob("*/t0.tif")) == [paths[0]]


# ---- large tiles


@pytest.fixture
def in_parts(monkeypatch):
    """Let tiles of 48 x 60 pixels, in strips, be as large as others of 16,384."""
    monkeypatch.setattr("export.tile_parts.FEWEST_PX", 8)

    def of(side):
        monkeypatch.setattr("export.tile_parts.PART_PX", side)

    return of


def strips(path, bands, grid):
    """Write bands as another program would, in strips of 4 rows."""
    with rasterio.open(
        path, "w", driver="GTiff", count=len(bands), height=48, width=60, dtype="float32",
        crs="EPSG:4326", transform=grid.transform, nodata=np.nan, blockysize=4, compress="deflate",
    ) as dataset:  # fmt: skip
        dataset.write(np.stack(list(bands.values())))
        dataset.descriptions = list(bands)
    return path


def test_the_map_is_the_same_however_tiles_are_divided_and_whoever_works(
    tmp_path, bands, grid, in_parts
):
    """Pixels of one part in the place of another's; bytes that depend on the order of the work."""
    region = np.ones((48, 60), np.float32)
    region[30:, :40] = 0
    tile = strips(tmp_path / "large.tif", {"region": region, **bands}, grid)
    maps, counts, names = set(), set(), []
    for side, workers in ((1024, 1), (16, 1), (16, 2), (30, 2)):
        in_parts(side)
        folder = tmp_path / f"{side}_{workers}"
        journal = Journal(folder / "journal.sqlite")
        folders = TileFolders.of(folder, companion=True)
        report = predict_tiles([tile], KnownModel(), folders, journal, silent(), workers)
        written = list(report.files)
        reports = write_map(
            folder / "vwc.tif", folders, written, {}, journal, silent(), workers=workers
        )
        journal.close()
        assert report.failed == {}
        names.append(written)
        counts.add(report.counts)
        maps.add(tuple(report.file.read_bytes() for report in reports))
    assert len(maps) == len(counts) == 1
    assert [len(written) for written in names] == [1, 6, 6, 4]
    assert names[1][:2] == ["large_r00000_c00000", "large_r00008_c00000"]
    found = values_of(tmp_path / "16_2" / "vwc.tif")
    expected = np.where(region == 1, KnownModel().predict(bands).value, np.nan)
    np.testing.assert_array_equal(found.filled(np.nan), expected)


def test_a_part_that_cannot_be_read_is_a_hole_and_the_others_are_made(
    tmp_path, bands, grid, run, in_parts
):
    in_parts(16)
    tile = strips(tmp_path / "large.tif", bands, grid)
    first = run([tile])
    whole = tile.read_bytes()
    with rasterio.open(tile) as dataset:
        start = int(dataset.get_tag_item("BLOCK_OFFSET_0_5", "TIFF", bidx=1))
    tile.write_bytes(whole[:start] + b"\xff" * 20 + whole[start + 20 :])
    report = run([tile])
    assert list(report.failed) == ["large_r00016_c00000"]
    assert list(report.files) == [name for name in first.files if name not in report.failed]
    assert not (tmp_path / "map" / "large_r00016_c00000.tif").exists()
    tile.write_bytes(whole)
    assert run([tile]).files == first.files


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


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from export.errors import WriteError
from export.journal import Journal
from export.map_tile import TileFolders
from export.mosaic import write_map
from export.predict import predict_tiles
from export.progress import silent
from test_predict import KnownModel
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = Path(sys.argv[1])
journal = Journal(folder / "full_disk.sqlite")
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
folders = TileFolders.of(folder / "full", companion=True)
try:
    predict_tiles([folder / "tiles" / "t.tif"], KnownModel(), folders, journal, silent(), 1)
except WriteError as error:
    print(error)
"""


def test_a_full_disk_ends_the_run_and_leaves_no_half_tile(tile, bands, tmp_path):
    tile(bands, "t")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path), "30000"],
        capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
    )  # fmt: skip
    assert "t.tif cannot be written: File too large" in done.stdout
    assert not [path for path in (tmp_path / "full").rglob("*") if path.is_file()]
