"""Drive as the place of what was exported: a folder here, into which the user puts its files.

In: exports to Drive, and the folder. Out: the files that are there, and the names of those that
are not.
"""

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from rasterio.errors import NotGeoreferencedWarning

from export.covariates.staging.files import PieceFile, are_whole, check_file
from export.covariates.staging.pieces import Piece
from export.covariates.staging.places import files_of_export
from export.errors import RasterError
from gee.batch import Export, ToDrive

logger = logging.getLogger(__name__)


class DriveFiles:
    """Files that come by way of Drive (a `Place`).

    Parameters
    ----------
    folder : of Drive, to which is exported
    files : folder of this machine, into which the user puts what was exported
    """

    comes_back = False

    def __init__(self, folder: str, files: Path) -> None:
        self._folder, self._files = folder, files

    def destination(self, base: str) -> ToDrive:
        return ToDrive(self._folder, base)

    def present(self, exports: Sequence[Export]) -> set[str]:
        names = self._names()
        return {
            export.key
            for export in exports
            if are_whole([span for _, span in self._found(export, names)], export.geobox)
        }

    def files(self, exported: Mapping[Piece, Export]) -> dict[Piece, list[PieceFile]]:
        """Return the files of pieces, as far as they are here."""
        names = self._names()
        return {
            piece: [
                PieceFile(path, (piece.window[0] + row, piece.window[1] + col, height, width))
                for path, (row, col, height, width) in self._found(export, names)
            ]
            for piece, export in exported.items()
        }

    def lacking(self, export: Export) -> list[str]:
        """Return which files of an export are not here, or what is wrong with those that are."""
        assert isinstance(export.destination, ToDrive)
        prefix, names = export.destination.prefix, self._names()
        here = files_of_export(prefix, names, export.file_names)
        readable = {path.name for path, _ in self._found(export, names)}
        broken = [f"{name} (incomplete here)" for name in here if name not in readable]
        absent = [name for name in export.file_names if name not in names]
        return absent + broken or [f"{prefix}*.tif, whose parts overlap or leave a gap"]

    def _names(self) -> set[str]:
        return {path.name for path in self._files.iterdir()} if self._files.is_dir() else set()

    def _found(
        self, export: Export, names: set[str]
    ) -> list[tuple[Path, tuple[int, int, int, int]]]:
        """Return the files of an export with the windows that they hold.

        One that cannot be read is left out: it may be in the midst of being copied.
        """
        assert isinstance(export.destination, ToDrive)
        remedy = "Put the file as it was exported in its place"
        found = []
        for name, first in files_of_export(
            export.destination.prefix, names, export.file_names
        ).items():
            path = self._files / name
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", NotGeoreferencedWarning)
                    span = check_file(path, export.names, export.geobox, first, remedy)
            except RasterError as error:
                logger.info("%s", error)
            else:
                found.append((path, span))
        return found
