"""Files that GDAL reads from elsewhere: object storage, web servers, archives.

In: a path of one of GDAL's virtual file systems (``/vsis3/bucket/t.tif``, ``/vsigs/…``,
``/vsicurl/https://…``, ``/vsizip/…``). Out: what lies in such a folder; a local copy of a file, of
which hash and pixels are taken alike. Keys and endpoints come from the environment, as GDAL's
documentation names them.
"""

import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rasterio.shutil
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

from export.errors import RasterError, TileError
from export.paths import is_geotiff

PREFIX = "/vsi"

# A worker lives longer than a run: GDAL must not answer with what a file held the last time. Said
# for the process, where nobody has said otherwise: what rasterio.Env sets it lifts for all threads.
for _name, _value in {
    "CPL_VSIL_CURL_NON_CACHED": ":".join(
        f"/vsi{kind}/" for kind in ("s3", "gs", "az", "adls", "oss", "swift", "webhdfs", "curl")
    ),
    "GDAL_HTTP_MAX_RETRY": "4",
    "GDAL_HTTP_RETRY_DELAY": "1",
}.items():
    os.environ.setdefault(_name, _value)


def is_remote(path: Path) -> bool:
    """Say whether a path is one of GDAL's virtual file systems."""
    return path.as_posix().startswith(PREFIX)


def gdal_name(path: Path) -> str:
    """Return a path as GDAL wants it, with the double slashes that a `Path` has lost.

    They stand in an address, and before an archive; so an archive's own path is absolute.
    """
    with_address = re.sub(r"(/vsicurl/\w+:)/(?!/)", r"\1//", path.as_posix())
    return re.sub(r"^(/vsi(?:zip|tar|gzip|7z|rar)/)(?![{/])", r"\1/", with_address)


def remote_tiles(folder: Path) -> list[Path]:
    """Return the GeoTIFFs that lie in a remote folder itself, by name.

    Raises
    ------
    TileError
        where it cannot be listed, or holds none.
    """
    import pyogrio

    try:
        names = pyogrio.vsi_listtree(gdal_name(folder))
    except (OSError, RuntimeError) as error:
        raise TileError(
            f"{gdal_name(folder)} cannot be listed ({error}). Look at the address and the keys in "
            "the environment; a server that lists no folders needs a text file with one path a line"
        ) from error
    files = sorted(path for path in map(Path, names) if is_geotiff(path))
    tiles = [path for path in files if path.parent == folder]
    if not tiles:
        hint = f"; did you mean {gdal_name(files[0].parent)}?" if files else ""
        raise TileError(f"{gdal_name(folder)} holds no GeoTIFF tiles (*.tif){hint}")
    return tiles


def listed_tiles(file: Path) -> list[Path]:
    """Return the paths that a text file names, one a line, relative ones beside that file.

    Raises
    ------
    TileError
        where it cannot be read, or names none.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TileError(f"{file} cannot be read as a list of tiles: {error}") from error
    named = [line for line in map(str.strip, lines) if line and not line.startswith("#")]
    if not named:
        raise TileError(f"{file} names no tile; write one path a line")
    return [file.parent / name for name in named]


@contextmanager
def at_hand(path: Path) -> Iterator[Path]:
    """Give a file under a local path: itself, or a copy that is kept while it is in use.

    Raises
    ------
    RasterError
        where it cannot be fetched.
    """
    if not is_remote(path):
        yield path
        return
    copy = _copies.take(path)
    try:
        yield copy.file
    finally:
        _copies.give_back(path)


class _Copy:
    """A fetched file, and how many threads are at work on it."""

    def __init__(self, path: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="alm90-"))
        self._lock = threading.Lock()
        self.file = self._folder / path.name
        self.users = 0

    def fetch(self, path: Path) -> None:
        with self._lock:
            if self.file.exists():
                return
            try:
                rasterio.shutil.copyfiles(gdal_name(path), self.file)
            except (RasterioError, CPLE_BaseError, OSError) as error:
                self.file.unlink(missing_ok=True)
                raise RasterError(
                    f"{gdal_name(path)} cannot be fetched ({error.__cause__ or error})"
                ) from error

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


class _Copies:
    """The copies that threads of this process use now; those at work on one tile share its copy.

    None is kept beyond its use: by then the file may be another.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[Path, _Copy] = {}

    def take(self, path: Path) -> _Copy:
        with self._lock:
            if path not in self._held:
                self._held[path] = _Copy(path)
            copy = self._held[path]
            copy.users += 1
        try:
            copy.fetch(path)
        except BaseException:
            self.give_back(path)
            raise
        return copy

    def give_back(self, path: Path) -> None:
        with self._lock:
            copy = self._held[path]
            copy.users -= 1
            if copy.users:
                return
            del self._held[path]
        copy.remove()


_copies = _Copies()
