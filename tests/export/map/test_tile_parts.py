"""Tiles in parts: all pixels once, in bounded pieces, and nothing read beyond need."""

import os
import subprocess
import sys
from pathlib import Path

import known_model
import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from export.errors import TileError
from export.map import tile_parts
from export.map.tile_parts import PART_PX, TilePart, part_shape, read_part
from export.rasters.bands import read_bands
from export.rasters.writing import write_geotiff
from gee.grid import geobox_of_region

NAMES = ["region", "a", "b", "dropped"]


@pytest.fixture
def box():
    """600 x 700 pixels: blocks of 256 are cut at two edges."""
    return geobox_of_region(90, 34, 97, 40, "EPSG:4326", 0.01)


@pytest.fixture
def values(box):
    array = np.random.default_rng(0).normal(size=(4, *box.shape.yx)).astype(np.float32)
    array[0] = 0
    array[0, 20:200, 30:250] = 1  # within the first block
    array[0, 590:, 600:] = 1  # within the last one
    return array


@pytest.fixture
def tile(tmp_path, box, values):
    path = tmp_path / "tile.tif"
    write_geotiff(path, values, box, float("nan"), NAMES, ["1"] * 4, {})
    return path


def destroy(path, band, block):
    """Overwrite the bytes of one block, so that it cannot be unpacked; return how many."""
    with rasterio.open(path) as dataset:
        place = "{}_{}".format(*reversed(block))
        start, size = (
            int(dataset.get_tag_item(f"BLOCK_{what}_{place}", "TIFF", bidx=band))
            for what in ("OFFSET", "SIZE")
        )
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\xff" * size)


# ---- what is read


def test_what_lies_in_the_region_is_read_and_other_blocks_are_missing(tile, values, box):
    found = read_part(TilePart("tile", tile), ["a", "b"])
    inside = values[0] == 1
    np.testing.assert_array_equal(found.inside, inside)
    assert found.geobox == box
    assert list(found.bands) == ["a", "b"]
    for band, name in enumerate("ab", start=1):
        np.testing.assert_array_equal(found.bands[name][inside], values[band][inside])
        assert np.isnan(found.bands[name][256:512]).all()


@pytest.mark.parametrize(
    "options",
    [
        {"tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "zstd"},
        {"tiled": True, "blockxsize": 16, "blockysize": 32, "interleave": "pixel"},
        {"compress": "deflate", "interleave": "pixel"},  # strips
        {"blockysize": 600, "compress": "deflate"},  # one strip
        {"bigtiff": "yes", "tiled": True, "blockxsize": 1024, "blockysize": 1024},
    ],
)
@pytest.mark.parametrize("side", [64, 200, 1024])
def test_parts_of_any_layout_hold_the_pixels_of_the_file(
    tmp_path, box, values, monkeypatch, options, side
):
    """Rows of a strip that land a part further on; an edge that no part holds."""
    monkeypatch.setattr(tile_parts, "PART_PX", side)
    path = tmp_path / "theirs.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=4, height=600, width=700, dtype="float32",
        crs="EPSG:4326", transform=box.transform, nodata=-1, **options,
    ) as dataset:  # fmt: skip
        dataset.write(values)
        dataset.descriptions = NAMES
    expected, _ = read_bands(path)
    inside = expected["region"] == 1
    times = np.zeros(inside.shape, int)
    joined = np.full(inside.shape, np.nan, np.float32)
    for part in tile_parts.tile_parts(path):
        (top, bottom), (left, right) = part.window or ((0, 600), (0, 700))
        found = read_part(part, ["a", "region"])
        assert found.geobox == box[top:bottom, left:right]
        times[top:bottom, left:right] += 1
        np.testing.assert_array_equal(found.inside, inside[top:bottom, left:right])
        if found.bands:
            joined[top:bottom, left:right] = found.bands["a"]
    assert (times == 1).all()
    np.testing.assert_array_equal(joined[inside], expected["a"][inside])


def test_blocks_without_a_pixel_in_the_region_are_not_unpacked(tile, values):
    for band in (2, 3):
        for block in ((0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1)):
            destroy(tile, band, block)
    found = read_part(TilePart("tile", tile), ["a", "b"])
    inside = values[0] == 1
    np.testing.assert_array_equal(found.bands["b"][inside], values[2][inside])
    destroy(tile, 2, (2, 2))
    with pytest.raises(TileError, match=r"tile\.tif cannot be read"):
        read_part(TilePart("tile", tile), ["a", "b"])


