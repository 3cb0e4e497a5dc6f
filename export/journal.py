"""What is done, from which inputs, with which files: the memory of a run that was stopped.

In: a step, a key within it (a tile's name), the fingerprint of its inputs, and the files that it
wrote. Out: whether all of that still holds. One SQLite file; a row is written after its files are
whole, in one transaction, so that a run killed at any moment never believes in half a file.
"""

import hashlib
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from filelock import FileLock, Timeout

from export.errors import ExportError, WriteError

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE done (
    step TEXT, key TEXT, fingerprint TEXT NOT NULL, PRIMARY KEY (step, key)
) WITHOUT ROWID;
CREATE TABLE written (
    step TEXT, key TEXT, path TEXT, sha256 TEXT NOT NULL, PRIMARY KEY (step, key, path)
) WITHOUT ROWID;
CREATE TABLE failed (
    step TEXT, key TEXT, reason TEXT NOT NULL, PRIMARY KEY (step, key)
) WITHOUT ROWID;
CREATE TABLE hashes (
    path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, inode INTEGER, sha256 TEXT NOT NULL
) WITHOUT ROWID;
"""

_WAIT_S = 10.0
"""For another run that is writing; its transactions take milliseconds."""

_TABLES = ("done", "written", "failed")
"""Those that speak of a step and a key."""

# A file written within the clock tick of its last look keeps its time stamp; only the hash of one
# that has rested is remembered: for twice the tick of kernels, or of file systems that know
# seconds or hundredths alone (FAT's count in twos).
_FINE_REST_NS, _COARSE_REST_NS = 20_000_000, 2_000_000_000


class Journal:
    """The journal of one study; its methods may be called from any thread.

    Parameters
    ----------
    path : the SQLite file, made where it is absent. Files in its folder are remembered by their
        relative names, so that a study can be moved
    look : where another run is at work, or the folder is not ours to write, work on a copy of what
        is there, in memory: what is recorded there is forgotten (`is_copy`)

    Raises
    ------
    ExportError
        where the file is no journal, of another version, or in use by another run; a `WriteError`
        where the folder cannot be written.
    """

    def __init__(self, path: Path, look: bool = False) -> None:
        self._path = path
        self.is_copy = False
        self._home = path.parent.resolve()
        self._home.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        # Each commit waits for the disk. A hash that is lost is only computed once more, so that
        # hashes wait for the next commit of something else.
        self._looked_at: dict[str, tuple[Any, ...]] = {}
        # Two runs would unlink each other's half-written files; the system lifts the lock of a
        # run that was killed.
        self._only_run = FileLock(path.with_name(path.name + ".lock"))
        try:
            self._only_run.acquire(timeout=0)
        except Timeout as error:
            if not look:
                raise ExportError(
                    f"another run is at work in {self._home}; wait for its end, or stop it"
                ) from error
            self.is_copy = True
        except OSError as error:
            if not look:
                raise WriteError(
                    f"{self._home} cannot be written ({error.strerror}); copy the study to a "
                    "place that can"
                ) from error
            self.is_copy = True
        try:
            self._connection = sqlite3.connect(
                ":memory:" if self.is_copy else path,
                timeout=_WAIT_S,
                isolation_level=None,
                check_same_thread=False,
            )
            if self.is_copy and path.exists():
                self._copy()
        except sqlite3.Error as error:
            self._only_run.release()
            raise _unusable(path, error) from error
        try:
            # A rollback journal leaves one file and is safe where write-ahead logging is not
            # (folders on a network); FULL waits for the disk at each commit.
            self._connection.execute("PRAGMA journal_mode = DELETE")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._make_tables()
        except sqlite3.Error as error:
            self.close()
            raise _unusable(path, error) from error

    def _copy(self) -> None:
        with closing(read_only(self._path)) as there:
            there.backup(self._connection)

    def _make_tables(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            for statement in _SCHEMA.split(";"):
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self._connection.execute("COMMIT")
        if version not in (0, SCHEMA_VERSION):
            raise sqlite3.DatabaseError(f"its version is {version}, not {SCHEMA_VERSION}")

    def close(self) -> None:
        if self._looked_at:
            with suppress(WriteError), self._writing():
                pass  # but what every transaction writes: the hashes
        self._connection.close()
        self._only_run.release()

    def is_done(self, step: str, key: str, fingerprint: str) -> bool:
        """Say whether `step` was done for `key` from these inputs, and its files are unaltered."""
        with self._lock:
            row = self._one("SELECT fingerprint FROM done WHERE step = ? AND key = ?", (step, key))
        return row is not None and row[0] == fingerprint and self.is_unaltered(step, key)

    def made_from(self, step: str, key: str) -> str | None:
        """Return from which inputs `step` was done for `key`; None where its files are altered."""
        with self._lock:
            row = self._one("SELECT fingerprint FROM done WHERE step = ? AND key = ?", (step, key))
        return str(row[0]) if row is not None and self.is_unaltered(step, key) else None

    def is_unaltered(self, step: str, key: str) -> bool:
        """Say whether what `step` wrote for `key`, from whatever inputs, is there as it was."""
        with self._lock:
            if self._one("SELECT 1 FROM done WHERE step = ? AND key = ?", (step, key)) is None:
                return False
            files = self._connection.execute(
                "SELECT path, sha256 FROM written WHERE step = ? AND key = ?", (step, key)
            ).fetchall()
        return all(self._holds(self._home / path, sha256) for path, sha256 in files)

    def is_altered(self, step: str, key: str) -> bool:
        """Say whether `step` wrote files for `key` that are no more as it wrote them."""
        with self._lock:
            recorded = self._one("SELECT 1 FROM done WHERE step = ? AND key = ?", (step, key))
        return recorded is not None and not self.is_unaltered(step, key)

    def record(
        self,
        step: str,
        key: str,
        fingerprint: str,
        files: Iterable[Path],
        sha256: Sequence[str] | None = None,
    ) -> None:
        """Remember that `step` is done for `key`, with the files that it wrote.

        Parameters
        ----------
        sha256 : of each file, where that is known of what was written; else they are read
        """
        files = list(files)
        hashes = [self.file_hash(path) for path in files] if sha256 is None else sha256
        hashed = [
            (step, key, self._name(path), found) for path, found in zip(files, hashes, strict=True)
        ]
        with self._writing():
            self._forget(step, key)
            self._connection.execute("INSERT INTO done VALUES (?, ?, ?)", (step, key, fingerprint))
            self._connection.executemany("INSERT INTO written VALUES (?, ?, ?, ?)", hashed)

    def record_failure(self, step: str, key: str, reason: str, keep: bool = False) -> None:
        """Remember why `step` could not be done for `key`; it counts as not done.

        Parameters
        ----------
        keep : what it did before, from other inputs, stays and is remembered as such
        """
        with self._writing():
            self._forget(step, key, ("failed",) if keep else _TABLES)
            self._connection.execute("INSERT INTO failed VALUES (?, ?, ?)", (step, key, reason))

    def forget(self, step: str, keys: Iterable[str]) -> None:
        """Let `step` count as not done for some keys; their files stay where they are."""
        with self._writing():
            for key in keys:
                self._forget(step, key)

    def failures(self, step: str) -> dict[str, str]:
        """Return the keys that `step` failed for last, each with its reason."""
        with self._lock:
            return dict(
                self._connection.execute(
                    "SELECT key, reason FROM failed WHERE step = ? ORDER BY key", (step,)
                ).fetchall()
            )

    def file_hash(self, path: Path) -> str:
        """Return the SHA-256 (hexadecimal) of a file, remembered while the file rests.

        Raises
        ------
        ExportError
            where the file cannot be read.
        """
        path = Path(path)
        try:
            status = path.stat()
            stamp = (status.st_size, status.st_mtime_ns, status.st_ino)
            known = self._known_hash(path)
            if known is not None and known[:3] == stamp:
                return str(known[3])
            looked_ns = time.time_ns()
            sha256 = file_sha256(path)
        except OSError as error:
            raise ExportError(f"{path} cannot be read: {error.strerror}") from error
        if _was_at_rest(status.st_mtime_ns, looked_ns):
            with self._lock:
                self._looked_at[self._name(path)] = (*stamp, sha256)
        return sha256

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction; what the disk refuses becomes a WriteError."""
        try:
            with self._lock, self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._keep_hashes()
        except sqlite3.Error as error:
            raise WriteError(f"{self._path} cannot be written: {error}") from error

    def _keep_hashes(self) -> None:
        """Write the hashes of the files looked at since the last time, within a transaction."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?, ?)",
            [(name, *found) for name, found in self._looked_at.items()],
        )
        self._looked_at.clear()

    def _known_hash(self, path: Path) -> tuple[Any, ...] | None:
        with self._lock:
            if (name := self._name(path)) in self._looked_at:
                return self._looked_at[name]
            return self._one(
                "SELECT size, mtime_ns, inode, sha256 FROM hashes WHERE path = ?",
                (self._name(path),),
            )

    def _holds(self, path: Path, sha256: str) -> bool:
        try:
            return self.file_hash(path) == sha256
        except ExportError:
            return False

    def _forget(self, step: str, key: str, tables: Sequence[str] = _TABLES) -> None:
        for table in tables:
            self._connection.execute(f"DELETE FROM {table} WHERE step = ? AND key = ?", (step, key))

    def _name(self, path: Path) -> str:
        absolute = Path(path).absolute()
        if absolute.is_relative_to(self._home):
            return absolute.relative_to(self._home).as_posix()
        resolved = absolute.resolve()
        if resolved.is_relative_to(self._home):
            return resolved.relative_to(self._home).as_posix()
        return str(resolved)

    def _one(self, statement: str, values: tuple[str, ...]) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._connection.execute(statement, values).fetchone()
        return row


def _unusable(path: Path, error: sqlite3.Error) -> ExportError:
    return ExportError(
        f"{path} cannot be used as the journal of the study: {error}. If the disk is not full, "
        "delete it: finished files will be made anew"
    )


def read_only(path: Path) -> sqlite3.Connection:
    """Connect to a journal that is there, without its lock and without a write."""
    address = f"file:{quote(str(path.resolve()))}?mode=ro"
    return sqlite3.connect(address, uri=True, timeout=_WAIT_S)


def _was_at_rest(written_ns: int, looked_ns: int) -> bool:
    """Say whether whatever is written from `looked_ns` on gets another time stamp."""
    is_fine = written_ns % 1_000_000 != 0  # digits that only a fine clock gives
    # A server's clock may be ahead of ours: a file dated in the future rests, too.
    return abs(looked_ns - written_ns) > (_FINE_REST_NS if is_fine else _COARSE_REST_NS)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 (hexadecimal) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
