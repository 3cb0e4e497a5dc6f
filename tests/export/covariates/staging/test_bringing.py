"""What is started, what is waited for, and what is remembered of batch exports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
import rasterio

from export.covariates.staging.bringing import Brought, bring
from export.covariates.staging.bucket import Bucket
from export.covariates.staging.drive import DriveFiles
from export.covariates.staging.pieces import Piece
from export.covariates.staging.places import Place
from export.journal import Journal
from export.progress import silent
from gee import session
from gee.batch import Export, start, tasks
from gee.errors import ServiceError
from gee.grid import geobox_of_region, tiles_of
from gee.local import LocalEarthEngine
from gee.settings import EarthEngineSettings

GRID = geobox_of_region(93.0, 35.0, 93.32, 35.32, "EPSG:4326", 0.01)
"""32 x 32 pixels."""
TILES = tiles_of(GRID, 16)
WHOLE = Piece("radar", ("vv",), (0, 0, 32, 32))


class Errand:
    """A service over one image, a journal, and a bucket."""

    def __init__(self, folder: Path, service: LocalEarthEngine) -> None:
        self.service = service
        self.journal = Journal(folder / "journal.sqlite")
        self.place: Place = Bucket("my-bucket", "alm90")
        self.said: list[str] = []

    def export_of(self, piece: Piece) -> Export:
        row, col, height, width = piece.window
        window = GRID[row : row + height, col : col + width]
        name = f"radar_{row}_{col}_{height}"
        return Export("radar", ee.Image("VV"), piece.names, window, self.place.destination(name))

    def bring(self, *pieces: Piece) -> Brought:
        self.said.clear()
        return bring(
            pieces, TILES, self.place, self.export_of, self.journal, silent(), self.said.append,
            poll_s=0.001,
        )  # fmt: skip

    def sent(self) -> int:
        return len(self.service.requests.calls("image:export"))


@pytest.fixture
def errand(tmp_path: Path) -> Iterator[Errand]:
    folder = tmp_path / "service"
    folder.mkdir()
    with rasterio.open(
        folder / "vv.tif", "w", driver="GTiff", count=1, height=32, width=32, dtype="float32",
        crs="EPSG:4326", transform=GRID.transform,
    ) as dataset:  # fmt: skip
        dataset.write(np.ones((1, 32, 32), np.float32))
    (folder / "catalogue.json").write_text(
        '{"schema_version": 1, "assets": {"VV": {"type": "IMAGE", "files": '
        '[{"path": "vv.tif", "bands": ["vv"]}]}}}'
    )
    session.connect(EarthEngineSettings(url=f"local:{folder}"), Path())
    service = session.local_service()
    assert service is not None
    errand = Errand(tmp_path, service)
    yield errand
    errand.journal.close()
    session.disconnect()


def test_what_a_task_still_writes_is_not_there_yet(
    errand: Errand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: some of the files of an export lie in the bucket, and pass for all."""

    def all_there(_self: Any, exports: Sequence[Export]) -> set[str]:
        return {export.key for export in exports}

    monkeypatch.setattr(Bucket, "present", all_there)
    export = errand.export_of(WHOLE)
    start(export, 1)
    errand.bring(WHOLE)
    assert tasks([export.key])[export.key].state == "done"
    assert errand.said == ["batch exports: 1, of which 0 are done already and 1 under way"]


def test_a_piece_that_proved_too_heavy_is_not_tried_whole_again(errand: Errand) -> None:
    """Also where the service forgot the task that failed."""
    errand.service.faults.inject("memory", call="task", times=None, larger_than_px=300)
    brought = errand.bring(WHOLE)
    assert sorted(piece.window for piece in brought.exports) == [
        (row, col, 16, 16) for row in (0, 16) for col in (0, 16)
    ]
    assert errand.sent() == 5
    assert not brought.failed
    errand.service.workspace.operations.operations.clear()
    again = errand.bring(WHOLE)
    assert set(again.exports) == set(brought.exports)
    assert errand.sent() == 5, "and nothing is started anew"
    assert errand.said == ["batch exports: 4, of which 4 are done already and 0 under way"]


def test_parts_that_are_there_are_used(errand: Errand) -> None:
    """The machine that remembered the division is gone, the bucket is not."""
    errand.service.faults.inject("memory", call="task", times=None, larger_than_px=300)
    errand.bring(WHOLE)
    errand.journal.close()
    errand.journal = Journal(Path(errand.service.workspace.catalogue.folder or "") / "new.sqlite")
    errand.service.workspace.operations.operations.clear()
    errand.service.requests.clear()
    assert len(errand.bring(WHOLE).exports) == 4
    assert errand.sent() == 1, "the whole, which fails as before"


def test_costs_are_added_up(errand: Errand, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = ee.data.listOperations

    def with_costs() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = listed()
        for operation in found:
            operation["metadata"]["batchEecuUsageSeconds"] = 7.5
        return found

    monkeypatch.setattr(ee.data, "listOperations", with_costs)
    north = Piece("radar", ("vv",), (0, 0, 16, 32))
    south = Piece("radar", ("vv",), (16, 0, 16, 32))
    assert errand.bring(north, south).eecu_seconds == 15.0


@pytest.mark.parametrize("failing", [0, 1])
def test_what_is_done_is_remembered_though_another_fails(
    errand: Errand, tmp_path: Path, failing: int
) -> None:
    """Fault: days later, when the service has forgotten it, it is exported to Drive once more."""
    errand.place = DriveFiles("alm90", tmp_path / "drive")
    north = Piece("radar", ("vv",), (0, 0, 16, 32))
    south = Piece("radar", ("vv",), (16, 0, 16, 32))
    errand.service.faults.inject("forbidden", call="task", after=failing)
    with pytest.raises(ServiceError):
        errand.bring(north, south)
    errand.service.workspace.operations.operations.clear()
    errand.service.requests.clear()
    errand.bring(north, south)
    (sent,) = errand.service.requests.calls("image:export")
    assert sent.body["description"] == errand.export_of((north, south)[failing]).description