def test_bands_that_the_model_dropped_are_not_unpacked(tile, values):
    destroy(tile, 4, (0, 0))
    assert np.isfinite(read_part(TilePart("tile", tile), ["a"]).bands["a"][20:200, 30:250]).all()
    with pytest.raises(TileError, match=r"tile\.tif cannot be read"):
        read_part(TilePart("tile", tile), ["a", "dropped"])


def test_of_a_part_outside_the_region_no_covariate_is_read(tile):
    for band in (2, 3, 4):
        destroy(tile, band, (1, 1))
    found = read_part(TilePart("middle", tile, ((256, 512), (256, 512))), ["a", "b"])
    assert found.bands == {}
    assert not found.inside.any()


def test_a_tile_without_a_region_is_inside_all_over(tmp_path, box, values):
    path = tmp_path / "all.tif"
    write_geotiff(path, values[1:2], box, float("nan"), ["a"], ["1"], {})
    found = read_part(TilePart("all", path), ["a"])
    assert found.inside.all()
    np.testing.assert_array_equal(found.bands["a"], values[1])


def test_a_region_that_is_missing_is_outside(tmp_path, box, values):
    values[0, 25] = np.nan
    path = tmp_path / "gap.tif"
    write_geotiff(path, values, box, float("nan"), NAMES, ["1"] * 4, {})
    assert not read_part(TilePart("gap", path), ["a"]).inside[25].any()


def test_a_file_in_one_enormous_block_is_refused_with_advice(tile, monkeypatch):
    monkeypatch.setattr(tile_parts, "LARGEST_BLOCK", 256 * 256)
    with pytest.raises(TileError, match=r"blocks of 256 x 256 pixels.*gdal_translate"):
        read_part(TilePart("tile", tile), ["a"])


# ---- how large parts are

sides = st.integers(1, 60_000)


@given(rows=sides, cols=sides, high=sides, wide=sides)
def test_parts_are_bounded_and_of_whole_blocks(rows, cols, high, wide):
    block = min(high, rows), min(wide, cols)
    height, width = part_shape((rows, cols), block)
    assert 1 <= height <= rows
    assert 1 <= width <= cols
    # Full rows must go together, since they are unpacked together; some are then the least.
    assert height * width <= PART_PX**2 or height == min(tile_parts.FEWEST_PX, rows)
    assert width == cols or width % block[1] == 0
    if width <= PART_PX and block[0] <= PART_PX:
        assert height == rows or height % block[0] == 0


def test_tiles_of_a_study_are_predicted_as_they_are(tile):
    assert tile_parts.tile_parts(tile) == [TilePart("tile", tile)]
    assert part_shape((16384, 16384), (256, 256)) == (1024, 1024)
    assert part_shape((16384, 16384), (1, 16384)) == (64, 16384)


# ---- memory

PEAK = """
import sys
from pathlib import Path
import numpy as np
import rasterio
from affine import Affine
from export.map import tile_parts
from export.journal import Journal
from export.map.map_tile import TileFolders
from export.map.predict import predict_tiles
from export.progress import silent
from known_model import KnownModel

folder, side = Path(sys.argv[1]), int(sys.argv[2])
tile_parts.PART_PX = 256
folder.mkdir()
with rasterio.open(
    folder / "t.tif", "w", driver="GTiff", count=3, height=side, width=side, dtype="float32",
    crs="EPSG:4326", transform=Affine(0.001, 0, 90, 0, -0.001, 36), tiled=True, sparse_ok=True,
) as dataset:
    dataset.descriptions = ("ndvi", "twi", "soil")
    dataset.write(np.ones((1, 256, side), np.float32), [3], window=((0, 256), (0, side)))
journal = Journal(folder / "journal.sqlite")
report = predict_tiles(
    [folder / "t.tif"], KnownModel(), TileFolders.of(folder / "map", True), journal, silent(), 2
)
assert not report.failed, report.failed
assert report.counts.region == side**2
status = Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the system tells no peak memory")
def test_memory_does_not_grow_with_the_size_of_a_tile(tmp_path):
    """A tile that is read, or whose map is held, as a whole: 16 million pixels take 900 MB."""

    def peak(side):
        command = [sys.executable, "-c", PEAK, str(tmp_path / str(side)), str(side)]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True,
            env=os.environ | {"PYTHONPATH": str(Path(known_model.__file__).parent)},
        )  # fmt: skip
        return int(done.stdout) / 1024

    small, large = peak(1024), peak(4096)
    assert large - small < 60
