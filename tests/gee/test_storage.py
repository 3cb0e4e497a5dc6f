"""Files of a bucket: listed in pages, read in ranges, told of in one line when that fails."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gee import session, storage
from gee.errors import AssetError, BusyError, CredentialsError, RefusedError, ServiceError
from gee.local import LocalEarthEngine
from gee.local import storage as stand_in
from gee.settings import EarthEngineSettings
from gee.storage import list_files, read_range

CONTENT = bytes(range(256)) * 4


@pytest.fixture(params=["in process", "over loopback"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalEarthEngine]:
    """A service with three files of a bucket."""
    folder = tmp_path / "exports" / "cloud" / "my-bucket"
    for name in ("alm90/a b.tif", "alm90/c.tif", "other.tif"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(CONTENT)
    (folder / "alm90" / "d.tif.part").write_bytes(b"half")
    if request.param == "in process":
        session.connect(EarthEngineSettings(url=f"local:{tmp_path}", patience_s=0), Path())
        found = session.local_service()
        assert found is not None
        yield found
    else:
        found = LocalEarthEngine(tmp_path)
        with found.serve() as server:
            session.connect(EarthEngineSettings(url=server.url, patience_s=0), Path())
            yield found
            session.disconnect()
    session.disconnect()


class TestListing:
    def test_files_of_a_prefix(self, service: LocalEarthEngine) -> None:
        found = list_files("my-bucket", "alm90/")
        assert list(found) == ["alm90/a b.tif", "alm90/c.tif"]
        file = found["alm90/c.tif"]
        assert (file.bucket, file.name, file.size_bytes) == ("my-bucket", "alm90/c.tif", 1024)
        # By the example of RFC 3720, B.4: 32 bytes that count up.
        assert stand_in._checksum(bytes(range(32))) == "Rt15Tg=="
        assert file.crc32c == stand_in._checksum(CONTENT)

    def test_every_page_is_asked_for(
        self, service: LocalEarthEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stand_in, "PAGE_SIZE", 2)
        assert len(list_files("my-bucket", "")) == 3
        assert len(service.requests.calls("storage:list")) == 2

    def test_an_empty_bucket(self, service: LocalEarthEngine) -> None:
        assert list_files("nothing-here", "alm90/") == {}


class TestReading:
    def test_a_range(self, service: LocalEarthEngine) -> None:
        file = list_files("my-bucket", "")["alm90/a b.tif"]
        assert read_range(file, 0, 1024) == CONTENT
        assert read_range(file, 100, 300) == CONTENT[100:300]
        assert read_range(file, 1023, 1024) == CONTENT[-1:]

    def test_a_server_without_ranges(
        self, service: LocalEarthEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Fault: the whole file is taken for the part that was asked for."""
        file = list_files("my-bucket", "")["other.tif"]
        send = session.request_storage

        def without_range(path: str, _headers: Any = None) -> tuple[Mapping[str, str], bytes]:
            return send(path)

        monkeypatch.setattr(storage, "request_storage", without_range)
        assert read_range(file, 100, 300) == CONTENT[100:300]

    def test_half_an_answer_is_none(self, service: LocalEarthEngine) -> None:
        file = list_files("my-bucket", "")["other.tif"]
        service.faults.inject("truncated", call="storage:get")
        with pytest.raises(BusyError, match="broken off"):
            read_range(file, 0, 1024)

    @pytest.mark.parametrize("length", [0, 50, 150])
    def test_half_an_answer_of_a_server_without_ranges_is_none(
        self, service: LocalEarthEngine, monkeypatch: pytest.MonkeyPatch, length: int
    ) -> None:
        """Fault: nothing comes of what is asked for, and it is asked for again without an end."""
        file = list_files("my-bucket", "")["other.tif"]
        send = session.request_storage

        def cut_off(path: str, _headers: Any = None) -> tuple[Mapping[str, str], bytes]:
            fields, content = send(path)
            return fields, content[:length]

        monkeypatch.setattr(storage, "request_storage", cut_off)
        with pytest.raises(BusyError, match="broken off"):
            read_range(file, 100, 300)

    def test_a_file_that_was_written_anew(self, service: LocalEarthEngine, tmp_path: Path) -> None:
        """Fault: the second half of another file after the first half of this one."""
        file = list_files("my-bucket", "")["other.tif"]
        path = tmp_path / "exports" / "cloud" / "my-bucket" / "other.tif"
        path.write_bytes(CONTENT[::-1])
        os.utime(path, (0, 0))  # at another time, however coarse the disk's clock is
        with pytest.raises(AssetError, match="written anew"):
            read_range(file, 0, 10)

    def test_a_file_that_is_gone(self, service: LocalEarthEngine, tmp_path: Path) -> None:
        file = list_files("my-bucket", "")["other.tif"]
        (tmp_path / "exports" / "cloud" / "my-bucket" / "other.tif").unlink()
        with pytest.raises(AssetError, match=r"gs://my-bucket/other\.tif: is not there"):
            read_range(file, 0, 10)


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("forbidden", CredentialsError, "Storage Object Viewer"),
        ("unauthenticated", CredentialsError, "Storage Object Viewer"),
        ("429", BusyError, "overloaded (429)"),
        ("503", BusyError, "overloaded (503)"),
        ("memory", RefusedError, "refuses the request (400)"),
        ("dropped", BusyError, "no connection"),
    ],
)
def test_errors_say_what_to_do(
    service: LocalEarthEngine, fault: str, kind: type[ServiceError], words: str
) -> None:
    service.faults.inject(fault, call="storage:list", times=None)
    with pytest.raises(ServiceError) as caught:
        list_files("my-bucket", "")
    assert type(caught.value) is kind
    assert "my-bucket" in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
