"""Large tiles in parts: the map is the same, and a part that fails fails alone."""

import numpy as np
import pytest
import rasterio
from known_model import KnownModel, values_of

from export.journal import Journal
from export.map.map_tile import TileFolders
from export.map.mosaic import write_map
from export.map.predict import predict_tiles
from export.progress import silent


@pytest.fixture
def in_parts(monkeypatch):
    """Let tiles of 48 x 60 pixels, in strips, be as large as others of 16,384."""
    monkeypatch.setattr("export.map.tile_parts.FEWEST_PX", 8)

    def of(side):
        monkeypatch.setattr("export.map.tile_parts.PART_PX", side)

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
