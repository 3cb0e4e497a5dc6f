"""Cloud Storage as the stand-in has it: what exports wrote is listed and read, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gee.local import LocalEarthEngine

OBJECTS = "http://x/storage/v1/b/bucket/o"


@pytest.fixture
def service(tmp_path: Path) -> LocalEarthEngine:
    file = tmp_path / "exports" / "cloud" / "bucket" / "a" / "b.tif"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"0123456789")
    (tmp_path / "exports" / "cloud" / "secret.txt").write_text("of another bucket")
    (tmp_path / "exports" / "catalogue.json").write_text('{"schema_version": 1, "assets": {}}')
    return LocalEarthEngine(tmp_path)


def test_one_object_is_described(service: LocalEarthEngine) -> None:
    answer = service.handle("GET", f"{OBJECTS}/a%2Fb.tif", b"")
    found = json.loads(answer.body)
    assert (found["name"], found["bucket"], found["size"]) == ("a/b.tif", "bucket", "10")


@pytest.mark.parametrize(
    ("wanted", "status", "content", "shown"),
    [
        ("", 200, b"0123456789", None),
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
    ],
)
def test_ranges(
    service: LocalEarthEngine, wanted: str, status: int, content: bytes, shown: str | None
) -> None:
    answer = service.handle("GET", f"{OBJECTS}/a%2Fb.tif?alt=media", b"", {"range": wanted})
    assert (answer.status, answer.body) == (status, content)
    assert answer.headers.get("content-range") == shown


@pytest.mark.parametrize(
    ("method", "uri", "status"),
    [
        ("GET", f"{OBJECTS}/a%2Fb.tif?alt=media&ifGenerationMatch=1", 412),
        ("GET", f"{OBJECTS}/a%2Fc.tif?alt=media", 404),
        ("GET", f"{OBJECTS}/..%2Fsecret.txt?alt=media", 404),
        ("GET", f"{OBJECTS}/%2Fetc%2Fpasswd?alt=media", 404),
        ("GET", "http://x/storage/v1/b/%2E%2E/o/catalogue.json?alt=media", 404),
        ("GET", "http://x/storage/v1/b/../o", 404),
        ("GET", "http://x/storage/v1/b/./o", 404),
        ("GET", "http://x/storage/v1/b/./o/secret.txt?alt=media", 404),
        ("GET", f"{OBJECTS}?delimiter=/", 501),
        ("DELETE", f"{OBJECTS}/a%2Fb.tif", 501),
        ("GET", "http://x/storage/v1/b/bucket/acl", 501),
    ],
)
def test_what_is_refused(service: LocalEarthEngine, method: str, uri: str, status: int) -> None:
    """Fault: a field without effect; a file from outside of the bucket."""
    assert service.handle(method, uri, b"").status == status


def test_a_range_beyond_the_end(service: LocalEarthEngine) -> None:
    answer = service.handle("GET", f"{OBJECTS}/a%2Fb.tif?alt=media", b"", {"range": "bytes=10-12"})
    assert answer.status == 416
