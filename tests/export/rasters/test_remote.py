"""Tiles in archives and object storage: listed, fetched whole, hashed as they are predicted."""

import hashlib
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from export.errors import RasterError, TileError
from export.journal import Journal
from export.map.map_tile import TileFolders
from export.map.predict import predict_tiles
from export.progress import silent
from export.rasters.remote import at_hand, gdal_name, is_remote, listed_tiles, remote_tiles
from export.rasters.writing import write_geotiff
from local_ml.features import Feature

# In a process of its own: GDAL lists a folder while it holds the interpreter's lock.
STORAGE = """
    import re, sys
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from pathlib import Path
    from urllib.parse import parse_qs, unquote, urlsplit

    root = Path(sys.argv[1])

    class Storage(BaseHTTPRequestHandler):
        def do_GET(self):
            address = urlsplit(self.path)
            _, _, key = unquote(address.path).strip("/").partition("/")
            file = root / key
            if not key:
                prefix = parse_qs(address.query).get("prefix", [""])[0]
                keys = [p.relative_to(root).as_posix() for p in sorted(root.rglob("*.tif"))]
                entries = "".join(
                    f"<Contents><Key>{k}</Key><LastModified>2024-01-01T00:00:00.000Z"
                    f"</LastModified><Size>{(root / k).stat().st_size}</Size></Contents>"
                    for k in keys if k.startswith(prefix)
                )
                head = f"<Prefix>{prefix}</Prefix><IsTruncated>false</IsTruncated>"
                return self.answer(200, f"<ListBucketResult>{head}{entries}</ListBucketResult>")
            if not file.is_file():
                return self.answer(404, "<Error><Code>NoSuchKey</Code></Error>")
            content, wanted = file.read_bytes(), self.headers.get("Range")
            if wanted is None:
                return self.answer(200, content)
            first, last = re.fullmatch(r"bytes=(\\d+)-(\\d*)", wanted).groups()
            first, last = int(first), min(int(last or len(content)), len(content) - 1)
            span = f"bytes {first}-{last}/{len(content)}"
            return self.answer(206, content[first:last + 1], span)

        do_HEAD = do_GET

        def answer(self, status, content, span=None):
            content = content.encode() if isinstance(content, str) else content
            self.send_response(status)
            if span:
                self.send_header("Content-Range", span)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Storage)
    print(server.server_address[1], flush=True)
    server.serve_forever()
"""


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    return tmp_path_factory.mktemp("bucket")


@pytest.fixture(scope="module")
def port(bucket):
    """Serve the folder `bucket` as a bucket that anyone may read."""
    server = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(STORAGE), bucket], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    yield server.stdout.readline().strip()
    server.kill()
    server.communicate()


@pytest.fixture
def s3(port, monkeypatch):
    """Point GDAL's S3 to the loopback, as its documentation says."""
    for name, value in {
        "AWS_S3_ENDPOINT": f"127.0.0.1:{port}",
        "AWS_HTTPS": "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE",
        "AWS_NO_SIGN_REQUEST": "YES",
    }.items():
        monkeypatch.setenv(name, value)
    return Path("/vsis3/somewhere")


@pytest.fixture
def gs(port, monkeypatch):
    """Point GDAL's Cloud Storage to the loopback."""
    monkeypatch.setenv("CPL_GS_ENDPOINT", f"http://127.0.0.1:{port}/")
    monkeypatch.setenv("GS_NO_SIGN_REQUEST", "YES")
    return Path("/vsigs/elsewhere")


class Twice:
    """twice the covariate."""

    fingerprint, target_name, target_unit = "f", "vwc", "m3 m-3"
    has_distribution = False
    features = (Feature("twi", "1"),)

    def predict(self, bands, within=None):
        value = np.where(True if within is None else within, 2 * bands["twi"], np.nan)
        no = np.zeros(value.shape, bool)
        alike = ("value", "lower", "upper", "dissimilarity_index", "local_point_density")
        return SimpleNamespace(
            **dict.fromkeys(alike, value), clipped=no, outside_area=no, distribution=None,
            unseen_levels=0, without_maximum=0,
        )  # fmt: skip


@pytest.fixture
def tile(grid):
    def write(path, value):
        band = np.full((1, 48, 60), value, np.float32)
        write_geotiff(path, band, grid, float("nan"), ["twi"], ["1"], {})
        return path

    return write


@pytest.fixture
def run(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    yield lambda tiles: predict_tiles(
        tiles, Twice(), TileFolders.of(tmp_path / "map", companion=True), journal, silent()
    )
    journal.close()


def hashes(folder):
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.tif")
    }


def test_a_path_keeps_its_address():
    """An address that `Path` has taken a slash of, which GDAL then asks in vain."""
    place = Path("/vsicurl/https://host/a/t.tif")
    assert gdal_name(place) == "/vsicurl/https://host/a/t.tif"
    assert gdal_name(place.parent / "u.tif") == "/vsicurl/https://host/a/u.tif"
    assert gdal_name(Path("/vsis3/b/t.tif")) == "/vsis3/b/t.tif"
    assert gdal_name(Path("/vsizip//data/all.zip/t.tif")) == "/vsizip//data/all.zip/t.tif"
    assert gdal_name(Path("/vsizip/{/data/all.zip}/t.tif")) == "/vsizip/{/data/all.zip}/t.tif"
    chained = "/vsitar//vsicurl/http://host/all.tar/t.tif"
    assert gdal_name(Path(chained)) == chained
    assert is_remote(place)
    assert not is_remote(Path("vsi/t.tif"))


