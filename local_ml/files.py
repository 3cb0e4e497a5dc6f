"""Writing a file so that it is either whole or absent.

In: bytes, a document of plain values or a table, and where to put them.
"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` beside `path` as ``<name>.part``, force it to disk, then rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def json_bytes(document: Any) -> bytes:
    """Return a document as UTF-8 JSON for people to read; NaN and infinity are refused."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def csv_bytes(table: "pd.DataFrame") -> bytes:
    """Return a table as UTF-8 CSV without its index, lines ended alike on every system."""
    text: str = table.to_csv(index=False, lineterminator="\n")
    return text.encode()
