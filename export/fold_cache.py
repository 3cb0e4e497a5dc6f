"""Finished folds on disk, so that a long validation goes on where it was stopped."""

import hashlib
import json
from pathlib import Path
from typing import Any

from local_ml.files import json_bytes, write_whole


class FolderFoldCache:
    """A folder with one file a fold, named by the hash of its key.

    A file that doesn't read back whole counts as absent: the fold is done again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._used: set[Path] = set()

    def get(self, key: str) -> dict[str, Any] | None:
        path = self._path(key)
        try:
            document = json.loads(path.read_bytes())
        except (OSError, ValueError):
            return None
        if not isinstance(document, dict) or document.get("key") != key:
            return None
        fold = document.get("fold")
        return fold if isinstance(fold, dict) else None

    def put(self, key: str, fold: dict[str, Any]) -> None:
        write_whole(self._path(key), json_bytes({"key": key, "fold": fold}))

    def forget_others(self) -> None:
        """Remove folds that were neither read nor written since this object was made."""
        for path in self._folder.glob("*.json"):
            if path not in self._used:
                path.unlink()

    def _path(self, key: str) -> Path:
        path = self._folder / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
        self._used.add(path)
        return path
