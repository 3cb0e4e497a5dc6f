"""Finished folds on disk: what doesn't read back whole is done again."""

import json
from pathlib import Path

import pytest

from export.fold_cache import FolderFoldCache


def test_a_fold_comes_back_under_its_key_alone(tmp_path: Path) -> None:
    cache = FolderFoldCache(tmp_path)
    cache.put("a", {"n": 3})
    assert FolderFoldCache(tmp_path).get("a") == {"n": 3}
    assert FolderFoldCache(tmp_path).get("b") is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"[]", b"null", b"3", b'"a"', b'{"key": "a"}', b'{"fold": {"n": 3}}',
     b'{"key": "a", "fold": null}', b'{"key": "a", "fold": [3]}', b'{"key": "b", "fold": {}}'],
)  # fmt: skip
def test_a_file_that_holds_no_fold_counts_as_absent(tmp_path: Path, content: bytes) -> None:
    """Fault: a long validation ends in a traceback for one spoilt file."""
    cache = FolderFoldCache(tmp_path)
    cache.put("a", {"n": 3})
    (file,) = tmp_path.iterdir()
    assert json.loads(file.read_bytes()) == {"key": "a", "fold": {"n": 3}}
    file.write_bytes(content)
    assert cache.get("a") is None
    cache.put("a", {"n": 4})
    assert cache.get("a") == {"n": 4}
