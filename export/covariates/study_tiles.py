"""A study's tiles, seen by somebody who is not the study's own run.

In: the folder of a study. Out: what its last export was to make of each tile. The journal is read
without its lock and without a write: the study may be at work, or belong to somebody else.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from export.advice import typed
from export.covariates.tile_plans import CHECK, LAST_PLANNED
from export.errors import ExportError
from export.journal import SCHEMA_VERSION, read_only


def last_planned_of(study: Path) -> str | None:
    """Return the fingerprint of the stack that the last export of a study was to make.

    An export under way counts from its beginning, so that tiles which it has not come to yet are
    outdated.

    Parameters
    ----------
    study : folder of the study

    Returns
    -------
    str or None
        None where there is no journal, or no export has begun.

    Raises
    ------
    ExportError
        where the journal cannot be read.
    """
    return _asked(study, "SELECT fingerprint FROM done WHERE step = ? AND key = ''", LAST_PLANNED)


def refused_of(study: Path) -> str | None:
    """Return what the last export of a study said against its tiles; None where it held them good.

    Parameters and errors as for `last_planned_of`.
    """
    return _asked(study, "SELECT reason FROM failed WHERE step = ? AND key = ''", CHECK)


def _asked(study: Path, question: str, step: str) -> str | None:
    journal = study / "journal.sqlite"
    if not journal.exists():
        return None
    try:
        with closing(read_only(journal)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version != SCHEMA_VERSION:
                raise sqlite3.DatabaseError(f"its version is {version}, not {SCHEMA_VERSION}")
            row = connection.execute(question, (step,)).fetchone()
    except sqlite3.Error as error:
        raise ExportError(
            f"{journal} cannot be read ({error}), so that nobody knows which tiles of the study "
            f"are up to date; {typed('export', study)} puts it right, or copy the tiles elsewhere"
        ) from error
    return None if row is None else str(row[0])