def test_tiles_of_a_bucket(bucket, s3, tile, run, tmp_path):
    """Other pixels than from a disk; and an object that was exchanged passing for the old one."""
    for name, value in (("a", 1), ("b", 2)):
        tile(bucket / "tiles" / f"{name}.tif", value)
    tile(bucket / "tiles" / "deeper" / "c.tif", 3)
    tiles = remote_tiles(s3 / "tiles")
    assert tiles == [s3 / "tiles" / "a.tif", s3 / "tiles" / "b.tif"]
    assert run(tiles).written == ("a", "b")
    from_bucket = hashes(tmp_path / "map")
    again = run(tiles)
    assert (again.skipped, again.counts.predicted) == (("a", "b"), 2 * 48 * 60)
    assert run([bucket / "tiles" / "a.tif"]).skipped == ("a",)
    assert hashes(tmp_path / "map") == from_bucket
    tile(bucket / "tiles" / "b.tif", 5)
    third = run(tiles)
    assert (third.skipped, third.written) == (("a",), ("b",))
    assert hashes(tmp_path / "map") != from_bucket


def test_tiles_of_cloud_storage(bucket, gs, tile, run):
    """A kind of storage that is not asked, not listed, or answers with what it held before."""
    local = tile(bucket / "google" / "a.tif", 1)
    tile(bucket / "google" / "b.tif", 2)
    tiles = remote_tiles(gs / "google")
    assert tiles == [gs / "google" / "a.tif", gs / "google" / "b.tif"]
    with at_hand(tiles[0]) as copy:
        assert copy.read_bytes() == local.read_bytes()
    assert run(tiles).written == ("a", "b")
    tile(bucket / "google" / "b.tif", 5)
    again = run(tiles)
    assert (again.skipped, again.written) == (("a",), ("b",))
    reason = run([gs / "google" / "z.tif"]).failed["z"]
    assert "/vsigs/elsewhere/google/z.tif cannot be fetched" in reason


def test_an_object_that_is_not_there_is_a_hole(bucket, s3, tile, run, tmp_path):
    tile(bucket / "some" / "a.tif", 1)
    report = run([s3 / "some" / "a.tif", s3 / "some" / "z.tif"])
    assert report.written == ("a",)
    assert "/vsis3/somewhere/some/z.tif cannot be fetched" in report.failed["z"]
    with pytest.raises(TileError, match=r"/vsis3/somewhere/none cannot be listed.*keys"):
        remote_tiles(s3 / "none")


def test_an_object_that_is_no_raster_is_named_by_its_own_path(bucket, s3, run):
    """An error that names a copy of which nobody knows."""
    (bucket / "bad").mkdir()
    (bucket / "bad" / "a.tif").write_bytes(b"no raster")
    reason = run([s3 / "bad" / "a.tif"]).failed["a"]
    assert "/vsis3/somewhere/bad/a.tif" in reason
    assert "/tmp" not in reason


def test_a_web_server(bucket, port, tile):
    tile(bucket / "web" / "a.tif", 1)
    place = Path(f"/vsicurl/http://127.0.0.1:{port}/web-server/web/a.tif")
    with at_hand(place) as copy:
        assert copy.read_bytes() == (bucket / "web" / "a.tif").read_bytes()
    assert not copy.parent.exists()


def test_an_archive(tile, tmp_path, run):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name in ("a", "b"):
            archive.write(tile(tmp_path / f"{name}.tif", 1), f"tiles/{name}.tif")
    folder = Path(f"/vsizip/{tmp_path}/all.zip")
    with pytest.raises(TileError, match=r"did you mean /vsizip/.*/all.zip/tiles\?"):
        remote_tiles(folder)
    tiles = remote_tiles(folder / "tiles")
    assert run(tiles).written == ("a", "b")


def test_a_copy_is_shared_while_it_is_in_use(tile, tmp_path):
    """Each part of a large tile fetching all of it; or a copy that outlives its source."""
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tile(tmp_path / "a.tif", 1), "a.tif")
    place = Path(f"/vsizip/{tmp_path}/all.zip/a.tif")
    with at_hand(place) as one, at_hand(place) as other:
        assert one == other
    assert not one.exists()
    with at_hand(place) as third:
        assert third != one
    with pytest.raises(RasterError, match="cannot be fetched"), at_hand(place.parent / "b.tif"):
        pass


def test_a_list_of_tiles(tmp_path):
    file = tmp_path / "tiles.txt"
    file.write_text("# of 2024\nnear/a.tif\n\n/vsis3/b/c.tif\n")
    assert listed_tiles(file) == [tmp_path / "near" / "a.tif", Path("/vsis3/b/c.tif")]
    file.write_text("\ufeffnear/a.tif\r\n  # of 2023\r\n\t/vsis3/b/c.tif \r\n", encoding="utf-8")
    assert listed_tiles(file) == [tmp_path / "near" / "a.tif", Path("/vsis3/b/c.tif")]
    file.write_text("#\n")
    with pytest.raises(TileError, match="names no tile"):
        listed_tiles(file)
    with pytest.raises(TileError, match="cannot be read as a list"):
        listed_tiles(tmp_path / "absent.txt")
