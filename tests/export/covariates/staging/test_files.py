"""Files of batch exports: brought here whole, recognised, cut.

Faults caught: half of one file after half of another; a damaged file that passes; parts that leave
a gap; a file of another window that is taken for the one asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox

from export.covariates.staging import bucket
from export.covariates.staging.bucket import download
from export.covariates.staging.files import FilePixels, PieceFile, are_whole, check_file
from export.covariates.staging.pieces import Piece, Span
from export.covariates.staging.places import files_of, files_of_export, may_be_whole
from export.errors import TileError, WriteError
from gee import session
from gee.errors import AssetError, BusyError, RefusedError, TooLargeError
from gee.grid import geobox_of_region
from gee.local import LocalEarthEngine
from gee.settings import EarthEngineSettings
from gee.storage import StoredFile, list_files

GRID = geobox_of_region(93.0, 35.0, 93.3, 35.2, "EPSG:4326", 0.01)
"""20 rows, 30 columns."""
REMEDY = "Bring another"
CONTENT = np.random.default_rng(7).bytes(1000)


@pytest.fixture
def in_bucket(tmp_path: Path) -> Iterator[tuple[LocalEarthEngine, Path]]:
    """A service with one file of a bucket, and where it lies."""
    file = tmp_path / "service" / "exports" / "cloud" / "b" / "alm90" / "radar.tif"
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    url = f"local:{tmp_path / 'service'}"
    session.connect(EarthEngineSettings(url=url, patience_s=0), Path())
    service = session.local_service()
    assert service is not None
    yield service, file
    session.disconnect()


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "CHUNK_BYTES", 300)


def stored() -> StoredFile:
    return list_files("b", "alm90/")["alm90/radar.tif"]


@pytest.mark.usefixtures("small_chunks")
class TestDownload:
    def test_whole(self, in_bucket: tuple[LocalEarthEngine, Path], tmp_path: Path) -> None:
        download(stored(), tmp_path / "here" / "radar.tif")
        assert (tmp_path / "here" / "radar.tif").read_bytes() == CONTENT
        assert len(list((tmp_path / "here").iterdir())) == 1
        assert len(in_bucket[0].requests.calls("storage:get")) == 4

    def test_one_that_was_broken_off_goes_on(
        self, in_bucket: tuple[LocalEarthEngine, Path], tmp_path: Path
    ) -> None:
        service, _ = in_bucket
        service.faults.inject("503", call="storage:get", after=2)
        with pytest.raises(BusyError):
            download(stored(), tmp_path / "radar.tif")
        assert not (tmp_path / "radar.tif").exists()
        service.faults.clear()
        service.requests.clear()
        download(stored(), tmp_path / "radar.tif")
        assert len(service.requests.calls("storage:get")) == 2, "the rest alone"
        assert (tmp_path / "radar.tif").read_bytes() == CONTENT

    def test_one_that_was_written_anew_meanwhile_begins_anew(
        self, in_bucket: tuple[LocalEarthEngine, Path], tmp_path: Path
    ) -> None:
        service, file = in_bucket
        service.faults.inject("503", call="storage:get", after=2)
        with pytest.raises(BusyError):
            download(stored(), tmp_path / "radar.tif")
        service.faults.clear()
        file.write_bytes(CONTENT[::-1])
        download(stored(), tmp_path / "radar.tif")
        assert (tmp_path / "radar.tif").read_bytes() == CONTENT[::-1]
        assert not list(tmp_path.glob("*.part"))

    def test_a_damaged_part_is_fetched_again(
        self, in_bucket: tuple[LocalEarthEngine, Path], tmp_path: Path
    ) -> None:
        wanted = stored()
        part = tmp_path / f"radar.tif.{wanted.generation}.part"
        part.write_bytes(b"?" * 300)
        download(wanted, tmp_path / "radar.tif")
        assert (tmp_path / "radar.tif").read_bytes() == CONTENT
        part.write_bytes(CONTENT * 2)
        download(wanted, tmp_path / "radar.tif")
        assert (tmp_path / "radar.tif").read_bytes() == CONTENT

    def test_what_never_matches_its_checksum_is_refused(
        self, in_bucket: tuple[LocalEarthEngine, Path], tmp_path: Path
    ) -> None:
        wanted = stored()
        wrong = StoredFile(
            wanted.bucket, wanted.name, wanted.size_bytes, wanted.generation, "AAAAAA=="
        )
        with pytest.raises(RefusedError, match=r"gs://b/alm90/radar\.tif: .* checksum"):
            download(wrong, tmp_path / "radar.tif")
        assert not list(tmp_path.glob("radar*"))

    def test_a_disk_that_takes_no_more(
        self, in_bucket: tuple[LocalEarthEngine, Path], tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("no folder")
        with pytest.raises(WriteError, match=r"radar\.tif"):
            download(stored(), tmp_path / "file" / "radar.tif")


def test_names_of_files() -> None:
    """Fault: files of an export whose name begins alike."""
    names = [
        "radar.tif",
        "radar-0000000000-0000000256.tif",
        "radar-0000000256-0000000000.tif",
        "radar-0000000256-0000000000.tif.part",
        "radar-256-0.tif",
        "radar2.tif",
        "radarX0000000256-0000000000.tif",
        "my-radar.tif",
    ]
    assert files_of("radar", names) == {
        "radar-0000000000-0000000256.tif": (0, 256),
        "radar-0000000256-0000000000.tif": (256, 0),
        "radar.tif": (0, 0),
    }
    assert files_of("rad.r", names) == {}


def test_files_of_another_division_beside_those_that_were_to_be_written() -> None:
    """Fault: both are taken, and overlap."""
    shards = ["a-0000000000-0000000000.tif", "a-0000000000-0000000256.tif"]
    assert list(files_of_export("a", ["a.tif", *shards], ["a.tif"])) == ["a.tif"]
    assert list(files_of_export("a", ["a.tif", *shards], shards)) == shards
    assert list(files_of_export("a", ["a.tif"], shards)) == ["a.tif"]


@pytest.mark.parametrize(
    ("firsts", "whole"),
    [
        ([(0, 0)], True),
        ([(row, col) for row in (0, 8, 16) for col in (0, 16)], True),
        ([(0, 0), (0, 16)], True),
        ([(row, col) for row in (0, 8) for col in (0, 16)], False),
        ([(0, 0), (0, 16), (8, 0), (16, 0), (16, 16)], False),
        ([(0, 0), (16, 0), (0, 16)], False),
        ([(0, 16)], False),
        ([(8, 0), (16, 0)], False),
        ([], False),
    ],
)
def test_where_files_begin_shows_whether_any_is_lacking(
    firsts: list[tuple[int, int]], whole: bool
) -> None:
    assert may_be_whole(firsts, GRID) == whole


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """`write(name, values, geobox)`: a file of the bands vv and vh."""

    def written(
        name: str, values: np.ndarray, geobox: GeoBox, names: tuple[str, ...] = ("vv", "vh")
    ) -> Path:
        path = tmp_path / name
        with rasterio.open(
            path, "w", driver="GTiff", count=len(values), height=values.shape[1],
            width=values.shape[2], dtype=values.dtype.name, crs=str(geobox.crs),
            transform=geobox.transform, nodata=-9999,
        ) as dataset:  # fmt: skip
            dataset.write(values)
            dataset.descriptions = names
        return path

    return written


def values_on(window: GeoBox) -> np.ndarray:
    """Two bands that hold their own positions."""
    rows, cols = window.shape.yx
    corner = ~GRID.transform * (window.transform * (0, 0))
    first_col, first_row = (round(number) for number in corner)
    row, col = np.indices((rows, cols))
    return np.stack([row + first_row, 100 + col + first_col]).astype(np.float32)


class TestPixels:
    @pytest.fixture
    def pixels(self, write: Callable[..., Path]) -> FilePixels:
        """A piece in two files, one in one file, and one that could not be made."""
        north = Piece("radar", ("vv", "vh"), (0, 0, 10, 20))
        south = Piece("radar", ("vv", "vh"), (10, 0, 10, 20))
        failed = Piece("radar", ("vv", "vh"), (0, 20, 20, 10))
        windows: dict[Piece, list[Span]] = {
            north: [(0, 0, 10, 12), (0, 12, 10, 8)],
            south: [(10, 0, 10, 20)],
        }
        files: dict[Piece, list[PieceFile]] = {}
        for piece, spans in windows.items():
            for number, (row, col, height, width) in enumerate(spans):
                box = GRID[row : row + height, col : col + width]
                path = write(f"{piece.window[0]}_{number}.tif", values_on(box), box)
                span = (row, col, height, width)
                files.setdefault(piece, []).append(PieceFile(path, span))
        return FilePixels(GRID, files, {failed: TooLargeError("too heavy")})

    def test_any_window_from_the_files_that_hold_it(self, pixels: FilePixels) -> None:
        window = GRID[4:17, 3:19]
        found = pixels.read(["vh", "vv"], window)
        np.testing.assert_array_equal(found, values_on(window)[::-1])

    def test_what_no_piece_holds_is_missing(self, pixels: FilePixels) -> None:
        wider = GRID.pad(2)
        found = pixels.read(["vv"], wider[0:6, 0:6])
        assert np.isnan(found[0, :2]).all()
        assert np.isnan(found[0, :, :2]).all()
        np.testing.assert_array_equal(found[:, 2:, 2:], values_on(GRID[:4, :4])[:1])

    def test_what_could_not_be_made_says_why(self, pixels: FilePixels) -> None:
        with pytest.raises(TooLargeError, match="too heavy"):
            pixels.read(["vv"], GRID[0:4, 18:22])

    def test_masked_pixels(self, write: Callable[..., Path]) -> None:
        """−9999 as exported; NaN and minus infinity as others fill. A true 0 stays a 0."""
        values = np.zeros((2, 20, 30), np.float32)
        values[0, 0, :4] = -9999, np.nan, -np.inf, -9998
        piece = Piece("radar", ("vv", "vh"), (0, 0, 20, 30))
        file = PieceFile(write("a.tif", values, GRID), piece.window)
        found = FilePixels(GRID, {piece: [file]}, {}).read(["vv"], GRID[:1, :5])
        assert np.isnan(found[0, 0, :3]).all()
        assert found[0, 0, 3:].tolist() == [-9998, 0]


class TestCheck:
    def test_what_was_exported_passes(self, write: Callable[..., Path]) -> None:
        part = GRID[4:10, 6:30]
        path = write("a.tif", values_on(part), part)
        assert check_file(path, ("vv", "vh"), GRID, (4, 6), REMEDY) == (4, 6, 6, 24)

    @pytest.mark.parametrize(
        ("geobox", "first", "words"),
        [
            (GRID[4:10, 6:30], (0, 0), "from row 4, column 6; by its name they begin at row 0"),
            (GRID.pad(1), (0, 0), "from row -1, column -1"),
            (GRID.translate_pix(0.5, 0), (0, 0), "another grid"),
            (GRID.zoom_out(2), (0, 0), "another grid"),
            (GRID.pad(0, 3), (0, 0), "holds 26 x 30 pixels"),
        ],
    )
    def test_another_grid(
        self, write: Callable[..., Path], geobox: GeoBox, first: tuple[int, int], words: str
    ) -> None:
        path = write("a.tif", np.zeros((2, *geobox.shape.yx), np.float32), geobox)
        with pytest.raises(TileError) as caught:
            check_file(path, ("vv", "vh"), GRID, first, REMEDY)
        assert words in str(caught.value)
        assert str(path) in str(caught.value)
        assert str(caught.value).endswith(f". {REMEDY}")

    def test_other_bands_or_types(self, write: Callable[..., Path]) -> None:
        path = write("a.tif", values_on(GRID), GRID, ("vh", "vv"))
        with pytest.raises(TileError, match="other bands: vh, vv, not vv, vh"):
            check_file(path, ("vv", "vh"), GRID, (0, 0), REMEDY)
        path = write("b.tif", values_on(GRID).astype(np.int16), GRID)
        with pytest.raises(TileError, match="int16, not float32"):
            check_file(path, ("vv", "vh"), GRID, (0, 0), REMEDY)

    def test_parts_with_a_gap(self) -> None:
        assert are_whole([(0, 0, 20, 12), (0, 12, 20, 18)], GRID)
        assert not are_whole([(0, 0, 20, 12), (0, 12, 19, 18)], GRID)
        assert not are_whole([], GRID)


def test_a_bucket_without_the_file_of_a_task_that_is_done(
    in_bucket: tuple[LocalEarthEngine, Path],
) -> None:
    _, file = in_bucket
    wanted = stored()
    file.unlink()
    with pytest.raises(AssetError, match="is not there"):
        download(wanted, file.with_name("here.tif"))
