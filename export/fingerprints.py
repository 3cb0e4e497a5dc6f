"""What a result was made from, as one short text: the base of "unchanged, nothing to do"."""

import hashlib
import json
from typing import Any

from pydantic import BaseModel


def fingerprint(**parts: Any) -> str:
    """Return the SHA-256 (hexadecimal) of named parts.

    Settings, dictionaries, sequences, texts, numbers and None may be parts; a file stands
    in by its own hash. The order of names does not matter.
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} cannot be part of a fingerprint")
