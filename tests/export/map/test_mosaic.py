"""The map: every pixel where it belongs, holes listed, the same bytes twice."""

import subprocess
import sys

import numpy as np
import pytest
import rasterio
from affine import Affine
from rio_cogeo import cog_validate

from export.errors import RasterError, TileError
from export.journal import Journal
from export.map.flags import flag_colours
from export.map.map_tile import TileFolders
from export.map.mosaic import write_map, write_mosaic
from export.progress import silent
from export.rasters.writing import write_geotiff
from gee.grid import geobox_of_region, tiles_of

TAGS = {"target": "vwc", "unit": "m3 m-3", "model": "f1", "study": "s1"}


@pytest.fixture
def big():
    """1300 x 1100 pixels, so that there are overviews and blocks at the edges."""
    return geobox_of_region(92, 34, 105, 45, "EPSG:4326", 0.01)


@pytest.fixture
def tiles(tmp_path, big):
    """Tiles whose pixels hold their own number in the whole map, row * cols + col."""
    files = {}
    width = big.shape.x
    for tile in tiles_of(big, 512):
        row, col, tile_height, tile_width = tile.window
        rows, cols = np.mgrid[row : row + tile_height, col : col + tile_width]
        values = (rows * width + cols).astype(np.float32)
        files[tile.name] = write_tile(tmp_path / "tiles" / f"{tile.name}.tif", values, tile.geobox)
    return files


def write_tile(path, values, geobox, name="vwc"):
    write_geotiff(path, values[None], geobox, -9999, [name], ["m3 m-3"], {})
    return path


