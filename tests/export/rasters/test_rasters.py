"""The one reader and writer: whole or absent, the same bytes, options that GDAL knows."""

import logging
import os
import subprocess
import sys

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine

from export.errors import RasterError
from export.rasters.bands import open_bands, read_bands
from export.rasters.info import read_info
from export.rasters.options import (
    FLAG_OPTIONS,
    JOINED_OPTIONS,
    MAP_OPTIONS,
    SCRATCH_OPTIONS,
    TILE_OPTIONS,
)
from export.rasters.writing import write_geotiff


@pytest.fixture
def write(grid):
    def writer(path, array, **changes):
        count = array.shape[0]
        fields = {
            "nodata": float("nan"),
            "band_names": [f"b{k}" for k in range(count)],
            "units": ["m"] * count,
            "tags": {"made": "here"},
            **changes,
        }
        write_geotiff(path, array, grid, **fields)

    return writer


def test_what_is_written_is_read_back(tmp_path, grid, write):
    array = np.random.default_rng(0).normal(size=(3, 48, 60)).astype(np.float32)
    array[1, :5] = np.nan
    path = tmp_path / "new" / "tile.tif"
    write(path, array, categorical=[False, False, True])
    info = read_info(path)
    assert info.geobox == grid
    assert info.band_names == ("b0", "b1", "b2")
    assert info.units == ("m", "m", "m")
    assert info.tags["made"] == "here"
    bands, geobox = read_bands(path, ["b2", "b1"])
    assert geobox == grid
    assert list(bands) == ["b2", "b1"]
    np.testing.assert_array_equal(bands["b1"], array[1])
    with rasterio.open(path) as dataset:
        assert dataset.tags(3)["categorical"] == "yes"
        assert dataset.block_shapes[0] == (256, 256)
        structure = dataset.tags(ns="IMAGE_STRUCTURE")
        assert (structure["COMPRESSION"], structure["INTERLEAVE"]) == ("ZSTD", "BAND")
        assert "TIFFTAG_DATETIME" not in dataset.tags()
    assert [p.name for p in path.parent.iterdir()] == ["tile.tif"]


def test_the_same_input_gives_the_same_bytes(tmp_path, write):
    array = np.random.default_rng(0).normal(size=(2, 48, 60)).astype(np.float32)
    write(tmp_path / "a.tif", array)
    write(tmp_path / "b.tif", array)
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()


@pytest.mark.parametrize(
    "options", [TILE_OPTIONS, SCRATCH_OPTIONS, JOINED_OPTIONS, MAP_OPTIONS, FLAG_OPTIONS]
)
def test_every_creation_option_is_known_to_gdal(tmp_path, caplog, options):
    """GDAL ignores a misspelt option, and says so only in its log."""

    def complaints(**changes):
        caplog.clear()
        flat = {"width": 16, "height": 16, "count": 1, "dtype": "float32"}
        plain = {**flat, "crs": "EPSG:4326", "transform": Affine(0.1, 0, 0, 0, -0.1, 0)}
        chosen = {**options, **changes}
        source = tmp_path / "source.tif"
        if chosen["driver"] == "COG":
            with rasterio.open(source, "w", driver="GTiff", **plain) as dataset:
                dataset.write(np.zeros((1, 16, 16), np.float32))
            rasterio.shutil.copy(source, tmp_path / "copy.tif", **chosen)
        else:
            with rasterio.open(source, "w", **{**plain, **chosen}) as dataset:
                dataset.write(np.zeros((1, 16, 16), np.float32))
        return [r.getMessage() for r in caplog.records if "option" in r.getMessage()]

    with caplog.at_level(logging.WARNING):
        assert complaints() == []
        assert complaints(compres="zstd") != []


