"""How large requests may be, kept from run to run: `covariates/request_sizes.json`.

In: covariates that a request asks for, by the fingerprint of what they are made from; what size
passed where more was refused. Out: the same, in the next run. Nothing of it enters a tile: whoever
deletes the file lets the service be asked for more again.
"""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local_ml.files import json_bytes, write_whole

SCHEMA_VERSION = 1


class RememberedSizes:
    """What the file holds; for use by several threads.

    Parameters
    ----------
    path : the file, made with the first entry. One that is not ours is begun anew
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._entries = _read(path)

    def of(self, made_from: str) -> tuple[int, int] | None:
        """Return bands and pixels that passed for some covariates; None where nothing limits."""
        entry = self._entries.get(made_from)
        return None if entry is None else (entry["bands"], entry["pixels"])

    def keep(self, made_from: str, names: Sequence[str], size: tuple[int, int] | None) -> None:
        """Remember bands and pixels that passed; None forgets them."""
        with self._lock:
            self._entries.pop(made_from, None)
            if size is not None:
                bands, pixels = size
                self._entries[made_from] = {
                    "made_from": made_from,
                    "names": list(names),
                    "bands": bands,
                    "pixels": pixels,
                }
            requests = [self._entries[key] for key in sorted(self._entries)]
            document = {"schema_version": SCHEMA_VERSION, "requests": requests}
            write_whole(self._path, json_bytes(document))


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema_version"] != SCHEMA_VERSION:
            return {}
        return {
            str(entry["made_from"]): {
                "made_from": str(entry["made_from"]),
                "names": [str(name) for name in entry["names"]],
                "bands": max(1, int(entry["bands"])),
                "pixels": max(1, int(entry["pixels"])),
            }
            for entry in document["requests"]
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}
