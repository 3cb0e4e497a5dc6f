"""What workers wrote, put in its place: whole, of the same bytes, or told of."""

import os
import threading
from dataclasses import replace

import pytest

from export.cluster import sending
from export.errors import ClusterError, WriteError
from export.journal import Journal, file_sha256
from export.map.map_tile import TileFolders
from export.map.predict import predict_tiles
from export.map.tile_prediction import TileJob, TileOutcome, predict_job
from export.progress import silent
from local_ml.prediction.predictor import Predictor


@pytest.fixture
def arrived(tmp_path):
    """What a worker wrote for one tile, and where it belongs."""
    own = tmp_path / ".cluster-x" / "own" / "value"
    own.mkdir(parents=True)
    (own / "t.tif").write_bytes(b"bytes")
    folders = TileFolders(tmp_path / "tiles")
    job = TileJob("t", tmp_path / "in.tif", "", "", folders)
    files = ((own / "t.tif", file_sha256(own / "t.tif")),)
    return job, sending.Work(TileOutcome("t", "made from"), files, "node3")


def test_what_arrives_with_other_bytes_is_a_hole(arrived, tmp_path, monkeypatch):
    """A file that storage delivers half."""
    monkeypatch.setattr(sending, "SETTLE_SECONDS", 0)
    job, work = arrived
    work.files[0][0].write_bytes(b"byt")
    outcome = sending.in_place(work, job)
    assert outcome.reason == "t.tif arrived with other bytes than node3 wrote"
    assert not (tmp_path / "tiles").exists()


def test_what_is_spoilt_in_its_place_is_made_again(world, tmp_path):
    """A disk that loses bits after the check, and a journal that takes them for the tile's."""
    predictor = Predictor.load(world.model)
    tile = min(world.tiles.iterdir())

    class Worker:
        """Makes tiles as a worker does; afterwards the disk spoils that of the map."""

        def outcomes(self, jobs):
            for job in jobs:
                own = tmp_path / ".cluster-x" / "own"
                folders = TileFolders(own / "value", own / "companion", own / "flags")
                made = predict_job(replace(job, folders=folders), predictor)
                files = tuple((path, file_sha256(path)) for path in folders.files(job.name))
                outcome = sending.in_place(sending.Work(made, files, "node3"), job)
                with job.folders.files(job.name)[0].open("r+b") as file:
                    file.seek(-1, os.SEEK_END)
                    file.write(b"!")
                yield outcome

    def run(machines):
        folders = TileFolders.of(tmp_path, companion=True)
        return predict_tiles(
            [tile], predictor, folders, journal, silent(), workers=1, machines=machines
        )

    journal = Journal(tmp_path / "journal.sqlite")
    assert run(Worker()).written == (tile.stem,)
    assert run(None).written == (tile.stem,)
    assert run(None).skipped == (tile.stem,)
    journal.close()


def test_what_does_not_arrive_stops_the_run(arrived, monkeypatch):
    monkeypatch.setattr(sending, "SETTLE_SECONDS", 0)
    job, work = arrived
    work.files[0][0].unlink()
    with pytest.raises(ClusterError, match="storage that all machines share"):
        sending.in_place(work, job)


def test_what_arrives_late_is_waited_for(arrived, tmp_path):
    """Storage that shows a file some seconds after it was written."""
    job, work = arrived
    path = work.files[0][0]
    hidden = path.rename(tmp_path / "hidden")
    threading.Timer(0.3, os.rename, (hidden, path)).start()
    outcome = sending.in_place(work, job)
    assert outcome.files_sha256 == (work.files[0][1],)
    assert (outcome.made_from, outcome.reason) == ("made from", None)
    assert (tmp_path / "tiles" / "t.tif").read_bytes() == b"bytes"
    assert not path.parents[1].exists()


def test_a_place_that_takes_no_file_stops_the_run(arrived, tmp_path):
    job, work = arrived
    (tmp_path / "tiles" / "t.tif").mkdir(parents=True)
    with pytest.raises(WriteError, match="cannot be written"):
        sending.in_place(work, job)
