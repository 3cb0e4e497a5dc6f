"""The journal: that a file exists proves nothing, its hash does."""

import os
import sqlite3
import time

import pytest

from export.errors import ExportError
from export.journal import Journal, file_sha256


@pytest.fixture
def journal(tmp_path):
    opened = Journal(tmp_path / "journal.sqlite")
    yield opened
    opened.close()


def test_done_means_same_inputs_and_unaltered_files(journal, tmp_path):
    file = tmp_path / "tile.tif"
    file.write_bytes(b"whole")
    assert not journal.is_done("tiles", "a", "f1")
    journal.record("tiles", "a", "f1", [file])
    assert journal.is_done("tiles", "a", "f1")
    assert not journal.is_done("tiles", "a", "f2")
    assert not journal.is_done("tiles", "b", "f1")
    assert not journal.is_done("other", "a", "f1")
    file.write_bytes(b"wholf")  # same length, perhaps the same tick of the clock
    assert not journal.is_done("tiles", "a", "f1")
    file.write_bytes(b"whole")
    assert journal.is_done("tiles", "a", "f1")
    file.unlink()
    assert not journal.is_done("tiles", "a", "f1")


def test_a_remembered_hash_is_dropped_when_the_file_changes(journal, tmp_path):
    file = tmp_path / "tile.tif"
    file.write_bytes(b"whole")
    os.utime(file, ns=(10**18, 10**18))  # at rest since long ago: its hash is remembered
    before = journal.file_hash(file)
    assert before == journal.file_hash(file) == file_sha256(file)
    file.write_bytes(b"wholf")
    assert journal.file_hash(file) == file_sha256(file) != before


def test_a_file_altered_within_the_tick_of_its_last_look_is_noticed(journal, tmp_path):
    file = tmp_path / "tile.tif"
    file.write_bytes(b"whole")
    stamp = file.stat().st_mtime_ns
    journal.record("tiles", "a", "f1", [file])
    file.write_bytes(b"wholf")
    os.utime(file, ns=(stamp, stamp))
    assert not journal.is_done("tiles", "a", "f1")


def test_what_was_written_counts_and_not_what_is_read_again(journal, tmp_path):
    """A file spoilt on its way to its place, remembered as what was made."""
    file = tmp_path / "tile.tif"
    file.write_bytes(b"whole")
    written = file_sha256(file)
    file.write_bytes(b"spoil")
    journal.record("tiles", "a", "f1", [file], [written])
    assert not journal.is_done("tiles", "a", "f1")
    file.write_bytes(b"whole")
    assert journal.is_done("tiles", "a", "f1")


def test_a_failure_is_not_done_and_is_forgotten_when_it_succeeds(journal, tmp_path):
    journal.record("tiles", "a", "f1", [])
    journal.record_failure("tiles", "a", "truncated")
    assert not journal.is_done("tiles", "a", "f1")
    assert journal.failures("tiles") == {"a": "truncated"}
    journal.record("tiles", "a", "f1", [])
    assert journal.failures("tiles") == {}


def test_a_failure_may_leave_what_was_done_before(journal, tmp_path):
    """Fault: a file whose bands are still of use counts as unknown."""
    (tmp_path / "a.tif").write_bytes(b"a")
    journal.record("tiles", "a", "old", [tmp_path / "a.tif"])
    journal.record_failure("tiles", "a", "refused", keep=True)
    journal.record_failure("tiles", "a", "refused again", keep=True)
    assert journal.failures("tiles") == {"a": "refused again"}
    assert journal.is_done("tiles", "a", "old")
    assert not journal.is_done("tiles", "a", "new")
    journal.record_failure("tiles", "a", "gone")
    assert not journal.is_unaltered("tiles", "a")


def test_it_survives_reopening_and_moving_the_study(tmp_path):
    study = tmp_path / "study"
    study.mkdir()
    (study / "map.tif").write_bytes(b"map")
    first = Journal(study / "journal.sqlite")
    first.record("mosaic", "", "f", [study / "map.tif"])
    first.close()
    moved = study.rename(tmp_path / "moved")
    second = Journal(moved / "journal.sqlite")
    assert second.is_done("mosaic", "", "f")
    second.close()
    kept = {path.name for path in moved.iterdir()} - {"journal.sqlite.lock"}
    assert kept == {"journal.sqlite", "map.tif"}