@pytest.fixture
def journal(tmp_path):
    opened = Journal(tmp_path / "journal.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def mosaic(tmp_path, journal):
    def write(tiles, name="vwc.tif", tags=TAGS, **options):
        return write_mosaic(tiles, tmp_path / "map" / name, tags, journal, silent(), **options)

    return write


def test_every_pixel_lies_where_it_belongs(mosaic, tiles, big, tmp_path):
    report = mosaic(tiles, geobox=big, expected=list(tiles))
    assert report.holes == ()
    height, width = big.shape.yx
    with rasterio.open(report.file) as dataset:
        found = dataset.read(1)
        assert dataset.transform == big.transform
        assert dataset.crs.to_epsg() == 4326
    expected = np.arange(height * width, dtype=np.float32).reshape(height, width)
    assert np.abs(found.astype(np.float64) - expected).max() == 0
    assert [p.name for p in (tmp_path / "map").iterdir()] == ["vwc.tif"]


def test_it_is_a_cloud_optimized_geotiff_that_says_what_it_is(mosaic, tiles, big):
    file = mosaic(tiles, geobox=big).file
    valid, errors, warnings = cog_validate(file, strict=True)
    assert (valid, errors, warnings) == (True, [], [])
    with rasterio.open(file) as dataset:
        assert (dataset.count, dataset.dtypes, dataset.nodata) == (1, ("float32",), -9999)
        assert dataset.block_shapes == [(512, 512)]
        assert dataset.overviews(1) == [2, 4]
        assert dataset.descriptions == ("vwc",)
        assert dataset.units == ("m3 m-3",)
        tags = dataset.tags()
        assert {name: tags[name] for name in TAGS} == TAGS
        assert tags["TIFFTAG_SOFTWARE"].startswith("alm90 ")
        assert "TIFFTAG_DATETIME" not in tags
        structure = dataset.tags(ns="IMAGE_STRUCTURE")
        assert (structure["COMPRESSION"], structure["PREDICTOR"]) == ("DEFLATE", "3")
    with rasterio.open(file, overview_level=0) as overview:
        top = overview.read(1)[0, :2]
    # The mean of four neighbours whose numbers are known, to float32.
    np.testing.assert_allclose(top, [(0 + 1 + 1300 + 1301) / 4, (2 + 3 + 1302 + 1303) / 4])


def test_the_same_tiles_give_the_same_bytes(mosaic, tiles, big):
    first = mosaic(tiles, "a.tif", geobox=big).file.read_bytes()
    reversed_ = dict(reversed(tiles.items()))
    for workers in (1, 2, 3):
        again = mosaic(reversed_, f"{workers}.tif", geobox=big, workers=workers)
        assert again.file.read_bytes() == first


def test_a_missing_tile_is_a_hole_and_not_a_zero(mosaic, tiles, big):
    expected = list(tiles)
    gone = "tile_r0001_c0001"
    del tiles[gone]
    report = mosaic(tiles, geobox=big, expected=expected)
    assert report.holes == (gone,)
    with rasterio.open(report.file) as dataset:
        found = dataset.read(1, masked=True)
    missing = np.zeros(tuple(big.shape.yx), bool)
    missing[512:1024, 512:1024] = True
    np.testing.assert_array_equal(np.ma.getmaskarray(found), missing)


def test_it_is_made_again_only_where_a_tile_or_a_tag_changed(mosaic, tiles, big):
    assert not mosaic(tiles, geobox=big).skipped
    assert mosaic(tiles, geobox=big).skipped
    assert not mosaic(tiles, geobox=big, tags={**TAGS, "model": "f2"}).skipped
    one = tiles_of(big, 512)[0]
    write_tile(tiles[one.name], np.zeros(one.shape, np.float32), one.geobox)
    report = mosaic(tiles, geobox=big, tags={**TAGS, "model": "f2"})
    assert not report.skipped
    with rasterio.open(report.file) as dataset:
        assert (dataset.read(1, window=((0, 512), (0, 512))) == 0).all()
    report.file.write_bytes(report.file.read_bytes()[:-10])
    assert not mosaic(tiles, geobox=big, tags={**TAGS, "model": "f2"}).skipped


def test_without_a_grid_the_tiles_make_their_own(mosaic, tiles, big):
    chosen = {name: tiles[name] for name in ("tile_r0001_c0001", "tile_r0002_c0002")}
    with rasterio.open(mosaic(chosen).file) as dataset:
        assert dataset.shape == (1100 - 512, 1300 - 512)
        assert dataset.transform.c == pytest.approx(92 + 5.12)
        assert dataset.read(1)[0, 0] == 512 * 1300 + 512


def test_tiles_that_do_not_belong_together_are_refused(mosaic, tiles, big, tmp_path):
    one = tiles_of(big, 512)[0]
    values = np.zeros(one.shape, np.float32)
    shifted = geobox_of_region(92.005, 39.88, 97.125, 45, "EPSG:4326", 0.005)
    off = write_tile(tmp_path / "off.tif", np.zeros(tuple(shifted.shape.yx), np.float32), shifted)
    with pytest.raises(TileError, match=r"off\.tif does not lie on the grid of the map"):
        mosaic({**tiles, "off": off}, geobox=big)
    twice = write_tile(tmp_path / "twice.tif", values, one.geobox)
    with pytest.raises(TileError, match="lie upon each other"):
        mosaic({**tiles, "twice": twice}, geobox=big)
    other = write_tile(tmp_path / "other.tif", values, one.geobox, name="soc")
    with pytest.raises(TileError, match="soc"):
        mosaic({**tiles, one.name: other}, geobox=big)
    small = geobox_of_region(92, 34, 93, 45, "EPSG:4326", 0.01)
    with pytest.raises(TileError, match="reaches out of the map's grid"):
        mosaic(tiles, geobox=small)
    with pytest.raises(TileError, match="no map tile"):
        mosaic({})


def test_a_damaged_tile_leaves_the_earlier_map_alone(mosaic, tiles, big, tmp_path):
    file = mosaic(tiles, geobox=big).file
    before = file.read_bytes()
    broken = tiles["tile_r0000_c0001"]
    broken.write_bytes(broken.read_bytes()[:-5000])
    with pytest.raises(RasterError, match="tile_r0000_c0001"):
        mosaic(tiles, geobox=big)
    assert file.read_bytes() == before
    assert [p.name for p in file.parent.iterdir()] == ["vwc.tif"]


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from export.errors import RasterError
from export.journal import Journal
from export.map.mosaic import write_mosaic
from export.progress import silent
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, limit = Path(sys.argv[1]), int(sys.argv[2])
journal = Journal(folder / "full_disk.sqlite")
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
tiles = {path.stem: path for path in folder.glob("tiles/*.tif")}
try:
    write_mosaic(tiles, folder / "map" / "vwc.tif", {}, journal, silent())
except RasterError:
    print("refused")
"""


@pytest.mark.parametrize("share", [0.3, 0.97])
def test_a_full_disk_leaves_no_half_map(mosaic, tmp_path, share):
    """The last blocks are written while GDAL closes the file, where it may not say a word."""
    grid = geobox_of_region(0, 0, 6, 6, "EPSG:4326", 0.01)
    noise = np.random.default_rng(0).normal(size=(600, 600)).astype(np.float32)
    write_tile(tmp_path / "tiles" / "t.tif", noise, grid)
    size = mosaic({"t": tmp_path / "tiles" / "t.tif"}).file.stat().st_size
    (tmp_path / "map" / "vwc.tif").unlink()
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path), str(int(share * size))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "refused"
    assert list((tmp_path / "map").iterdir()) == []


def test_a_map_that_differs_from_its_tiles_is_not_given_its_name(mosaic, tiles, big, monkeypatch):
    """Blocks that a disk swallowed read as no data, and the file opens all the same."""
    import export.map.mosaic

    whole = export.map.mosaic._to_cog

    def lose_a_block(scratch, part, *rest):
        with rasterio.open(scratch, "r+") as dataset:
            dataset.write(np.full((1, 5, 5), -9999, np.float32), window=((600, 605), (600, 605)))
        whole(scratch, part, *rest)

    monkeypatch.setattr(export.map.mosaic, "_to_cog", lose_a_block)
    with pytest.raises(RasterError, match="differs from tile_r0001_c0001"):
        mosaic(tiles, geobox=big)


def test_south_up_tiles_are_refused(mosaic, raster):
    """Their rows would land upside down."""
    flipped = raster(
        "up.tif", np.zeros((4, 4), np.float32), Affine(0.01, 0, 92, 0, 0.01, 34), "EPSG:4326"
    )
    right = raster(
        "down.tif", np.zeros((4, 4), np.float32), Affine(0.01, 0, 92, 0, -0.01, 34), "EPSG:4326"
    )
    with pytest.raises(TileError, match=r"up\.tif does not lie on"):
        mosaic({"a": right, "b": flipped})


# ---- companion and flags


@pytest.fixture
def beside(tmp_path, tiles, big, journal):
    """Companion and flags of the tiles: known bands, codes in stripes."""
    folders = TileFolders.of(tmp_path, companion=True)
    for tile in tiles_of(big, 512):
        row, col, height, width = tile.window
        rows, cols = np.mgrid[row : row + height, col : col + width].astype(np.float32)
        write_geotiff(
            folders.companion / f"{tile.name}.tif",
            np.stack([rows, cols]),
            tile.geobox,
            -9999,
            ["lower", "upper"],
            ["m3 m-3", "m3 m-3"],
            {},
        )
        flags = (cols % 8 // 3).astype(np.uint8)[None]
        write_geotiff(
            folders.flags / f"{tile.name}.tif", flags, tile.geobox, 255, ["flags"], ["1"], {}
        )

    def write(companion=True, names=tuple(tiles)):
        chosen = TileFolders.of(tmp_path, companion)
        file = tmp_path / "map" / "vwc.tif"
        return write_map(file, chosen, names, TAGS, journal, silent(), big)[1:]

    return write


def test_the_companion_is_a_cog_of_all_bands_in_their_places(beside):
    companion, _ = beside()
    assert companion.file.name == "vwc_companion.tif"
    assert cog_validate(companion.file, strict=True) == (True, [], [])
    with rasterio.open(companion.file) as dataset:
        rows, cols = dataset.read()
        assert dataset.descriptions == ("lower", "upper")
        assert dataset.units == ("m3 m-3", "m3 m-3")
        assert set(dataset.nodatavals) == {-9999}
        assert dataset.tags()["model"] == "f1"
    np.testing.assert_array_equal(rows[:, 0], np.arange(1100))
    np.testing.assert_array_equal(cols[0], np.arange(1300))
    with rasterio.open(companion.file, overview_level=1) as overview:
        rows, cols = overview.read()
        assert overview.shape == (275, 325)
    np.testing.assert_array_equal(rows[:, 0], 4 * np.arange(275) + 1.5)
    np.testing.assert_array_equal(cols[0], 4 * np.arange(325) + 1.5)


def test_flags_keep_codes_names_and_colours(beside):
    """Codes averaged into others that mean something else."""
    _, flags = beside()
    assert flags.file.name == "vwc_flags.tif"
    assert cog_validate(flags.file, strict=True) == (True, [], [])
    with rasterio.open(flags.file) as dataset:
        assert (dataset.dtypes, dataset.nodata) == (("uint8",), 255)
        assert dataset.tags()["flag_masks"].split()[:2] == ["1", "2"]
        colours = dataset.colormap(1)
        found = dataset.read(1)
    np.testing.assert_array_equal(found[0, :8], [0, 0, 0, 1, 1, 1, 2, 2])
    assert {code: colours[code][:3] for code in (0, 1, 2)} == {
        code: flag_colours()[code][:3] for code in (0, 1, 2)
    }
    with rasterio.open(flags.file, overview_level=1) as overview:
        assert set(np.unique(overview.read(1))) <= {0, 1, 2}


def test_companion_and_flags_are_the_same_bytes_and_skipped_like_the_map(beside, tmp_path):
    first = [report.file.read_bytes() for report in beside()]
    assert all(report.skipped for report in beside())
    for path in (tmp_path / "map").iterdir():
        path.unlink()
    assert [report.file.read_bytes() for report in beside()] == first


def test_a_companion_no_longer_wanted_goes(beside, tmp_path):
    """The intervals of an earlier model beside the map of this one."""
    beside()
    assert beside(companion=False) == []
    assert [path.name for path in (tmp_path / "map").iterdir()] == ["vwc.tif"]


def test_tiles_of_different_types_do_not_make_one_file(mosaic, tiles, big):
    one = tiles_of(big, 512)[0]
    codes = np.zeros((1, *one.shape), np.uint8)
    write_geotiff(tiles[one.name], codes, one.geobox, 255, ["vwc"], ["m3 m-3"], {})
    with pytest.raises(TileError, match="uint8"):
        mosaic(tiles, geobox=big)
