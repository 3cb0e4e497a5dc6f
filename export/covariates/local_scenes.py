"""What the folder of a local Earth Engine holds of the datasets that a covariate is computed from.

In: the folder, and an image's graph. Out: for each of its datasets that lie there a fingerprint of
what the catalogue says of it and of the bytes of its files, so that what was computed from other
scenes is told from what was computed from these.
"""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.covariates.changes import files_reason, shortened
from export.errors import StudyError
from export.fingerprints import fingerprint

if TYPE_CHECKING:
    from gee.local.catalogue import Catalogue


class LocalScenes:
    """The datasets of a folder, each looked at once.

    Parameters
    ----------
    folder : with a catalogue, as `earthengine.url = 'local:FOLDER'` names it
    file_hash : from a path to the file's SHA-256
    """

    def __init__(self, folder: Path, file_hash: Callable[[Path], str]) -> None:
        self._folder, self._file_hash = folder, file_hash
        self._known: dict[str, str] = {}
        self._lock = threading.Lock()

    @cached_property
    def _catalogue(self) -> "Catalogue":
        # Imported here: evaluating graphs is no part of a run against the service itself.
        from gee.local.catalogue import Catalogue
        from gee.local.errors import CatalogueError

        try:
            return Catalogue(self._folder)
        except CatalogueError as error:
            raise StudyError(
                f"earthengine.url = 'local:...': {error}. Name a folder with a catalogue.json, "
                "relative to the study"
            ) from None

    def made_from(self, graph: bytes | str) -> dict[str, str]:
        """Return id → fingerprint of the datasets that a graph (`gee.stack.graph`) names.

        Raises
        ------
        StudyError
            the folder is none, or its catalogue is wrong.
        ExportError
            a file that the catalogue names cannot be read.
        """
        found = (self._dataset(text) for text in set(_texts(json.loads(graph))))
        named = sorted({name for name in found if name is not None})
        return {name: self._fingerprint(name) for name in named}

    def described(self, names: Iterable[str]) -> dict[str, Any]:
        """Return id → what is said of a dataset, and its files, each by its hash."""
        found = {}
        for name in names:
            said, files = self._catalogue.contents(name)
            found[name] = {
                "said": fingerprint(said=said),
                "files": {self._name(path): shortened(self._file_hash(path)) for path in files},
            }
        return found

    def reasons(self, name: str, before: Mapping[str, Any]) -> list[str]:
        """Say what of a dataset is other than it was when it was `described`."""
        now = self.described([name])[name]
        files = files_reason(before["files"], now["files"], "scene", f" of {name}")
        if files or before["said"] == now["said"]:
            return files
        return [f"what the catalogue says of {name}"]

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _dataset(self, text: str) -> str | None:
        """Return the dataset that a text is the id of, alone or as collection/index."""
        return self._catalogue.find(text) or self._catalogue.find(text.rpartition("/")[0])

    def _fingerprint(self, name: str) -> str:
        with self._lock:
            if name not in self._known:
                said, files = self._catalogue.contents(name)
                self._known[name] = fingerprint(
                    said=said, files=[self._file_hash(path) for path in files]
                )
            return self._known[name]


def _texts(document: Any) -> Iterator[str]:
    """Find all texts in a document of JSON."""
    waiting = [document]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, list):
            waiting.extend(part)
        elif isinstance(part, dict):
            waiting.extend(part.values())