@pytest.mark.parametrize(
    ("changes", "shape", "words"),
    [
        ({"band_names": ["one"]}, (2, 48, 60), "need as many names"),
        ({}, (1, 48, 61), "48 x 61 pixels for a grid"),
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path, write, changes, shape, words):
    with pytest.raises(RasterError, match=words):
        write(tmp_path / "t.tif", np.zeros(shape, np.float32), **changes)
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from gee.grid import geobox_of_region
from export.errors import RasterError
from export.rasters.writing import write_geotiff
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
grid = geobox_of_region(0, 0, 1, 1, "EPSG:4326", 0.01)
noise = np.random.default_rng(0).normal(size=(1, 100, 100)).astype(np.float32)
try:
    write_geotiff(Path(sys.argv[1]), noise, grid, None, ["a"], ["1"], {})
except RasterError as error:
    print(error)
"""


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path):
    """GDAL itself may close a file that the disk refused without a word."""
    path = tmp_path / "tile.tif"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=True
    )
    assert f"{path} cannot be written: File too large" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_file_is_named(tmp_path, write):
    path = tmp_path / "cut.tif"
    write(path, np.random.default_rng(0).normal(size=(1, 48, 60)).astype(np.float32))
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(RasterError, match=r"cut\.tif cannot be read as a raster"):
        read_bands(path)


def test_bands_are_bound_by_name(tmp_path, raster, grid):
    two = np.stack([np.zeros((48, 60)), np.ones((48, 60))]).astype(np.float32)
    nameless = raster("nameless.tif", two, grid.transform, "EPSG:4326")
    with pytest.raises(RasterError, match=r"bands \[1, 2\] have no name"):
        read_bands(nameless)
    bands, _ = read_bands(nameless, band_names=["ndvi", "twi"])
    assert (bands["twi"] == 1).all()
    with pytest.raises(RasterError, match=r"no band 'ndwi' \(the nearest is 'ndvi'\)"):
        read_bands(nameless, ["ndwi"], ["ndvi", "twi"])
    with pytest.raises(RasterError, match="more than one band"):
        read_bands(nameless, band_names=["twi", "twi"])
    with pytest.raises(RasterError, match="1 names are given"):
        read_bands(nameless, band_names=["twi"])


def test_a_mask_beside_the_numbers_is_honoured(tmp_path, grid, raster):
    path = raster("masked.tif", np.ones((1, 48, 60), np.float32), grid.transform, "EPSG:4326")
    mask = np.full((48, 60), 255, np.uint8)
    mask[:7] = 0
    with rasterio.open(path, "r+") as dataset:
        dataset.write_mask(mask)
    assert read_info(path).mask_beside
    bands, _ = read_bands(path, band_names=["a"])
    assert np.isnan(bands["a"][:7]).all()
    assert (bands["a"][7:] == 1).all()


def test_each_band_means_what_its_own_words_say(tmp_path, raster, grid):
    """Fault: of bands of several types, one is read with the nodata or the scale of another."""
    codes = np.array([[0, 1, 2], [3, -99, 5]], np.int16)
    degrees = np.array([[0.5, np.inf, 2], [3, -99, 5]], np.float32)
    raster("codes.tif", codes, grid.transform, "EPSG:4326", nodata=-99, scales=[0.1], offsets=[7])
    raster("degrees.tif", degrees, grid.transform, "EPSG:4326", nodata=3)
    parts = [("codes.tif", "Int16", -99, 0.1, 7), ("degrees.tif", "Float32", 3, 1, 0)]
    bands = "".join(
        f"""<VRTRasterBand dataType="{kind}" band="{number}"><NoDataValue>{nodata}</NoDataValue>
        <Scale>{scale}</Scale><Offset>{offset}</Offset><SimpleSource>
        <SourceFilename relativeToVRT="1">{name}</SourceFilename></SimpleSource></VRTRasterBand>"""
        for number, (name, kind, nodata, scale, offset) in enumerate(parts, start=1)
    )
    both = tmp_path / "both.vrt"
    place = f"<GeoTransform>{', '.join(map(str, grid.transform.to_gdal()))}</GeoTransform>"
    both.write_text(f'<VRTDataset rasterXSize="3" rasterYSize="2">{place}{bands}</VRTDataset>')
    expected = {
        "a": [[7, 7.1, 7.2], [7.3, np.nan, 7.5]],
        "b": [[0.5, np.nan, 2], [np.nan, -99, 5]],
    }
    whole, _ = read_bands(both, band_names=["a", "b"])
    for name, values in expected.items():
        np.testing.assert_array_equal(whole[name], np.array(values, np.float32))
        room = np.full((1, 4, 5), -1, np.float32)
        with open_bands(both, ["a", "b"]) as opened:
            opened.read([name], ((0, 2), (1, 3)), out=room[:, 1:3, 2:4])
        np.testing.assert_array_equal(room[0, 1:3, 2:4], np.array(values, np.float32)[:, 1:])
        room[:, 1:3, 2:4] = -1
        assert (room == -1).all()


CACHE = """
import sys
from pathlib import Path
from rasterio._env import get_gdal_config
from export.rasters.info import open_raster
with open_raster(Path(sys.argv[1])) as dataset:
    dataset.read()
    print(get_gdal_config("GDAL_CACHEMAX"))
print(get_gdal_config("GDAL_CACHEMAX"))
"""


def test_the_cache_of_gdal_has_one_size_for_the_whole_process(tmp_path, write):
    """5 % of whatever memory there is; or 64 bytes, which is what rasterio.Env makes of 64."""
    path = tmp_path / "a.tif"
    write(path, np.zeros((1, 48, 60), np.float32))
    command = [sys.executable, "-c", CACHE, str(path)]
    without = {name: text for name, text in os.environ.items() if name != "GDAL_CACHEMAX"}
    for given, expected in (({}, 64), ({"GDAL_CACHEMAX": "200"}, 200)):
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env=without | given
        )
        assert done.stdout.split() == [str(expected * 2**20)] * 2
