"""Covariate tiles and samples: one value a pixel, wherever it is asked for."""

import hashlib
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from export.covariates.provider import CovariateStack
from export.covariates.raster_provider import RasterCovariate, RasterProvider
from export.covariates.region import Region, open_region, region_tiles
from export.covariates.sampling import domain_sample, locate, sample_at, skew_check
from export.covariates.tile_plans import plan_tiles
from export.covariates.tile_writing import write_covariate_tiles
from export.covariates.tiles import read_covariate_tile, tile_files
from export.errors import StudyError, TileError
from export.journal import Journal, file_sha256
from export.progress import silent
from export.rasters.remote import remote_tiles
from gee.grid import centres, tiles_of

TILE_PX = 16
UTM = "EPSG:32646"
CENTRE = Transformer.from_crs("EPSG:4326", UTM, always_xy=True).transform(93.1, 35.14)


def noise(height, width, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(height, width)).astype(np.float32)
    values[rng.random(values.shape) < 0.05] = np.nan
    return values


@pytest.fixture
def sources(raster, source, grid):
    """A raster on the grid, a coarser one, a finer one in another CRS, turned, and categories."""
    turned = Affine.translation(*CENTRE) * Affine.rotation(25) * Affine.scale(300, -300)
    turned *= Affine.translation(-150, -150)
    soil = np.random.default_rng(9).integers(1, 5, (20, 25)).astype(np.uint8)
    coarse = Affine(0.03, 0, 92.75, 0, -0.03, 35.41)
    return [
        source(raster("s.tif", noise(48, 60), grid.transform, "EPSG:4326"), name="same"),
        source(raster("c.tif", noise(18, 23, 1), coarse, "EPSG:4326"), name="coarse", unit="K"),
        source(raster("f.tif", noise(300, 300, 2), turned, UTM), name="fine"),
        source(raster("z.tif", soil, coarse, "EPSG:4326"), name="soil", categorical=True),
    ]


@pytest.fixture
def mask(raster, grid):
    """A region with a hole and two tiles of 16 px that it does not touch."""
    values = np.ones((48, 60), np.uint8)
    values[:16, :32] = 0
    values[20:24, 20:24] = 0
    return raster("mask.tif", values, grid.transform, "EPSG:4326")


@pytest.fixture
def journal(tmp_path):
    opened = Journal(tmp_path / "journal.sqlite")
    yield opened
    opened.close()


def stack_of(sources, tile_px=TILE_PX):
    """A stack of rasters that were opened one by one."""
    if not sources:
        return CovariateStack.of()
    rasters = [RasterCovariate(one.settings, ((one, 1.0),)) for one in sources]
    return CovariateStack.of(
        RasterProvider(rasters, sources[0].study_grid, tile_px, file_sha256, workers=2)
    )


def write(sources, region, tiles, folder, journal, workers=0):
    stack = stack_of(sources)
    plans = plan_tiles(stack, region, tiles, folder, journal)
    return write_covariate_tiles(stack, region, plans, journal, silent(), workers)


