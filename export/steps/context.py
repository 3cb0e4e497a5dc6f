"""What every step is handed: the study, the journal of what is done, progress, and a voice."""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from export.advice import typed
from export.covariates.region import Region
from export.errors import MissingStepError
from export.fingerprints import fingerprint
from export.journal import Journal
from export.progress import Progress
from export.study import Study
from export.study.grid import study_region

logger = logging.getLogger("export")

_TILES_NAMED = 4


def tile_holes(kind: str, failed: Mapping[str, str]) -> list[str]:
    """Say which tiles could not be made, a line a reason (see `Context.tile_holes`)."""
    of_reason: dict[str, list[str]] = {}
    for name, why in failed.items():
        of_reason.setdefault(why, []).append(name)
    told = []
    for why, names in of_reason.items():
        listed = ", ".join(names[:_TILES_NAMED])
        more = f" and {len(names) - _TILES_NAMED} more" if len(names) > _TILES_NAMED else ""
        tiles = (
            f"{kind} tile {listed}"
            if len(names) == 1
            else (f"{len(names)} {kind} tiles ({listed}{more})")
        )
        told.append(f"{tiles}: {why}")
    return told


@dataclass(frozen=True)
class Context:
    """A run of one study.

    Parameters
    ----------
    say : prints a line for the user; every line also goes to the log
    holes : what could not be made although the run went on; each a sentence
    warned : what need not be said a second time
    tiles_told_of : names of the tiles that are among the holes
    """

    study: Study
    journal: Journal
    progress: Progress
    say: Callable[[str], None]
    holes: list[str] = field(default_factory=list)
    warned: set[str] = field(default_factory=set)
    tiles_told_of: set[str] = field(default_factory=set)

    def hash_of(self, name: str) -> str:
        """Return the hash of a file that the study names."""
        path = self.study.input(name)
        if not path.is_relative_to(self.study.folder):
            logger.info("outside the study: %s", path)
        return self.journal.file_hash(path)

    def hashes_of(self, names: Iterable[str | None]) -> list[str | None]:
        """Return the hashes of files that the study may name, None where it does not."""
        return [None if name is None else self.hash_of(name) for name in names]

    def require(self, path: Path, step: str) -> Path:
        """Return `path`, or raise `MissingStepError` naming the step that makes it."""
        if not path.exists():
            raise MissingStepError(
                f"{path} is not there; {typed(step, self.study.folder)} makes it"
            )
        return path

    def region(self) -> Region:
        """Return the region of the study; a mask of polygons or an asset is made once."""
        settings = self.study.settings.region
        if settings is not None and settings.mask_is_made:
            from export.study.region import made_from, make_region_mask

            key = fingerprint(software=version("alm90"), **made_from(self.study, self.journal))
            if not self.journal.is_done("region", "", key):
                if self.journal.is_copy:
                    raise MissingStepError(
                        f"the mask of {self.study.folder} is not on the grid yet; "
                        f"{typed('sites', self.study.folder)} puts it there, once no other run is "
                        "at work"
                    )
                pixels = make_region_mask(self.study, self.progress)
                self.journal.record("region", "", key, [self.study.region_mask_file])
                self.tell("region", f"{pixels} pixels of the grid lie inside the mask")
        return study_region(self.study)

    def tell(self, step: str, text: str) -> None:
        line = f"{step:<8} {text}"
        logger.info(line)
        self.say(line)

    def hole(self, text: str) -> None:
        """Keep in mind, and in the log, what could not be made although the run goes on."""
        logger.error("hole: %s", text)
        self.holes.append(text)

    def tile_holes(self, kind: str, failed: Mapping[str, str]) -> None:
        """Keep in mind which tiles could not be made: one line a reason, however many they are.

        Parameters
        ----------
        kind : of tile: covariate, map
        failed : name of a tile → reason
        """
        for text in tile_holes(kind, failed):
            self.hole(text)
        self.tiles_told_of.update(failed)

    def warn(self, step: str, text: str) -> None:
        line = f"{step:<8} warning: {text}"
        logger.warning(line)
        self.say(line)

    def warn_of_quota(self, step: str) -> None:
        """Say once that the project's quota is used up, where Earth Engine has said so."""
        # Asked only where something is connected: to import the client takes a second.
        session = sys.modules.get("gee.session")
        if session is None or not session.quota_is_used_up() or "quota" in self.warned:
            return
        self.warned.add("quota")
        self.warn(
            step,
            "this month's Earth Engine quota of the project is used up (restricted mode): it "
            "answers on, to few requests at once, so that all takes longer. The next month or a "
            "higher tier ends that; what is done is kept",
        )

    def once(
        self, step: str, inputs: dict[str, Any], work: Callable[[], tuple[Sequence[Path], str]]
    ) -> bool:
        """Do `work` unless the journal holds it as done from the same inputs.

        `work` returns the files that it wrote and a sentence on what it did. Returns whether
        anything was done. The version of the software is one of the inputs.
        """
        made_from = fingerprint(software=version("alm90"), **inputs)
        if self.journal.is_done(step, "", made_from):
            self.tell(step, "unchanged, nothing to do")
            return False
        files, text = work()
        self.journal.record(step, "", made_from, list(files))
        self.tell(step, text)
        return True


class _Said(logging.Handler):
    """Says what a logger tells, for those few lines that a user must see while work is on."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(f"{'note':<8} {record.getMessage()}")


def _log_of(study: Study, look: bool) -> logging.Handler:
    try:
        return logging.FileHandler(study.folder / "log.txt", encoding="utf-8")
    except OSError:
        if not look:
            raise
        return logging.NullHandler()


@contextmanager
def open_context(
    study: Study, progress: Progress, say: Callable[[str], None], look: bool = False
) -> Iterator[Context]:
    """Open a study for work: its journal, and log.txt with all that is said and warned.

    Parameters
    ----------
    look : for a step that only looks: another run may be at work, and the folder not be ours to
        write
    """
    journal = Journal(study.folder / "journal.sqlite", look)
    try:
        handler = _log_of(study, look)
    except OSError:
        journal.close()
        raise
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    packages = [logging.getLogger(name) for name in ("export", "local_ml", "gee", "py.warnings")]
    for package in packages:
        package.addHandler(handler)
        package.setLevel(logging.INFO)
    waiting, said = logging.getLogger("gee.outage"), _Said(say)
    waiting.addHandler(said)
    logging.captureWarnings(capture=True)
    try:
        context = Context(study, journal, progress, say)
        if journal.is_copy:
            context.tell(
                "note",
                "another run is at work, or the folder cannot be written: what is shown is what "
                "was finished by now",
            )
        try:
            yield context
        finally:
            context.warn_of_quota("note")
    except BaseException as error:
        logger.error("stopped: %s: %s", type(error).__name__, error)
        raise
    finally:
        journal.close()
        logging.captureWarnings(capture=False)
        waiting.removeHandler(said)
        for package in packages:
            package.removeHandler(handler)
        handler.close()