def test_a_hash_is_computed_once_and_outlives_the_run(tmp_path, monkeypatch):
    """Gigabytes of tiles hashed anew by each step; a hash kept for a file that has changed."""
    computed = []
    monkeypatch.setattr(
        "export.journal.file_sha256", lambda path: computed.append(path.name) or path.name * 3
    )
    old = time.time() - 60
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"content")
        os.utime(tmp_path / name, (old, old))
    for changed in (False, True):
        journal = Journal(tmp_path / "journal.sqlite")
        assert [journal.file_hash(tmp_path / name) for name in "aba"] == ["aaa", "bbb", "aaa"]
        journal.close()
        os.utime(tmp_path / "b", (old + 1, old + 1))
        assert computed == (["a", "b", "b"] if changed else ["a", "b"])


@pytest.mark.parametrize(("ahead_s", "times"), [(3600, 1), (1, 2)])
def test_a_file_dated_in_the_future_is_remembered(tmp_path, monkeypatch, ahead_s, times):
    """Fault: on storage whose clock is ahead, tiles are hashed anew at each look for hours."""
    computed = []
    monkeypatch.setattr("export.journal.file_sha256", lambda path: computed.append(path) or "a")
    file = tmp_path / "a"
    file.write_bytes(b"content")
    monkeypatch.setattr("time.time_ns", lambda: 10**18)
    os.utime(file, ns=(10**18 + ahead_s * 10**9,) * 2)
    journal = Journal(tmp_path / "journal.sqlite")
    assert [journal.file_hash(file), journal.file_hash(file)] == ["a", "a"]
    journal.close()
    assert len(computed) == times


@pytest.mark.parametrize(
    ("age_ns", "remembered"),
    [
        (30_000_001, True),  # a clock of nanoseconds, whose ticks are of 10 ms at most
        (9_000_001, False),
        (-30_000_001, True),  # dated in the future by a server
        (1_000_000_000, False),  # perhaps a clock of whole seconds, or of two
        (3_000_000_000, True),
    ],
)
def test_how_long_a_file_must_rest_goes_by_its_clock(tmp_path, monkeypatch, age_ns, remembered):
    """Faults: tiles just exported are hashed anew by the next step; one altered in the same second
    of a coarse clock passes for unaltered."""
    now = 1_700_000_000_000_000_000
    monkeypatch.setattr("export.journal.time.time_ns", lambda: now)
    computed = []
    monkeypatch.setattr("export.journal.file_sha256", lambda path: computed.append(path) or "a")
    file = tmp_path / "tile.tif"
    file.write_bytes(b"whole")
    os.utime(file, ns=(now - age_ns, now - age_ns))
    journal = Journal(tmp_path / "journal.sqlite")
    journal.file_hash(file)
    journal.file_hash(file)
    journal.close()
    assert len(computed) == (1 if remembered else 2)


def test_a_second_run_on_one_study_is_refused_until_the_first_ends(tmp_path):
    """Two runs share the names of their half-written files and would unlink each other's."""
    first = Journal(tmp_path / "journal.sqlite")
    with pytest.raises(ExportError, match="another run is at work"):
        Journal(tmp_path / "journal.sqlite")
    first.close()
    Journal(tmp_path / "journal.sqlite").close()


def test_what_is_no_journal_is_refused(tmp_path):
    (tmp_path / "journal.sqlite").write_bytes(b"x" * 5000)
    with pytest.raises(ExportError, match="not a database"):
        Journal(tmp_path / "journal.sqlite")


def test_a_journal_that_cannot_be_opened_is_told_and_lets_go_of_its_lock(tmp_path):
    """Fault: a traceback, and the folder counts as in use for as long as the process lives."""
    place = tmp_path / "journal.sqlite"
    place.mkdir()
    for _ in range(2):
        with pytest.raises(ExportError, match="cannot be used as the journal of the study: unable"):
            Journal(place)
    place.rmdir()
    Journal(place).close()


def test_a_journal_of_another_version_is_refused(tmp_path):
    connection = sqlite3.connect(tmp_path / "journal.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ExportError, match="version is 99"):
        Journal(tmp_path / "journal.sqlite")


def test_an_unreadable_file_is_named(journal, tmp_path):
    with pytest.raises(ExportError, match=r"absent\.tif cannot be read"):
        journal.file_hash(tmp_path / "absent.tif")
