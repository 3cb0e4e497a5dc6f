"""Files in a bucket of Cloud Storage: what there is, and their bytes.

In: names of a bucket and of what lies in it. Out: descriptions, and ranges of bytes. Asked through
the session's own connection and credentials; a stand-in at an address of one's own serves the
buckets that were exported to there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from gee.errors import AssetError, BusyError, CredentialsError, RefusedError, ServiceError
from gee.session import ask, request_storage


@dataclass(frozen=True)
class StoredFile:
    """A file of a bucket.

    Parameters
    ----------
    generation : another one each time that the file is written
    crc32c : of its bytes (RFC 3720's polynomial, big-endian), in base 64
    """

    bucket: str
    name: str
    size_bytes: int
    generation: str
    crc32c: str


def list_files(bucket: str, prefix: str) -> dict[str, StoredFile]:
    """Return the files of a bucket whose names begin with `prefix`, by name.

    Raises
    ------
    ServiceError
        of the kind that says what to do, such as `AssetError` where there is no such bucket.
    """
    files: dict[str, StoredFile] = {}
    page = ""
    while True:
        query = {"prefix": prefix, **({"pageToken": page} if page else {})}
        path = f"/storage/v1/b/{quote(bucket, safe='')}/o?{urlencode(query)}"
        content = _get(path, {}, f"bucket '{bucket}'")
        found: dict[str, Any] = json.loads(content)
        for entry in found.get("items", []):
            files[entry["name"]] = StoredFile(
                bucket, entry["name"], int(entry["size"]), entry["generation"], entry["crc32c"]
            )
        page = found.get("nextPageToken", "")
        if not page:
            return files


def read_range(file: StoredFile, start: int, stop: int) -> bytes:
    """Return the bytes of a file from `start` to one before `stop`.

    Raises
    ------
    AssetError
        the file is gone, or was written anew since it was listed.
    ServiceError
        of another kind.
    """
    name = quote(file.name, safe="")
    query = urlencode({"alt": "media", "ifGenerationMatch": file.generation})
    path = f"/storage/v1/b/{quote(file.bucket, safe='')}/o/{name}?{query}"
    what = f"gs://{file.bucket}/{file.name}"
    return _get(path, {"Range": f"bytes={start}-{stop - 1}"}, what, (start, stop))


def _get(
    path: str, headers: Mapping[str, str], what: str, span: tuple[int, int] | None = None
) -> bytes:
    """Return what lies at a path, or those of its bytes that were asked for."""

    def send() -> bytes:
        fields, content = request_storage(path, headers)
        status = int(fields["status"])
        if status not in (200, 206):
            raise _error(status, what)
        if span is not None:
            start, stop = span
            if status == 200:  # not every proxy lets a range through
                content = content[start:stop]
            if len(content) != stop - start:
                raise BusyError(f"{what}: the answer was broken off; go on later")
        return content

    return ask(send, what)


def _error(status: int, what: str) -> ServiceError:
    if status in (401, 403):
        return CredentialsError(
            f"{what}: the account may not read it ({status}); give it the role Storage Object "
            "Viewer on the bucket"
        )
    if status == 404:
        return AssetError(f"{what}: is not there; check earthengine.bucket")
    if status == 412:
        return AssetError(f"{what}: was written anew meanwhile; the same command fetches it again")
    if status in (408, 429) or status >= 500:
        return BusyError(
            f"{what}: Cloud Storage is overloaded ({status}); go on later; what is done is kept"
        )
    return RefusedError(f"{what}: Cloud Storage refuses the request ({status})")