def bytes_of(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def test_only_tiles_of_the_region_are_written_with_all_that_says_what_they_are(
    tmp_path, grid, sources, mask, journal
):
    region = open_region(grid, mask)
    tiles = region_tiles(region, TILE_PX)
    assert len(tiles) == len(tiles_of(grid, TILE_PX)) - 2
    report = write(sources, region, tiles, tmp_path / "t", journal, 2)
    assert report.failed == {}
    assert list(report.files) == [tile.name for tile in tiles]
    assert sorted(p.stem for p in (tmp_path / "t").iterdir()) == sorted(report.written)
    middle = next(tile for tile in tiles if tile.name == "tile_r0001_c0001")
    bands, geobox = read_covariate_tile(report.files[middle.name])
    assert geobox == middle.geobox
    assert list(bands) == ["region", "same", "coarse", "fine", "soil"]
    outside = bands["region"] == 0
    assert outside.sum() == 16
    assert outside[4:8, 4:8].all()
    for name in ("same", "coarse", "fine", "soil"):
        assert np.isnan(bands[name][outside]).all()
        assert np.isfinite(bands[name][~outside]).mean() > 0.5
    with rasterio.open(report.files[middle.name]) as dataset:
        assert dataset.units[2] == "K"
        assert len(dataset.tags()["covariate_stack"]) == 64
        assert dataset.tags(5)["categorical"] == "yes"


def test_the_value_sampled_is_the_tiles_value_exactly(tmp_path, grid, sources, journal):
    """At every pixel; a sampler of its own would differ in the last bit somewhere."""
    region = Region(grid)
    tiles = region_tiles(region, TILE_PX)
    report = write(sources, region, tiles, tmp_path / "t", journal)
    rows, cols = (a.ravel() for a in np.mgrid[0:48, 0:60])
    stack = stack_of(sources)
    values, _ = sample_at(stack, grid, rows, cols, silent())
    assert skew_check(values, stack.covariates, rows, cols, grid, TILE_PX, report.files).empty
    # The check sees what differs: one bit of one value, and a value where the tile has none.
    altered = values.copy()
    altered[7, 0] = np.nextafter(altered[7, 0], np.float32(9))
    hole = int(np.flatnonzero(np.isnan(values[:, 1]))[0])
    altered[hole, 1] = 0
    found = skew_check(altered, stack.covariates, rows, cols, grid, TILE_PX, report.files)
    assert sorted(zip(found["index"], found["covariate"], strict=True)) == sorted(
        [(7, "same"), (hole, "coarse")]
    )
    assert found.set_index("index").loc[7, "tile"] == values[7, 0]


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(tile_px=st.integers(7, 64), seed=st.integers(0, 999))
def test_samples_on_the_grid_are_the_rasters_own_values(grid, sources, tile_px, seed):
    rng = np.random.default_rng(seed)
    rows, cols = rng.integers(0, 48, 20), rng.integers(0, 60, 20)
    values, _ = sample_at(stack_of(sources[:1], tile_px), grid, rows, cols, silent())
    np.testing.assert_array_equal(values[:, 0], noise(48, 60)[rows, cols])


def test_sites_are_located_and_outside_the_mask_is_outside(grid, mask):
    region = open_region(grid, mask)
    longitude, latitude = centres(grid, [0, 20, 47], [0, 20, 59])
    found = locate(
        region,
        [*longitude, 97.8667, np.nan, latitude[2], 93.0],
        [*latitude, 34.3333, 35.0, longitude[2], 135.0],
        TILE_PX,
    )
    assert found["row"].tolist()[:3] == [0, 20, 47]
    assert found["col"].tolist()[:3] == [0, 20, 59]
    assert found["in_grid"].tolist() == [True] * 3 + [False] * 4
    assert found["in_region"].tolist() == [False, False, True, False, False, False, False]
    assert found["in_region_swapped"].tolist() == [False] * 5 + [True, False]


def test_mask_values_choose_what_is_inside(grid, raster):
    values = np.tile(np.array([0, 1, 2, 3], np.uint8), (48, 15))
    path = raster("classes.tif", values, grid.transform, "EPSG:4326", nodata=3)
    rows, cols = domain_sample(open_region(grid, path, (2,)), TILE_PX, 10_000, 1, silent())
    assert rows.size == 48 * 15
    assert set(cols % 4) == {2}
    _, cols = domain_sample(open_region(grid, path), TILE_PX, 10_000, 1, silent())
    assert set(cols % 4) == {1, 2}


def test_the_domain_sample_is_even_on_the_ground_and_the_same_each_time(raster):
    """Drawn evenly by pixels, the rows near 80 degrees would have as many as those at 0."""
    from gee.grid import geobox_of_region, relative_area

    grid = geobox_of_region(0, 0, 40, 80, "EPSG:4326", 0.5)
    region = Region(grid)
    rows, cols = domain_sample(region, 32, 3000, 5, silent(), workers=2)
    again = domain_sample(region, 32, 3000, 5, silent(), workers=1)
    np.testing.assert_array_equal(np.stack([rows, cols]), np.stack(again))
    assert len(set(zip(rows.tolist(), cols.tolist(), strict=True))) == 3000
    assert not np.array_equal(cols, domain_sample(region, 32, 3000, 6, silent())[1])
    area = relative_area(grid)
    quarters = np.bincount(rows // 40, minlength=4) / 3000
    expected = area.reshape(4, 40).sum(axis=1) / area.sum()
    # 3000 of 12800 without replacement: the standard error is below 0.009.
    np.testing.assert_allclose(quarters, expected, atol=0.04)
    assert quarters[0] < 0.6 * quarters[3]


def test_the_files_do_not_depend_on_the_number_of_threads(tmp_path, grid, sources):
    tiles = region_tiles(Region(grid), TILE_PX)
    for workers in (1, 3):
        journal = Journal(tmp_path / f"j{workers}.sqlite")
        folder = tmp_path / f"t{workers}"
        write(sources, Region(grid), tiles, folder, journal, workers)
        journal.close()
    assert bytes_of(tmp_path / "t1") == bytes_of(tmp_path / "t3")


def test_what_is_done_is_kept_and_what_was_altered_is_redone(tmp_path, grid, sources, journal):
    region, folder = Region(grid), tmp_path / "t"
    tiles = region_tiles(region, TILE_PX)

    def run(chosen):
        return write(chosen, region, tiles, folder, journal)

    first = run(sources)
    before = bytes_of(folder)
    assert run(sources).skipped == first.written
    corrupted = first.files["tile_r0001_c0001"]
    content = bytearray(corrupted.read_bytes())
    content[len(content) // 2] ^= 1
    corrupted.write_bytes(content)
    first.files["tile_r0002_c0002"].unlink()
    assert run(sources).written == ("tile_r0001_c0001", "tile_r0002_c0002")
    assert bytes_of(folder) == before
    # Another selection, or other bytes under the same name: all tiles anew.
    assert len(run(sources[:2]).written) == len(tiles)
    with rasterio.open(sources[0].path, "r+") as dataset:
        dataset.write(np.full((1, 1), 5, np.float32), 1, window=((0, 1), (0, 1)))
    assert len(run(sources[:2]).written) == len(tiles)


def test_a_tile_over_the_missing_end_of_a_file_fails_alone(tmp_path, grid, raster, source, journal):
    options = {"tiled": True, "blockxsize": 16, "blockysize": 16}
    path = raster("cut.tif", noise(48, 60), grid.transform, "EPSG:4326", **options)
    cut = source(path, name="cut")
    folder, region = tmp_path / "t", Region(grid)
    tiles = region_tiles(region, TILE_PX)
    write([cut], region, tiles, folder, journal)
    path.write_bytes(path.read_bytes()[:-100])
    report = write([cut], region, tiles, folder, journal)
    assert list(report.failed) == ["tile_r0002_c0003"]
    assert "cut.tif" in report.failed["tile_r0002_c0003"]
    assert journal.failures("covariate_tiles") == report.failed
    assert len(report.files) == len(tiles) - 1
    assert not (folder / "tile_r0002_c0003.tif").exists()  # the earlier one is not left behind


def test_two_covariates_of_one_name_are_refused(sources):
    with pytest.raises(StudyError, match="same"):
        stack_of([sources[0], sources[0]])


def test_tiles_of_another_hand_keep_their_own_nodata(tmp_path, grid, raster):
    values = np.stack([np.full((48, 60), -1), np.full((48, 60), 20)]).astype(np.int16)
    values[:, 0] = -32768
    path = raster(
        "theirs.tif", values, grid.transform, "EPSG:4326", nodata=-32768,
        scales=(1, 0.1), offsets=(0, 1),
    )  # fmt: skip
    with pytest.raises(TileError, match="no name"):
        read_covariate_tile(path)
    bands, _ = read_covariate_tile(path, ["ndvi"], ["twi", "ndvi"])
    assert list(bands) == ["ndvi"]
    assert np.isnan(bands["ndvi"][0]).all()
    assert (bands["ndvi"][1:] == 3).all()


def test_a_pixel_outside_the_grid_is_not_sampled(grid, sources):
    with pytest.raises(StudyError, match="row 48"):
        sample_at(stack_of(sources), grid, [48], [0], silent())


def test_geotiffs_bear_their_names_in_any_letters(tmp_path):
    """Fault: what is read from a bucket is not found in a folder that was copied from it."""
    for name in ("a.tif", "b.TIF", "c.tiff", "d.Tiff", "e.tif.part", "f.tif.aux.xml", "g.txt"):
        (tmp_path / name).touch()
    found = ["a.tif", "b.TIF", "c.tiff", "d.Tiff"]
    assert [path.name for path in tile_files(tmp_path)] == found
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in tmp_path.iterdir():
            if path.suffix != ".zip":
                archive.write(path, path.name)
    away = remote_tiles(Path(f"/vsizip/{tmp_path}/all.zip"))
    assert [path.name for path in away] == found


HELD_RUN = """
import sys, threading
from pathlib import Path
import export.covariates.tiles as tiles
from export.covariates.tile_plans import plan_tiles
from export.covariates.tile_writing import write_covariate_tiles
from gee.grid import geobox_of_region
from export.covariates.provider import CovariateStack
from export.covariates.raster_provider import RasterProvider, open_rasters
from export.covariates.settings import CovariateSettings
from export.journal import Journal
from export.progress import silent
from export.covariates.region import Region, region_tiles

study, turns = Path(sys.argv[1]), threading.Semaphore(int(sys.argv[2]))
grid = geobox_of_region(92.8, 34.9, 93.4, 35.38, "EPSG:4326", 0.01)
settings = CovariateSettings.model_validate({"name": "a", "file": "a.tif"})
rasters = open_rasters([settings], study.joinpath, grid)
write = tiles.write_geotiff

def held(*args, **kwargs):
    if not turns.acquire(blocking=False):
        threading.Event().wait(600)
    write(*args, **kwargs)

tiles.write_geotiff = held
region = Region(grid)
journal = Journal(study / "journal.sqlite")
stack = CovariateStack.of(RasterProvider(rasters, grid, 16, journal.file_hash))
plans = plan_tiles(stack, region, region_tiles(region, 16), study / "tiles", journal)
report = write_covariate_tiles(stack, region, plans, journal, silent(), 1)
print(len(report.written), len(report.skipped))
"""


def test_a_run_killed_between_tiles_resumes_to_the_same_bytes(tmp_path, raster):
    """A writer that trusts files because they exist would keep a half one."""
    path = raster("a.tif", noise(300, 300), Affine(0.003, 0, 92.7, 0, -0.003, 35.5), "EPSG:4326")
    for name in ("killed", "quiet"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.tif").write_bytes(path.read_bytes())

    def command(name, tiles):
        return [sys.executable, "-c", HELD_RUN, str(tmp_path / name), str(tiles)]

    run = subprocess.Popen(command("killed", 4))
    deadline = time.monotonic() + 120
    while len(list((tmp_path / "killed").glob("tiles/*.tif"))) < 4:
        assert time.monotonic() < deadline
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert len(list((tmp_path / "killed").glob("tiles/*.tif"))) == 4
    written, skipped = map(
        int, subprocess.run(command("killed", 12), capture_output=True, check=True).stdout.split()
    )
    assert written + skipped == 12
    assert 2 <= skipped <= 4  # those whole but not yet in the journal are made again
    subprocess.run(command("quiet", 12), capture_output=True, check=True)
    assert bytes_of(tmp_path / "killed" / "tiles") == bytes_of(tmp_path / "quiet" / "tiles")


@pytest.mark.real
def test_the_wenquan_rasters_are_tiled_and_the_wrong_calm_site_lies_outside(
    shared_data, tmp_path, source, journal
):
    """CALM's CN2 (Fenghuo Shan, near 92.9°E) stands in its table at 97.8667°E."""
    from export.rasters.info import read_info
    from gee.grid import PLATEAU_PIXEL_DEG, geobox_of_region

    paths = sorted((shared_data / "qtp" / "rasters_wenquan").glob("*.tif"))
    box = read_info(paths[0]).geobox.boundingbox
    grid = geobox_of_region(99.0, 35.3, 99.3, 35.6, "EPSG:4326", PLATEAU_PIXEL_DEG)
    categorical = ("investigation_map", "soil_cluster")
    sources = [
        source(path, grid, name=path.stem, categorical=path.stem in categorical) for path in paths
    ]
    region = Region(grid)
    tiles = region_tiles(region, 128)
    report = write(sources, region, tiles, tmp_path / "t", journal)
    assert len(report.written) == len(tiles) == 9
    rows, cols = domain_sample(region, 128, 200, 1, silent())
    stack = stack_of(sources, 128)
    values, _ = sample_at(stack, grid, rows, cols, silent())
    names = list(stack.names)
    assert skew_check(values, stack.covariates, rows, cols, grid, 128, report.files).empty
    frost = values[:, names.index("DDF_mean_annual")]
    assert 286 <= np.nanmin(frost) <= np.nanmax(frost) <= 3598
    soil = values[:, names.index("soil_cluster")]
    assert set(soil[np.isfinite(soil)]) <= set(range(1, 9))

    calm = pd.read_csv(shared_data / "qtp" / "calm_alt.csv")
    sites = calm.drop_duplicates("Site").query("Site.str.startswith('CN')", engine="python")
    corridor = Region(geobox_of_region(91, 31, 95, 36, "EPSG:4326", 0.01))
    found = locate(
        corridor, sites["Longitude"].astype(float), sites["Latitude"].astype(float), 128
    ).set_index(sites["Site"])
    assert found.index[~found["in_region"]].tolist() == ["CN2"]
    assert box.left < 99 < box.right
