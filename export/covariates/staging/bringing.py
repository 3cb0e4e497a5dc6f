"""Batch exports of pieces: what is there is used, what is not is started and waited for.

In: pieces, and the place where their results are kept. Out: which export holds each piece. A run
that is stopped loses nothing: exports go on by themselves, and the next run finds them.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from export.covariates.staging.pieces import Piece, quartered
from export.covariates.staging.places import Place
from export.journal import Journal
from export.progress import Progress
from gee.batch import Export, tasks
from gee.completion import complete
from gee.errors import ServiceError
from gee.grid import Tile

DIVIDED, EXPORTED = "divided_exports", "exported"
"""Steps of the journal: exports that proved too heavy; and those whose files the user brings."""
UNDER_WAY = ("waiting", "running")


@dataclass(frozen=True)
class Brought:
    """What became of the pieces.

    Parameters
    ----------
    exports : piece → the export that was done; pieces too heavy for one stand here in parts
    failed : piece → why not even its smallest part could be made
    eecu_seconds : what the exports cost of which the service tells it
    """

    exports: Mapping[Piece, Export]
    failed: Mapping[Piece, ServiceError]
    eecu_seconds: float


def bring(
    pieces: Sequence[Piece],
    tiles: Sequence[Tile],
    place: Place,
    export_of: Callable[[Piece], Export],
    journal: Journal,
    progress: Progress,
    tell: Callable[[str], None],
    poll_s: float,
) -> Brought:
    """Have each piece exported, unless its result is there.

    Parameters
    ----------
    tiles : those that touch the region; parts of a piece that touch none are left out
    export_of : from a piece to its export, the same each time
    tell : says a line to the user, before anything is started

    Raises
    ------
    ServiceError
        where an export is refused, or its task fails for a reason that would be the same again.
    """
    work = _Work(tiles, place, export_of, journal)
    for piece in pieces:
        work.add(piece, piece)
    states = {key: task.state for key, task in tasks(work.exports).items()}
    # What a task still writes may be there in part.
    ended = [one for key, one in work.exports.items() if states.get(key) not in UNDER_WAY]
    there = place.present(ended)
    lacking = [export for key, export in work.exports.items() if key not in there]
    gone: set[str] = set()
    if place.comes_back:
        gone = {export.key for export in lacking if states.get(export.key) == "done"}
    else:
        # What was exported once is not exported again because the service forgot it.
        lacking = [one for one in lacking if not journal.is_done(EXPORTED, one.key, one.key)]
    under_way = len(work.exports) - len(ended)
    tell(
        f"batch exports: {len(work.exports)}, of which {len(work.exports) - len(lacking)} are done "
        f"already and {under_way} under way"
    )
    failed: dict[Piece, ServiceError] = {}
    eecu_seconds = 0.0
    with progress.task("batch exports", len({work.root[key] for key in work.exports})) as task:
        shown = 0

        def show(left: Collection[str]) -> None:
            nonlocal shown
            whole = len(set(work.root.values()) - {work.root[key] for key in left})
            task.advance(whole - shown)
            shown = whole

        show([export.key for export in lacking])
        for export, done in complete(lacking, work.divide, gone, poll_s, show):
            eecu_seconds += done.eecu_seconds or 0.0
            if done.error is not None:
                failed[work.pieces[export.key]] = done.error
                del work.exports[export.key]
            elif not place.comes_back:
                journal.record(EXPORTED, export.key, export.key, [])
    exports = {work.pieces[key]: export for key, export in work.exports.items()}
    return Brought(exports, failed, eecu_seconds)


class _Work:
    """The exports that stand for the pieces, as these are divided.

    Parameters
    ----------
    exports : key → export, of pieces that are not divided
    pieces, root : key → its piece; key → the piece that it was divided from
    """

    def __init__(
        self,
        tiles: Sequence[Tile],
        place: Place,
        export_of: Callable[[Piece], Export],
        journal: Journal,
    ) -> None:
        self._tiles, self._place, self._export_of = tiles, place, export_of
        self._journal = journal
        self.exports: dict[str, Export] = {}
        self.pieces: dict[str, Piece] = {}
        self.root: dict[str, Piece] = {}

    def add(self, piece: Piece, root: Piece) -> list[Export]:
        """Add the export of a piece, or those of its parts where it proved too heavy before."""
        export = self._export_of(piece)
        parts = quartered(piece, self._tiles)
        if parts and self._journal.is_done(DIVIDED, export.key, export.key):
            return [one for part in parts for one in self.add(part, root)]
        self.exports[export.key] = export
        self.pieces[export.key], self.root[export.key] = piece, root
        return [export]

    def divide(self, export: Export) -> list[Export] | None:
        """Return those of the exports of its parts that are not there; None: it has no parts."""
        parts = quartered(self.pieces[export.key], self._tiles)
        if not parts:
            return None
        self._journal.record(DIVIDED, export.key, export.key, [])
        del self.exports[export.key]
        root = self.root.pop(export.key)
        added = [one for part in parts for one in self.add(part, root)]
        there = self._place.present(added)
        return [one for one in added if one.key not in there]
