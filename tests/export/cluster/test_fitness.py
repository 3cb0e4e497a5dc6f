"""What is asked of a worker before it may predict."""

import os
from dataclasses import replace

import pytest

from export.cluster import fitness, work
from export.cluster.fitness import MARK, Needs, faults, require_fit, software
from export.errors import ClusterSetupError, WriteError
from export.journal import file_sha256
from export.map.map_tile import TileFolders
from export.map.tile_prediction import TileJob
from local_ml.prediction.predictor import Predictor


@pytest.fixture
def needs(world, tmp_path):
    unfinished = tmp_path / "map" / ".cluster-1"
    unfinished.mkdir(parents=True)
    (unfinished / MARK).write_text("1")
    fingerprint = Predictor.load(world.model).fingerprint
    return Needs(software(), world.model, fingerprint, world.tiles, unfinished, "1")


def test_this_process_is_fit_for_its_own_needs(needs):
    assert faults(needs) == []
    require_fit(needs)


@pytest.mark.parametrize("name", ["alm90", "numpy", "numba", "llvmlite", "rasterio", "GDAL"])
def test_each_library_that_bits_depend_on_is_compared(needs, name):
    """A library that is left out of the comparison."""
    others = tuple((its, "0" if its == name else found) for its, found in needs.software)
    (lack,) = faults(replace(needs, software=others))
    assert lack.startswith(f"has {name} ")
    assert "here it is 0" in lack


def test_what_is_not_shared_is_named(needs, tmp_path):
    absent = tmp_path / "absent"
    (lack,) = faults(replace(needs, covariates=absent))
    assert lack.startswith(f"does not see {absent}")
    (lack,) = faults(replace(needs, model=absent))
    assert lack.startswith(f"cannot read {absent / 'manifest.json'} (No such file")
    (lack,) = faults(replace(needs, model_fingerprint="another"))
    assert lack.startswith(f"sees another model in {needs.model}")
    for unlike in (replace(needs, mark="2"), replace(needs, unfinished=absent / "x")):
        (lack,) = faults(unlike)
        assert lack.startswith(f"does not see {unlike.unfinished.parent} as this machine does")
    with pytest.raises(ClusterSetupError, match=r"a worker on \S+ does not see"):
        require_fit(replace(needs, covariates=absent))


def test_a_folder_that_is_not_to_be_written_is_named(needs, monkeypatch):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(fitness.tempfile, "TemporaryFile", refuse)
    (lack,) = faults(needs)
    assert lack == f"cannot write into {needs.unfinished.parent}: Permission denied"


@pytest.fixture
def job(world, needs):
    tile = min(world.tiles.iterdir())
    return TileJob(
        tile.stem,
        tile,
        file_sha256(tile),
        needs.model_fingerprint,
        TileFolders.of(needs.unfinished.parent, companion=True),
    )


def test_files_lie_beside_their_place_until_they_are_fetched(needs, job):
    """A worker that comes late, and overwrites what a later run has made."""
    first, second = (work.predict_here(job, needs) for _ in range(2))
    assert [sha256 for _, sha256 in first.files] == [sha256 for _, sha256 in second.files]
    paths = [path for done in (first, second) for path, _ in done.files]
    assert len(set(paths)) == 6
    assert all(path.is_relative_to(needs.unfinished) for path in paths)
    assert not any(folder.exists() for folder in job.folders.all)
    assert first.outcome.made_from == job.made_from(job.tile_sha256)


def test_a_worker_that_ends_after_its_run_leaves_nothing(needs, job, monkeypatch):
    require_fit(needs)
    (needs.unfinished / MARK).unlink()
    work.predict_here(job, needs)
    assert not needs.unfinished.exists()


def test_another_tile_under_that_path_is_a_hole(needs, job, tmp_path):
    """A machine that has an older copy of the tiles, of the same size, taken for the new ones."""
    content = bytearray(job.tile.read_bytes())
    older = replace(job, tile=tmp_path / job.tile.name)
    older.tile.write_bytes(content)
    assert work.predict_here(older, needs).outcome.reason is None
    content[-1] ^= 1
    status = older.tile.stat()
    older.tile.write_bytes(content)
    os.utime(older.tile, ns=(status.st_atime_ns, status.st_mtime_ns))
    done = work.predict_here(older, needs)
    assert f"sees other bytes in {older.tile} than there are" in str(done.outcome.reason)
    assert done.files == ()
    done = work.predict_here(replace(job, tile=tmp_path / "z.tif"), needs)
    assert "No such file" in str(done.outcome.reason)


def test_the_parts_of_a_large_tile_are_looked_at_once(needs, job, tmp_path, monkeypatch):
    """A gigabyte hashed for each of its parts; or a tile of the next run that is not looked at."""
    hashed = []
    monkeypatch.setattr(work, "file_sha256", lambda path: hashed.append(path) or file_sha256(path))
    large = replace(job, tile=tmp_path / job.tile.name)
    large.tile.write_bytes(job.tile.read_bytes())
    parts = [replace(large, name=f"p{row}", window=((row, row + 8), (0, 16))) for row in (0, 8)]
    for part in parts:
        assert work.predict_here(part, needs).outcome.reason is None
    assert hashed.count(large.tile) == 1
    content = bytearray(large.tile.read_bytes())
    content[-1] ^= 1
    large.tile.write_bytes(content)
    for part in parts:
        assert "sees other bytes" in str(work.predict_here(part, needs).outcome.reason)
    assert hashed.count(large.tile) == 2
    (needs.unfinished / MARK).write_text("2")
    work.predict_here(parts[0], replace(needs, mark="2"))
    assert hashed.count(large.tile) == 3


def test_a_full_disk_names_the_machine(needs, job, monkeypatch):
    def refuse(*_):
        raise WriteError("t.tif cannot be written: No space left on device")

    monkeypatch.setattr(work, "predict_job", refuse)
    with pytest.raises(WriteError, match=f"^{work.platform.node()}: t.tif cannot be written"):
        work.predict_here(job, needs)


def test_a_model_that_was_exchanged_is_refused(needs, job):
    with pytest.raises(ClusterSetupError, match="another model"):
        work.predict_here(job, replace(needs, model_fingerprint="f" * 64))
