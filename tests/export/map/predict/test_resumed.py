"""Map tiles made again: only what changed. What cannot be read or written leaves no half tile."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import known_model
import pytest
from known_model import KnownModel

from export.covariates.tiles import tile_files
from export.errors import TileError


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


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from export.errors import WriteError
from export.journal import Journal
from export.map.map_tile import TileFolders
from export.map.mosaic import write_map
from export.map.predict import predict_tiles
from export.progress import silent
from known_model import KnownModel
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
        env=os.environ | {"PYTHONPATH": str(Path(known_model.__file__).parent)},
    )  # fmt: skip
    assert "t.tif cannot be written: File too large" in done.stdout
    assert not [path for path in (tmp_path / "full").rglob("*") if path.is_file()]
