"""A bucket of Cloud Storage as the place of what was exported, and its files brought here.

In: exports whose files lie in a bucket. Out: the files, each whole by its checksum. A download that
was broken off goes on where it ended.
"""

import base64
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import google_crc32c

from export.covariates.staging.files import PieceFile, are_whole, check_file
from export.covariates.staging.pieces import Piece
from export.covariates.staging.places import files_of_export, may_be_whole
from export.errors import TileError, WriteError
from export.journal import Journal
from export.parallel import in_order
from export.progress import Progress
from export.rasters.writing import put_in_place
from gee.batch import Export, ToBucket
from gee.errors import AssetError, RefusedError
from gee.storage import StoredFile, list_files, read_range

STEP = "fetched_files"
CHUNK_BYTES = 8 * 2**20


class Bucket:
    """A bucket (a `Place`).

    Parameters
    ----------
    prefix : what the names of the files begin with, before a slash
    """

    comes_back = True

    def __init__(self, bucket: str, prefix: str) -> None:
        self._bucket, self._prefix = bucket, prefix

    def destination(self, base: str) -> ToBucket:
        return ToBucket(self._bucket, f"{self._prefix}/{base}")

    def listed(self) -> dict[str, StoredFile]:
        return list_files(self._bucket, f"{self._prefix}/")

    def present(self, exports: Sequence[Export]) -> set[str]:
        there = self.listed()
        return {export.key for export in exports if _is_there(export, there)}


def fetch(
    bucket: Bucket,
    exported: Mapping[Piece, Export],
    folder: Path,
    journal: Journal,
    progress: Progress,
    workers: int,
) -> dict[Piece, list[PieceFile]]:
    """Bring files here that are not here yet.

    Parameters
    ----------
    exported : pieces whose files lie in the bucket
    folder : where they go

    Raises
    ------
    ServiceError
        where one is gone, or cannot be read.
    ExportError
        where one is not what was exported, or the disk takes no more.
    """
    there = bucket.listed()
    work: list[tuple[Piece, StoredFile, tuple[int, int]]] = []
    for piece, export in exported.items():
        found = files_of_export(_prefix(export), there, export.file_names)
        if not found:
            raise AssetError(
                f"{piece}: its export is done, but gs://{'/'.join(vars(export.destination).values())}"
                ".tif is not there; the same command exports it anew"
            )
        work += [(piece, there[name], first) for name, first in found.items()]

    def bring(item: tuple[Piece, StoredFile, tuple[int, int]]) -> PieceFile:
        piece, stored, first = item
        path = folder / Path(stored.name).name
        if not journal.is_done(STEP, path.name, stored.generation):
            download(stored, path)
            journal.record(STEP, path.name, stored.generation, [path])
        export = exported[piece]
        url = f"gs://{stored.bucket}/{stored.name}"
        remedy = f"Delete {url} in the bucket, and the same command exports it anew"
        row, col, height, width = check_file(path, export.names, export.geobox, first, remedy)
        return PieceFile(path, (piece.window[0] + row, piece.window[1] + col, height, width))

    files: dict[Piece, list[PieceFile]] = {piece: [] for piece in exported}
    with progress.task("files from the bucket", len(work)) as task:
        for (piece, _, _), file in zip(work, in_order(bring, work, workers), strict=True):
            files[piece].append(file)
            task.advance()
    for piece, parts in files.items():
        if not are_whole([part.window for part in parts], exported[piece].geobox):
            listed = ", ".join(stored.name for one, stored, _ in work if one == piece)
            raise TileError(
                f"{piece}: {listed} are not all of its files, or overlap. Delete them in the "
                "bucket, and the same command exports it anew"
            )
    return files


def download(stored: StoredFile, path: Path) -> None:
    """Bring one file here, whole or not at all.

    What came of it before is gone on from, unless the file was written anew since.

    Raises
    ------
    RefusedError
        where its bytes are twice not those that the bucket says.
    WriteError
        where the disk takes no more.
    """
    part = path.with_name(f"{path.name}.{stored.generation}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for stale in set(path.parent.glob(f"{path.name}.*.part")) - {part}:
            stale.unlink()
        for _ in range(2):
            _append(stored, part)
            if _checksum(part) == stored.crc32c:
                put_in_place(part, path)
                return
            part.unlink()
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror or error}") from error
    raise RefusedError(
        f"gs://{stored.bucket}/{stored.name}: what comes is not what its checksum says, twice; "
        "delete it in the bucket, and the same command exports it anew"
    )


def _append(stored: StoredFile, part: Path) -> None:
    with part.open("ab") as file:
        if file.tell() > stored.size_bytes:
            file.truncate(0)
        start = os.fstat(file.fileno()).st_size
        while start < stored.size_bytes:
            content = read_range(stored, start, min(start + CHUNK_BYTES, stored.size_bytes))
            file.write(content)
            file.flush()
            start += len(content)


def _checksum(path: Path) -> str:
    checksum = google_crc32c.Checksum()  # type: ignore[no-untyped-call]
    with path.open("rb") as file:
        while content := file.read(CHUNK_BYTES):
            checksum.update(content)  # type: ignore[no-untyped-call]
    return base64.b64encode(checksum.digest()).decode()  # type: ignore[no-untyped-call]


def _is_there(export: Export, there: Collection[str]) -> bool:
    """Say whether an export left its files; where the service divided it otherwise, all of them."""
    found = files_of_export(_prefix(export), there, export.file_names)
    expected = set(export.file_names)
    if found.keys() & expected:
        return found.keys() == expected
    return may_be_whole(found.values(), export.geobox)


def _prefix(export: Export) -> str:
    assert isinstance(export.destination, ToBucket)
    return export.destination.prefix
