"""Cloud Storage as far as exports need it: what a bucket holds, and the bytes of an object.

In: requests of its JSON interface (`/storage/v1/b/BUCKET/o`). Out: answers. A bucket is the folder
`exports/cloud/<bucket>/` that exports write to; every bucket exists, and may be empty.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import google_crc32c

from gee.local.answers import Answer
from gee.local.catalogue import EXPORTS
from gee.local.errors import LocalServiceError, NotImplementedHereError

PREFIX = "/storage/v1/"
PAGE_SIZE = 1000
_OBJECTS = re.compile(rf"{PREFIX}b/(?P<bucket>[^/]+)/o(/(?P<name>.+))?")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_KNOWN = {"prefix", "pageToken", "maxResults", "fields", "alt", "prettyPrint", "ifGenerationMatch"}


def answer(
    folder: Path | None,
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
) -> Answer:
    """Answer one request.

    Raises
    ------
    LocalServiceError
        404: no such object; 412: it is another than the one asked for; 416: it is shorter.
    NotImplementedHereError
        anything but listing and reading.
    """
    found = _OBJECTS.fullmatch(path)
    unknown = query.keys() - _KNOWN
    if method != "GET" or found is None or unknown:
        what = (
            f"the field '{min(unknown)}' of {path}" if unknown else f"the request {method} {path}"
        )
        raise NotImplementedHereError(what)
    if found["bucket"] in (".", ".."):
        raise LocalServiceError(404, "The specified bucket does not exist.")
    root = (folder or Path("/nonexistent")) / EXPORTS / "cloud" / found["bucket"]
    if found["name"] is None:
        return _json(_listed(root, found["bucket"], query))
    name = Path(found["name"])
    file = root / name
    if ".." in name.parts or name.is_absolute() or not file.is_file():
        raise LocalServiceError(404, f"No such object: {found['bucket']}/{found['name']}")
    described = _described(root, file, found["bucket"])
    wanted = query.get("ifGenerationMatch")
    if wanted is not None and wanted != described["generation"]:
        raise LocalServiceError(412, "At least one of the pre-conditions did not hold.")
    if query.get("alt") != "media":
        return _json(described)
    return _media(file, headers.get("range", ""))


def _listed(root: Path, bucket: str, query: Mapping[str, str]) -> dict[str, Any]:
    files = [file for file in sorted(root.rglob("*")) if file.is_file() and file.suffix != ".part"]
    prefix = query.get("prefix", "")
    files = [file for file in files if file.relative_to(root).as_posix().startswith(prefix)]
    start = int(query.get("pageToken") or 0)
    stop = start + min(int(query.get("maxResults") or PAGE_SIZE), PAGE_SIZE)
    listed: dict[str, Any] = {"kind": "storage#objects"}
    if files[start:stop]:
        listed["items"] = [_described(root, file, bucket) for file in files[start:stop]]
    if stop < len(files):
        listed["nextPageToken"] = str(stop)
    return listed


def _described(root: Path, file: Path, bucket: str) -> dict[str, str]:
    content = file.read_bytes()
    return {
        "kind": "storage#object",
        "name": file.relative_to(root).as_posix(),
        "bucket": bucket,
        "size": str(len(content)),
        "generation": str(file.stat().st_mtime_ns // 1000),
        "crc32c": _checksum(content),
    }


def _checksum(content: bytes) -> str:
    digest = google_crc32c.Checksum(content).digest()  # type: ignore[no-untyped-call]
    return base64.b64encode(digest).decode()


def _media(file: Path, wanted: str) -> Answer:
    """Return the bytes of a file, or the part of them that a header names."""
    content = file.read_bytes()
    span = _RANGE.fullmatch(wanted)
    if span is None:
        return Answer(200, "image/tiff", content)
    start, last = int(span[1]), int(span[2] or len(content) - 1)
    if start >= len(content):
        raise LocalServiceError(416, "Request range not satisfiable.")
    part = content[start : last + 1]
    shown = f"bytes {start}-{start + len(part) - 1}/{len(content)}"
    return Answer(206, "image/tiff", part, {"content-range": shown})


def _json(document: Any) -> Answer:
    return Answer(200, "application/json; charset=UTF-8", json.dumps(document).encode())
